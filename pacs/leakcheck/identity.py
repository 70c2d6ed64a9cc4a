"""What identifies in an original: names, ids, institutions, machines, UIDs, dates, from every depth of it.

Elements that will be deleted count too (private ones, UN, original attributes): a value that stands in one of them and
stayed in the result is a leak all the same.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from pacs.dicom.dictionary import KEYWORD_OF
from pacs.dicom.elements import DataSet, Element
from pacs.dicom.syntaxes import is_standard_uid
from pacs.dicom.values import Charset, text_of, values_of
from pacs.leakcheck.vocabulary import TITLES, fold, generic, has_cjk, is_placeholder, vocabulary, words
from pacs.leakcheck.walk import levels

MIN_NAME_LETTERS, MIN_CJK_LETTERS = 4, 2
MIN_ID, MIN_ID_DIGITS = 5, 6
MIN_MACHINE = 3
MIN_JOINED, MIN_INITIALLED = 8, 6
MAX_LEARNED = 4


def _tags(*keywords: str) -> frozenset[int]:
    wanted = set(keywords)
    return frozenset(tag for tag, keyword in KEYWORD_OF.items() if keyword in wanted)


ID_TAGS = _tags(
    *"PatientID OtherPatientIDs AccessionNumber StudyID AdmissionID ServiceEpisodeID RequestedProcedureID".split(),
    *"ScheduledProcedureStepID PerformedProcedureStepID PlacerOrderNumberImagingServiceRequest ResultsID".split(),
    *"FillerOrderNumberImagingServiceRequest PlacerOrderNumberProcedure FillerOrderNumberProcedure".split(),
    *"PlacerOrderNumberImagingServiceRequestRetired FillerOrderNumberImagingServiceRequestRetired".split(),
    *"SpecimenAccessionNumber ContainerIdentifier SpecimenIdentifier SlideIdentifier InterpretationID".split(),
    *"DeviceSerialNumber DetectorID GantryID PlateID CassetteID GeneratorID SourceSerialNumber".split(),
    *"UniqueDeviceIdentifier HL7InstanceIdentifier ClinicalTrialSubjectID ClinicalTrialSubjectReadingID".split(),
    *"PatientTelephoneNumbers ReferringPhysicianTelephoneNumbers PersonTelephoneNumbers MedicalRecordLocator".split(),
    *"OrderCallbackPhoneNumber TelephoneNumberTrial PatientInsurancePlanCodeSequence BreedRegistrationNumber".split(),
)
INSTITUTION_TAGS = _tags(
    *"InstitutionName InstitutionAddress InstitutionalDepartmentName RequestingService PatientAddress".split(),
    *"ReferringPhysicianAddress PersonAddress AddressTrial CurrentPatientLocation PatientInstitutionResidence".split(),
    *"ClinicalTrialSiteName ClinicalTrialCoordinatingCenterName ResponsibleOrganization VerifyingOrganization".split(),
    *"HumanPerformerOrganization ScheduledPatientInstitutionResidence DistributionAddress".split(),
)
MACHINE_TAGS = _tags("StationName", "ScheduledStationName", "PerformedStationName")
MANUFACTURER_TAGS = _tags("Manufacturer", "ManufacturerModelName")
# UIDs here say what kind of thing an object is, and may be a maker's own: no identity.
CLASS_TAGS = frozenset(tag for tag, key in KEYWORD_OF.items() if "SOPClass" in key or "TransferSyntax" in key)
_EMAIL = re.compile(r"([\w.+-]{5,64})@[\w-]+\.[\w.-]+")


@dataclass(slots=True)
class Identity:
    """Values of one original, folded, sorted by the rule that looks for them."""

    names: set[str] = field(default_factory=set)  # parts that are no vocabulary word
    common_names: dict[str, set[str]] = field(default_factory=dict)  # vocabulary word -> the name's other parts
    cjk_names: set[str] = field(default_factory=set)
    whole_names: set[str] = field(default_factory=set)  # as found in PN elements
    ids: set[str] = field(default_factory=set)
    short_ids: set[str] = field(default_factory=set)
    phrases: set[str] = field(default_factory=set)  # of institutions and addresses
    places: set[str] = field(default_factory=set)  # single words of them
    machines: set[str] = field(default_factory=set)
    makers: set[str] = field(default_factory=set)
    uids: set[str] = field(default_factory=set)
    private_uids: set[str] = field(default_factory=set)  # of private elements, where classes stand too
    class_uids: set[str] = field(default_factory=set)
    dates: set[str] = field(default_factory=set)
    dates_at: dict[str, str] = field(default_factory=dict)
    excused: list[tuple[str, str]] = field(default_factory=list)  # (path, rule)
    kept: Mapping[int, str] = field(default_factory=dict)
    original: DataSet = field(default_factory=DataSet)


def identity_of(original: DataSet, aes: tuple[str, ...] = (), kept: Mapping[int, str] | None = None) -> Identity:
    """Gather what identifies. `aes` are AE titles of the transfer; `kept` names the rule that keeps an element."""
    kept = kept or {}
    found, stays = Identity(kept=kept, original=original), Identity()
    for prefix, level, charset in levels(original, into_unknown=True):
        for tag, element in level.items():
            gather = _BY_TAG.get(tag) or _BY_VR.get(element.vr)
            if gather is None or not element.value:
                continue
            path = f"{prefix}{tag:08X}"
            if tag in kept:
                found.excused.append((path, kept[tag]))
                gather(stays, element, charset, path)
            else:
                gather(found, element, charset, path)
    for title in aes:
        _add_machine(found, fold(title.strip()))
    found.places -= found.makers
    found.phrases = {phrase for phrase in found.phrases if not set(words(phrase)) <= found.makers | generic()}
    found.uids |= found.private_uids - found.class_uids
    _excuse(found, stays)
    return found


def _excuse(found: Identity, stays: Identity) -> None:
    """Take out values that a named rule keeps elsewhere. Never names: a person typed into a kept element is a leak."""
    found.ids -= stays.ids
    found.short_ids -= stays.short_ids | stays.ids
    found.uids -= stays.uids
    found.machines -= stays.machines
    found.phrases = {each for each in found.phrases if not any(f" {each} " in f" {kept} " for kept in stays.phrases)}
    found.places -= stays.places
    found.dates -= stays.dates


@lru_cache(maxsize=MAX_LEARNED)
def learned_names(names: frozenset[str]) -> Identity:
    """The identity of persons known from other objects, given as PN values; no short whole names among them."""
    found = Identity()
    for name in names:
        _add_name(found, fold(name))
    return found


def _gather_names(found: Identity, element: Element, charset: Charset, path: str) -> None:
    del path
    for value in values_of(element, charset):
        _add_name(found, fold(value))


def _add_name(found: Identity, folded: str) -> None:
    name = _parts_of(folded)
    found.names |= name.telling
    found.cjk_names |= name.cjk
    for word, others in name.common.items():
        found.common_names.setdefault(word, set()).update(others)
    if name.whole:
        found.whole_names.add(name.whole)


class _Name(NamedTuple):
    telling: frozenset[str]
    cjk: frozenset[str]
    common: Mapping[str, set[str]]
    whole: str


@lru_cache(maxsize=512)  # the slices of a series name the same people
def _parts_of(folded: str) -> _Name:
    """The parts of one name; prefix and suffix components (PS3.5 6.2.1.2) are titles, never names."""
    parts: list[str] = []
    telling: set[str] = set()
    cjk: set[str] = set()
    common: dict[str, set[str]] = {}
    whole = ""
    for group in folded.split("="):
        for component in group.split("^")[:3]:
            if has_cjk(component):
                cjk.update(w for w in words(component) if has_cjk(w) and len(w) >= MIN_CJK_LETTERS)
            else:
                parts += words(component)
    parts = [part for part in parts if part not in TITLES and not is_placeholder(part)]
    if sum(map(len, parts)) >= MIN_NAME_LETTERS and not is_placeholder(folded):
        whole = " ".join(words(folded))
    known = vocabulary()
    for part in parts:
        if sum(letter.isalpha() for letter in part) < MIN_NAME_LETTERS:
            continue
        if part.strip("0123456789") in known:
            common.setdefault(part, set()).update(set(parts) - {part})
        else:
            telling.add(part)
    telling |= {joined for joined in _joined(parts) if joined not in known}
    return _Name(frozenset(telling), frozenset(cjk), common, whole)


def _joined(parts: list[str]) -> Iterator[str]:
    """Two parts without a blank, and an initial before or behind the family name: ``jsmith``."""
    if len(parts) < 2:
        return
    family, given = parts[:2]
    if min(len(family), len(given)) >= 2 and not {family, given} <= vocabulary():
        yield from (joined for joined in (family + given, given + family) if len(joined) >= MIN_JOINED)
    if len(family) >= MIN_INITIALLED - 1 and family not in vocabulary():
        yield from (given[0] + family, family + given[0])


def _gather_ids(found: Identity, element: Element, charset: Charset, path: str) -> None:
    del path
    ids = _ids_of(bytes(element.value), element.vr, charset)
    short = {each for each in ids if _is_short(each)}
    found.short_ids |= short
    found.ids |= ids - short


@lru_cache(maxsize=1024)  # the slices of a series have most of their ids in common
def _ids_of(value: bytes, vr: str, charset: Charset) -> frozenset[str]:
    folded = [fold(each) for each in values_of(Element(0, vr, value), charset)]
    ids = {*folded, *(local for each in folded for local in _EMAIL.findall(each))}
    return frozenset(each for each in ids if each and not is_placeholder(each))


@lru_cache(maxsize=1024)
def _is_short(folded: str) -> bool:
    """Whether an id is too short, or too much of a word, to be looked for within other text."""
    digits_only = folded.replace(".", "").isdigit()
    is_word = not any(letter.isdigit() for letter in folded) and set(words(folded)) <= vocabulary()
    return len(folded) < (MIN_ID_DIGITS if digits_only else MIN_ID) or is_word


def _gather_institution(found: Identity, element: Element, charset: Charset, path: str) -> None:
    del path
    phrases, places = _institutions_of(bytes(element.value), element.vr, charset)
    found.phrases |= phrases
    found.places |= places


@lru_cache(maxsize=1024)
def _institutions_of(value: bytes, vr: str, charset: Charset) -> tuple[frozenset[str], frozenset[str]]:
    """Phrases, and the single words of them that tell."""
    phrases, places = set(), set()
    for each in values_of(Element(0, vr, value), charset):
        folded = " ".join(fold(each).split())
        parts = words(folded)
        telling = {w for w in parts if w.isalpha() and not (w in generic() or w in vocabulary() or is_placeholder(w))}
        if telling and len(folded) >= MIN_ID:
            phrases.add(folded)
        places |= {word for word in telling if len(word) >= MIN_NAME_LETTERS and not has_cjk(word)}
    return frozenset(phrases), frozenset(places)


def _gather_machine(found: Identity, element: Element, charset: Charset, path: str) -> None:
    del path
    for value in values_of(element, charset):
        _add_machine(found, fold(value))


def _add_machine(found: Identity, folded: str) -> None:
    is_word = set(words(folded)) <= vocabulary()
    if len(folded) >= MIN_MACHINE and not is_word and not is_placeholder(folded) and not folded.isdigit():
        found.machines.add(folded)


def _gather_maker(found: Identity, element: Element, charset: Charset, path: str) -> None:
    del path
    found.makers.update(words(fold(text_of(element, charset))))


def _gather_uids(found: Identity, element: Element, charset: Charset, path: str) -> None:
    del path, charset
    known = found.private_uids if element.tag & 0x10000 else found.uids
    known.update(uid for uid in values_of(element) if "." in uid and not is_standard_uid(uid))


def _gather_class_uids(found: Identity, element: Element, charset: Charset, path: str) -> None:
    del path, charset
    found.class_uids.update(values_of(element))


_EIGHT_DIGITS = re.compile(r"(\d{4})[.-]?(\d{2})[.-]?(\d{2})")


def _gather_dates(found: Identity, element: Element, charset: Charset, path: str) -> None:
    del charset
    text = text_of(element)
    found.dates_at[path] = text
    for value in text.split("\\"):
        start = _EIGHT_DIGITS.match(value.strip())
        if start and "19000101" < (day := "".join(start.groups())) < "29991231":
            found.dates.add(day)


_Gather = Callable[[Identity, Element, Charset, str], None]
_BY_VR: dict[str, _Gather] = {
    "PN": _gather_names,
    "UI": _gather_uids,
    "DA": _gather_dates,
    "DT": _gather_dates,
    "AE": _gather_machine,
}
_BY_TAG: dict[int, _Gather] = {
    **dict.fromkeys(ID_TAGS, _gather_ids),
    **dict.fromkeys(INSTITUTION_TAGS, _gather_institution),
    **dict.fromkeys(MACHINE_TAGS, _gather_machine),
    **dict.fromkeys(MANUFACTURER_TAGS, _gather_maker),
    **dict.fromkeys(CLASS_TAGS, _gather_class_uids),
}
