"""JPEG and JPEG-LS streams without what identifies: comments, application data, bytes after the end. Pure.

ISO/IEC 10918-1 Annex B, ISO/IEC 14495-1 Annex C. Tables and entropy-coded data are copied as they are.
"""

import re
import struct

from pacs.dicom.elements import Buffer
from pacs.errors import NotAcceptable
from pacs.pixels.comments import names_a_program

_SOI, _EOI, _SOS, _COM, _SOF55 = 0xD8, 0xD9, 0xDA, 0xFE, 0xF7
_SEQUENTIAL = (0xC0, 0xC1)  # frames in Huffman coding, baseline and extended
_ALONE = frozenset((0x01, *range(0xD0, 0xD8), _SOI))  # markers without a segment
# Frames, Huffman, arithmetic and quantization tables, restart interval, number of lines, JPEG-LS parameters.
_NEEDED = frozenset((*range(0xC0, 0xD0), _SOS, 0xDB, 0xDC, 0xDD, 0xDE, 0xDF, _SOF55, 0xF8))
_NEXT_IN_JPEG = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_NEXT_IN_LS = re.compile(rb"\xff[\x80-\xcf\xd8-\xfe]")


def clean_jpeg(stream: Buffer) -> Buffer:
    """The stream without COM, APPn and what follows EOI; the same object when there is none of these.

    Kept, cut to what decoders read: JFIF (without its thumbnail), Adobe's colour transform, and that of JPEG-LS.
    Raises `NotAcceptable` for what is no such stream.
    """
    view = memoryview(stream)
    if len(view) < 4 or bytes(view[:2]) != b"\xff\xd8":
        raise NotAcceptable("a frame is no JPEG stream")
    pieces: list[Buffer] = [view[:2]]
    position, kept_to, is_ls = 2, 2, False
    while True:
        start = position
        marker, position = _marker(view, position)
        if marker is None or marker == _EOI:
            end = position if marker == _EOI else len(view)
            pieces.append(view[kept_to:end])
            break
        if marker in _ALONE:
            continue
        length = struct.unpack_from(">H", view, position)[0] if position + 2 <= len(view) else 0
        if length < 2 or position + length > len(view):
            raise NotAcceptable("a JPEG frame ends inside a marker segment")
        content = view[position + 2 : position + length]
        position += length
        is_ls = is_ls or marker == _SOF55
        if marker not in _NEEDED:
            needed = _needed_part(marker, content)
            if needed is None or needed != content:
                pieces.append(view[kept_to:start])
                kept_to = position
                if needed is not None:
                    pieces.append(struct.pack(">BBH", 0xFF, marker, len(needed) + 2) + bytes(needed))
        if marker == _SOS:
            found = (_NEXT_IN_LS if is_ls else _NEXT_IN_JPEG).search(view, position)
            position = found.start() if found else len(view)
    return _joined(stream, pieces)


def whole_spectrum(stream: bytes) -> bytes:
    """The stream, whose sequential scans are of all coefficients, as they can only be. ISO/IEC 10918-1 Table B.3.

    Some programs wrote another spectral selection there; decoders refuse it, or take it for a progressive scan.
    Raises `NotAcceptable` for what is no such stream.
    """
    view, changed = memoryview(stream), bytearray(stream)
    position, is_sequential = 2, False
    while True:
        marker, position = _marker(view, position)
        if marker is None or marker == _EOI:
            return bytes(changed)
        if marker in _ALONE:
            continue
        length = struct.unpack_from(">H", view, position)[0] if position + 2 <= len(view) else 0
        if length < 2 or position + length > len(view):
            raise NotAcceptable("a JPEG frame ends inside a marker segment")
        end = position + length
        is_sequential = is_sequential or marker in _SEQUENTIAL
        if marker == _SOS and is_sequential and length >= 6:
            changed[end - 3 : end] = b"\0\x3f\0"
        position = end
        if marker == _SOS:
            found = _NEXT_IN_JPEG.search(view, position)
            position = found.start() if found else len(view)


def _marker(view: memoryview, position: int) -> tuple[int | None, int]:
    """The marker at a position and where its segment starts; None at the end of the data, or of a cut-off stream."""
    if position >= len(view) or not any(view[position:]):
        return None, position
    if view[position] != 0xFF:
        raise NotAcceptable("a JPEG frame holds something between its marker segments")
    while position < len(view) and view[position] == 0xFF:
        position += 1
    return (view[position], position + 1) if position < len(view) else (None, position)


def _needed_part(marker: int, content: memoryview) -> Buffer | None:
    """What decoders need of an application segment, or None; a comment may name the program that wrote it."""
    start = bytes(content[:14])
    if marker == 0xE0 and start.startswith(b"JFIF\0") and len(start) == 14:
        return start[:12] + b"\0\0"
    if marker == 0xEE and start.startswith(b"Adobe"):
        return content[:12]
    if marker == 0xE8 and start.startswith(b"mrfx"):
        return content[:5]
    return content if marker == _COM and names_a_program(content) else None


def _joined(stream: Buffer, pieces: list[Buffer]) -> Buffer:
    """The stream itself when the pieces are all of it, but for one byte of padding. PS3.5 A.4."""
    size = sum(map(len, pieces))
    rest = memoryview(stream)[size:]
    if len(pieces) == 2 and (len(rest) == 0 or (len(rest) == 1 and rest[0] in (0, 0xFF))):
        return stream
    return b"".join(pieces)
