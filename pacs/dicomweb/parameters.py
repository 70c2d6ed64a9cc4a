"""QIDO-RS parameters as a `Query`. PS3.18 8.3.4 and 10.6.1. Messages never quote what was asked for."""

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from pacs.dicom.dictionary import KEYWORD_OF
from pacs.errors import BadQuery
from pacs.index import ATTRIBUTES, Attribute, Kind, attribute_of, canonical
from pacs.model import Level
from pacs.query import AnyOf, Condition, Empty, Exact, Match, Query, Range, Wildcard

_PLAIN = ("limit", "offset", "fuzzymatching", "emptyvaluematching", "multiplevaluematching", "includefield")
_OTHERS = ("collection", "accept", "charset")
_SETTINGS = frozenset((*_PLAIN, *_OTHERS))
KNOWN = (*_PLAIN, *_OTHERS, *ATTRIBUTES)
_UID = re.compile(r"[0-9]+(\.[0-9]+)*")
_WEST = "1200"  # no zone is farther behind UTC. PS3.5 6.2
# A month or a day that no calendar has; a 31st is taken for any month, since viewers end ranges so.
_IMPOSSIBLE = re.compile(r"\d{4}(?!(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]))\d{4}")
# An hour, minute or second that no clock has, after any hour and minute; 24 is taken, since viewers end days so.
_IMPOSSIBLE_TIME = re.compile(r"(?:2[5-9]|[3-9]\d|\d\d(?:[6-9]\d|\d\d(?:6[1-9]|[7-9]\d))).*")
_PRIVATE = re.compile(r"([0-9A-F]{3}[13579BDF])(?!00)([0-9A-F]{2})[0-9A-F]{2}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_WILD = (Kind.CODE, Kind.TEXT, Kind.NAME, Kind.LIST, Kind.OF_SERIES)
_MOMENTS = (Kind.DATE, Kind.TIME, Kind.DATETIME)
# Lists by comma beyond unique keys: viewers ask so for modalities.
_COMMAS = frozenset(("ModalitiesInStudy", "Modality", "SOPClassesInStudy"))
# What tells of the request and restricts no rows. The time zone is that of its dates and times, PS3.18 8.3.4.1.1: those
# of objects are mostly without one, and moved in days by de-identification; so all are compared as they stand.
_ZONE = "TimezoneOffsetFromUTC"
_OF_REQUEST = frozenset((_ZONE, "SpecificCharacterSet", "QueryRetrieveLevel"))
_MAX_ROWS = 2**31 - 1
_LONGEST_NAME = 256  # of a parameter whose nearest known name is looked for
ALL = "all"


@dataclass(frozen=True, slots=True)
class Search:
    """A parsed request: the query, and the attributes to show besides the level's own."""

    query: Query
    shown: frozenset[str] = frozenset()
    everything: bool = False


@dataclass(frozen=True, slots=True)
class _Flags:
    fuzzy: bool = False
    empty: bool = False
    multiple: bool = False


def parse_search(level: Level, parameters: Iterable[tuple[str, str]], path: dict[str, str]) -> Search:
    """The query of a request.

    Parameters
    ----------
    level : Level
        What rows are.
    parameters : iterable of (str, str)
        Decoded names and values, in order; names may repeat.
    path : dict
        Unique keys that the resource's path gives.

    Raises
    ------
    BadQuery
        For an unknown parameter (naming the nearest known one) or a malformed value.
    """
    pairs = list(parameters)
    settings: dict[str, str] = {name.lower(): value for name, value in pairs if name.lower() in _SETTINGS}
    flags = _Flags(
        fuzzy=_truth(settings, "fuzzymatching"),
        empty=_truth(settings, "emptyvaluematching"),
        multiple=_truth(settings, "multiplevaluematching"),
    )
    included = set(_included(pairs))
    matches = [Match(keyword, Exact((value,))) for keyword, value in path.items()]
    for attribute, value in _keys(pairs):
        included.update(_with_creator(attribute.keyword))
        if attribute.keyword in _OF_REQUEST:
            _check_zone(attribute, value)
            continue
        condition = _condition(attribute, value, flags)
        if condition is not None:
            matches.append(Match(attribute.keyword, condition))
    query = Query(
        level,
        tuple(matches),
        fuzzy=flags.fuzzy,
        collection=settings.get("collection") or None,
        limit=_count(settings, "limit"),
        offset=_count(settings, "offset") or 0,
    )
    return Search(query, frozenset(included - {ALL}), ALL in included)


def _keys(pairs: list[tuple[str, str]]) -> list[tuple[Attribute, str]]:
    """Attributes with their values, in order; what is asked for in lists is one list, however often it is named."""
    found: list[tuple[Attribute, str]] = []
    lists: dict[str, int] = {}  # where in `found` the list of each stands
    for name, value in pairs:
        if name.lower() in _SETTINGS:
            continue
        attribute = _attribute(name)
        if (attribute.kind is Kind.UID or attribute.keyword in _COMMAS) and value.strip(" *"):
            place = lists.setdefault(attribute.keyword, len(found))
            if place < len(found):
                found[place] = (attribute, f"{found[place][1]}\\{value}")
                continue
        found.append((attribute, value))
    return found


def _check_zone(attribute: Attribute, value: str) -> None:
    if (
        attribute.keyword == _ZONE
        and value.strip(' *"')
        and not re.fullmatch(r"[+-](?:0\d|1[0-4])[0-5]\d", value.strip())
    ):
        raise BadQuery(f"{_ZONE} is +HHMM or -HHMM; a plus is written %2B")


def _truth(settings: dict[str, str], name: str) -> bool:
    value = (settings.get(name) or "false").strip().lower()
    if value not in ("true", "false"):
        raise BadQuery(f"{name} is true or false")
    return value == "true"


def _count(settings: dict[str, str], name: str) -> int | None:
    value = settings.get(name)
    if value is None:
        return None
    if not re.fullmatch(r"[0-9]{1,10}", value.strip()) or int(value) > _MAX_ROWS:
        raise BadQuery(f"{name} is a whole number from 0")
    return int(value)


def _included(pairs: list[tuple[str, str]]) -> Iterable[str]:
    """Names of includefield; what is unknown is left out, as PS3.18 8.3.4.3 has it."""
    for name, value in pairs:
        if name.lower() != "includefield":
            continue
        for each in value.split(","):
            if each.strip().lower() == ALL:
                yield ALL
            elif (found := canonical(each.strip())) is not None:
                yield from _with_creator(found)


def _with_creator(name: str) -> tuple[str, ...]:
    """An attribute; a private one with the element that says whose it is. PS3.18 10.6.3.3, PS3.5 7.8.1."""
    found = _PRIVATE.fullmatch(name)
    return (name, f"{found[1]}00{found[2]}") if found else (name,)


def _attribute(name: str) -> Attribute:
    found = canonical(name.strip())
    if found is not None:
        return attribute_of(found)
    near = _nearest(name.strip())
    raise BadQuery("one parameter is unknown" + (f"; the nearest known one is {near}" if near else ""))


def _nearest(name: str) -> str:
    """The known name that is most like one; empty when none is."""
    short = name[:_LONGEST_NAME]
    near = difflib.get_close_matches(short, KNOWN, 1, 0.6) or difflib.get_close_matches(
        short, (each for each in KEYWORD_OF.values() if abs(len(each) - len(short)) < 4), 1, 0.8
    )
    return near[0] if near else ""


def _condition(attribute: Attribute, value: str, flags: _Flags) -> Condition | None:
    """How a key restricts; None for universal matching."""
    text = value.strip()
    if _CONTROL.search(value):
        raise BadQuery("a value holds control characters")
    if not text.strip("*") or text == "\\" or (attribute.keyword == "InstanceAvailability" and text == "ONLINE"):
        return None  # what every row says restricts nothing
    if attribute.kind is Kind.UID and not (text == '""' and flags.empty):
        return Exact(_uids(attribute, text))
    values = _values(attribute, text, flags)
    if not values or any(not each.strip("*") for each in values):
        return None
    conditions = [_of_one(attribute, each, flags) for each in values]
    plain = [each for each in conditions if isinstance(each, Exact)]
    if len(plain) == len(conditions):
        return Exact(tuple(value for each in plain for value in each.values))
    return conditions[0] if len(conditions) == 1 else AnyOf(tuple(conditions))


def _values(attribute: Attribute, text: str, flags: _Flags) -> list[str]:
    if attribute.keyword in _COMMAS:
        return [each.strip() for each in re.split(r"[,\\]", text) if each.strip()]
    if flags.multiple and "\\" in text:
        return [each.strip() for each in text.split("\\") if each.strip()]
    return [text]


def _of_one(attribute: Attribute, text: str, flags: _Flags) -> Exact | Wildcard | Range | Empty:
    if text == '""' and flags.empty:
        return Empty()
    if attribute.kind in _MOMENTS:
        _check_moments(attribute, text)
    if attribute.kind in _MOMENTS and "-" in text:
        return _range(attribute, text)
    if attribute.kind in _WILD and set("*?") & set(text):
        return Wildcard(text)
    return Exact((text,))


def _check_moments(attribute: Attribute, text: str) -> None:
    ends = [each.strip() for each in text.split("-")]
    if attribute.kind is Kind.TIME:
        if any(_IMPOSSIBLE_TIME.fullmatch(each.replace(":", "")) for each in ends):
            raise BadQuery(f"{attribute.keyword} takes times of the day as HHMMSS")
    elif any(_IMPOSSIBLE.fullmatch(each[:8]) for each in ends):
        raise BadQuery(f"{attribute.keyword} takes dates of the calendar as YYYYMMDD")


def _uids(attribute: Attribute, text: str) -> tuple[str, ...]:
    values = tuple(each.strip() for each in re.split(r"[,\\]", text) if each.strip())
    if not values or not all(len(value) <= 64 and _UID.fullmatch(value) for value in values):
        raise BadQuery(f"{attribute.keyword} takes UIDs, joined by commas")
    return tuple(dict.fromkeys(values))


def _range(attribute: Attribute, text: str) -> Range | Exact:
    if attribute.kind is Kind.DATETIME:
        split = _datetime_range(text)
        return Range(*split) if split else Exact((text,))
    ends = text.split("-")
    if len(ends) != 2 or not text.strip("- "):
        raise BadQuery(f"{attribute.keyword} takes one value or a range of two")
    return Range(ends[0].strip() or None, ends[1].strip() or None)


def _datetime_range(text: str) -> tuple[str | None, str | None] | None:
    """The ends of a DT range; a hyphen may also begin a zone. PS3.4 C.2.2.2.5."""
    moment = r"\d{4,14}(?:\.\d{1,6})?(?:[+-]\d{4})?"
    found = re.fullmatch(rf"({moment})?\s*-\s*({moment})?", text)
    if found is None or (re.fullmatch(moment, text) and found[2] and len(found[2]) == 4 and found[2] <= _WEST):
        return None
    return found[1], found[2]
