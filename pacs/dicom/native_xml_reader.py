"""Reads the Native DICOM Model into DICOM JSON. PS3.19 A.1.

It takes bytes from outside: no document type, no entities beyond XML's own five, bounded depth and size.
"""

import base64
import binascii
import math
import re
from collections.abc import Callable
from typing import Any, ClassVar
from xml.parsers import expat

from pacs.dicom.dictionary import KNOWN_VRS, tag_of, vr_of
from pacs.dicom.native_xml import NAME_COMPONENTS, NAME_GROUPS, NAMESPACE
from pacs.errors import BadRequest

MAX_ITEMS_DEEP = 80  # items within items, as the JSON writer has it
MOST_LEFT_OUT = 1000  # empty values that stand in a document by the numbers of others only
_NESTING = 2 * MAX_ITEMS_DEEP + 8  # elements within elements
_TAG = re.compile(r"[0-9A-Fa-f]{8}")
_INTEGERS = frozenset(("US", "SS", "UL", "SL", "SV", "UV"))
_FLOATS = frozenset(("FL", "FD"))
_PREFIX = f"{NAMESPACE} "

Json = dict[str, Any]


def json_of(document: bytes) -> Json:
    """The data set of a document, tags ascending. IS and DS stay text, so that no digit is lost.

    `document` is bounded by the caller. Raises `BadRequest` for what is no Native DICOM Model.
    """
    return NativeXmlReader().read(document)


class NativeXmlReader:
    """Reads one document; use once."""

    def __init__(self) -> None:
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = _refuse_document_type
        self._parser.EntityDeclHandler = _refuse_document_type
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters
        self._path: list[str] = []
        self._sets: list[Json] = []  # the data set, then the item, that is being filled
        self._attributes: list[_Attribute] = []
        self._text: list[str] | None = None
        self._left_out = 0
        self._found: Json | None = None

    def read(self, document: bytes) -> Json:
        """The data set. Raises `BadRequest`."""
        try:
            self._parser.Parse(document, True)
        except expat.ExpatError:
            raise BadRequest("the XML is not well-formed") from None
        except (ValueError, LookupError):
            raise BadRequest("the XML is in an encoding that is not taken") from None
        if self._found is None:
            raise BadRequest("the XML is no Native DICOM Model")
        return self._found

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        name = name.removeprefix(_PREFIX)
        parent = self._path[-1] if self._path else ""
        if name not in _CHILDREN.get(parent, ()):
            raise BadRequest("the XML is no Native DICOM Model")
        self._path.append(name)
        if len(self._path) > _NESTING:
            raise BadRequest("the XML is nested too deeply")
        begin = self._BEGIN.get(name)
        if begin is not None:
            begin(self, attributes)

    def _begin_data_set(self, _attributes: dict[str, str]) -> None:
        self._sets.append({})

    def _begin_item(self, attributes: dict[str, str]) -> None:
        self._check(self._attributes[-1].vr == "SQ")
        item: Json = {}
        self._put(attributes, item)
        self._sets.append(item)

    def _begin_attribute(self, attributes: dict[str, str]) -> None:
        attribute = _Attribute.named(attributes)
        self._attributes.append(attribute)
        self._sets[-1][attribute.tag] = attribute.entry

    def _check(self, fits: bool) -> None:
        if not fits:
            raise BadRequest("the XML has values of another kind than their VR")

    def _begin_name(self, attributes: dict[str, str]) -> None:
        self._check(self._attributes[-1].vr == "PN")
        self._put(attributes, {})

    def _begin_group(self, _attributes: dict[str, str]) -> None:
        self._attributes[-1].components = [""] * len(NAME_COMPONENTS)

    def _begin_bulk(self, attributes: dict[str, str]) -> None:
        where = attributes.get("uri") or attributes.get("uuid")
        if not where:
            raise BadRequest("the XML has bulk data without its URI")
        self._attributes[-1].entry["BulkDataURI"] = where

    def _begin_value(self, attributes: dict[str, str]) -> None:
        self._check(self._attributes[-1].vr not in ("SQ", "PN"))
        self._put(attributes, None)
        self._text = []

    def _begin_text(self, _attributes: dict[str, str]) -> None:
        self._text = []

    def _characters(self, text: str) -> None:
        if self._text is not None:
            self._text.append(text)

    def _end(self, name: str) -> None:
        name = name.removeprefix(_PREFIX)
        self._path.pop()
        text = "".join(self._text) if self._text is not None else ""
        finish = self._FINISH.get(name)
        if finish is not None:
            finish(self, text, name)

    def _end_data_set(self, _text: str, _name: str) -> None:
        self._found = dict(sorted(self._sets.pop().items()))

    def _end_item(self, _text: str, _name: str) -> None:
        item = self._sets.pop()
        ordered = dict(sorted(item.items()))
        item.clear()
        item.update(ordered)

    def _end_attribute(self, _text: str, _name: str) -> None:
        entry = self._attributes.pop().entry
        if entry["vr"] == "PN" and "Value" in entry:
            entry["Value"] = [each or None for each in entry["Value"]]
        if all(each is None for each in entry.get("Value", [True])):
            del entry["Value"]
        if len(entry) > 2:
            raise BadRequest("the XML has an attribute with values of several kinds")

    def _end_value(self, text: str, _name: str) -> None:
        self._text = None
        attribute = self._attributes[-1]
        if text:
            attribute.entry["Value"][attribute.place] = _value(attribute.vr, text)

    def _end_binary(self, text: str, _name: str) -> None:
        self._text = None
        packed = re.sub(r"\s+", "", text)
        try:
            base64.b64decode(packed, validate=True)
        except (binascii.Error, ValueError):
            raise BadRequest("the XML has inline binary that is not Base64") from None
        if packed:
            self._attributes[-1].entry["InlineBinary"] = packed

    def _end_component(self, text: str, name: str) -> None:
        self._text = None
        self._attributes[-1].components[NAME_COMPONENTS.index(name)] = text

    def _end_group(self, _text: str, name: str) -> None:
        attribute = self._attributes[-1]
        whole = "^".join(attribute.components).rstrip("^")
        if whole:
            attribute.entry["Value"][attribute.place][name] = whole

    def _put(self, attributes: dict[str, str], value: object) -> None:
        """Put a value at its number; numbers that are left out are empty values."""
        attribute = self._attributes[-1]
        values = attribute.entry.setdefault("Value", [])
        text = attributes.get("number", str(len(values) + 1))
        place = int(text) - 1 if re.fullmatch(r"[0-9]{1,7}", text) else -1
        if place < len(values):
            raise BadRequest("the XML has values whose numbers do not ascend from 1")
        self._left_out += place - len(values)
        if self._left_out > MOST_LEFT_OUT:
            raise BadRequest("the XML leaves out too many values")
        values += [{} if attribute.vr == "SQ" else None for _ in range(place - len(values))]
        values.append(value)
        attribute.place = place

    _BEGIN: ClassVar[dict[str, Callable[["NativeXmlReader", dict[str, str]], None]]] = {
        "NativeDicomModel": _begin_data_set,
        "Item": _begin_item,
        "DicomAttribute": _begin_attribute,
        "PersonName": _begin_name,
        "BulkData": _begin_bulk,
        "Value": _begin_value,
        "InlineBinary": _begin_text,
        **dict.fromkeys(NAME_GROUPS, _begin_group),
        **dict.fromkeys(NAME_COMPONENTS, _begin_text),
    }
    _FINISH: ClassVar[dict[str, Callable[["NativeXmlReader", str, str], None]]] = {
        "NativeDicomModel": _end_data_set,
        "Item": _end_item,
        "DicomAttribute": _end_attribute,
        "Value": _end_value,
        "InlineBinary": _end_binary,
        **dict.fromkeys(NAME_GROUPS, _end_group),
        **dict.fromkeys(NAME_COMPONENTS, _end_component),
    }


