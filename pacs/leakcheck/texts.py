"""What can be read in a result: its text elements, decoded and folded, its UIDs and dates, each with its place."""

import re
from collections.abc import Collection
from dataclasses import dataclass, field

from pacs.dicom.elements import PIXEL_TAGS, DataSet, Element
from pacs.dicom.values import Charset, decode, text_of, values_of
from pacs.leakcheck.vocabulary import WORD, fold
from pacs.leakcheck.walk import levels

_TEXT_VRS = frozenset(("AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"))
# VRs of digits and marks: letters or a UID in them are text that went astray (an E in a DS is none).
DIGIT_VRS = frozenset(("AS", "DA", "DS", "DT", "IS", "TM", "UI"))
_ASTRAY = re.compile(rb"[A-Za-z]{3}|[\x80-\xff]{2}|\x1b|\d\.\d+\.\d")
_LETTERS = re.compile(rb"[A-Za-z]{3}|[\x80-\xff]{2}")
_MIN_BYTES = 6  # shorter byte values are never searched
_MAX_READ_BYTES = 1 << 16  # longer byte values are bulk data; only their raw bytes are searched
_READ_VRS = frozenset(("OB", "OW", "UN"))
_PRINTABLE = re.compile(rb"[\t\n\r\x1b\x20-\x7e\x80-\xff]{4,}\0*")


@dataclass(slots=True)
class Text:
    """One text element of the result. `words` is filled when a rule asks for it."""

    prefix: str
    tag: int
    vr: str
    raw: str
    folded: str

    @property
    def path(self) -> str:
        """Path of the element."""
        return f"{self.prefix}{self.tag:08X}"


@dataclass(slots=True)
class Reading:
    """A result as a reader sees it."""

    texts: list[Text] = field(default_factory=list)
    uids: list[tuple[str, str]] = field(default_factory=list)  # (path, UID)
    dates: dict[str, str] = field(default_factory=dict)  # path -> DA or DT text
    byte_values: list[tuple[str, Element]] = field(default_factory=list)
    everything: str = ""  # all folded texts, a line each
    words: set[str] = field(default_factory=set)
    issued: frozenset[str] = frozenset()


def read(result: DataSet, issued: Collection[str] = ()) -> Reading:
    """Decode all that can hold words. Pixel data and numbers are left out: PS3.5 7.3 makes them no text.

    An element whose whole value is one of `issued` says nothing of the original, whatever words it is made of.
    """
    reading = Reading(issued=frozenset(issued))
    for prefix, level, charset in levels(result, into_unknown=True):
        for tag, element in level.items():
            if element.vr in _TEXT_VRS:
                if element.value:
                    _add_text(reading, prefix, element, charset)
            elif element.vr in DIGIT_VRS:
                _add_digits(reading, prefix, element, charset)
            elif len(element.value) >= _MIN_BYTES and tag not in PIXEL_TAGS:
                _add_bytes(reading, prefix, element, charset)
    reading.everything = "\n".join(text.folded for text in reading.texts)
    reading.words = set(WORD.findall(reading.everything))
    return reading


def _add_text(reading: Reading, prefix: str, element: Element, charset: Charset) -> None:
    raw = text_of(element, charset)
    if raw.strip(" ") in reading.issued:
        return
    reading.texts.append(Text(prefix, element.tag, element.vr, raw, fold(raw)))


def _add_digits(reading: Reading, prefix: str, element: Element, charset: Charset) -> None:
    if element.vr == "UI":
        path = f"{prefix}{element.tag:08X}"
        reading.uids.extend((path, uid) for uid in values_of(element))
    elif element.vr in ("DA", "DT"):
        reading.dates[f"{prefix}{element.tag:08X}"] = text_of(element)
    if (_LETTERS if element.vr == "UI" else _ASTRAY).search(element.value):
        _add_text(reading, prefix, element, charset)


def _add_bytes(reading: Reading, prefix: str, element: Element, charset: Charset) -> None:
    """Bytes that are text after all are read as text; the rest is kept for the raw search."""
    value = element.value
    reading.byte_values.append((f"{prefix}{element.tag:08X}", element))
    if element.vr in _READ_VRS and len(value) <= _MAX_READ_BYTES and _PRINTABLE.fullmatch(raw := bytes(value)):
        text = decode(raw, charset).rstrip(" \0")
        reading.texts.append(Text(prefix, element.tag, "UN", text, fold(text)))
