"""JPEG 2000 and HTJ2K streams, and JP2 files, without what identifies. Pure. ISO/IEC 15444-1 Annexes A and I.

Comments go; in JP2 files all boxes go that no decoder needs. Packets are copied as they are.
"""

import struct
from collections.abc import Iterator

from pacs.dicom.elements import Buffer
from pacs.errors import NotAcceptable
from pacs.pixels.comments import names_a_program
from pacs.pixels.icc import neutral_profile
from pacs.pixels.jp2 import CODESTREAM_BOX, is_jp2, jp2_boxes

_SOC, _SOT, _SOD, _EOC, _COM, _TLM = 0xFF4F, 0xFF90, 0xFF93, 0xFFD9, 0xFF64, 0xFF55
_CRG = 0xFF63
# Size, capabilities, coding, quantization, regions, progression, lengths, packed headers, multi-component transforms.
_NEEDED = frozenset((0xFF50, 0xFF51, 0xFF52, 0xFF53, 0xFF55, 0xFF56, 0xFF57, 0xFF58, 0xFF59, 0xFF5C, 0xFF5D, 0xFF5E))
_NEEDED |= {0xFF5F, 0xFF60, 0xFF61, _CRG, 0xFF72, 0xFF73, 0xFF74, 0xFF75, 0xFF76, 0xFF77, 0xFF78, 0xFF79}
_BOXES = frozenset((b"jP  ", b"ftyp", b"jp2h", CODESTREAM_BOX))
_HEADER_BOXES = frozenset((b"ihdr", b"bpcc", b"colr", b"pclr", b"cmap", b"cdef"))


def clean_jpeg2000(stream: Buffer) -> Buffer:
    """The stream without comments, foreign boxes and what follows its end; the same object when there is none.

    Raises `NotAcceptable` for what is no such stream, or has segments of an unknown kind.
    """
    return _clean_file(stream) if is_jp2(stream) else _clean_bare(stream)


def _clean_bare(stream: Buffer) -> Buffer:
    view = memoryview(stream)
    if len(view) < 4 or _u16(view, 0) != _SOC:
        raise NotAcceptable("a frame is no JPEG 2000 stream")
    pieces: list[Buffer] = [view[:2]]
    position, changed = _header(view, 2, pieces, drop_lengths=_has_tile_comment(view))
    while position + 12 <= len(view) and _u16(view, position) == _SOT:
        position, differs = _tile_part(view, position, pieces)
        changed |= differs
    if position + 2 <= len(view) and _u16(view, position) == _EOC:
        pieces.append(view[position : position + 2])
        position += 2
        rest = view[position:]
        changed |= len(rest) > 1 or (len(rest) == 1 and rest[0] not in (0, 0xFF))
    elif any(view[position:]):
        raise NotAcceptable("a JPEG 2000 frame holds something that is no tile part")
    return b"".join(pieces) if changed else stream


def _u16(view: memoryview, position: int) -> int:
    return int(struct.unpack_from(">H", view, position)[0])


def _segments(view: memoryview, position: int) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of each segment of a header, up to SOT or SOD, which comes last with an empty range."""
    while position + 4 <= len(view):
        marker = _u16(view, position)
        if marker in (_SOT, _SOD):
            yield marker, position, position
            return
        end = position + 2 + _u16(view, position + 2)
        if end > len(view) or (marker not in _NEEDED and marker != _COM):
            raise NotAcceptable("a JPEG 2000 frame has a marker segment of an unknown kind")
        yield marker, position, end
        position = end
    raise NotAcceptable("a JPEG 2000 frame ends inside its header")


def _header(view: memoryview, position: int, pieces: list[Buffer], *, drop_lengths: bool) -> tuple[int, bool]:
    """Copy a header without comments; returns where it ends and whether something was left out."""
    changed = False
    for marker, start, end in _segments(view, position):
        position = end
        if (marker == _COM and _may_go(view, start, end)) or (drop_lengths and marker == _TLM):
            changed = True
        else:
            pieces.append(view[start:end])
    return position, changed


def _may_go(view: memoryview, start: int, end: int) -> bool:
    """Whether a comment is more than the name of a program. Annex A.9.2."""
    return not names_a_program(view[start + 6 : end])


def _tile_part(view: memoryview, start: int, pieces: list[Buffer]) -> tuple[int, bool]:
    """Copy a tile part; its length (Psot) is written anew where comments went. Annex A.4.2."""
    length = struct.unpack_from(">I", view, start + 6)[0]
    header: list[Buffer] = []
    data, changed = _header(view, start + 12, header, drop_lengths=False)
    end = start + length if length else _end_of_last(view, data)
    if end > len(view) or end < data:
        end = len(view)  # a stream that was cut short, as decoders take it
    if not changed:
        pieces.append(view[start:end])
        return end, False
    size = 12 + sum(map(len, header)) + end - data
    pieces += [view[start : start + 6], struct.pack(">I", size if length else 0), view[start + 10 : start + 12]]
    pieces += [*header, view[data:end]]
    return end, True


def _end_of_last(view: memoryview, data: int) -> int:
    """A last tile part of unknown length goes up to EOC, which no packet can hold."""
    found = bytes(view[data:]).find(b"\xff\xd9")
    return data + found if found >= 0 else len(view)


def _has_tile_comment(view: memoryview) -> bool:
    """Whether comments stand in tile parts, so that lengths in the main header (TLM) will not hold any more."""
    position = next((end for marker, _start, end in _segments(view, 2) if marker == _SOT), None)
    if position is None:
        raise NotAcceptable("a JPEG 2000 frame has no tile part")
    while position + 12 <= len(view) and _u16(view, position) == _SOT:
        if any(m == _COM and _may_go(view, start, end) for m, start, end in _segments(view, position + 12)):
            return True
        length = struct.unpack_from(">I", view, position + 6)[0]
        position = position + length if length >= 14 else len(view)
    return False


def _clean_file(stream: Buffer) -> Buffer:
    pieces: list[Buffer] = []
    changed = has_stream = False
    for kind, content, whole in jp2_boxes(memoryview(stream)):
        new: Buffer = content
        if kind not in _BOXES or (kind == CODESTREAM_BOX and has_stream):
            changed = True
            continue
        if kind == CODESTREAM_BOX:
            has_stream = True
            new = _clean_bare(content)  # a box holds no other file: those could be nested without end. Annex I.5.4
        elif kind == b"jp2h":
            new = _clean_header_box(content)
        changed |= new is not content
        pieces.append(whole if new is content else _box(kind, new))
    if not has_stream:
        raise NotAcceptable("a JP2 frame holds no codestream")
    return b"".join(pieces) if changed else stream


def _clean_header_box(content: memoryview) -> Buffer:
    pieces: list[Buffer] = []
    changed = False
    for kind, inner, whole in jp2_boxes(content):
        if kind not in _HEADER_BOXES:
            changed = True
        elif kind == b"colr" and bytes(inner[:1]) in (b"\2", b"\3"):  # an ICC profile follows
            pieces.append(_box(kind, bytes(inner[:3]) + neutral_profile(bytes(inner[3:]))))
            changed |= bytes(pieces[-1]) != bytes(whole)
        else:
            pieces.append(whole)
    return b"".join(pieces) if changed else content


def _box(kind: bytes, content: Buffer) -> bytes:
    return struct.pack(">I4s", len(content) + 8, kind) + bytes(content)
