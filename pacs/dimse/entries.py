"""Attributes that are no columns of the index, from the DICOM JSON of stored objects, as elements. PS3.18 F.2."""

from collections.abc import Callable, Iterator

from pacs.dicom.dictionary import KEYWORD_OF, is_private
from pacs.dicom.elements import DataSet, Element
from pacs.dicom.json_reader import data_set_of
from pacs.dicom.values import CHARSET_VRS
from pacs.errors import BadQuery, NotDicom
from pacs.index import ATTRIBUTES, Attribute, attribute_of, canonical
from pacs.query import Entry


def attribute_named(path: str) -> Attribute | None:
    """The column of a dotted path of keywords, or an attribute that stored objects may have. None: neither."""
    found = ATTRIBUTES.get(path)
    if found is not None:
        return found
    try:
        name = canonical(path) if path else None
        return attribute_of(name) if name is not None else None
    except BadQuery:
        return None


def is_stored_key(tag: int, asked: Element) -> bool:
    """Whether an element that was asked for is answered from stored objects, as columns lack it or a part of it."""
    keyword = KEYWORD_OF.get(tag, "")
    if is_private(tag) or attribute_named(keyword) is None:
        return False
    if asked.items is None:
        return keyword not in ATTRIBUTES
    inner = asked.items[0] if asked.items else None
    if not inner:
        return not any(path.startswith(f"{keyword}.") for path in ATTRIBUTES)
    return any(f"{keyword}.{KEYWORD_OF.get(each)}" not in ATTRIBUTES for each in inner)


def element_of(tag: int, entry: Entry, asked: Element, encode_text: Callable[[str, str], bytes]) -> Element | None:
    """An entry as an element in Explicit VR Little Endian, items with what was asked for inside; None without value.

    `encode_text` takes a text that is more than ASCII and its VR. Bulk data counts as no value.
    """
    try:
        found = data_set_of({f"{tag:08X}": entry}, lambda _address: b"").get(tag)
    except NotDicom:
        return None
    if found is None or (not found.value and not found.items):
        return None
    wanted = asked.items[0] if asked.items else None
    if wanted and found.items is not None:
        found.items = [DataSet({each: item[each] for each in wanted if each in item}) for item in found.items]
    for each in _plain(found):
        value = bytes(each.value)
        if each.vr in CHARSET_VRS and not value.isascii():
            each.value = encode_text(value.decode(), each.vr)
        if len(each.value) % 2:
            each.value = bytes(each.value) + (b"\0" if each.vr in ("UI", "OB", "UN") else b" ")
    return found


def _plain(element: Element) -> Iterator[Element]:
    """The element, or all that are inside a sequence."""
    waiting = [element]
    while waiting:
        each = waiting.pop()
        if each.items is None:
            yield each
        else:
            waiting.extend(inner for item in each.items for inner in item.values())
