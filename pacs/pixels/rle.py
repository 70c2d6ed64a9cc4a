"""RLE frames without bytes that no decoder reads. Pure. PS3.5 Annex G."""

import struct

from pacs.dicom.elements import Buffer
from pacs.errors import NotAcceptable

_HEADER = 64


def clean_rle(frame: Buffer) -> Buffer:
    """The frame with unused header fields zero; the same object when they are. Raises `NotAcceptable`."""
    view = memoryview(frame)
    if len(view) < _HEADER:
        raise NotAcceptable("a frame is no RLE frame")
    count, *offsets = struct.unpack_from("<16I", view)
    if not 1 <= count <= 15 or offsets[0] != _HEADER or offsets[:count] != sorted(offsets[:count]):
        raise NotAcceptable("a frame has no valid RLE header")
    if not any(offsets[count:]):
        return frame
    return struct.pack("<16I", count, *offsets[:count], *(15 - count) * [0]) + bytes(view[_HEADER:])


def without_tail(frame: Buffer, segment_bytes: int) -> Buffer:
    """The frame cut where its last segment has given all its bytes; the same object when only padding follows.

    `segment_bytes` is rows x columns. A segment that gives less is left alone.
    """
    view = memoryview(frame)
    count, *offsets = struct.unpack_from("<16I", view)
    position, made, size = offsets[count - 1], 0, len(view)
    while made < segment_bytes and position < size:
        control = view[position]
        if control < 128:
            made += control + 1
            position += control + 2
        elif control > 128:
            made += 257 - control
            position += 2
        else:
            position += 1
    tail = view[position:]
    if made < segment_bytes or len(tail) <= 1 or not any(tail):
        return frame
    return view[:position]
