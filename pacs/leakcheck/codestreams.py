"""What a compressed stream carries besides its image: comments, application data, boxes, messages, trailing bytes.

The streams are told by their first bytes, whatever the transfer syntax says. Compressed image data itself is not given
back: nothing can be read there. It shares no code with what cleans streams (`pixels`), since it checks that.
"""

import re
import struct
from collections.abc import Iterator

from pacs.dicom.elements import Buffer

_JPEG_MARKER = re.compile(rb"\xff[\xe0-\xef\xfe]")
# JPEG 2000: COM, and markers without a length. ISO 15444-1 Table A.2.
_SOT, _SOD, _COM, _EOC = 0xFF90, 0xFF93, 0xFF64, 0xFFD9
_MIN_TAIL = 6
_PIECE_BYTES, _OVERLAP_BYTES = 1 << 20, 256
_ITEM, _DELIMITER = 0xFFFEE000, 0xFFFEE0DD
_RLE_HEADER_BYTES = 64


def fragments(value: Buffer) -> Iterator[memoryview]:
    """Fragments of encapsulated pixel data, without the offset table. PS3.5 A.4."""
    view = memoryview(value)
    position, first = 0, True
    while position + 8 <= len(view):
        group, element, length = struct.unpack_from("<HHI", view, position)
        if group << 16 | element != _ITEM:
            return
        if not first:
            yield view[position + 8 : position + 8 + length]
        first = False
        position += 8 + length


def streams(value: Buffer) -> Iterator[Buffer]:
    """The compressed streams: a fragment that begins none goes on with the one before."""
    parts: list[memoryview] = []
    for fragment in fragments(value):
        if parts and not _begins(fragment):
            parts.append(fragment)
            continue
        if parts:
            yield parts[0] if len(parts) == 1 else b"".join(parts)
        parts = [fragment]
    if parts:
        yield parts[0] if len(parts) == 1 else b"".join(parts)


def _begins(fragment: memoryview) -> bool:
    start = bytes(fragment[:12])
    return start[:3] == b"\xff\xd8\xff" or start[:4] == b"\xff\x4f\xff\x51" or start[4:8] in (b"jP  ", b"ftyp")


def metadata(stream: Buffer) -> Iterator[bytes]:
    """The parts of one stream that are no image."""
    view = memoryview(stream)
    start = bytes(view[:12])
    if start[:2] == b"\xff\xd8":
        yield from _jpeg(view)
    elif start[:4] == b"\xff\x4f\xff\x51":
        yield from _jpeg2000(view)
    elif start[4:8] in (b"jP  ", b"ftyp"):
        yield from _boxes(view)
    elif _is_rle(view):
        yield from ()  # runs of bytes: nothing besides the image, and its text is read as an image
    else:
        yield from _pieces(view)  # a video stream or something unknown


def _pieces(view: memoryview) -> Iterator[bytes]:
    """Bytes in pieces that overlap, so that a long stream is never in memory as a whole."""
    for start in range(0, len(view), _PIECE_BYTES):
        yield bytes(view[start : start + _PIECE_BYTES + _OVERLAP_BYTES])


def _is_rle(view: memoryview) -> bool:
    """PS3.5 G.5: up to 15 segments, the first right behind the header."""
    if len(view) < _RLE_HEADER_BYTES:
        return False
    count, first = struct.unpack_from("<II", view)
    return bool(1 <= count <= 15 and first == _RLE_HEADER_BYTES)


def _jpeg(view: memoryview) -> Iterator[bytes]:
    """COM and APPn segments wherever they stand, and what follows EOI. ITU-T T.81 B.1.1, T.87 C.

    Within entropy-coded data 0xFF is followed by zero or a small number, so a marker is one wherever it is found.
    """
    raw = bytes(view)
    for found in _JPEG_MARKER.finditer(raw):
        start = found.end()
        if start + 2 <= len(raw):
            (length,) = struct.unpack_from(">H", raw, start)
            yield raw[start + 2 : start + max(2, length)]
    end = raw.rfind(b"\xff\xd9")
    tail = raw[end + 2 :] if end >= 0 else b""
    if len(tail.strip(b"\0")) >= _MIN_TAIL:
        yield tail


def _jpeg2000(view: memoryview) -> Iterator[bytes]:
    """COM segments of the main header and of each tile-part, and what follows EOC. ISO 15444-1 Annex A."""
    position, tile_end = 2, 0
    while position + 4 <= len(view):
        marker, length = struct.unpack_from(">HH", view, position)
        if marker == _EOC or marker < 0xFF00:
            break
        if marker == _SOD:
            if tile_end <= position:
                break
            position = tile_end
            continue
        if marker == _SOT and position + 12 <= len(view):
            (size,) = struct.unpack_from(">I", view, position + 6)
            tile_end = position + size if size else len(view)
        if marker == _COM:
            yield bytes(view[position + 4 : position + 2 + length])
        position += 2 + length
    end = bytes(view[-4096:]).rfind(b"\xff\xd9")
    tail = bytes(view[-4096:])[end + 2 :] if end >= 0 else b""
    if len(tail.strip(b"\0")) >= _MIN_TAIL:
        yield tail


def _boxes(view: memoryview) -> Iterator[bytes]:
    """Boxes of JP2 and MP4 but those that hold the image. ISO 15444-1 Annex I, ISO 14496-12."""
    position = 0
    while position + 8 <= len(view):
        length, name = struct.unpack_from(">I4s", view, position)
        head = 8
        if length == 1 and position + 16 <= len(view):
            (length,) = struct.unpack_from(">Q", view, position + 8)
            head = 16
        end = len(view) if length == 0 else position + length
        if length and length < head:
            break
        content = view[position + head : end]
        if name == b"jp2c":
            yield from _jpeg2000(content)
        else:
            yield from _pieces(content)  # `mdat` too: messages within a video stand between its pictures
        position = end
    if len(bytes(view[position:]).strip(b"\0")) >= _MIN_TAIL:
        yield bytes(view[position:])


__all__ = ["fragments", "metadata", "streams"]
