"""Data sets as raw elements: tag, VR and bytes. PS3.5 section 7.

`parse` walks the whole structure and fails on the first thing that cannot be right, so a data set that it accepts is
complete. It is iterative: nesting costs memory, not stack.
"""

import struct
from dataclasses import dataclass

from pacs.dicom.dictionary import US_OR_SS, VR_OF, vr_of
from pacs.dicom.syntaxes import Encoding
from pacs.errors import NotDicom, Truncated

Buffer = bytes | memoryview

ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
PIXEL_DATA = 0x7FE00010
PIXEL_TAGS = frozenset((0x7FE00008, 0x7FE00009, PIXEL_DATA))
UNDEFINED = 0xFFFFFFFF
_ITEM_START = b"\xfe\xff\x00\xe0"
MAX_DEPTH = 512  # items within items; far above any real object (PS3.5 sets no limit), below what exhausts memory
LONG_VRS = frozenset(("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"))
SHORT_VRS = frozenset("AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
_SHORT_CODES = {vr.encode(): vr for vr in SHORT_VRS}
_LONG_CODES = {vr.encode(): vr for vr in LONG_VRS}
# Bytes of one number, for VRs whose byte order matters. PS3.5 7.3.
WIDTH = {"US": 2, "SS": 2, "OW": 2, "AT": 2, "UL": 4, "SL": 4, "FL": 4, "OF": 4, "OL": 4, "FD": 8, "OD": 8, "SV": 8}
WIDTH |= {"UV": 8, "OV": 8}


@dataclass(slots=True)
class Element:
    """One element. `value` is as in the object, padding included; a sequence has `items` and an empty value.

    `encapsulated` pixel data: `value` is everything between the element's header and the end of its sequence delimiter.
    """

    tag: int
    vr: str
    value: Buffer = b""
    items: "list[DataSet] | None" = None
    encapsulated: bool = False


class DataSet(dict[int, Element]):
    """Elements by tag, in the order read. PS3.5 7.1 allows a tag once; of two, the later one counts.

    The earlier ones are in `shadowed`: never written again, but whoever looks for identity must read them too.
    """

    __slots__ = ("_shadowed",)
    _shadowed: "list[Element]"

    @property
    def shadowed(self) -> "list[Element]":
        """Elements whose tag came again later."""
        return getattr(self, "_shadowed", [])

    def place(self, element: Element) -> None:
        """Add an element as it was read."""
        if element.tag in self:
            self._shadowed = [*self.shadowed, self[element.tag]]
        self[element.tag] = element

    def put(self, tag: int, vr: str, value: Buffer) -> None:
        """Set an element, padded to even length as PS3.5 7.1.1 wants."""
        if len(value) % 2:
            value = bytes(value) + (b"\0" if vr in ("UI", "OB", "UN") else b" ")
        self[tag] = Element(tag, vr, value)


@dataclass(slots=True)
class _Open:
    """A sequence or item that is being read. `end` is None while its length is undefined."""

    data_set: DataSet
    end: int | None
    sequence: Element | None  # set for a sequence, None for an item (or the root)
    implicit: bool


def parse(buffer: Buffer, encoding: Encoding) -> DataSet:
    """Read a whole data set, without file meta information.

    Values are views into `buffer`, which the caller keeps alive. Public elements with VR UN get the dictionary's VR
    (PS3.5 6.2.2 note 2), sequences among them are entered. Raises `Truncated` when it ends inside an element,
    `NotDicom` when the bytes make no sense; messages name offset and tag, never a value.
    """
    return _Parser(memoryview(buffer), encoding).run()


class _Parser:
    def __init__(self, view: memoryview, encoding: Encoding) -> None:
        self.view = view
        self.size = len(view)
        self.encoding = encoding
        order = "<" if encoding.little_endian else ">"
        self.tag_at = struct.Struct(order + "HH").unpack_from
        self.short_header_at = struct.Struct(order + "HH2sH").unpack_from
        self.u16_at = struct.Struct(order + "H").unpack_from
        self.u32_at = struct.Struct(order + "I").unpack_from
        self.root = DataSet()
        self.stack = [_Open(self.root, self.size, None, not encoding.explicit)]
        self.blank_from = _end_without_zeros(self.view)

    def run(self) -> DataSet:
        position = 0
        while True:
            position = self.close_finished(position)
            top = self.stack[-1]
            if len(self.stack) == 1 and (position >= self.size or self.is_blank_tail(position)):
                break
            if top.sequence:
                position = self.read_item(position, top)
            elif top.implicit:
                position = self.read_element(position, top)
            else:
                position = self.read_plain_elements(position, top)
        self.settle_signed_pixels(self.root)
        return self.root

    def read_plain_elements(self, position: int, top: _Open) -> int:
        """Elements of short explicit VRs, as many as stand in a row: nearly all there are. Others one at a time."""
        view, data_set, header_at = self.view, top.data_set, self.short_header_at
        stop = self.limit() if top.end is None else top.end
        last = min(stop - 8, self.blank_from - 1) if len(self.stack) == 1 else stop - 8
        while position <= last:
            group, number, code, length = header_at(view, position)
            vr = _SHORT_CODES.get(code)
            end = position + 8 + length
            if vr is None or group == 0xFFFE or end > stop:
                return self.read_element(position, top)
            tag = (group << 16) | number
            element = Element(tag, vr, view[position + 8 : end])
            if tag in data_set:
                data_set.place(element)
            else:
                data_set[tag] = element
            position = end
        if position == top.end or (len(self.stack) == 1 and (position >= self.size or self.is_blank_tail(position))):
            return position
        return self.read_element(position, top)

    def close_finished(self, position: int) -> int:
        while len(self.stack) > 1:
            end = self.stack[-1].end
            if end is None or position < end:
                break
            if position > end:
                raise NotDicom(f"an item runs past its sequence at byte {position}")
            self.stack.pop()
        return position

    def is_blank_tail(self, position: int) -> bool:
        """Old writers fill the last block with zeros; that is no element and no cut either."""
        return position >= self.blank_from

    def read_item(self, position: int, top: _Open) -> int:
        tag, length = self.delimiter_at(position)
        position += 8
        if tag == SEQUENCE_END and top.end is None:
            self.stack.pop()
            return position
        if tag == SEQUENCE_END and length == 0:  # a delimiter inside a sequence of defined length: harmless, seen
            return position
        if tag != ITEM:
            raise NotDicom(f"a sequence holds something that is no item at byte {position - 8}")
        if len(self.stack) // 2 > MAX_DEPTH:
            raise NotDicom(f"nested deeper than {MAX_DEPTH} levels at byte {position}")
        item = DataSet()
        sequence = top.sequence
        if sequence is None or sequence.items is None:
            raise NotDicom(f"an item outside a sequence at byte {position}")
        sequence.items.append(item)
        self.stack.append(_Open(item, self.end_of(position, length, ITEM), None, top.implicit))
        return position

    def end_of(self, position: int, length: int, tag: int) -> int | None:
        if length == UNDEFINED:
            return None
        limit = self.limit()
        if position + length > limit:
            if limit == self.size:
                raise Truncated(f"element ({tag >> 16:04X},{tag & 0xFFFF:04X}) ends after the data", tag)
            raise NotDicom(f"element ({tag >> 16:04X},{tag & 0xFFFF:04X}) ends after the item around it", tag)
        return position + length

    def limit(self) -> int:
        for level in reversed(self.stack):
            if level.end is not None:
                return level.end
        return self.size

    def delimiter_at(self, position: int) -> tuple[int, int]:
        if position + 8 > self.size:
            raise Truncated(f"the data ends inside a sequence at byte {position}")
        group, element = self.tag_at(self.view, position)
        return (group << 16) | element, self.u32_at(self.view, position + 4)[0]

    def read_element(self, position: int, top: _Open) -> int:
        view = self.view
        if position + 8 > self.size:
            raise Truncated(f"the data ends inside an element header at byte {position}")
        group, number = self.tag_at(view, position)
        tag = (group << 16) | number
        if group == 0xFFFE:
            return self.end_item(position, tag, top)
        if top.implicit:
            vr, length, position = vr_of(tag), self.u32_at(view, position + 4)[0], position + 8
        else:
            vr, length, position = self.explicit_header(tag, position)
        if length == UNDEFINED:
            return self.open_undefined(tag, vr, position, top)
        if vr == "SQ":
            self.open_sequence(tag, position, length, top, implicit=top.implicit)
            return position
        end = self.end_of(position, length, tag)
        assert end is not None
        if vr == "UN" and not top.implicit and not tag & 0x10000 and vr_of(tag) != "UN":
            return self.known_un(tag, position, end, top)
        top.data_set.place(Element(tag, vr, view[position:end]))
        return end

    def explicit_header(self, tag: int, position: int) -> tuple[str, int, int]:
        """VR, length and the position of the value. PS3.5 7.1.2; unknown VRs are read as real writers meant them."""
        view = self.view
        code = bytes(view[position + 4 : position + 6])
        short = _SHORT_CODES.get(code)
        if short is not None:
            return short, self.u16_at(view, position + 6)[0], position + 8
        long = _LONG_CODES.get(code)
        if long is not None or (code.isalpha() and code.isupper() and not any(view[position + 6 : position + 8])):
            if position + 12 > self.size:
                raise Truncated(f"the data ends inside an element header at byte {position}", tag)
            return long or "UN", self.u32_at(view, position + 8)[0], position + 12
        length = self.u16_at(view, position + 6)[0]
        if (code.isascii() and code.isalpha()) or code in (b"??", b"  ", b"--") or (code == b"\0\0" and length):
            # A VR that does not exist, with a 16-bit length: what its value means only the dictionary can say.
            return vr_of(tag), length, position + 8
        # No VR at all: an implicit element in an explicit data set, as some toolkits write.
        length = self.u32_at(view, position + 4)[0]
        if length != UNDEFINED and position + 8 + length > self.limit():
            raise NotDicom(f"no VR and no plausible length at byte {position}", tag)
        return vr_of(tag), length, position + 8

    def end_item(self, position: int, tag: int, top: _Open) -> int:
        if tag == ITEM_END and len(self.stack) > 1:
            if top.end is None:
                self.stack.pop()
            return position + 8
        raise NotDicom(f"a stray delimiter at byte {position}")

    def open_sequence(self, tag: int, position: int, length: int, top: _Open, *, implicit: bool) -> None:
        element = Element(tag, "SQ", b"", [])
        end = self.end_of(position, length, tag)
        top.data_set.place(element)
        self.stack.append(_Open(top.data_set, end, element, implicit))

    def open_undefined(self, tag: int, vr: str, position: int, top: _Open) -> int:
        if tag in PIXEL_TAGS and len(self.stack) == 1 and vr != "SQ":
            end = self.end_of_fragments(position)
            top.data_set.place(Element(tag, "OB", self.view[position:end], encapsulated=True))
            return end
        if vr in ("OB", "OW"):  # pixel data of an icon image, or a maker's own
            end = self.end_of_fragments(position)
            top.data_set.place(Element(tag, "OB", self.view[position:end], encapsulated=True))
            return end
        if vr not in ("SQ", "UN"):
            raise NotDicom(f"undefined length for VR {vr} at byte {position}", tag)
        # UN of undefined length is a sequence in Implicit VR Little Endian: PS3.5 6.2.2 note 2 (CP-246).
        self.open_sequence(tag, position, UNDEFINED, top, implicit=top.implicit or vr == "UN")
        return position

    def end_of_fragments(self, position: int) -> int:
        """Position after the sequence delimiter of encapsulated pixel data. PS3.5 A.4."""
        while True:
            tag, length = self.delimiter_at(position)
            position += 8
            if tag == SEQUENCE_END:
                return position
            if tag != ITEM or length == UNDEFINED:
                raise NotDicom(f"encapsulated pixel data holds something that is no fragment at byte {position - 8}")
            if position + length > self.size:
                raise Truncated("the data ends inside encapsulated pixel data", PIXEL_DATA)
            position += length

    def known_un(self, tag: int, position: int, end: int, top: _Open) -> int:
        """A public element that travelled as UN: its bytes are Little Endian as the dictionary's VR says."""
        vr = vr_of(tag)
        value = self.view[position:end]
        if vr == "SQ" or holds_items(value):
            try:
                items = parse_items(value) if vr == "SQ" else None
            except (NotDicom, Truncated):
                top.data_set.place(Element(tag, "UN", value))
            else:
                # Items where PS3.6 has none: they stay unknown, so that nobody takes them for text.
                top.data_set.place(Element(tag, "UN", value) if items is None else Element(tag, "SQ", b"", items))
        else:
            same_order = self.encoding.little_endian or WIDTH.get(vr, 1) == 1
            top.data_set.place(Element(tag, vr if same_order else "UN", value))
        return end

    def settle_signed_pixels(self, data_set: DataSet) -> None:
        """Where PS3.6 leaves US or SS open and no VR was sent, PixelRepresentation decides. PS3.5 A.1."""
        if self.encoding.explicit:
            return
        representation = data_set.get(0x00280103)
        if representation is None or not any(representation.value):
            return
        for tag in US_OR_SS & data_set.keys():
            if data_set[tag].vr == "US":
                data_set[tag].vr = "SS"


def _end_without_zeros(view: memoryview, step: int = 4096) -> int:
    """Where the zeros at the end of the data begin; looked up once, so that they cost no more than one pass."""
    end = len(view)
    while end > 0:
        tail = bytes(view[max(0, end - step) : end]).rstrip(b"\0")
        if tail:
            return max(0, end - step) + len(tail)
        end = max(0, end - step)
    return 0


def holds_items(value: Buffer) -> bool:
    """Whether bytes begin like the items of a Little Endian sequence. PS3.5 7.5."""
    return len(value) >= 8 and value[:4] == _ITEM_START


def parse_items(value: Buffer) -> list[DataSet]:
    """The items of a sequence that was read as bytes in Implicit VR Little Endian. Raises like `parse`."""
    view = memoryview(value)
    header = struct.pack("<HHI", 0x0008, 0x1140, len(view))  # any public sequence tag serves as the frame
    whole = parse(header + bytes(view), Encoding(explicit=False, little_endian=True))
    return whole[0x00081140].items or []


__all__ = ["ITEM", "PIXEL_DATA", "PIXEL_TAGS", "VR_OF", "Buffer", "DataSet", "Element", "parse"]
