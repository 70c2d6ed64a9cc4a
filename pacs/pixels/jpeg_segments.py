"""The marker segments of JPEG and JPEG-LS streams. Pure. ISO/IEC 10918-1 Annex B, ISO/IEC 14495-1 Annex C."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from pacs.errors import NotAcceptable

SOI, EOI, SOS, COM, SOF55 = 0xD8, 0xD9, 0xDA, 0xFE, 0xF7
SEQUENTIAL = frozenset((0xC0, 0xC1))  # frames in Huffman coding, baseline and extended
# Fill bytes (B.1.1.2), markers without a segment, then the second byte of one that has a segment, or of EOI.
_MARKER = re.compile(rb"(?:\xff++[\x01\xd0-\xd8])*+\xff++([^\xff])")
# Without the fill bytes before: a pattern that began with them would be tried anew at each byte of a long run.
_NEXT_IN_JPEG = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_NEXT_IN_LS = re.compile(rb"\xff[\x80-\xcf\xd8-\xfe]")
_CUT_OFF = re.compile(rb"(?:\xff++[\x01\xd0-\xd8])*+(?:\xff*+|\x00*+)")
_MOST = 4096  # segments; who sends more wants to keep us busy


class MarkerSegment(NamedTuple):
    """Where it stands in its stream; entropy-coded data lies between the end of a scan's header and what follows."""

    marker: int  # the second byte
    start: int  # fill bytes before it included
    content: int
    end: int
    following: int


def marker_segments(stream: memoryview) -> Iterator[MarkerSegment]:
    """The segments behind SOI up to EOI, which comes last; a stream that is cut off between two ends without it.

    Raises `NotAcceptable` where something else stands, inside a segment that is cut off, and for too many.
    """
    position, is_ls = 2, False
    for _ in range(_MOST):
        found = _MARKER.match(stream, position)
        if found is None:
            if not _CUT_OFF.fullmatch(stream, position):
                raise NotAcceptable("a JPEG frame holds something between its marker segments")
            return
        marker, start, content = found[1][0], position, found.end() + 2
        if marker == EOI:
            yield MarkerSegment(marker, start, found.end(), found.end(), found.end())
            return
        end = found.end() + int.from_bytes(stream[found.end() : content], "big")
        if end < content or end > len(stream):
            raise NotAcceptable("a JPEG frame ends inside a marker segment")
        is_ls = is_ls or marker == SOF55
        position = end
        if marker == SOS:
            behind = (_NEXT_IN_LS if is_ls else _NEXT_IN_JPEG).search(stream, end)
            position = behind.start() if behind else len(stream)
            while behind and position > end and stream[position - 1] == 0xFF:
                position -= 1
        yield MarkerSegment(marker, start, content, end, position)
    raise NotAcceptable("a JPEG frame has too many marker segments")
