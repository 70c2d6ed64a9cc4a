"""Rows of the query engine as DICOM JSON. PS3.18 Annex F and 10.6.3.3."""

import math
from collections.abc import Callable, Iterable
from functools import lru_cache

from pacs.dicom.dictionary import VR_OF, tag_of
from pacs.dicom.values import SINGLE_VRS, parse_number
from pacs.dicomweb.door import url_of
from pacs.index import ATTRIBUTES
from pacs.model import Level, Row

Json = dict[str, object]
# What every row of a level shows, present even when empty. PS3.18 Tables 10.6.3-3 to 10.6.3-5.
OWN: dict[Level, tuple[str, ...]] = {
    Level.PATIENT: (),
    Level.STUDY: tuple(
        "StudyDate StudyTime AccessionNumber ModalitiesInStudy ReferringPhysicianName PatientName PatientID"
        " PatientBirthDate PatientSex StudyInstanceUID StudyID NumberOfStudyRelatedSeries"
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
_OPTIONAL = frozenset(
    ("TimezoneOffsetFromUTC", "SeriesDescription", "NumberOfFrames", "Rows", "Columns", "BitsAllocated")
)
_NUMBERS = frozenset(("IS", "DS", "US", "UL", "SS", "SL", "FL", "FD", "SV", "UV"))
_AVAILABILITY: Json = {"vr": "CS", "Value": ["ONLINE"]}


class RowEncoder:
    """Makes one JSON object of a row. `keywords` are the attributes to show; `root` begins the retrieve URL."""

    def __init__(self, level: Level, keywords: Iterable[str], root: str) -> None:
        self.level, self.root = level, root
        self.fields = [(name, *place_of(name), name in _OPTIONAL) for name in keywords]

    def encode(self, row: Row) -> Json:
        """Tags in ascending order."""
        found: Json = {}
        for name, tag, inner, vr, optional in self.fields:
            value = row.get(name)
            if inner:
                _put_inside(found, tag, inner, entry_of(vr, value))
            elif value not in ("", None) or not optional:
                found[tag] = entry_of(vr, value)
        found["00080056"] = _AVAILABILITY
        found["00081190"] = {"vr": "UR", "Value": [self.url(row)]}
        return dict(sorted(found.items()))

    def url(self, row: Row) -> str:
        """Where the row's object is retrieved."""
        study, series, sop = (row.get(key) for key in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"))
        return url_of(self.root, str(study), str(series) if series else None, str(sop) if sop else None)


@lru_cache(maxsize=4096)
def place_of(keyword: str) -> tuple[str, str, str]:
    """Tag, tag inside the sequence or empty, and VR of a (dotted) keyword, as JSON writes them."""
    outer, _, inner = keyword.partition(".")
    tag = tag_of(inner or outer)
    vr = VR_OF[tag]
    return f"{tag_of(outer):08X}", f"{tag:08X}" if inner else "", vr


def _put_inside(found: Json, tag: str, inner: str, entry: Json) -> None:
    """Into the one item of a sequence, which is empty while nothing has a value."""
    sequence = found.setdefault(tag, {"vr": "SQ"})
    assert isinstance(sequence, dict)
    if "Value" in entry:
        sequence.setdefault("Value", [{}])[0][inner] = entry


def entry_of(vr: str, value: str | int | None) -> Json:
    """One attribute from a row's value."""
    if value is None or value == "":
        return {"vr": vr}
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
    """The keywords of a row: the level's own, those of upper levels, and what was matched or included."""
    upper = tuple(with_upper)
    found = dict.fromkeys(name for each in (*upper, level) for name in OWN[each])
    found |= dict.fromkeys(sorted(shown))
    if everything:
        levels = (*upper, level, *((Level.PATIENT,) if level is Level.STUDY or Level.STUDY in upper else ()))
        found |= dict.fromkeys(name for name, attribute in ATTRIBUTES.items() if attribute.level in levels)
    if level is Level.STUDY or Level.STUDY in upper:
        found["TimezoneOffsetFromUTC"] = None
    return list(found)
