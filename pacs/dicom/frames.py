"""Where the frames of an encoded file stand. PS3.5 8 and A.4; PS3.3 C.7.6.3 and C.7.6.6.

Native frames are computed. Encapsulated ones are found by the extended offset table, the basic offset table, one
fragment per frame, or, failing these, by the first bytes of each fragment.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from mmap import mmap

from pacs.dicom.elements import ITEM, LONG_VRS, SHORT_VRS, UNDEFINED, Buffer, DataSet
from pacs.dicom.fileformat import read_start
from pacs.dicom.syntaxes import DEFLATED_LE, RLE, VIDEO, Encoding, encoding_of
from pacs.errors import NotDicom, Truncated
from pacs.model import PixelFrame

_SAMPLES, _PHOTOMETRIC, _FRAMES = 0x00280002, 0x00280004, 0x00280008
_ROWS, _COLUMNS, _BITS = 0x00280010, 0x00280011, 0x00280100
_OFFSETS, _LENGTHS = 0x7FE00001, 0x7FE00002
PIXELS = (0x7FE00008, 0x7FE00009, 0x7FE00010)
_WANTED = frozenset((_ROWS, _COLUMNS, _SAMPLES, _BITS, _FRAMES, _PHOTOMETRIC, _OFFSETS, _LENGTHS))
_STARTS = (b"\xff\xd8", b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0cjP")  # JPEG and JPEG-LS, JPEG 2000 stream and file


@dataclass(slots=True)
class _Pixels:
    """The elements that say where frames are, and where the value of the pixel data starts; its length or UNDEFINED."""

    values: dict[int, bytes] = field(default_factory=dict)
    start: int = 0
    length: int = 0


def frame_ranges(file: Buffer | mmap, transfer_syntax_uid: str | None = None) -> tuple[PixelFrame, ...]:
    """Byte ranges of each frame from the start of the file; empty for an object without pixel data.

    `transfer_syntax_uid` is the file's own by default. A frame of one-bit pixels has whole bytes, also those that it
    shares with its neighbours. Video is one frame: the whole stream. Deflated files have no ranges. Raises `NotDicom`
    or `Truncated` when the file cannot be walked.
    """
    view = memoryview(file)
    start = read_start(view)
    syntax = transfer_syntax_uid or start.transfer_syntax_uid
    if syntax == DEFLATED_LE:
        return ()
    encoding = encoding_of(syntax)
    found = _Walk(view, encoding).run(start.data_set_offset)
    if found is None or not found.length:
        return ()
    if found.length == UNDEFINED:
        return _encapsulated(view, found, syntax)
    return _native(found, encoding, len(view))


def frame_ranges_of(
    data_set: DataSet, encoding: Encoding, transfer_syntax_uid: str, pixels_at: int
) -> tuple[PixelFrame, ...]:
    """The same from a data set that was read already: `pixels_at` is where the value of its pixel data stands in the
    file, `encoding` how its values were read, `transfer_syntax_uid` how the file is written.
    """
    pixels = next((data_set[tag] for tag in PIXELS if tag in data_set), None)
    if pixels is None or not len(pixels.value):
        return ()
    there = ((tag, data_set[tag]) for tag in _WANTED if tag in data_set)
    found = _Pixels({tag: bytes(element.value) for tag, element in there if element.items is None})
    if pixels.encapsulated:
        frames = _encapsulated(memoryview(pixels.value), found, transfer_syntax_uid)
        return tuple(PixelFrame(tuple((pixels_at + at, size) for at, size in frame.ranges)) for frame in frames)
    found.start, found.length = pixels_at, len(pixels.value)
    return _native(found, encoding, pixels_at + found.length)


def top_level(view: memoryview, encoding: Encoding, position: int) -> Iterator[tuple[int, int, int]]:
    """Tag, start of the value and length of each element at the top level. Raises `NotDicom` or `Truncated`."""
    return _Walk(view, encoding).elements(position)


class _Walk:
    """The top level of a data set, value by value, stepping over what is inside."""

    def __init__(self, view: memoryview, encoding: Encoding) -> None:
        self.view, self.encoding = view, encoding
        order = "<" if encoding.little_endian else ">"
        self.tag_at = struct.Struct(order + "HH").unpack_from
        self.u16_at = struct.Struct(order + "H").unpack_from
        self.u32_at = struct.Struct(order + "I").unpack_from

    def run(self, position: int) -> _Pixels | None:
        found = _Pixels()
        for tag, value, length in self.elements(position):
            if tag in PIXELS:
                found.start, found.length = value, length
                return found
            if tag in _WANTED and length != UNDEFINED:
                found.values[tag] = bytes(self.view[value : value + length])
        return None

    def elements(self, position: int) -> Iterator[tuple[int, int, int]]:
        """Tag, where the value starts, and its length, element by element."""
        size = len(self.view)
        while position + 8 <= size:
            tag, length, value = self.header(position)
            yield tag, value, length
            position = self.after_items(value) if length == UNDEFINED else value + length

    def header(self, position: int) -> tuple[int, int, int]:
        """Tag, length, and where the value starts."""
        group, number = self.tag_at(self.view, position)
        tag = (group << 16) | number
        if group == 0xFFFE or not self.encoding.explicit:
            return tag, self.u32_at(self.view, position + 4)[0], position + 8
        vr = bytes(self.view[position + 4 : position + 6]).decode("latin-1")
        if vr not in LONG_VRS and vr not in SHORT_VRS:  # an implicit element in an explicit data set
            return tag, self.u32_at(self.view, position + 4)[0], position + 8
        if vr in SHORT_VRS:
            return tag, self.u16_at(self.view, position + 6)[0], position + 8
        if position + 12 > len(self.view):
            raise Truncated("the data ends inside an element header", tag)
        return tag, self.u32_at(self.view, position + 8)[0], position + 12

    def after_items(self, position: int) -> int:
        """Where a value of undefined length ends: delimiters are counted, defined lengths are stepped over."""
        depth = 1
        while depth:
            if position + 8 > len(self.view):
                raise Truncated("the data ends inside a sequence")
            tag, length, value = self.header(position)
            if tag in (0xFFFEE00D, 0xFFFEE0DD):
                depth -= 1
                position = value
            elif length == UNDEFINED:
                depth += 1
                position = value
            else:
                position = value + length
        return position


def _number(found: _Pixels, tag: int, encoding: Encoding, default: int) -> int:
    raw = found.values.get(tag, b"")
    if len(raw) < 2:
        return default
    return int(struct.unpack_from("<H" if encoding.little_endian else ">H", raw)[0])


def _frame_count(found: _Pixels) -> int:
    try:
        return max(int(found.values.get(_FRAMES, b"1").split(b"\\")[0].strip(b" \0") or b"1"), 1)
    except ValueError:
        return 1


def _native(found: _Pixels, encoding: Encoding, size: int) -> tuple[PixelFrame, ...]:
    samples = _number(found, _SAMPLES, encoding, 1)
    if found.values.get(_PHOTOMETRIC, b"").startswith((b"YBR_FULL_422", b"YBR_PARTIAL_422")):
        samples = 2  # two chrominance samples for each two pixels: PS3.3 C.7.6.3.1.2
    pixels = _number(found, _ROWS, encoding, 0) * _number(found, _COLUMNS, encoding, 0) * samples
    bits = pixels * _number(found, _BITS, encoding, 8)
    available = min(found.length, size - found.start)
    frames = []
    for number in range(_frame_count(found) if bits else 0):
        first, last = number * bits // 8, -(-(number + 1) * bits // 8)
        if last > available:
            break
        frames.append(PixelFrame(((found.start + first, last - first),)))
    return tuple(frames)


def _encapsulated(view: memoryview, found: _Pixels, syntax: str) -> tuple[PixelFrame, ...]:
    table, fragments = _fragments(view, found.start)
    count = _frame_count(found)
    if not fragments:
        return ()
    if syntax in VIDEO or count == 1:
        return (PixelFrame(tuple(fragments)),)
    extended = _by_extended_table(found, fragments)
    if extended:
        return extended
    if len(fragments) == count or syntax == RLE:
        return tuple(PixelFrame((fragment,)) for fragment in fragments)
    starts = set(table)
    if len(starts) == count:
        base = fragments[0][0] - 8
        return _grouped(fragments, [start - base - 8 in starts for start, _ in fragments])
    return _grouped(fragments, [bytes(view[at : at + 6]).startswith(_STARTS) for at, _ in fragments])


def _fragments(view: memoryview, position: int) -> tuple[tuple[int, ...], list[tuple[int, int]]]:
    """The basic offset table, and start and length of each fragment. PS3.5 A.4."""
    items = []
    while position + 8 <= len(view):
        group, number, length = struct.unpack_from("<HHI", view, position)
        if (group << 16) | number != ITEM:
            break
        if length == UNDEFINED:
            raise NotDicom("encapsulated pixel data holds something that is no fragment")
        items.append((position + 8, length))
        position += 8 + length
    if not items:
        return (), []
    start, length = items[0]
    return struct.unpack_from(f"<{length // 4}I", view, start), items[1:]


def _by_extended_table(found: _Pixels, fragments: list[tuple[int, int]]) -> tuple[PixelFrame, ...]:
    """One fragment a frame, with its true length. PS3.3 C.7.6.3.1.8; empty when the table does not fit."""
    offsets, lengths = found.values.get(_OFFSETS, b""), found.values.get(_LENGTHS, b"")
    if not offsets or len(offsets) != len(lengths) or len(offsets) % 8:
        return ()
    count = len(offsets) // 8
    base = fragments[0][0] - 8
    known = dict(fragments)
    frames = []
    pairs = zip(struct.unpack(f"<{count}Q", offsets), struct.unpack(f"<{count}Q", lengths), strict=True)
    for offset, length in pairs:
        start = base + offset + 8
        if length > known.get(start, -1):
            return ()
        frames.append(PixelFrame(((start, length),)))
    return tuple(frames)


def _grouped(fragments: list[tuple[int, int]], begins: list[bool]) -> tuple[PixelFrame, ...]:
    """Fragments gathered into frames; what comes before the first beginning belongs to it."""
    groups: list[list[tuple[int, int]]] = []
    for fragment, begin in zip(fragments, begins, strict=True):
        if begin or not groups:
            groups.append([])
        groups[-1].append(fragment)
    return tuple(PixelFrame(tuple(group)) for group in groups)
