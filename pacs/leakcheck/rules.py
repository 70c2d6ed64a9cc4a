"""The second reader's rules, one function each: what counts as a leak, and what does not.

Every rule takes what identifies in the original and the reading of the result, and yields a finding per hit. A finding
names place and rule, never the value.
"""

import re
from collections.abc import Iterator
from datetime import date
from functools import lru_cache

from pacs.leakcheck.identity import ID_TAGS, Identity
from pacs.leakcheck.texts import DIGIT_VRS, Reading, Text, read
from pacs.leakcheck.vocabulary import WORD, is_after_title
from pacs.model import Finding

_UID = re.compile(r"(?<![\d.])\d+(?:\.\d+){2,}(?![\d.]*\d)")
_MIN_UID_IN_TEXT = 8
_MONTHS = {name: number for number, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}
_YMD = re.compile(r"(?<!\d)(\d{4})([-./ ]?)(\d{2})\2(\d{2})(?=\d{2}(?:\d{2}){1,2}(?!\d)|(?!\d))")
_DMY = re.compile(r"(?<!\d)(\d{1,2})([-./ ])(\d{1,2})\2(\d{4})(?!\d)")
MIN_WITHIN = 6
_SHORT = 256  # letters of a text whose dates are remembered
PATIENT_AGE, OLDEST_SHOWN = 0x00101010, 90  # ages above are shown as 90 years
_AGE = re.compile(
    r"(?<![\d.,-])0?(?:9[1-9]|1[01]\d)(?:\s*y\.?/?o\b|\s*-?\s*(?:years?|yrs?\.?)[\s-]*old\b|y\b|[\s-]*jahrig"
    r"|\s*jahre? alt\b)|\b(?:aged?|alter)\s*:?\s*(?:9[1-9]|1[01]\d)\b(?![./-]\d)"
)
_NAMED_MONTH = re.compile(r"(?<!\d)(\d{1,2})[. -]*([a-z]{3})[a-z]*[., -]*(\d{4})(?!\d)")


def names(identity: Identity, reading: Reading) -> Iterator[Finding]:
    """A part of a person's name that is no ordinary word, as a whole word in any text."""
    hits = identity.names & reading.words
    for text in reading.texts if hits else ():
        if hits & set(WORD.findall(text.folded)):
            yield Finding(text.path, "name")


def names_within_words(identity: Identity, reading: Reading) -> Iterator[Finding]:
    """A name of at least 6 letters, digits and at most one letter around it: ``xQuixotic``, ``QUIXOTIC7``."""
    hits = [name for name in identity.names if len(name) >= MIN_WITHIN and name in reading.everything]
    for text in reading.texts if hits else ():
        for word in WORD.findall(text.folded):
            core = word.strip("0123456789")
            if word not in hits and identity.names & {core, core[1:], core[:-1], core[1:-1]}:
                yield Finding(text.path, "name within a word")


def cjk_names(identity: Identity, reading: Reading) -> Iterator[Finding]:
    """A part of a name in a script that writes without blanks: anywhere in a text."""
    hits = [part for part in identity.cjk_names if part in reading.everything]
    for text in reading.texts if hits else ():
        if any(part in text.folded for part in hits):
            yield Finding(text.path, "name")


def common_names(identity: Identity, reading: Reading) -> Iterator[Finding]:
    """A name that is an ordinary word too: only in a PN, beside another part of the name, or after a title."""
    hits = identity.common_names.keys() & reading.words
    for text in reading.texts if hits else ():
        if any(_is_person(text, word, identity.common_names[word]) for word in hits):
            yield Finding(text.path, "name that is a word too")


def _is_person(text: Text, word: str, others: set[str]) -> bool:
    found = WORD.findall(text.folded)
    if word not in found:
        return False
    if text.vr == "PN":
        return True
    for index, each in enumerate(found):
        if each == word and others & {*found[max(0, index - 1) : index], *found[index + 1 : index + 2]}:
            return True
    places = (match.start() for match in re.finditer(rf"(?i)\b{re.escape(word)}\b", text.raw))
    return any(is_after_title(text.raw, place) for place in places)


def whole_names(identity: Identity, reading: Reading) -> Iterator[Finding]:
    """A whole name, however short its parts, that stands unchanged in a PN."""
    for text in reading.texts:
        if text.vr == "PN" and identity.whole_names:
            values = {" ".join(WORD.findall(value)) for value in text.folded.split("\\")}
            if values & identity.whole_names:
                yield Finding(text.path, "whole name")


def ids(identity: Identity, reading: Reading) -> Iterator[Finding]:
    """An id of at least 5 characters (6 when all digits), bounded, in text; never in UIDs, numbers, dates or times."""
    for wanted in identity.ids:
        if wanted in reading.everything:
            bounded = _bounded(wanted)
            for text in reading.texts:
                if bounded.search(text.folded) and not (wanted.isdigit() and text.vr in DIGIT_VRS):
                    yield Finding(text.path, "id")


def short_ids(identity: Identity, reading: Reading) -> Iterator[Finding]:
    """A shorter id: only as the whole value of an element that holds ids."""
    for text in reading.texts if identity.short_ids else ():
        if text.tag in ID_TAGS and identity.short_ids & {value.strip() for value in text.folded.split("\\")}:
            yield Finding(text.path, "short id")


