"""Ids, institutions, addresses and machines of an object as evidence, in the forms that people copy them in."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

from pacs.deid.text.folding import RUN, WORD, fold, has_unspaced
from pacs.deid.text.person import is_nobody
from pacs.deid.text.vocabulary import is_term, is_word, lists
from pacs.dicom.dictionary import KEYWORD_OF

MIN_ID, MIN_DIGITS, MIN_IN_DOUBT, MIN_PLACE, MIN_MACHINE = 5, 6, 4, 4, 3
MIN_SHORT, MAX_SHORT = 3, 6  # letters of an institution's short form
_LITTLE = frozenset("of the and at for in de der des du la le und fur di".split())
_MAX_WINDOW = 8
_HOUSES = frozenset(
    "hospital hospitals clinic clinics clinica clinique klinik klinikum krankenhaus hopital ospedale infirmary hospice"
    " medical center centre university institute polyclinic practice foundation trust".split()
)
_PATRONS = frozenset(
    "mercy memorial presbyterian methodist baptist veterans metropolitan providence trinity sacred good samaritan"
    " community municipal county royal regional grace hope unity".split()
)
LOGIN = re.compile(r"([\w.+-]{3,64})@[\w-]+(?:\.[\w-]+)*")  # the local part of an e-mail address
_IDS = re.compile(
    r"(?:PatientID|OtherPatientIDs|AccessionNumber|StudyID|AdmissionID|ServiceEpisodeID|.*ProcedureID|.*ProcedureStepID"
    r"|.*OrderNumber.*|.*TelephoneNumbers?|.*PhoneNumber|TelephoneNumberTrial|DeviceSerialNumber|SourceSerialNumber"
    r"|GantryID|DetectorID|PlateID|CassetteID|GeneratorID|UniqueDeviceIdentifier|HL7InstanceIdentifier"
    r"|ClinicalTrialSubject.*ID|SlideIdentifier|ContainerIdentifier|SpecimenIdentifier|ResultsID|InterpretationID"
    r"|SpecimenAccessionNumber|BreedRegistrationNumber|MedicalRecordLocator|PatientInsurancePlanCodeSequence"
    r"|IssueDateOfImagingServiceRequest|PersonIdentification|MilitaryRank|LensSerialNumber|DeviceID|DeviceUDI)"
)
_PLACES = re.compile(
    r"(?:InstitutionName|InstitutionAddress|InstitutionalDepartmentName|RequestingService|.*Residence|PatientAddress"
    r"|.*PhysicianAddress|PersonAddress|AddressTrial|CurrentPatientLocation|ClinicalTrialSiteName"
    r"|ClinicalTrialCoordinatingCenterName|ResponsibleOrganization|VerifyingOrganization|HumanPerformerOrganization"
    r"|DistributionAddress|PersonMailingAddress|PatientMailingAddress)"
)
ID_TAGS = frozenset(tag for tag, keyword in KEYWORD_OF.items() if _IDS.fullmatch(keyword))
PLACE_TAGS = frozenset(tag for tag, keyword in KEYWORD_OF.items() if _PLACES.fullmatch(keyword))
MACHINE_TAGS = frozenset(tag for tag, keyword in KEYWORD_OF.items() if keyword.endswith("StationName"))
MAKER_TAGS = frozenset(tag for tag, key in KEYWORD_OF.items() if key in ("Manufacturer", "ManufacturerModelName"))


@cache
def _shared_words() -> frozenset[str]:
    return lists().generic


@dataclass(slots=True)
class Values:
    """Identifying values that are no names, folded."""

    ids: set[str] = field(default_factory=set)  # letters and digits only
    digits: set[str] = field(default_factory=set)  # without leading zeros
    doubtful: set[str] = field(default_factory=set)  # short ones, which go under full cleaning
    exact: set[str] = field(default_factory=set)  # as written, where little is left without punctuation
    phrases: set[str] = field(default_factory=set)
    places: set[str] = field(default_factory=set)
    houses: set[str] = field(default_factory=set)
    machines: set[str] = field(default_factory=set)
    makers: set[str] = field(default_factory=set)

    def learn_id(self, value: str) -> None:
        plain = fold(value)
        for local in LOGIN.findall(plain):
            self.learn_login(local)
        if not plain or is_nobody(plain):
            return
        words = WORD.findall(plain)
        if not any(letter.isdigit() for letter in plain) and all(is_term(word) for word in words):
            return
        joined = "".join(words)
        if len(joined) >= (MIN_DIGITS if joined.isdigit() else MIN_ID):
            self.ids.add(joined)
        elif len(joined) >= MIN_IN_DOUBT:
            self.doubtful.add(joined)
        if len(plain) >= MIN_ID and len(joined) < MIN_ID and not plain.replace(".", "").isdigit():
            self.exact.add(plain)
        for run in (re.sub(r"\D", "", plain), *re.findall(r"\d+", plain)):
            if len(run) >= MIN_DIGITS:
                self.digits.add(run.lstrip("0") or run)
            elif len(run) == MIN_ID and len(joined) > len(run):
                self.doubtful.add(run)

    def learn_login(self, local: str) -> None:
        """The local part of an e-mail address, as it stands in file names and comments."""
        joined = "".join(WORD.findall(local))
        if len(joined) >= MIN_ID and not is_nobody(local) and not is_term(joined):
            self.ids.add(joined)

    def learn_place(self, value: str) -> None:
        plain = " ".join(fold(value).split())
        words = WORD.findall(plain)
        self.learn_house(words)
        telling = {w for w in words if w.isalpha() and not (w in _shared_words() or is_term(w) or is_nobody(w))}
        if not telling:
            return
        if len(plain) >= MIN_ID:
            self.phrases.add(plain)
        short = "".join(word[0] for word in words if word not in _LITTLE)
        if MIN_SHORT <= len(short) <= MAX_SHORT and short.isalpha() and not is_word(short):
            self.doubtful.add(short)
        self.places |= {word for word in telling if len(word) >= MIN_PLACE and not has_unspaced(word)}

    def learn_house(self, words: list[str]) -> None:
        """The name of an institution made of words that stay, ``Mercy General Hospital``: the phrase goes, its words
        stay. It needs a word for what it is, or two words before it of which one stands in names of institutions alone.
        """
        name = " ".join(words)
        kinds = [index for index, word in enumerate(words) if word in _HOUSES]
        if len(words) > 1 and kinds and len(name) > MIN_ID:
            self.houses.add(name)
            proper = words[: kinds[0]]
            if len(proper) > 1 and not _PATRONS.isdisjoint(proper):
                self.houses.add(" ".join(proper))

    def learn_machine(self, value: str) -> None:
        plain = fold(value).strip()
        words = WORD.findall(plain)
        if len(plain) >= MIN_MACHINE and not plain.isdigit() and not is_nobody(plain) and not all(map(is_term, words)):
            self.machines.add(plain)

    def settle(self) -> None:
        """Leave out what a maker's name explains; done once all is learnt."""
        self.places -= self.makers
        self.machines = {machine for machine in self.machines if not set(WORD.findall(machine)) <= self.makers}
        known = self.makers | _shared_words()
        self.phrases = {phrase for phrase in self.phrases if not set(WORD.findall(phrase)) <= known}

    def id_spans(self, plain: str, *, full: bool) -> Iterator[tuple[int, int]]:
        """Ids, whatever marks stand between their letters and digits."""
        if self.ids or self.digits or (full and self.doubtful):
            yield from self.windows(plain, full=full)
        for exact in self.exact:
            yield from bounded(exact, plain)

    def windows(self, plain: str, *, full: bool) -> Iterator[tuple[int, int]]:
        runs = list(RUN.finditer(plain))
        longest = max(map(len, (*self.ids, *self.digits, *self.doubtful)), default=0) + 4
        for index, first in enumerate(runs):
            joined = ""
            for last in runs[index : index + _MAX_WINDOW]:
                joined += last.group()
                if len(joined) > longest:
                    break
                if self.is_id(joined, full=full) and _is_whole(plain, first.start(), last.end(), joined):
                    yield first.start(), last.end()

    def is_id(self, joined: str, *, full: bool) -> bool:
        if joined in self.ids or (full and joined in self.doubtful):
            return True
        return joined.isdigit() and len(joined) >= MIN_DIGITS and joined.lstrip("0") in self.digits

    def place_spans(self, plain: str) -> Iterator[tuple[int, int]]:
        for phrase in (*self.phrases, *self.houses):
            if phrase in plain:
                yield from bounded(phrase, plain)
        if self.places:
            yield from (match.span() for match in WORD.finditer(plain) if match.group() in self.places)

    def machine_spans(self, plain: str, vr: str) -> Iterator[tuple[int, int]]:
        """A station's name: as the whole of a short value, and in text where it is distinctive."""
        for machine in self.machines:
            if machine not in plain:
                continue
            if vr in ("AE", "SH") and plain.strip() == machine:
                yield 0, len(plain)
            elif is_distinctive(machine):
                yield from bounded(machine, plain)


def is_distinctive(machine: str) -> bool:
    """Whether a station's name can hardly be anything else: five characters, and more than a term and a number."""
    letters = [word for word in re.findall(r"[^\W\d_]+", machine) if not is_term(word)]
    return len(machine) >= MIN_ID and sum(map(len, letters)) >= 3


def _is_whole(plain: str, start: int, end: int, joined: str) -> bool:
    """Whether a run of letters and digits does not go on at either end; numbers may stand after letters."""
    if joined.isdigit():
        return not plain[max(0, start - 1) : start].isdigit() and not plain[end : end + 1].isdigit()
    return not plain[max(0, start - 1) : start].isalnum() and not plain[end : end + 1].isalnum()


def bounded(wanted: str, plain: str) -> Iterator[tuple[int, int]]:
    """Places of a phrase that does not go on at either end, except in scripts without blanks."""
    loose = has_unspaced(wanted)
    start = plain.find(wanted)
    while start >= 0:
        end = start + len(wanted)
        if loose or not (plain[max(0, start - 1) : start].isalnum() or plain[end : end + 1].isalnum()):
            yield start, end
        start = plain.find(wanted, start + 1)