class _Attribute:
    """An attribute whose values are being read; `place` is where its last value stands."""

    __slots__ = ("components", "entry", "place", "tag", "vr")

    def __init__(self, tag: str, vr: str) -> None:
        self.tag, self.vr, self.place = tag, vr, 0
        self.entry: Json = {"vr": vr}
        self.components: list[str] = []

    @classmethod
    def named(cls, attributes: dict[str, str]) -> "_Attribute":
        """From its tag, or else its keyword. Raises `BadRequest`."""
        tag = attributes.get("tag", "")
        if not tag and attributes.get("keyword"):
            try:
                tag = f"{tag_of(attributes['keyword']):08X}"
            except KeyError:
                tag = ""
        vr = attributes.get("vr") or (vr_of(int(tag, 16)) if _TAG.fullmatch(tag) else "")
        if not _TAG.fullmatch(tag) or vr not in KNOWN_VRS:
            raise BadRequest("the XML has an attribute without a valid tag or VR")
        return cls(tag.upper(), vr)


def _value(vr: str, text: str) -> object:
    try:
        if vr in _INTEGERS:
            return int(text)
        if vr in _FLOATS:
            number = float(text)
            return number if math.isfinite(number) else text.strip()
    except ValueError:
        raise BadRequest("the XML has a value that is not of its VR") from None
    return text


def _refuse_document_type(*_declared: object) -> None:
    raise BadRequest("the XML has a document type, which is not taken")


_CHILDREN: dict[str, tuple[str, ...]] = {
    "": ("NativeDicomModel",),
    "NativeDicomModel": ("DicomAttribute",),
    "Item": ("DicomAttribute",),
    "DicomAttribute": ("Value", "PersonName", "Item", "BulkData", "InlineBinary"),
    "PersonName": NAME_GROUPS,
    **dict.fromkeys(NAME_GROUPS, NAME_COMPONENTS),
}
