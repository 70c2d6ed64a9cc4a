"""Cleaning the values of single elements: text at two strengths, ages, and the character set of what comes out."""

import re

from pacs.deid.actions import Table, type_of
from pacs.deid.contents import CODED, MEANING, PUBLIC_SCHEMES, SCHEME
from pacs.deid.dummies import WORD
from pacs.deid.profiles import Rule
from pacs.deid.result import Doubt
from pacs.deid.text import Evidence, Strength
from pacs.dicom.elements import DataSet, Element
from pacs.dicom.values import (
    CHARSET_VRS,
    DEFAULT,
    SPECIFIC_CHARACTER_SET,
    Charset,
    charset_of,
    decode,
    first_text,
    text_of,
)

OWN_VALUES = Rule(
    "own values", "C", "a value that identifies elsewhere in the object stood in a kept text", "PS3.15 E.1.1"
)
_TEXT_VRS = CHARSET_VRS | frozenset(("AE", "UR"))
_AGE = re.compile(r"(\d{1,4})([DWMY])")
_A_YEAR = {"D": 365.25, "W": 52.18, "M": 12.0, "Y": 1.0}
OLDEST = 89
_MAX_BINARY = 1 << 16  # a longer UN or OB value is bulk data, not something that a person typed
_PRINTABLE = re.compile(rb"[\t\n\r\x0c\x1b -~\x80-\xff]*[A-Za-z\x80-\xff]{2}[\t\n\r\x0c\x1b -~\x80-\xff]*\0*")


class ElementCleaner:
    """Cleans elements of one object. `needs_utf8` and `doubts` gather over all of them."""

    def __init__(self, evidence: Evidence, table: Table) -> None:
        self.evidence = evidence
        self.table = table
        self.needs_utf8 = False
        self.utf8: set[int] = set()
        self.doubts: list[Doubt] = []

    def kept_text(
        self, element: Element, item: DataSet, charset: Charset, path: str, tags: str
    ) -> tuple[Element, Rule]:
        """A kept text without the object's own identifying values; `item` is the data set around it.

        Codes of public schemes are no such text; the meaning of a site's own code is one that people type.
        """
        if element.vr not in _TEXT_VRS or not element.value:
            return element, OWN_VALUES
        full = False
        if element.tag in CODED:
            if first_text(item, SCHEME) in PUBLIC_SCHEMES:
                return element, OWN_VALUES
            full = element.tag == MEANING
        return self.text(element, charset, f"{path}{element.tag:08X}", tags, full=full) or element, OWN_VALUES

    def text(self, element: Element, charset: Charset, path: str, tags: str, *, full: bool) -> Element | None:
        """A text element cleaned; the same object when nothing in it had to go, None when its VR is no text."""
        read = _as_text(element)
        if read is None:
            return None
        strength = Strength.FULL if full else Strength.KNOWN
        cleaned = self.evidence.clean_value(read, charset, strength)
        if cleaned is None:
            return element
        self.doubts += [Doubt(path, each.token) for each in cleaned.decisions if each.in_doubt and not each.kept]
        value = cleaned.value
        if not value.strip(b" \\\0") and self.is_required(f"{tags}{element.tag:08X}"):
            value = WORD
        out = DataSet()
        out.put(element.tag, element.vr, value)
        if cleaned.needs_utf8:
            self.needs_utf8 = True
            self.utf8.add(id(out[element.tag]))
        return out[element.tag]

    def is_required(self, path: str) -> bool:
        """Whether an attribute must have a value: type 1, or an IOD that nobody knows."""
        return (type_of(self.table.sop_class_uid, path) or "1").startswith("1")

    def age(self, element: Element) -> Element | None:
        """An age of at most 89 years as it is, a higher one as 090Y; None when it is no age. PS3.5 6.2 (AS)."""
        out = []
        for value in text_of(element).split("\\"):
            found = _AGE.fullmatch(value.strip())
            if found is None and value.strip():
                return None
            old = found is not None and int(found[1]) / _A_YEAR[found[2]] > OLDEST + (found[2] != "Y")
            out.append("090Y" if old else value)
        text = "\\".join(out)
        if text == text_of(element):
            return element
        changed = DataSet()
        changed.put(element.tag, "AS", text.encode())
        return changed[element.tag]


def _as_text(element: Element) -> Element | None:
    """The element as text; UN and OB values that are printable are text after all. PS3.5 6.2.2."""
    if element.vr in _TEXT_VRS:
        return element
    if element.vr in ("UN", "OB") and len(element.value) <= _MAX_BINARY and _PRINTABLE.fullmatch(bytes(element.value)):
        return Element(element.tag, "UT", element.value)
    return None


def as_utf8(data_set: DataSet, written: set[int]) -> None:
    """Turn a data set into ISO_IR 192, in place. PS3.3 C.12.1.1.2.

    Elements whose id() is in `written` are UTF-8 already.
    """
    waiting: list[tuple[DataSet, Charset]] = [(data_set, DEFAULT)]
    while waiting:
        level, inherited = waiting.pop()
        charset = charset_of(level, inherited)
        for tag, element in list(level.items()):
            if element.items is not None:
                waiting.extend((item, charset) for item in element.items)
            elif element.vr in CHARSET_VRS and id(element) not in written and not _is_plain(element):
                level.put(tag, element.vr, decode(element.value, charset).rstrip(" \0").encode())
        if level is data_set or SPECIFIC_CHARACTER_SET in level:
            level.put(SPECIFIC_CHARACTER_SET, "CS", b"ISO_IR 192")


def _is_plain(element: Element) -> bool:
    """Whether the bytes read the same in every character set: ASCII without escape sequences."""
    raw = bytes(element.value)
    return raw.isascii() and b"\x1b" not in raw
