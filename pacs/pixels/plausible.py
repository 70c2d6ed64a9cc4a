"""Whether frames can be what their attributes say: asked before anything is decoded, as decoders take their word."""

import struct

from pacs.errors import NotAcceptable
from pacs.pixels.image import RLE, Format

_MOST_SAMPLES = 1 << 27  # of one frame; no scanner makes such, but an object may claim them
_LONGEST_RUN = 128  # what two bytes of RLE may stand for, PS3.5 G.3.1
_SIZ = b"\xff\x4f\xff\x51"
_FRAME_MARKERS = frozenset((*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0), 0xF7))


def check_size(found: Format) -> None:
    """Raise `NotAcceptable` for frames that would exhaust memory."""
    if found.rows * found.columns * found.samples > _MOST_SAMPLES:
        raise NotAcceptable("the frames are larger than this server decodes")


def check_plausible(content: bytes, found: Format, transfer_syntax_uid: str) -> None:
    """Raise `NotAcceptable` for a frame that is far smaller, or larger, than its attributes say."""
    pixels = found.rows * found.columns
    size = pixels * found.samples * found.bits_allocated // 8
    if transfer_syntax_uid == RLE and size > (len(content) // 2 + 1) * _LONGEST_RUN:
        raise NotAcceptable("the frame is shorter than its attributes say")
    width, height = size_in_stream(content)
    if width * height > pixels:
        raise NotAcceptable("the frame is larger than its attributes say")


def size_in_stream(content: bytes) -> tuple[int, int]:
    """Width and height as a JPEG, JPEG-LS or JPEG 2000 stream says them; 0, 0 for what is none, or ends too early."""
    start = content.find(_SIZ, 0, 4096)
    if start >= 0 and len(content) >= start + 24:
        right, bottom, left, top = struct.unpack_from(">4I", content, start + 8)
        return max(right - left, 0), max(bottom - top, 0)
    at = 2 if content[:2] == b"\xff\xd8" else len(content)
    while at + 9 <= len(content) and content[at] == 0xFF:
        marker = content[at + 1]
        if marker in _FRAME_MARKERS:
            height, width = struct.unpack_from(">HH", content, at + 5)
            return width, height
        at += 1 if marker == 0xFF else 2 + int.from_bytes(content[at + 2 : at + 4], "big")
    return 0, 0
