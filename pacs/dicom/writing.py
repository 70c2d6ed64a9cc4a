"""Raw elements as bytes. PS3.5 section 7."""

import struct
from collections.abc import Iterator, Sequence

from pacs.dicom.elements import (
    ITEM,
    LONG_VRS,
    PIXEL_TAGS,
    SHORT_VRS,
    UNDEFINED,
    WIDTH,
    Buffer,
    DataSet,
    Element,
)
from pacs.dicom.syntaxes import Encoding

_VR_CODES = {vr: vr.encode() for vr in SHORT_VRS}
_LARGE_BYTES = 1 << 16


def encode(data_set: DataSet, source: Encoding, target: Encoding) -> Iterator[Buffer]:
    """The bytes of a data set in ascending tag order, in pieces; large values are passed on as they are.

    `source` is how the values were read; numbers change byte order when `target` differs. Sequences get defined
    lengths. Group lengths (retired) are left out, as PS3.5 7.2 allows. Iterative: nesting costs no stack. Small pieces
    come joined; the value of a pixel data element is always a piece of its own.
    """
    writer = _Writer(source, target)
    small: list[Buffer] = []
    for tag in sorted(data_set):
        if not tag & 0xFFFF:
            continue
        for piece in writer.plain_or_nested(data_set[tag]):
            if len(piece) > _LARGE_BYTES or (tag in PIXEL_TAGS and piece is data_set[tag].value):
                yield b"".join(small)
                small.clear()
                yield piece
            else:
                small.append(piece)
    yield b"".join(small)


class _Writer:
    """Writes one element at a time. Headers of sequences and items are filled in once their length is known."""

    def __init__(self, source: Encoding, target: Encoding) -> None:
        self.target = target
        self.swap = source.little_endian != target.little_endian
        self.order = "<" if target.little_endian else ">"
        self.pack_short = struct.Struct(self.order + "HH2sH").pack

    def plain_or_nested(self, element: Element) -> Sequence[Buffer]:
        """The pieces of an element; the usual one takes the short way."""
        if element.items is not None or element.encapsulated or self.swap or not self.target.explicit:
            return self.element(element)
        tag, value = element.tag, element.value
        code, length = _VR_CODES.get(element.vr), len(value)
        if code is None or length > 0xFFFF or length % 2:
            return self.plain(element)
        return self.pack_short(tag >> 16, tag & 0xFFFF, code, length), value

    def element(self, element: Element) -> list[Buffer]:
        """The pieces of an element with all that it holds."""
        out: list[Buffer] = []
        size = 0
        # What is still to be written, last first. An opened sequence or item stands as (place in `out`, size, tag).
        waiting: list[Element | DataSet | tuple[int, int, int]] = [element]
        while waiting:
            part = waiting.pop()
            if isinstance(part, tuple):
                index, before, tag = part
                out[index] = self.opening(tag, size - before - len(out[index]))
            elif isinstance(part, DataSet) or part.items is not None:
                tag = ITEM if isinstance(part, DataSet) else part.tag
                waiting.append((len(out), size, tag))
                out.append(self.opening(tag, 0))
                size += len(out[-1])
                waiting.extend(_parts_backwards(part))
            else:
                pieces = self.plain(part)
                out += pieces
                size += sum(map(len, pieces))
        return out

    def opening(self, tag: int, length: int) -> bytes:
        if tag == ITEM:
            return struct.pack(self.order + "HHI", 0xFFFE, 0xE000, length)
        return header(tag, "SQ", length, self.target)

    def plain(self, element: Element) -> list[Buffer]:
        """Header and value of an element without items."""
        if element.encapsulated:
            return [header(element.tag, "OB", UNDEFINED, self.target), element.value]
        value = element.value
        width = WIDTH.get(element.vr, 1) if self.swap else 1
        if width > 1:
            value = swapped(value, width)
        if len(value) % 2 == 0:
            return [header(element.tag, element.vr, len(value), self.target), value]
        pad = b"\0" if element.vr in ("UI", "OB", "OD", "OF", "OL", "OV", "OW", "UN") else b" "
        return [header(element.tag, element.vr, len(value) + 1, self.target), value, pad]


def _parts_backwards(part: Element | DataSet) -> list[Element] | list[DataSet]:
    """Items of a sequence, or elements of an item in tag order, the last first."""
    if isinstance(part, DataSet):
        return [part[tag] for tag in sorted(part, reverse=True) if tag & 0xFFFF]
    return list(reversed(part.items or ()))


def header(tag: int, vr: str, length: int, target: Encoding) -> bytes:
    """An element header. PS3.5 7.1; a value too long for its VR's 16-bit length becomes UN (6.2.2 note 3)."""
    order = "<" if target.little_endian else ">"
    if not target.explicit:
        return struct.pack(order + "HHI", tag >> 16, tag & 0xFFFF, length)
    if vr in LONG_VRS or length > 0xFFFF:
        code = vr if vr in LONG_VRS else "UN"
        return struct.pack(order + "HH2sHI", tag >> 16, tag & 0xFFFF, code.encode(), 0, length)
    return struct.pack(order + "HH2sH", tag >> 16, tag & 0xFFFF, vr.encode(), length)


def swapped(value: Buffer, width: int) -> bytes:
    """The same numbers in the other byte order; a ragged end stays as it is."""
    whole = len(value) - len(value) % width
    out = bytearray(value)
    for offset in range(width):
        out[offset:whole:width] = bytes(value[width - 1 - offset : whole : width])
    return bytes(out)
