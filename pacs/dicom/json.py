"""DICOM JSON of a raw data set, and the attributes that the index keeps. PS3.18 Annex F.

Bulk data is left out: its `BulkDataURI` starts with `BULK_PLACEHOLDER` (``"@/bulkdata/7FE00010"``, nested
``"@/bulkdata/00081140/0/00420011"`` with items counted from 0), which a door replaces in the bytes, without parsing
them, by the address of the instance. Values can never hold that text: a quotation mark inside one is escaped.
"""

import base64
import math
import struct
from collections.abc import Callable
from functools import lru_cache

import orjson

from pacs.dicom.dictionary import tag_of
from pacs.dicom.elements import PIXEL_TAGS, WIDTH, DataSet, Element
from pacs.dicom.syntaxes import Encoding, syntax_on_the_web
from pacs.dicom.values import DEFAULT, TEXT_VRS, Charset, charset_of, decode, numbers_of, parse_number, values_of
from pacs.dicom.writing import swapped

INLINE_BYTES = 1024  # longer binary values are bulk data
MAX_DEPTH = 80  # items within items, each three levels of JSON, of which orjson writes 254; deeper ones stay empty
BULK_PLACEHOLDER = b'"BulkDataURI":"@/'
_ENCAPSULATED_DOCUMENT = 0x00420011
_AVAILABLE_SYNTAX = "00083002"
_SPECIFIC_CHARACTER_SET = 0x00080005
_ALWAYS_BULK = PIXEL_TAGS | {_ENCAPSULATED_DOCUMENT}
_BINARY = frozenset(("OB", "OD", "OF", "OL", "OV", "OW", "UN"))
_PADDING = " \0"
_SHORT_BYTES = 128
_NAN = "NaN"  # JSON has no such number; infinite ones are "inf" and "-inf"
_ANY_ENCODING = Encoding(explicit=True, little_endian=True)  # text has no byte order

Value = object
Entry = dict[str, object]

# The index's columns by keyword (a test keeps them the same as pacs.index.STORED_KEYWORDS).
INDEX_KEYWORDS: tuple[str, ...] = tuple(
    """
    PatientName PatientID PatientBirthDate PatientBirthTime IssuerOfPatientID PatientSex PatientComments EthnicGroup
    StudyInstanceUID StudyDate StudyTime AccessionNumber StudyID StudyDescription ReferringPhysicianName
    TimezoneOffsetFromUTC PatientAge PatientSize PatientWeight ClinicalTrialSponsorName ClinicalTrialProtocolID
    ClinicalTrialProtocolName ClinicalTrialSiteID ClinicalTrialSiteName ClinicalTrialSubjectID
    ClinicalTrialTimePointID ClinicalTrialTimePointDescription NameOfPhysiciansReadingStudy
    SeriesInstanceUID FrameOfReferenceUID SeriesNumber SeriesDescription ProtocolName SeriesDate SeriesTime
    PerformedProcedureStepStartDate PerformedProcedureStepStartTime Modality BodyPartExamined Laterality Manufacturer
    ManufacturerModelName StationName PatientPosition
    RequestAttributesSequence.ScheduledProcedureStepID RequestAttributesSequence.RequestedProcedureID
    SOPInstanceUID SOPClassUID InstanceNumber AcquisitionNumber NumberOfFrames Rows Columns BitsAllocated BitsStored
    SamplesPerPixel ContentDate ContentTime AcquisitionDate AcquisitionTime AcquisitionDateTime ImageType
    PhotometricInterpretation ContentLabel ContentDescription CompletionFlag VerificationFlag
    ConceptNameCodeSequence.CodeValue ConceptNameCodeSequence.CodingSchemeDesignator
    ConceptNameCodeSequence.CodeMeaning
    """.split()
)


