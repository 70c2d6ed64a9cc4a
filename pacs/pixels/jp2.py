"""The boxes of JP2 files. Pure. ISO/IEC 15444-1 Annex I."""

import struct
from collections.abc import Iterator

from pacs.dicom.elements import Buffer
from pacs.errors import NotAcceptable

CODESTREAM_BOX = b"jp2c"
_SIGNATURE = b"\0\0\0\x0cjP"
_MOST = 4096  # boxes; who sends more wants to keep us busy


def is_jp2(stream: Buffer) -> bool:
    """Whether it begins as JP2 files do; frames should be bare codestreams. PS3.5 A.4.4."""
    return bytes(memoryview(stream)[:6]) == _SIGNATURE


def jp2_boxes(view: memoryview) -> Iterator[tuple[bytes, memoryview, memoryview]]:
    """Kind, content and the whole of each box; zeros at the end are padding. Annex I.4.

    Raises `NotAcceptable` for a length that cannot be, and for too many boxes.
    """
    position = 0
    for _ in range(_MOST):
        if position + 8 > len(view):
            return
        length, kind = struct.unpack_from(">I4s", view, position)
        start = position + 8
        if length == 1 and position + 16 <= len(view):
            length, start = struct.unpack_from(">Q", view, position + 8)[0], position + 16
        end = position + length if length else len(view)
        if end < start or end > len(view):
            raise NotAcceptable("a JP2 frame has a box of an impossible length")
        yield kind, view[start:end], view[position:end]
        position = end
    raise NotAcceptable("a JP2 frame has too many boxes")
