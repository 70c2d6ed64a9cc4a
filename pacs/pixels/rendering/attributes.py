"""Attributes of one frame: its own functional group, the shared one, or the top level. PS3.3 C.7.6.16."""

import struct

from pacs.dicom.elements import DataSet, Element
from pacs.dicom.fileformat import text_of
from pacs.dicom.syntaxes import Encoding
from pacs.dicom.values import numbers_of

SHARED, PER_FRAME = 0x52009229, 0x52009230


def holders(data_set: DataSet, frame: int, macro: int) -> list[DataSet]:
    """Where attributes of a functional group macro may stand for a frame (from 0), most special first."""
    found = []
    for sequence, number in ((PER_FRAME, frame), (SHARED, 0)):
        item = item_of(data_set, sequence, number)
        inner = item_of(item, macro) if item is not None else None
        if inner is not None:
            found.append(inner)
    return [*found, data_set]


def item_of(data_set: DataSet, sequence: int, number: int = 0) -> DataSet | None:
    """An item of a sequence, or None."""
    element = data_set.get(sequence)
    if element is None or not element.items or number >= len(element.items):
        return None
    return element.items[number]


def numbers(data_set: DataSet, tag: int, encoding: Encoding) -> list[float]:
    """The numbers of an element; none when it is absent or a sequence. NaN and infinities are left out."""
    element = data_set.get(tag)
    if element is None or element.items is not None:
        return []
    found = (float(each) for each in numbers_of(element, little_endian=encoding.little_endian))
    return [each for each in found if each == each and abs(each) != float("inf")]  # noqa: PLR0124 - NaN


def number(data_set: DataSet, tag: int, encoding: Encoding, default: float | None = None) -> float | None:
    """The first number of an element."""
    found = numbers(data_set, tag, encoding)
    return found[0] if found else default


def code(data_set: DataSet, tag: int) -> str:
    """The first value of a CS or UI element in upper case."""
    return text_of(data_set, tag).split("\\")[0].strip().upper()


def words(element: Element, encoding: Encoding, *, signed: bool = False) -> tuple[int, ...]:
    """The 16-bit numbers of an element, whatever its VR."""
    raw = bytes(element.value)
    order = "<" if encoding.little_endian else ">"
    return struct.unpack_from(f"{order}{len(raw) // 2}{'h' if signed else 'H'}", raw)
