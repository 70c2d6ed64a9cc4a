"""Rows of the query engine as DICOM JSON, encoded without a data set in between. PS3.18 Annex F and 10.6.3.3.

Fields are encoded in the order of their tags, and what many rows have in common is encoded once.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from itertools import zip_longest

import orjson

from pacs.dicom.dictionary import VR_OF, tag_of
from pacs.dicom.json import BULK_PLACEHOLDER
from pacs.dicom.syntaxes import syntax_on_the_web
from pacs.dicom.values import SINGLE_VRS, parse_number
from pacs.dicomweb.door import url_of
from pacs.index import ATTRIBUTES, is_stored
from pacs.model import Level
from pacs.query import Row

# What every row of a level shows, present even when empty. PS3.18 Tables 10.6.3-3 to 10.6.3-5.
OWN: dict[Level, tuple[str, ...]] = {
    Level.PATIENT: (),
    Level.STUDY: tuple(
        "StudyDate StudyTime AccessionNumber ModalitiesInStudy ReferringPhysicianName TimezoneOffsetFromUTC PatientName"
        " PatientID PatientBirthDate PatientSex StudyInstanceUID StudyID NumberOfStudyRelatedSeries"
        " NumberOfStudyRelatedInstances".split()
    ),
    Level.SERIES: tuple(
        "Modality SeriesDescription SeriesInstanceUID SeriesNumber NumberOfSeriesRelatedInstances"
        " PerformedProcedureStepStartDate PerformedProcedureStepStartTime"
        " RequestAttributesSequence.ScheduledProcedureStepID RequestAttributesSequence.RequestedProcedureID".split()
    ),
    Level.INSTANCE: tuple(
        "SOPClassUID SOPInstanceUID InstanceNumber Rows Columns BitsAllocated NumberOfFrames"
        " AvailableTransferSyntaxUID".split()
    ),
}
# Shown only when they have a value.
_OPTIONAL = frozenset(("TimezoneOffsetFromUTC", "SeriesDescription", "NumberOfFrames"))
_NUMBERS = frozenset(("IS", "DS", "US", "UL", "SS", "SL", "FL", "FD", "SV", "UV"))
_ALWAYS = {
    "00080005": b'"00080005":{"vr":"CS","Value":["ISO_IR 192"]}',
    "00080056": b'"00080056":{"vr":"CS","Value":["ONLINE"]}',
}
_URL = "00081190"
_SYNTAX = "AvailableTransferSyntaxUID"
_BULK = re.compile(rb',"BulkDataURI":"@/[^"]*"')

Field = Callable[[Row], bytes]


class RowEncoder:
    """Makes one JSON object of a row. `names` are the attributes to show; `root` begins the retrieve URL."""

    def __init__(self, level: Level, names: Iterable[str], root: str) -> None:
        self.level, self.root = level, root
        self.fields: dict[str, Field] = {tag: _fixed(text) for tag, text in _ALWAYS.items()}
        self.fields[_URL] = self._url_field
        inside: dict[str, list[str]] = {}
        for name in names:
            tag, inner, _vr = place_of(name)
            if inner:
                inside.setdefault(tag, []).append(name)
            else:
                self.fields[tag] = _available if name == _SYNTAX else _plain(name)
        self.sequences = frozenset(inside)
        self.fields |= {tag: _items(tag, some) for tag, some in inside.items()}
        self.in_order = [self.fields[tag] for tag in sorted(self.fields)]

    def encode(self, row: Row, *, has_entries: bool = False) -> bytes:
        """One object, tags ascending. `has_entries`: the row may hold entries of attributes that are no columns."""
        if has_entries:
            return self._with_entries(row)
        return b"{" + b",".join([text for field in self.in_order if (text := field(row))]) + b"}"

    def _with_entries(self, row: Row) -> bytes:
        """Columns win, except against a sequence that was asked for as a whole."""
        found = {key: _entry_text(key, value) for key, value in row.items() if isinstance(value, Mapping)}
        whole = self.sequences & found.keys()
        found |= {tag: field(row) for tag, field in self.fields.items() if tag not in whole}
        text = b"{" + b",".join([found[tag] for tag in sorted(found) if found[tag]]) + b"}"
        if BULK_PLACEHOLDER not in text:
            return text
        if self.level is Level.INSTANCE:
            return text.replace(BULK_PLACEHOLDER, f'"BulkDataURI":"{self.url(row)}/'.encode())
        return _BULK.sub(b"", text)

    def _url_field(self, row: Row) -> bytes:
        return f'"{_URL}":{{"vr":"UR","Value":["{self.url(row)}"]}}'.encode()

    def url(self, row: Row) -> str:
        """Where the row's object is retrieved."""
        study, series, sop = (row.get(key) for key in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"))
        return url_of(self.root, str(study), str(series) if series else None, str(sop) if sop else None)


def _fixed(text: bytes) -> Field:
    return lambda _row: text


def _plain(name: str) -> Field:
    """A field of one column."""
    tag, _, vr = place_of(name)
    empty = b"" if name in _OPTIONAL else f'"{tag}":{{"vr":"{vr}"}}'.encode()

    def encode(row: Row) -> bytes:
        value = row.get(name)
        if value is None or value == "":
            return empty
        return _field_text(tag, vr, value)

    return encode


def _available(row: Row) -> bytes:
    """The transfer syntax that the web sends an object in. PS3.18 Table 10.6.3-5."""
    stored = row.get(_SYNTAX)
    return _field_text("00083002", "UI", syntax_on_the_web(str(stored))) if stored else b'"00083002":{"vr":"UI"}'


def _items(tag: str, names: list[str]) -> Field:
    """A sequence of some columns, which hold a value for each item; empty while none of them has a value."""
    places = sorted((place_of(name)[1], place_of(name)[2], name) for name in names)
    empty = f'"{tag}":{{"vr":"SQ"}}'.encode()

    def encode(row: Row) -> bytes:
        columns = [str(row.get(name) or "").split("\\") for _, _, name in places]
        if not any(map(any, columns)):
            return empty
        items = [
            b"{"
            + b",".join(_value_text(key, vr, value) for (key, vr, _), value in zip(places, values, strict=True))
            + b"}"
            for values in zip_longest(*columns, fillvalue="")
        ]
        return f'"{tag}":{{"vr":"SQ","Value":['.encode() + b",".join(items) + b"]}"

    return encode


def _value_text(tag: str, vr: str, value: str) -> bytes:
    return _field_text(tag, vr, value) if value else f'"{tag}":{{"vr":"{vr}"}}'.encode()


@lru_cache(maxsize=16384)
def _field_text(tag: str, vr: str, value: str | int) -> bytes:
    return f'"{tag}":'.encode() + orjson.dumps(entry_of(vr, value))


def _entry_text(key: str, entry: object) -> bytes:
    return f'"{key}":'.encode() + orjson.dumps(entry)


@lru_cache(maxsize=4096)
def place_of(keyword: str) -> tuple[str, str, str]:
    """Tag, tag inside the sequence or empty, and VR of a column's (dotted) keyword, as JSON writes them."""
    outer, _, inner = keyword.partition(".")
    tag = tag_of(inner or outer)
    return f"{tag_of(outer):08X}", f"{tag:08X}" if inner else "", VR_OF[tag]


def entry_of(vr: str, value: str | int) -> dict[str, object]:
    """One attribute from a row's value, which is not empty."""
    if isinstance(value, int):
        return {"vr": vr, "Value": [value]}
    texts = [value] if vr in SINGLE_VRS else value.split("\\")
    convert = _CONVERTERS.get(vr)
    return {"vr": vr, "Value": [convert(text) for text in texts] if convert else [text or None for text in texts]}


def _number(text: str) -> object:
    number = parse_number(text)
    return text or None if number is None or not math.isfinite(number) else number


def _name(text: str) -> object:
    parts = zip(("Alphabetic", "Ideographic", "Phonetic"), text.split("="), strict=False)
    return {part: group for part, group in parts if group} or None


_CONVERTERS: dict[str, Callable[[str], object]] = {**dict.fromkeys(_NUMBERS, _number), "PN": _name}


def keywords_for(level: Level, shown: Iterable[str], *, everything: bool, with_upper: Iterable[Level]) -> list[str]:
    """The columns of a row: the level's own, those of upper levels, and what was matched or included."""
    upper = tuple(with_upper)
    found = dict.fromkeys(name for each in (*upper, level) for name in OWN[each])
    found |= dict.fromkeys(sorted(name for name in shown if not is_stored(name)))
    if everything:
        levels = levels_of_all(level, upper)
        found |= dict.fromkeys(name for name, attribute in ATTRIBUTES.items() if attribute.level in levels)
    return list(found)


def levels_of_all(level: Level, with_upper: Iterable[Level]) -> frozenset[Level]:
    """The levels whose attributes ``includefield=all`` brings. PS3.18 8.3.4.3: of an instance, all that it has."""
    if level is Level.INSTANCE:
        return frozenset(Level)
    levels = {level, *with_upper}
    return frozenset(levels | {Level.PATIENT} if Level.STUDY in levels else levels)