def dicom_json(data_set: DataSet, encoding: Encoding, transfer_syntax_uid: str = "") -> bytes:
    """A data set as one DICOM JSON object in UTF-8: ascending tags, no group lengths, no bulk data, text decoded.

    `encoding` is how the values were read. Text that does not decode holds U+FFFD; numbers that are none stay text.
    With the stored transfer syntax, Available Transfer Syntax UID (0008,3002) is put in. PS3.18 10.4.3.3.2.
    """
    found = _object(data_set, encoding, charset_of(data_set), "", 0)
    if transfer_syntax_uid:
        available: Entry = {"vr": "UI", "Value": [syntax_on_the_web(transfer_syntax_uid)]}
        found = dict(sorted((found | {_AVAILABLE_SYNTAX: available}).items()))
    return orjson.dumps(found)


def _object(data_set: DataSet, encoding: Encoding, charset: Charset, path: str, depth: int) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    for tag in sorted(data_set):
        if tag & 0xFFFF:
            found[_key(tag)] = _entry(data_set[tag], encoding, charset, path, depth)
    if _SPECIFIC_CHARACTER_SET in data_set:
        found["00080005"] = {"vr": "CS", "Value": ["ISO_IR 192"]}
    return found


@lru_cache(maxsize=8192)
def _key(tag: int) -> str:
    return f"{tag:08X}"


def _entry(element: Element, encoding: Encoding, charset: Charset, path: str, depth: int) -> Entry:
    vr = element.vr
    if element.items is not None:
        return _sequence(element, encoding, charset, path, depth)
    if not len(element.value):
        return {"vr": vr}
    if vr in _BINARY or element.tag in _ALWAYS_BULK or element.encapsulated:
        return _binary(element, encoding, path)
    if len(element.value) <= _SHORT_BYTES and vr in TEXT_VRS:
        raw = bytes(element.value)
        if raw.isascii() and b"\x1b" not in raw:
            return _ascii_entry(vr, raw)
    return _with_values(vr, _values(element, encoding, charset))


def _with_values(vr: str, values: list[Value]) -> Entry:
    """Values that are all empty are none. PS3.18 F.2.5."""
    return {"vr": vr, "Value": values} if any(value is not None for value in values) else {"vr": vr}


@lru_cache(maxsize=8192)
def _ascii_entry(vr: str, raw: bytes) -> Entry:
    """The entry of a short ASCII text in any character set: slices of a series have nearly all in common."""
    return _with_values(vr, _values(Element(0, vr, raw), _ANY_ENCODING, DEFAULT))


def _sequence(element: Element, encoding: Encoding, charset: Charset, path: str, depth: int) -> Entry:
    if not element.items or depth >= MAX_DEPTH:
        return {"vr": "SQ"}
    items = [
        _object(item, encoding, charset_of(item, charset), f"{path}{_key(element.tag)}/{number}/", depth + 1)
        for number, item in enumerate(element.items)
    ]
    return {"vr": "SQ", "Value": items}


def _binary(element: Element, encoding: Encoding, path: str) -> Entry:
    vr = element.vr
    if element.tag in _ALWAYS_BULK or element.encapsulated or len(element.value) > INLINE_BYTES:
        return {"vr": vr, "BulkDataURI": f"@/bulkdata/{path}{_key(element.tag)}"}
    raw = bytes(element.value)
    if not encoding.little_endian and vr in WIDTH:
        raw = swapped(raw, WIDTH[vr])
    return {"vr": vr, "InlineBinary": base64.b64encode(raw).decode("ascii")}


def _values(element: Element, encoding: Encoding, charset: Charset) -> list[Value]:
    special = _BY_VR.get(element.vr)
    if special is not None:
        return special(element, encoding, charset)
    return [value or None for value in _texts(element, charset)]


def _texts(element: Element, charset: Charset) -> list[str]:
    """`values_of`, quicker for what most values are: one short ASCII text."""
    raw = bytes(element.value)
    if len(raw) <= 64 and raw.isascii() and b"\\" not in raw and b"\x1b" not in raw:
        text = raw.decode("ascii").strip(_PADDING)
        return [text] if text else []
    return values_of(element, charset)


