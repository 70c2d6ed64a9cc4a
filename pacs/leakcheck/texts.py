"""What can be read in a result: its text elements, decoded and folded, its UIDs and dates, each with its place."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain

from pacs.dicom.elements import PIXEL_TAGS, DataSet, Element
from pacs.dicom.values import Charset, decode, first_text, parse_number, text_of, values_of
from pacs.leakcheck.disguises import texts_in, undisguised
from pacs.leakcheck.documents import pdf_texts
from pacs.leakcheck.pixel_bytes import hidden_bytes
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
_MIN_CODED = 8  # a name in base64 or in hexadecimal digits is at least this long
_DOCUMENT, _PIXEL_DATA = 0x00420011, 0x7FE00010
_CONCEPT, _CODE_VALUE, _MEASURED, _NUMERIC_VALUE = 0x0040A043, 0x00080100, 0x0040A300, 0x0040A30A
_UNITS = 0x004008EA
_SUBJECT_AGE = "121033"  # in years, months ...; only years go over 89
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
    ages: list[tuple[str, str]] = field(default_factory=list)  # (path, AS text)
    everything: str = ""  # all folded texts, a line each
    words: set[str] = field(default_factory=set)
    issued: frozenset[str] = frozenset()


def read(result: Iterable[DataSet], issued: Collection[str] = (), *, little_endian: bool = True) -> Reading:
    """Decode all that can hold words. Images and numbers are left out: PS3.5 7.3 makes them no text.

    An element whose whole value is one of `issued` says nothing of the original, whatever words it is made of.
    `result` is the data set, and its file meta information; `little_endian` is how the numbers in it stand.
    """
    reading = Reading(issued=frozenset(issued))
    for prefix, level, charset in chain.from_iterable(levels(each, into_unknown=True) for each in result):
        for tag, element in level.items():
            if element.vr in _TEXT_VRS:
                if element.value:
                    _add_text(reading, prefix, element, charset)
            elif element.vr in DIGIT_VRS:
                _add_digits(reading, prefix, element, charset)
            elif len(element.value) >= _MIN_BYTES and tag not in PIXEL_TAGS:
                _add_bytes(reading, prefix, element, charset)
        if _MEASURED in level:
            _add_age(reading, prefix, level)
        if _PIXEL_DATA in level:
            for hidden in hidden_bytes(level, little_endian=little_endian):
                _add_bytes(reading, prefix, Element(_PIXEL_DATA, "OB", hidden), charset)
    reading.everything = "\n".join(text.folded for text in reading.texts)
    reading.words = set(WORD.findall(reading.everything))
    return reading


def _add_text(reading: Reading, prefix: str, element: Element, charset: Charset) -> None:
    tag, vr = element.tag, element.vr
    said = _said(bytes(element.value), vr, charset)
    if reading.issued and said[0][0].strip(" ") in reading.issued:
        return
    for raw, plain in said:
        reading.texts.append(Text(prefix, tag, vr, raw, plain))


@lru_cache(maxsize=4096)  # the slices of a series say the same
def _said(value: bytes, vr: str, charset: Charset) -> tuple[tuple[str, str], ...]:
    """A text, and what its coded parts say, each as it is and folded."""
    raw = text_of(Element(0, vr, value), charset)
    every = (raw, *undisguised(raw)) if len(raw) >= _MIN_CODED and vr not in DIGIT_VRS else (raw,)
    return tuple((text, fold(text)) for text in every)


@lru_cache(maxsize=4096)
def _digits(value: bytes, vr: str) -> tuple[tuple[str, ...], bool]:
    """The UIDs of a value, and whether it holds more than digits should."""
    uids = tuple(values_of(Element(0, vr, value))) if vr == "UI" else ()
    return uids, (_LETTERS if vr == "UI" else _ASTRAY).search(value) is not None


def _add_digits(reading: Reading, prefix: str, element: Element, charset: Charset) -> None:
    uids, is_text = _digits(bytes(element.value), element.vr)
    if element.vr == "UI":
        path = f"{prefix}{element.tag:08X}"
        reading.uids.extend((path, uid) for uid in uids)
    elif element.vr in ("DA", "DT"):
        reading.dates[f"{prefix}{element.tag:08X}"] = text_of(element)
    elif element.vr == "AS":
        reading.ages.append((f"{prefix}{element.tag:08X}", text_of(element)))
    if is_text:
        _add_text(reading, prefix, element, charset)


def _add_age(reading: Reading, prefix: str, level: DataSet) -> None:
    """The subject's age in a report, as an age element would say it. PS3.16 TID 1007."""
    concepts = level[_CONCEPT].items if _CONCEPT in level else None
    if not concepts or first_text(concepts[0], _CODE_VALUE) != _SUBJECT_AGE:
        return
    for number, measured in enumerate(level[_MEASURED].items or ()):
        years = parse_number(first_text(measured, _NUMERIC_VALUE))
        if years is not None and _is_in_years(measured):
            reading.ages.append((f"{prefix}{_MEASURED:08X}[{number}].{_NUMERIC_VALUE:08X}", f"{int(years):03d}Y"))


def _is_in_years(measured: DataSet) -> bool:
    units = measured[_UNITS].items if _UNITS in measured else None
    return not units or first_text(units[0], _CODE_VALUE) in ("a", "year", "Y")


def _add_bytes(reading: Reading, prefix: str, element: Element, charset: Charset) -> None:
    """Bytes that are text after all are read as text, so are runs of letters within others; the raw search follows."""
    value = element.value
    reading.byte_values.append((f"{prefix}{element.tag:08X}", element))
    found: Iterable[str] = ()
    if element.tag == _DOCUMENT:
        found = pdf_texts(bytes(value))
    elif element.vr in _READ_VRS and len(value) <= _MAX_READ_BYTES:
        raw = bytes(value)
        found = (decode(raw, charset).rstrip(" \0"),) if _PRINTABLE.fullmatch(raw) else texts_in(raw)
    for text in found:
        for plain in (text, *undisguised(text)):
            reading.texts.append(Text(prefix, element.tag, "UN", plain, fold(plain)))
