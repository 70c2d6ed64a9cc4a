"""What identifies in one object: gathered from every depth of the original, deleted elements included."""

import re
from collections.abc import Collection, Iterator
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from pacs.deid.text import cleaning, days, patterns
from pacs.deid.text.disguises import undisguised
from pacs.deid.text.folding import WORD, fold, folded
from pacs.deid.text.identifiers import ID_TAGS, LOGIN, MACHINE_TAGS, MAKER_TAGS, PLACE_TAGS, Values
from pacs.deid.text.person import People
from pacs.deid.text.spans import Cleaned, Fate, Span, Strength
from pacs.deid.text.vocabulary import lists
from pacs.dicom.elements import DataSet, Element, holds_items, parse_items
from pacs.dicom.values import CHARSET_VRS, DEFAULT, Charset, charset_of, values_of
from pacs.errors import Refused

PATIENT_BIRTH_DATE = 0x00100030
IDENTIFYING_TAGS = ID_TAGS | PLACE_TAGS | MACHINE_TAGS
TELLING_TAGS = IDENTIFYING_TAGS | MAKER_TAGS
_NAMES, _DATES, _MACHINE = "PN", ("DA", "DT"), "AE"
_TELLING_VRS = frozenset((_NAMES, _MACHINE))
_LOOSE_VRS = frozenset(("LO", "SH", "ST", "LT", "UT", "UC", "UN", "OB"))
_MAX_LOOSE = 4096
_ITEM_BYTE = 0xFE  # the first byte of an item tag; asked first, since it costs least
_MAX_HIDDEN = 1 << 20
_DAY = re.compile(r"(\d{4})[-.]?(\d{2})[-.]?(\d{2})")
# A number of at least this length with dots is a UID wherever it stands; a shorter one only when the object has it.
MIN_UID = 20
_UID = re.compile(r"(?<![\d.\w])\d+(?:\.\d+){2,}(?![\d.]*\d)")
_MIN_KNOWN_UID = 8


class Fact(NamedTuple):
    """One identifying value as it stands in the object."""

    tag: int
    vr: str
    value: bytes
    charset: Charset


class Facts(NamedTuple):
    """All that identifies in an object, comparable, so that the images of a series share what is made of it."""

    values: tuple[Fact, ...]
    days: frozenset[str]
    births: frozenset[str]

    def without(self, tags: Collection[int]) -> "Facts":
        """The facts without what stands in some elements, names excepted."""
        if not tags:
            return self
        return self._replace(values=tuple(each for each in self.values if each.tag not in tags or each.vr == _NAMES))


def levels(data_set: DataSet) -> Iterator[tuple[DataSet, Charset]]:
    """The data set and all items, also those that travelled as UN or under another VR. PS3.5 6.2.2 note 2."""
    waiting = [(data_set, DEFAULT)]
    while waiting:
        level, inherited = waiting.pop()
        charset = charset_of(level, inherited)
        yield level, charset
        shadowed = level.shadowed
        for each in shadowed:
            yield DataSet({each.tag: each}), charset
        for element in (*level.values(), *shadowed) if shadowed else level.values():
            items = element.items
            value = element.value
            if items is None and value and value[0] == _ITEM_BYTE and holds_items(value):
                items = _hidden_items(element)
            if items:
                waiting.extend((item, charset) for item in items)


def _hidden_items(element: Element) -> list[DataSet] | None:
    if len(element.value) > _MAX_HIDDEN:
        return None
    try:
        return parse_items(element.value)
    except Refused:
        return None


def facts_of(data_set: DataSet) -> Facts:
    """Gather what identifies. Values are copied only where they do."""
    values: dict[Fact, None] = {}
    dates: set[str] = set()
    births: set[str] = set()
    for level, charset in levels(data_set):
        for tag, element in level.items():
            vr = element.vr
            if vr in _LOOSE_VRS and tag not in TELLING_TAGS:
                if 2 < len(element.value) <= _MAX_LOOSE and _is_loose(raw := bytes(element.value)):
                    values[Fact(0, vr, raw, charset)] = None
            elif vr in _TELLING_VRS or tag in TELLING_TAGS:
                if element.value:
                    values[Fact(tag, vr, bytes(element.value), charset)] = None
            elif vr in _DATES and element.value:
                day = bytes(element.value[:128]).decode("latin-1")
                (births if tag == PATIENT_BIRTH_DATE else dates).update(_day_texts(day))
    return Facts(tuple(values), frozenset(dates), frozenset(births))


def _is_loose(raw: bytes) -> bool:
    """Whether a value may hold an e-mail address, or a name as PN has it."""
    return b"@" in raw or b"^" in raw


@lru_cache(maxsize=8192)  # the slices of a series have the same dates
def _day_texts(text: str) -> tuple[str, ...]:
    found = (_DAY.match(value.strip()) for value in text.split("\\"))
    return tuple("".join(each.groups()) for each in found if each)


