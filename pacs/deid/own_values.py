"""An object's own identifying values, cut out of the text that the profile keeps.

No table lists SoftwareVersions or SequenceName, yet people type names and ids there. What identifies the patient or
staff elsewhere in the object (at any depth, deleted elements included) is cut as whole words; the rest of the text
stays. Ordinary words of the DICOM dictionary are cut only beside another part of the same name. Codes, numbers and
UIDs are never touched; UIDs within text are mapped like all others. PS3.15 E.1.1.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import cache, cached_property, lru_cache

from pydicom._dicom_dict import DicomDictionary

from pacs.deid.profiles import Rule
from pacs.dicom.dictionary import KEYWORD_OF
from pacs.dicom.elements import DataSet, Element, holds_items, parse_items
from pacs.dicom.values import DEFAULT, Charset, charset_of, decode, text_of, values_of
from pacs.errors import Refused

RULE = Rule("own values", "C", "a value that identifies elsewhere in the object stood in a kept text", "PS3.15 E.1.1")
TEXT_VRS = frozenset(("LO", "SH", "ST", "LT", "UT", "UC"))
_MIN_NAME, _MIN_ID, _MIN_DIGITS, _MIN_CJK = 4, 5, 6, 2
_WORD = re.compile(r"[^\W_]+")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\uff66-\uff9f]+")
_UID = re.compile(r"(?<![\d.])[0-2](?:\.\d+){3,}(?![\d.]*\d)")
_DATE = re.compile(
    r"(?<!\d)(\d{4})([-./]?)(\d{2})\2(\d{2})(?:(?=\d{4,6}(?!\d))|(?!\d))|(?<!\d)\d{1,2}([-./])\d{1,2}\5\d{4}(?!\d)"
)
_NAMED = re.compile(r"(?<!\d)(\d{1,2})[. -]*([a-z]{3})[a-z]*[., -]*(\d{4})(?!\d)")
_MONTHS = {name: number for number, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}
_NOBODY = re.compile(r"(?:anonym|deident|removed|redacted|(?:unknown|none|test|phantom|patient|operator|x+)\d*$|0+$)")
_IDS = re.compile(
    r"(?:PatientID|OtherPatientIDs|AccessionNumber|StudyID|AdmissionID|ServiceEpisodeID|.*ProcedureID|.*ProcedureStepID"
    r"|.*OrderNumber.*|.*TelephoneNumbers?|.*PhoneNumber|DeviceSerialNumber|SourceSerialNumber|GantryID|DetectorID|PlateID"
    r"|CassetteID|GeneratorID|UniqueDeviceIdentifier|HL7InstanceIdentifier|ClinicalTrialSubject.*ID|SlideIdentifier"
    r"|ContainerIdentifier|SpecimenIdentifier|ResultsID|InterpretationID|SpecimenAccessionNumber|BreedRegistrationNumber)"
)
_PHRASES = re.compile(
    r"(?:InstitutionName|InstitutionAddress|InstitutionalDepartmentName|RequestingService|.*Residence|StationName"
    r"|PatientAddress|.*PhysicianAddress|PersonAddress|CurrentPatientLocation|ClinicalTrialSiteName|.*StationName)"
)
_ID_TAGS = frozenset(tag for tag, keyword in KEYWORD_OF.items() if _IDS.fullmatch(keyword))
_PHRASE_TAGS = frozenset(tag for tag, keyword in KEYWORD_OF.items() if _PHRASES.fullmatch(keyword))
_TAGS = _ID_TAGS | _PHRASE_TAGS
_TELLING = frozenset(("PN", "DA", "DT"))
_MIN_UID = 20  # a shorter run of numbers and dots is a version as likely as a UID


@cache
def _ordinary() -> frozenset[str]:
    """Words of the attribute names of PS3.6."""
    return frozenset(word for entry in DicomDictionary.values() for word in _WORD.findall(entry[2].lower()))


@lru_cache(maxsize=8192)
def folded(text: str) -> str:
    """Lower case without accents, of the same length as `text`, so that places in one are places in the other."""
    if text.isascii():
        return text.lower()
    return "".join(letter if _CJK.match(letter) else _base(letter) for letter in text)


def _base(letter: str) -> str:
    return unicodedata.normalize("NFKD", letter)[0].lower()[0]


class OwnValues:
    """What identifies in one object; `clean` takes it out of a text."""

    def __init__(self, data_set: DataSet, map_uid: Callable[[str], str]) -> None:
        self.data_set = data_set
        self.map_uid = map_uid
        self.words: set[str] = set()
        self.partners: dict[str, set[str]] = {}
        self.phrases: set[str] = set()
        self.dates: set[str] = set()
        for level, charset in _levels(data_set):
            for tag, element in level.items():
                if element.value and (element.vr in _TELLING or tag in _TAGS):
                    self.learn(element, charset)

    def learn(self, element: Element, charset: Charset) -> None:
        for value in values_of(element, charset):
            if element.vr in ("DA", "DT"):
                self.dates.add(re.sub(r"[-.]", "", value)[:8])
            elif element.vr == "PN":
                self.learn_name(folded(unicodedata.normalize("NFC", value)))
            else:
                self.learn_phrase(element.tag, folded(unicodedata.normalize("NFC", value)))

    def learn_phrase(self, tag: int, plain: str) -> None:
        least = _MIN_DIGITS if tag in _ID_TAGS and plain.isdigit() else _MIN_ID
        ordinary = set(_WORD.findall(plain)) <= _ordinary()
        if len(plain) >= least and not ordinary and not _NOBODY.match(plain):
            self.phrases.add(plain)
            if tag in _ID_TAGS:
                self.phrases |= _digit_forms(plain)

    def learn_name(self, plain: str) -> None:
        parts = [part for group in plain.split("=") for c in group.split("^")[:3] for part in _WORD.findall(c)]
        parts = [part for part in parts if not _NOBODY.match(part)]
        for part in parts:
            if _CJK.fullmatch(part):
                if len(part) >= _MIN_CJK:
                    self.phrases.add(part)
            elif part in _ordinary() or sum(map(str.isalpha, part)) < _MIN_NAME:
                self.partners.setdefault(part, set()).update(set(parts) - {part})
            else:
                self.words |= {part, f"{part}s"}  # also as people write what is somebody's
                self.partners.setdefault(part, set())
        if len(parts) >= 2:
            joined = {parts[0] + parts[1], parts[1] + parts[0]}
            self.words |= {both for both in joined if len(both) > _MIN_NAME + 2 and not set(parts[:2]) <= _ordinary()}

    def clean(self, text: str) -> str:
        """The text without own values; the same object when it holds none."""
        composed = text if text.isascii() else unicodedata.normalize("NFC", text)
        plain = folded(composed)
        spans = [*self.name_spans(plain), *self.phrase_spans(plain), *self.date_spans(plain)]
        out = _cut(composed, spans) if spans else text
        if out.count(".") > 3:
            out = _UID.sub(lambda match: self.new_uid(match.group()), out)
        return out

    def name_spans(self, plain: str) -> Iterator[tuple[int, int]]:
        found = list(_WORD.finditer(plain))
        texts = [match.group() for match in found]
        if self.partners.keys().isdisjoint(texts) and self.words.isdisjoint(texts):
            return
        for index, match in enumerate(found):
            beside = {*texts[max(0, index - 1) : index], *texts[index + 1 : index + 2]}
            if texts[index] in self.words or beside & self.partners.get(texts[index], set()):
                yield match.span()

    def phrase_spans(self, plain: str) -> Iterator[tuple[int, int]]:
        for phrase in self.phrases:
            if phrase in plain:
                edges = ("", "") if _CJK.search(phrase) else (r"(?<![^\W_])", r"(?![^\W_])")
                yield from (m.span() for m in re.finditer(edges[0] + re.escape(phrase) + edges[1], plain))

    def date_spans(self, plain: str) -> Iterator[tuple[int, int]]:
        for match in _DATE.finditer(plain) if self.dates else ():
            if any(day in self.dates for day in _days(match)):
                yield match.span()
        for match in _NAMED.finditer(plain) if self.dates else ():
            month = _MONTHS.get(match.group(2))
            if month and f"{match.group(3)}{month:02d}{int(match.group(1)):02d}" in self.dates:
                yield match.span()

    def new_uid(self, uid: str) -> str:
        return self.map_uid(uid) if len(uid) >= _MIN_UID or uid in self.uids else uid

    @cached_property
    def uids(self) -> set[str]:
        """All UIDs of the object; asked for only when a short one stands in a text."""
        levels = (level for level, _charset in _levels(self.data_set))
        return {
            uid for level in levels for element in level.values() if element.vr == "UI" for uid in values_of(element)
        }


def _digit_forms(plain: str) -> set[str]:
    """An id as people copy it: its digits without prefix, punctuation or leading zeros; at least 6 of them."""
    digits = re.sub(r"\D", "", plain)
    runs = {digits, digits.lstrip("0"), *re.findall(r"\d+", plain)}
    return {run for run in runs if len(run) >= _MIN_DIGITS}


def _days(match: re.Match[str]) -> tuple[str, ...]:
    if match.group(1):
        return (match.group(1) + match.group(3) + match.group(4),)
    first, second, year = (int(part) for part in re.split(r"[-./]", match.group()))
    return f"{year:04d}{second:02d}{first:02d}", f"{year:04d}{first:02d}{second:02d}"


def _cut(text: str, spans: list[tuple[int, int]]) -> str:
    kept = list(text)
    for start, end in spans:
        kept[start:end] = "\0" * (end - start)
    out = re.sub(r"[\^=]*\0+[\^=]*(?:\0+[\^=]*)*", " ", "".join(kept))
    return re.sub(r" {2,}", " ", out).strip(" ,;:-_/")


def _levels(data_set: DataSet) -> Iterator[tuple[DataSet, Charset]]:
    """The data set and all items, also those of private sequences that travelled as UN. PS3.5 6.2.2 note 2."""
    waiting = [(data_set, DEFAULT)]
    while waiting:
        level, inherited = waiting.pop()
        charset = charset_of(level, inherited)
        yield level, charset
        yield from ((DataSet({each.tag: each}), charset) for each in level.shadowed)
        for element in (*level.values(), *level.shadowed):
            items = element.items
            if items is None and holds_items(element.value):
                try:
                    items = parse_items(element.value)
                except Refused:
                    items = None
            if items:
                waiting.extend((item, charset) for item in items)


def encode_text(text: str, charset: Charset) -> bytes | None:
    """Text in the object's own character set; None when it cannot be written so that it reads the same."""
    for codec in ("ascii", *charset, "utf-8", "latin-1"):
        try:
            raw = text.encode(codec)
        except (UnicodeError, LookupError):
            continue
        if decode(raw, charset) == text:
            return raw
    return None


def cleaned(element: Element, charset: Charset, own: OwnValues) -> bytes | None:
    """The element's new value, or None when nothing in it identifies. An empty value: nothing else was in it."""
    text = text_of(element, charset)
    out = own.clean(text)
    return None if out == text else (encode_text(out, charset) or b"")
