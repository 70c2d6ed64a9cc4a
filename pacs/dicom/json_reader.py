"""Reads the DICOM JSON model into a data set in Explicit VR Little Endian, text in UTF-8. PS3.18 F.2.

It takes what came from outside: every value is checked against its VR, depth is bounded, and errors name the tag.
"""

import base64
import binascii
import re
import struct
from collections.abc import Callable, Mapping
from typing import Any

from pacs.dicom.dictionary import KNOWN_VRS, vr_of
from pacs.dicom.elements import Buffer, DataSet, Element
from pacs.dicom.values import SINGLE_VRS, TEXT_VRS
from pacs.errors import NotDicom

MAX_ITEMS_DEEP = 80  # items within items, as the XML reader has it
_TAG = re.compile(r"[0-9A-Fa-f]{8}")
_PACKED = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "SV": "q", "UV": "Q", "FL": "f", "FD": "d"}
_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
_KINDS = ("Value", "InlineBinary", "BulkDataURI")
_CHARACTER_SET, _AVAILABLE_SYNTAX = 0x00080005, 0x00083002
_LONGEST_DS = 16

Bulk = Callable[[str], Buffer]


def data_set_of(found: object, bulk: Bulk) -> DataSet:
    """The data set of a JSON object; `bulk` gives the bytes that a BulkDataURI stands for.

    File meta information and Available Transfer Syntax UID are left out, since they are about a file. Raises
    `NotDicom` for what does not fit the model, naming the tag, and whatever `bulk` raises.
    """
    data_set = _data_set(found, bulk, 0)
    data_set.pop(_AVAILABLE_SYNTAX, None)
    data_set.put(_CHARACTER_SET, "CS", b"ISO_IR 192")
    return data_set


def _data_set(found: object, bulk: Bulk, depth: int) -> DataSet:
    if not isinstance(found, dict):
        raise NotDicom("the metadata have something that is no data set")
    if depth > MAX_ITEMS_DEEP:
        raise NotDicom("the metadata are nested too deeply")
    data_set = DataSet()
    for name, entry in found.items():
        if not _TAG.fullmatch(name) or not isinstance(entry, dict):
            raise NotDicom("the metadata have an attribute without a tag or a value representation")
        tag = int(name, 16)
        if tag >> 16 > 0x0007 and tag != _CHARACTER_SET:
            data_set[tag] = _element(tag, entry, bulk, depth)
    return data_set


def _element(tag: int, entry: Mapping[str, Any], bulk: Bulk, depth: int) -> Element:
    vr = entry.get("vr") or vr_of(tag)
    if isinstance(vr, str) and " or " in vr:
        vr = _decided(vr.split(" or "), entry)
    kinds = [kind for kind in _KINDS if entry.get(kind) is not None]
    if (
        not isinstance(vr, str)
        or vr not in KNOWN_VRS
        or len(kinds) > 1
        or (kinds == ["Value"]) != isinstance(entry.get("Value"), list)
    ):
        raise _misfit(tag)
    if vr == "SQ":
        if kinds not in ([], ["Value"]):
            raise _misfit(tag)
        return Element(tag, vr, b"", [_data_set(item or {}, bulk, depth + 1) for item in entry.get("Value", [])])
    if not kinds:
        return Element(tag, vr)
    return Element(tag, vr, _bytes(tag, vr, kinds[0], entry[kinds[0]], bulk))


def _decided(choices: list[str], entry: Mapping[str, Any]) -> str:
    """One of the VRs that PS3.6 leaves open (``US or SS``): pydicom passes the choice on when nothing decided it."""
    values = entry.get("Value")
    if not isinstance(values, list):
        return "OW" if "OW" in choices else choices[0]
    return "SS" if any(isinstance(each, int) and each < 0 for each in values) else choices[0]


def _bytes(tag: int, vr: str, kind: str, value: Any, bulk: Bulk) -> Buffer:
    try:
        if kind == "BulkDataURI":
            return bulk(str(value))
        if kind == "InlineBinary":
            return base64.b64decode(value, validate=True)
        return _values(vr, value)
    except (ValueError, TypeError, OverflowError, struct.error, binascii.Error):
        raise _misfit(tag) from None


def _misfit(tag: int) -> NotDicom:
    return NotDicom(f"the metadata have a value that does not fit ({tag >> 16:04X},{tag & 0xFFFF:04X})", tag)


def _values(vr: str, values: list[Any]) -> bytes:
    """The bytes of the values. Raises ValueError, TypeError, OverflowError or struct.error for what does not fit."""
    if vr in _PACKED:
        return struct.pack(f"<{len(values)}{_PACKED[vr]}", *(_number(vr, each) for each in values))
    if vr == "AT":
        return b"".join(_attribute_tag(each) for each in values)
    if vr not in TEXT_VRS:
        raise ValueError(vr)
    texts = [_text(vr, each) for each in values]
    if vr in SINGLE_VRS and len(texts) > 1:
        raise ValueError(vr)
    return "\\".join(texts).encode()


def _number(vr: str, value: Any) -> int | float:
    if isinstance(value, bool) or value is None:
        raise TypeError(vr)
    if vr in ("FL", "FD"):
        return float(value)
    number = int(value)
    if not isinstance(value, str) and number != value:
        raise ValueError(vr)
    return number


def _attribute_tag(value: Any) -> bytes:
    if not isinstance(value, str) or not _TAG.fullmatch(value):
        raise ValueError("AT")
    return struct.pack("<HH", int(value[:4], 16), int(value[4:], 16))


def _text(vr: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if vr == "PN" and isinstance(value, dict):
        groups = [value.get(name) or "" for name in _GROUPS]
        if all(isinstance(group, str) for group in groups):
            return "=".join(groups).rstrip("=")
    if vr in ("DS", "IS") and isinstance(value, int | float) and not isinstance(value, bool):
        return _decimal(value) if vr == "DS" else str(_number(vr, value))
    raise TypeError(vr)


def _decimal(value: float) -> str:
    """As many digits as a DS holds. PS3.5 6.2."""
    text = repr(value)
    digits = 17
    while len(text) > _LONGEST_DS:
        digits -= 1
        text = f"{value:.{digits}g}"
    return text