def _single(element: Element, _encoding: Encoding, charset: Charset) -> list[Value]:
    """LT, ST, UT, UR: one value, whose leading spaces count."""
    text = decode(element.value, charset).rstrip(_PADDING)
    return [text] if text else []


def _text_numbers(element: Element, _encoding: Encoding, charset: Charset) -> list[Value]:
    return [_number(value) for value in _texts(element, charset)]


def _number(text: str) -> Value:
    if not text:
        return None
    number = parse_number(text)
    if number is None or (isinstance(number, float) and not math.isfinite(number)):
        return text
    if isinstance(number, int) and abs(number) >= 2**53:
        return text
    return number


def _binary_numbers(element: Element, encoding: Encoding, _charset: Charset) -> list[Value]:
    numbers = numbers_of(element, little_endian=encoding.little_endian)
    if element.vr in ("FL", "FD"):
        return [number if math.isfinite(number) else _NAN if math.isnan(number) else str(number) for number in numbers]
    if element.vr in ("SV", "UV"):
        return [number if abs(number) < 2**53 else str(number) for number in numbers]
    return list(numbers)


def _tags(element: Element, encoding: Encoding, _charset: Charset) -> list[Value]:
    raw = bytes(element.value)
    pairs = struct.iter_unpack("<HH" if encoding.little_endian else ">HH", raw[: len(raw) - len(raw) % 4])
    return [f"{group:04X}{number:04X}" for group, number in pairs]


def _names(element: Element, _encoding: Encoding, charset: Charset) -> list[Value]:
    return [_name(value) for value in _texts(element, charset)]


def _name(value: str) -> Value:
    groups = dict(zip(("Alphabetic", "Ideographic", "Phonetic"), value.split("="), strict=False))
    named = {part: text.rstrip(" ^") for part, text in groups.items() if text.strip(" ^")}
    return named or None


_Reader = Callable[[Element, Encoding, Charset], list[Value]]
_BY_VR: dict[str, _Reader] = {
    **dict.fromkeys(("IS", "DS"), _text_numbers),
    **dict.fromkeys(("US", "SS", "UL", "SL", "FL", "FD", "SV", "UV"), _binary_numbers),
    **dict.fromkeys(("LT", "ST", "UT", "UR"), _single),
    "AT": _tags,
    "PN": _names,
}


def index_attributes(
    data_set: DataSet, encoding: Encoding, keywords: tuple[str, ...] = INDEX_KEYWORDS
) -> dict[str, str]:
    """Text of attributes by keyword, values joined by backslashes; absent and empty ones are left out.

    A dotted keyword is an attribute of the items of a sequence: one value for each item, empty where it has none.
    """
    found = {}
    charset = charset_of(data_set)
    for keyword, outer, inner in _places(keywords):
        element = data_set.get(outer)
        if element is None:
            continue
        if not inner:
            text = _index_text(element, encoding, charset)
        else:
            text = "\\".join(
                _index_text(item[inner], encoding, charset_of(item, charset)) if inner in item else ""
                for item in element.items or ()
            )
        if text.strip("\\"):
            found[keyword] = text
    return found


@lru_cache(maxsize=8)
def _places(keywords: tuple[str, ...]) -> tuple[tuple[str, int, int], ...]:
    """Keyword, tag, and the tag inside its first item or 0."""
    found = []
    for keyword in keywords:
        outer, _, inner = keyword.partition(".")
        found.append((keyword, tag_of(outer), tag_of(inner) if inner else 0))
    return tuple(found)


def _index_text(element: Element, encoding: Encoding, charset: Charset) -> str:
    if element.items is not None or not len(element.value):
        return ""
    if element.vr in ("US", "SS", "UL", "SL"):
        return "\\".join(str(number) for number in numbers_of(element, little_endian=encoding.little_endian))
    return "\\".join(_texts(element, charset))