def _dates(texts: Collection[str]) -> frozenset[date]:
    out = set()
    for text in texts:
        try:
            found = date(int(text[:4]), int(text[4:6]), int(text[6:]))
        except ValueError:
            continue
        if found.year > 1900 or found.month > 1 or found.day > 1:
            out.add(found)
    return frozenset(out)


class Identity:
    """What identifies, ready to be looked for; shared by all objects with the same facts."""

    def __init__(self, facts: Facts, names: tuple[str, ...], words: tuple[str, ...]) -> None:
        self.people = People()
        self.values = Values()
        self.births = _dates(facts.births)
        self.days = _dates(facts.days) | self.births
        self.added = frozenset(fold(part) for word in words for part in WORD.findall(word))
        for fact in facts.values:
            self.learn(fact)
        for name in names:
            self.learn_listed(name)
        self.values.settle()
        self.found: dict[tuple[str, Strength, str, bool], list[Span]] = {}
        self.results: dict[tuple[str, Strength, str, bool], Cleaned] = {}

    def learn(self, fact: Fact) -> None:
        element = Element(fact.tag, fact.vr if fact.vr in CHARSET_VRS or fact.vr == _MACHINE else "LT", fact.value)
        for value in values_of(element, fact.charset):
            if fact.vr == _NAMES:
                self.people.learn(value)
            elif fact.tag in ID_TAGS:
                self.values.learn_id(value)
            elif fact.tag in PLACE_TAGS:
                self.values.learn_place(value)
            elif fact.tag in MAKER_TAGS:
                self.values.makers.update(WORD.findall(fold(value)))
            elif fact.vr == _MACHINE or fact.tag in MACHINE_TAGS:
                self.values.learn_machine(value)
            else:
                self.learn_loose(value)

    def learn_loose(self, value: str) -> None:
        for local in LOGIN.findall(fold(value)):
            self.values.learn_login(local)
        for match in patterns.CARET.finditer(value):
            if patterns.is_caret_name(match.group()):
                self.people.learn(match.group())

    def learn_listed(self, entry: str) -> None:
        """An entry of the collection's list: a name, or a phrase such as a hospital's."""
        words = WORD.findall(fold(entry))
        if not words:
            return
        if any(word in lists().generic for word in words) or any(letter.isdigit() for letter in entry):
            self.values.learn_place(entry)
            self.values.learn_id(entry)
        else:
            self.people.learn(entry)

    def analyse(self, text: str, strength: Strength, vr: str, *, any_date: bool) -> list[Span]:
        """Spans of a text, dates and UIDs still to be replaced. Remembered."""
        key = (text, strength, vr, any_date)
        known = self.found.get(key)
        if known is None:
            if len(self.found) > 2048:
                self.found.clear()
            known = self.found[key] = self._analyse(text, strength, vr, any_date=any_date)
        return known

    def _analyse(self, text: str, strength: Strength, vr: str, *, any_date: bool) -> list[Span]:
        spans = [span for span in uid_spans(text) if _is_long_uid(text[span.start : span.end])] if "." in text else []
        spans += self.own_spans(text, strength, vr)
        spans += patterns.find(text, strength)
        if any(letter.isdigit() for letter in text):
            spans += cleaning.date_spans(text, strength, self.days, self.births, any_date=any_date)
        return cleaning.settle(spans)

    def own_spans(self, text: str, strength: Strength, vr: str) -> Iterator[Span]:
        yield from self.plain_spans(text, strength, vr)
        for start, end, plain in undisguised(text):
            if next(self.plain_spans(plain, strength, vr), None) is not None:
                yield Span(start, end, "a coded value of this object")

    def plain_spans(self, text: str, strength: Strength, vr: str) -> Iterator[Span]:
        plain = folded(text)
        full = strength is Strength.FULL
        for start, end in self.people.spans(text, plain.text, full=full, within_pn=vr == _NAMES):
            yield Span(*plain.span(start, end), "name of a person of this object")
        for start, end in self.values.id_spans(plain.text, full=full):
            yield Span(*plain.span(start, end), "id of this object")
        for start, end in self.values.place_spans(plain.text):
            yield Span(*plain.span(start, end), "institution or address of this object")
        for start, end in self.values.machine_spans(plain.text, vr):
            yield Span(*plain.span(start, end), "station of this object")


def uid_spans(text: str) -> Iterator[Span]:
    """Dotted numbers that may be UIDs of the object."""
    for match in _UID.finditer(text):
        if len(match.group()) >= _MIN_KNOWN_UID:
            yield Span(*match.span(), "UID", Fate.UID)


def _is_long_uid(uid: str) -> bool:
    return len(uid) >= MIN_UID and uid[0] in "012" and uid.count(".") > 2


@lru_cache(maxsize=64)
def identity_of(facts: Facts, names: tuple[str, ...], words: tuple[str, ...]) -> Identity:
    """The identity of some facts; made once for the images of a series."""
    return Identity(facts, names, words)


__all__ = ["Cleaned", "Facts", "Identity", "days", "facts_of", "identity_of"]
