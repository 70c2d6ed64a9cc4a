"""JPEG and JPEG-LS streams without what identifies: comments, application data, bytes after the end. Pure.

ISO/IEC 10918-1 Annex B, ISO/IEC 14495-1 Annex C. Tables and entropy-coded data are copied as they are.
"""

import struct

from pacs.dicom.elements import Buffer
from pacs.errors import NotAcceptable
from pacs.pixels.comments import names_a_program
from pacs.pixels.jpeg_segments import COM, EOI, SEQUENTIAL, SOF55, SOS, marker_segments

# Frames, Huffman, arithmetic and quantization tables, restart interval, number of lines, JPEG-LS parameters, the end.
_NEEDED = frozenset((*range(0xC0, 0xD0), SOS, 0xDB, 0xDC, 0xDD, 0xDE, 0xDF, SOF55, 0xF8, EOI))


def clean_jpeg(stream: Buffer) -> Buffer:
    """The stream without COM, APPn and what follows EOI; the same object when there is none of these.

    Kept, cut to what decoders read: JFIF (without its thumbnail), Adobe's colour transform, and that of JPEG-LS.
    Raises `NotAcceptable` for what is no such stream.
    """
    view = memoryview(stream)
    if len(view) < 4 or bytes(view[:2]) != b"\xff\xd8":
        raise NotAcceptable("a frame is no JPEG stream")
    pieces: list[Buffer] = [view[:2]]
    kept_to, end = 2, len(view)
    for segment in marker_segments(view):
        if segment.marker == EOI:
            end = segment.end
        if segment.marker in _NEEDED:
            continue
        content = view[segment.content : segment.end]
        needed = _needed_part(segment.marker, content)
        if needed is None or needed != content:
            pieces.append(view[kept_to : segment.start])
            kept_to = segment.end
            if needed is not None:
                pieces.append(struct.pack(">BBH", 0xFF, segment.marker, len(needed) + 2) + bytes(needed))
    pieces.append(view[kept_to:end])
    return _joined(stream, pieces)


def whole_spectrum(stream: bytes) -> bytes:
    """The stream, whose sequential scans are of all coefficients, as they can only be. ISO/IEC 10918-1 Table B.3.

    Some programs wrote another spectral selection there; decoders refuse it, or take it for a progressive scan.
    Raises `NotAcceptable` for what is no such stream.
    """
    changed, is_sequential = bytearray(stream), False
    for segment in marker_segments(memoryview(stream)):
        is_sequential = is_sequential or segment.marker in SEQUENTIAL
        if segment.marker == SOS and is_sequential and segment.end - segment.content >= 4:
            changed[segment.end - 3 : segment.end] = b"\0\x3f\0"
    return bytes(changed)


def _needed_part(marker: int, content: memoryview) -> Buffer | None:
    """What decoders need of an application segment, or None; a comment may name the program that wrote it."""
    start = bytes(content[:14])
    if marker == 0xE0 and start.startswith(b"JFIF\0") and len(start) == 14:
        return start[:12] + b"\0\0"
    if marker == 0xEE and start.startswith(b"Adobe"):
        return content[:12]
    if marker == 0xE8 and start.startswith(b"mrfx"):
        return content[:5]
    return content if marker == COM and names_a_program(content) else None


def _joined(stream: Buffer, pieces: list[Buffer]) -> Buffer:
    """The stream itself when the pieces are all of it, but for one byte of padding. PS3.5 A.4."""
    size = sum(map(len, pieces))
    rest = memoryview(stream)[size:]
    if len(pieces) == 2 and (len(rest) == 0 or (len(rest) == 1 and rest[0] in (0, 0xFF))):
        return stream
    return b"".join(pieces)
