"""Values of raw elements: text by character set, person names, dates, times and numbers. PS3.5 sections 6.1 and 6.2.

Nothing here warns or fails on odd text: an unknown or misspelt character set is guessed, a byte that does not decode
becomes U+FFFD. pydicom's codec tables are used, its decoder is not, since its warnings quote the value.
"""

import re
import struct
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from functools import lru_cache

from pydicom.charset import CODES_TO_ENCODINGS, python_encoding

from pacs.dicom.elements import Buffer, DataSet, Element
from pacs.errors import RuleError

Charset = tuple[str, ...]

SPECIFIC_CHARACTER_SET = 0x00080005
_GUESS = "guess"
DEFAULT: Charset = (_GUESS,)
# VRs whose text depends on (0008,0005). PS3.5 6.1.2.2.
CHARSET_VRS = frozenset(("SH", "LO", "ST", "LT", "UC", "UT", "PN"))
TEXT_VRS = CHARSET_VRS | frozenset(("AE", "AS", "CS", "DA", "DS", "DT", "IS", "TM", "UI", "UR"))
# VRs of one value, in which a backslash is a letter and leading spaces count. PS3.5 6.2.
SINGLE_VRS = frozenset(("LT", "ST", "UT", "UR"))
_PADDING = " \0\t\r\n"


def _plain(term: str) -> str:
    return re.sub(r"[^A-Z0-9]", "", term.upper())


_CODECS = {_plain(term): codec for term, codec in python_encoding.items() if term}
_CODECS |= {key.replace("ISO2022", "ISO"): codec for key, codec in _CODECS.items() if key.startswith("ISO2022IR")}
_CODECS |= {
    "ISOIR6": _GUESS,
    "ISO2022IR6": _GUESS,
    "": _GUESS,
    "UTF8": "utf-8",
    "ISOIR192": "utf-8",
    "GB2312": "gb2312",
    "ISOIR203": "iso8859_15",  # which pydicom does not know yet
    "ISO2022IR203": "iso8859_15",
}
_CODECS |= {f"ISO8859{n}": f"iso8859_{n}" for n in range(1, 16) if n != 12}
# Codecs that read their own escape sequences; the others want them cut off first.
_STATEFUL = frozenset(("iso2022_jp", "iso2022_jp_2"))
_ESCAPES = {code: ("gb18030" if codec == "iso_ir_58" else codec) for code, codec in CODES_TO_ENCODINGS.items()}
_ESCAPES[b"\x1b-b"] = "iso8859_15"


@lru_cache(maxsize=256)
def charset_named(terms: bytes) -> Charset:
    """Codecs for the bytes of a Specific Character Set value; PS3.3 C.12.1.1.2. Unknown terms are guessed."""
    named = [_CODECS.get(_plain(term), _GUESS) for term in terms.decode("latin-1").split("\\")]
    return tuple(named) or DEFAULT


def charset_of(data_set: DataSet, inherited: Charset = DEFAULT) -> Charset:
    """The character set of a data set or item: its own (0008,0005), else that of what is around it. PS3.5 7.5.3."""
    element = data_set.get(SPECIFIC_CHARACTER_SET)
    return inherited if element is None else charset_named(bytes(element.value))


def decode(value: Buffer, charset: Charset = DEFAULT) -> str:
    """Text of some bytes, padding included. Never fails; ISO 2022 escapes are followed (PS3.5 6.1.2.5)."""
    raw = bytes(value)
    if raw.isascii() and (b"\x1b" not in raw):
        return raw.decode("ascii")
    if b"\x1b" not in raw:  # some, pydicom among them, leave out the escapes of a further set (ISO 2022 IR 58)
        return _decode_plain(raw, charset[0], charset[1:])
    first, *escaped = re.split(rb"(?=\x1b)", raw)
    return _decode_plain(first, charset[0]) + "".join(_decode_escaped(part, charset[0]) for part in escaped)


def _decode_plain(raw: bytes, codec: str, further: Charset = ()) -> str:
    for candidate in ("utf-8", *further, "latin-1") if codec == _GUESS else (codec, "utf-8"):
        if candidate == _GUESS:
            continue
        try:
            return raw.decode(candidate)
        except UnicodeError:
            continue
    return raw.decode(codec, errors="replace")


def _decode_escaped(raw: bytes, initial: str) -> str:
    length = 4 if raw[1:3] in (b"$(", b"$)") else 3
    codec = _ESCAPES.get(raw[:length])
    if codec is None:
        return _decode_plain(raw, initial)
    if codec in _STATEFUL:
        return raw.decode(codec, errors="replace")
    return raw[length:].decode(codec, errors="replace")


def text_of(element: Element, charset: Charset = DEFAULT) -> str:
    """The whole text of an element, all values, without trailing padding (spaces and NUL)."""
    return decode(element.value, charset if element.vr in CHARSET_VRS else DEFAULT).rstrip(_PADDING)


