"""Every element of a data set at any depth, with its path and character set; nothing is skipped."""

from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

from pacs.dicom.elements import DataSet, Element, holds_items, parse_items
from pacs.dicom.values import DEFAULT, Charset, charset_of
from pacs.errors import Refused

_FIRST_OF_ITEM = 0xFE  # the first byte of an item tag in Little Endian: a quick look before a careful one
_MAX_UN_BYTES = 1 << 20  # a UN value longer than this is bulk data, not a sequence of ids


class Place(NamedTuple):
    """An element where it stands. `prefix` is the path of the items around it, ``00081140[0].``"""

    prefix: str
    element: Element
    charset: Charset

    @property
    def path(self) -> str:
        """Path of the element itself."""
        return f"{self.prefix}{self.element.tag:08X}"


def levels(data_set: DataSet, *, into_unknown: bool = False) -> Iterator[tuple[str, DataSet, Charset]]:
    """The data set and all items below it, as (path prefix, data set, character set).

    `into_unknown` also enters values that begin like items (private sequences of implicit objects, PS3.5 6.2.2, and
    items that travelled under another VR). Elements whose tag came again later are read as well.
    """
    waiting = [("", data_set, DEFAULT)]
    while waiting:
        prefix, level, inherited = waiting.pop()
        charset = charset_of(level, inherited)
        yield prefix, level, charset
        for each in level.shadowed:  # one at a time: a tag may come more than twice
            yield prefix, DataSet({each.tag: each}), charset
        for element in chain(level.values(), level.shadowed) if level.shadowed else level.values():
            items = element.items
            if items is None:
                value = element.value
                if not into_unknown or len(value) < 8 or value[0] != _FIRST_OF_ITEM or not holds_items(value):
                    continue
                items = _hidden_items(element)
            if items:
                waiting.extend(
                    (f"{prefix}{element.tag:08X}[{number}].", item, charset) for number, item in enumerate(items)
                )


def _hidden_items(element: Element) -> list[DataSet] | None:
    value = element.value
    if len(value) < 16 or len(value) > _MAX_UN_BYTES:
        return None
    try:
        return parse_items(value)
    except Refused:
        return None
