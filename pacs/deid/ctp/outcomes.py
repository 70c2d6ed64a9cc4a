"""What the text of an expression does to an element: the markers of CTP's scripts, and values as bytes. PS3.5 6.2."""

import re
import struct
from enum import Enum
from typing import NamedTuple

from pydicom.datadict import private_dictionary_VR

from pacs.deid.ctp.scope import Quarantined
from pacs.deid.profiles.table import BASIC_CODE, OPTION_CODES
from pacs.deid.text.encoding import encode_text
from pacs.dicom.dictionary import vr_of
from pacs.dicom.elements import DataSet, Element
from pacs.dicom.syntaxes import Encoding
from pacs.dicom.values import CHARSET_VRS, Charset

MAX_BLANKS = 55
_MOST_DIGITS = 9
_BLANKS = "".join(map(chr, range(ord(" ") + 1)))  # what Java's trim takes off
_LONGEST_LO = 64
_NUMBERS = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d", "SV": "q", "UV": "Q"}
METHOD_CODES = 0x00120064
WRITTEN_VRS = CHARSET_VRS | frozenset(("AE", "AS", "CS", "DA", "DS", "DT", "IS", "TM", "UI", "UR", *_NUMBERS))
_LAST_CREATOR = 0xFF
_CTP_MEANINGS = {"113110": "Retain UIDs"}  # where it has another than CID 7050
CODE_MEANINGS = dict((BASIC_CODE, *OPTION_CODES.values()))  # CID 7050


class Kind(Enum):
    """What happens."""

    REMOVE = "X"
    KEEP = "K"
    EMPTY = "Z"
    SET = "set"
    PROCESS = "enter"


class Outcome(NamedTuple):
    """What happens to one element, and the new value of `SET`."""

    kind: Kind
    value: str = ""


def outcome_of(text: str, vr: str) -> Outcome:
    """Read the text of an expression, for an element of the given VR."""
    text = text.strip(_BLANKS)
    if "@remove()" in text:
        return Outcome(Kind.REMOVE)
    if text == "@keep()":
        return Outcome(Kind.KEEP)
    if "@process()" in text:
        return Outcome(Kind.PROCESS if vr == "SQ" else Kind.KEEP)
    if text.startswith("@blank("):
        digits = re.sub(r"[^0-9]", "", text[7:].partition(")")[0])[:_MOST_DIGITS]
        text = " " * min(int(digits or 0), MAX_BLANKS)
    if text in ("", "@empty()"):
        return Outcome(Kind.SET, " ") if vr == "PN" else Outcome(Kind.EMPTY)
    return Outcome(Kind.SET, text)


class NoNumber(Quarantined):
    """Text for an element of numbers. CTP leaves such an element as it was."""


class Value(NamedTuple):
    """The bytes of a text. `is_utf8`: the object's character set cannot hold it, so it stands in UTF-8."""

    raw: bytes
    is_utf8: bool = False


def value_of(text: str, vr: str, charset: Charset, encoding: Encoding) -> Value:
    """A text as an element's value. Raises `Quarantined` for a VR that it does not fit, of these `NoNumber`."""
    if vr in _NUMBERS:
        return Value(_numbers(text, vr, encoding))
    if vr in ("SQ", "OB", "OW", "OF", "OD", "OL", "OV", "AT"):
        raise Quarantined("the script writes text into an element that holds none")
    if vr not in CHARSET_VRS:
        return Value(text.encode("ascii", "replace"))
    raw = encode_text(text, charset)
    return Value(text.encode(), True) if raw is None else Value(raw)


def _numbers(text: str, vr: str, encoding: Encoding) -> bytes:
    kind = float if vr in ("FL", "FD") else int
    try:
        if "_" in text:  # which Python passes over
            raise ValueError
        numbers = [kind(part.strip()) for part in text.split("\\")]
    except (ValueError, OverflowError):
        raise NoNumber("the script writes no number into an element of numbers") from None
    try:
        order = "<" if encoding.little_endian else ">"
        return struct.pack(f"{order}{len(numbers)}{_NUMBERS[vr]}", *numbers)
    except (OverflowError, struct.error):
        raise Quarantined("the script writes a number into an element that has no room for it") from None


def vr_for(tag: int, text: str, creator: str = "") -> str:
    """The VR of an element that a script writes: the dictionary's; of an unknown private one by its text's length."""
    if not tag & 0x10000:
        known = vr_of(tag)
        return known if known != "UN" else "SH"
    if tag & 0xFFFF <= _LAST_CREATOR:
        return "LO"
    return _private_vr(tag, creator.strip()) or ("LO" if len(text) <= _LONGEST_LO else "LT")


def _private_vr(tag: int, creator: str) -> str:
    try:
        vr = private_dictionary_VR(tag, creator) if creator else ""
    except KeyError:
        return ""
    return vr if vr in WRITTEN_VRS else ""


def add_method_codes(target: DataSet, text: str, *, strict: bool = False) -> None:
    """The codes of a script's rule for (0012,0064): parted by slashes, ``reset`` empties what was there.

    `strict` gives them the meanings that CTP writes.
    """
    if not text.strip():
        return
    before = target.get(METHOD_CODES)
    items = list(before.items or ()) if before is not None else []
    for code in (part.strip() for part in text.split("/")):
        if code.lower() == "reset":
            items.clear()
        elif code:
            items.append(_method_code(code, _CTP_MEANINGS.get(code) if strict else None))
    target[METHOD_CODES] = Element(METHOD_CODES, "SQ", b"", items)


def _method_code(code: str, meaning: str | None) -> DataSet:
    item = DataSet()
    known = meaning or CODE_MEANINGS.get(code)
    item.put(0x00080100, "SH", code.encode("ascii", "replace"))
    item.put(0x00080102, "SH", b"DCM" if known else b"UNKNOWN")
    item.put(0x00080104, "LO", (known or "UNKNOWN").encode()[:_LONGEST_LO])
    return item