def values_of(element: Element, charset: Charset = DEFAULT) -> list[str]:
    """The values of a text element, padding stripped; empty for an empty element. PS3.5 6.4."""
    whole = text_of(element, charset)
    if not whole:
        return []
    if element.vr in SINGLE_VRS:
        return [whole]
    return [value.strip(_PADDING) for value in whole.split("\\")]


def first_text(data_set: DataSet, tag: int, charset: Charset | None = None) -> str:
    """The first value of an element as text; empty when it is absent, empty or a sequence."""
    element = data_set.get(tag)
    if element is None or element.items is not None or not element.value:
        return ""
    values = values_of(element, charset_of(data_set) if charset is None else charset)
    return values[0] if values else ""


@dataclass(frozen=True, slots=True)
class PersonName:
    """One PN value: component groups (alphabetic, ideographic, phonetic), each a tuple of components. PS3.5 6.2.1."""

    groups: tuple[tuple[str, ...], ...]

    @property
    def alphabetic(self) -> tuple[str, ...]:
        """Family, given, middle, prefix, suffix, as far as they are there."""
        return self.groups[0] if self.groups else ()


def parse_pn(value: str) -> PersonName:
    """Split a PN value. Never fails; a name without delimiters is a family name."""
    groups = (tuple(part.strip() for part in group.split("^")) for group in value.split("="))
    return PersonName(tuple(groups))


@dataclass(frozen=True, slots=True)
class PartialDate:
    """A date as far as it is known: `digits` is 4 (year), 6 (month) or 8 (day); unknown parts are 1."""

    day: date
    digits: int


_DA = re.compile(r"(\d{4})(?:([.\-/]?)(\d{2})(?:\2(\d{2}))?)?")


def parse_da(value: str) -> PartialDate:
    """A DA value: ``YYYYMMDD``, the old ``YYYY.MM.DD``, or only its beginning. PS3.5 6.2.

    Raises `RuleError` when it is no calendar date.
    """
    found = _DA.fullmatch(value.strip(_PADDING))
    if found is None:
        raise RuleError("a DA value is no date")
    year, _mark, month, day = found.groups()
    try:
        whole = date(int(year), int(month or 1), int(day or 1))
    except ValueError as error:
        raise RuleError("a DA value is no calendar date") from error
    return PartialDate(whole, 8 if day else 6 if month else 4)


_TM = re.compile(r"(\d{2})(?::?(\d{2})(?::?(\d{2})(?:\.(\d{1,6})\d*)?)?)?")


def parse_tm(value: str) -> time:
    """A TM value: ``HH[MM[SS[.F]]]``, the old ``HH:MM:SS`` too; a leap second counts as 59. Raises `RuleError`."""
    found = _TM.fullmatch(value.strip(_PADDING))
    if found is None:
        raise RuleError("a TM value is no time")
    hour, minute, second, fraction = found.groups()
    try:
        return time(int(hour), int(minute or 0), min(int(second or 0), 59), int((fraction or "").ljust(6, "0")))
    except ValueError as error:
        raise RuleError("a TM value is no time of day") from error


_DT = re.compile(r"(\d{4}(?:\d{2}(?:\d{2})?)?)(\d{2}(?:\d{2}(?:\d{2}(?:\.\d{1,6})?)?)?)?([+-]\d{4})?")


def parse_dt(value: str) -> datetime:
    """A DT value; unknown parts are the first moment; zoned only where the value has one. Raises `RuleError`."""
    found = _DT.fullmatch(value.strip(_PADDING))
    if found is None:
        raise RuleError("a DT value is no date and time")
    day, clock, zone = found.groups()
    whole = datetime.combine(parse_da(day).day, parse_tm(clock) if clock else time())
    if zone:
        shift = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:5]))
        if shift >= timedelta(days=1):
            raise RuleError("a DT value has no possible zone")
        whole = whole.replace(tzinfo=timezone(-shift if zone[0] == "-" else shift))
    return whole


_BINARY = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d", "SV": "q", "UV": "Q"}


def numbers_of(element: Element, *, little_endian: bool = True) -> list[int | float]:
    """The numbers of a US SS UL SL SV UV FL FD IS DS element. PS3.5 6.2.

    Text that is no number and bytes at a ragged end are left out. `little_endian` is how the object was read.
    """
    code = _BINARY.get(element.vr)
    if code is None:
        return [number for value in values_of(element) if (number := parse_number(value)) is not None]
    raw = bytes(element.value)
    count = len(raw) // struct.calcsize("=" + code)
    order = "<" if little_endian else ">"
    return list(struct.unpack_from(f"{order}{count}{code}", raw))


def parse_number(value: str) -> int | float | None:
    """An IS or DS value, or None when it is no number."""
    try:
        return int(value)
    except ValueError:
        try:
            return float(value)
        except ValueError:
            return None


__all__ = ["DEFAULT", "Charset", "charset_of", "decode", "first_text", "text_of", "values_of"]