def institutions(identity: Identity, reading: Reading) -> Iterator[Finding]:
    """The whole name or address of an institution, or a word of it that others do not share, unless a maker's."""
    hits = identity.places & reading.words
    phrases = [phrase for phrase in identity.phrases if phrase in reading.everything]
    for text in reading.texts if hits or phrases else ():
        if hits & set(WORD.findall(text.folded)) or any(_bounded(phrase).search(text.folded) for phrase in phrases):
            yield Finding(text.path, "institution")


def machines(identity: Identity, reading: Reading) -> Iterator[Finding]:
    """A station name or AE title: only in AE and SH elements."""
    for text in reading.texts if identity.machines else ():
        if text.vr in ("AE", "SH") and identity.machines & {value.strip() for value in text.folded.split("\\")}:
            yield Finding(text.path, "station or AE title")


def uids(identity: Identity, reading: Reading) -> Iterator[Finding]:
    """A UID of the original, whole: in a UI, or bounded in a text. Those that PS3.6 registers are no identity."""
    for path, uid in reading.uids:
        if uid in identity.uids:
            yield Finding(path, "UID")
    hits = {uid for uid in _UID.findall(reading.everything) if len(uid) >= _MIN_UID_IN_TEXT} & identity.uids
    for text in reading.texts if hits else ():
        if hits & set(_UID.findall(text.folded)):
            yield Finding(text.path, "UID in text")


def ages(identity: Identity, reading: Reading) -> Iterator[Finding]:
    """An age over 89, which HIPAA's safe harbor counts as identity: in an element, in a text, in a report's number."""
    if PATIENT_AGE in identity.kept:
        return
    for path, age in reading.ages:
        if age.endswith("Y") and age[:-1].isdigit() and int(age[:-1]) > OLDEST_SHOWN:
            yield Finding(path, "age over 89")
    for text in reading.texts:
        if _tells_age(text.folded):
            yield Finding(text.path, "age over 89")


def same_dates(identity: Identity, reading: Reading) -> Iterator[Finding]:
    """A date that stands unchanged in its own element. A shifted date may equal some other original date."""
    for path, text in reading.dates.items():
        if text and any(day in identity.dates for day in _days(text)) and identity.dates_at.get(path) == text:
            yield Finding(path, "date unchanged")


def dates_in_text(identity: Identity, reading: Reading) -> Iterator[Finding]:
    """A full date of the original in a text, in any usual way of writing it."""
    telling = [text for text in reading.texts if not identity.dates.isdisjoint(_days(text.folded))]
    if not telling:
        return
    moved = _moves(identity, reading)
    for text in telling:
        days = identity.dates.intersection(_days(text.folded))
        if text.vr not in ("CS", "AE", "UR") and not days <= _moved_dates(identity, moved):
            yield Finding(text.path, "date in text")


def _moves(identity: Identity, reading: Reading) -> set[int]:
    """By how many days the dates of the same element differ: the shift, as a reader sees it."""
    found = set()
    for path, new in reading.dates.items():
        old = identity.dates_at.get(path, "")
        if old != new and len(old) >= 8 <= len(new) and (start := _ordinal(old)) and (end := _ordinal(new)):
            found.add(end - start)
    return found if len(found) == 1 else set()


def _moved_dates(identity: Identity, moves: set[int]) -> set[str]:
    """What all dates of the original become: one of them that equals an original date is a coincidence."""
    written = {day for text in read((identity.original,)).texts for day in _days(text.folded)}
    days = [ordinal for day in identity.dates | written if (ordinal := _ordinal(day))]
    return {date.fromordinal(day + move).strftime("%Y%m%d") for day in days for move in moves if day + move > 0}


def _ordinal(text: str) -> int:
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:8])).toordinal()
    except ValueError:
        return 0


def _days(text: str) -> frozenset[str]:
    """Dates in a text as YYYYMMDD; day and month in both orders."""
    return _days_of_short(text) if len(text) <= _SHORT else frozenset(_all_days(text))


@lru_cache(maxsize=4096)  # the slices of a series say the same
def _days_of_short(text: str) -> frozenset[str]:
    return frozenset(_all_days(text))


def _all_days(text: str) -> Iterator[str]:
    for year, _mark, month, day in _YMD.findall(text):
        yield year + month + day
    for first, _mark, second, year in _DMY.findall(text):
        yield f"{year}{int(second):02d}{int(first):02d}"
        yield f"{year}{int(first):02d}{int(second):02d}"
    for day, name, year in _NAMED_MONTH.findall(text):
        if name in _MONTHS:
            yield f"{year}{_MONTHS[name]:02d}{int(day):02d}"


def _tells_age(text: str) -> bool:
    return _tells_age_short(text) if len(text) <= _SHORT else _AGE.search(text) is not None


@lru_cache(maxsize=4096)
def _tells_age_short(text: str) -> bool:
    return _AGE.search(text) is not None


def _bounded(wanted: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![^\W_]){re.escape(wanted)}(?![^\W_])")


RULES = (
    names,
    names_within_words,
    cjk_names,
    common_names,
    whole_names,
    ids,
    short_ids,
    institutions,
    machines,
    uids,
    same_dates,
    dates_in_text,
    ages,
)
# For persons known from other objects: only what names them alone.
NAME_RULES = (names, cjk_names, common_names)
