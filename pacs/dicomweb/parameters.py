"""QIDO-RS parameters as a `Query`. PS3.18 8.3.4 and 10.6.1. Messages never quote what was asked for."""

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from pacs.dicom.dictionary import KEYWORD_OF
from pacs.errors import BadQuery
from pacs.index import ATTRIBUTES, Attribute, Kind
from pacs.model import Condition, Empty, Exact, Level, Match, Query, Range, Wildcard

_PLAIN = ("limit", "offset", "fuzzymatching", "emptyvaluematching", "multiplevaluematching", "includefield")
_OTHERS = ("collection", "accept", "charset")
KNOWN = (*_PLAIN, *_OTHERS, *ATTRIBUTES)
_UID = re.compile(r"[0-9]+(\.[0-9]+)*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_TAG = re.compile(r"[0-9A-Fa-f]{8}")
_WILD = (Kind.CODE, Kind.TEXT, Kind.NAME, Kind.LIST, Kind.OF_SERIES)
_MAX_ROWS = 2**31 - 1
ALL = "all"


@dataclass(slots=True)
class Search:
    """A parsed request: the query, and the keywords to show besides the level's own."""

    query: Query
    shown: frozenset[str] = frozenset()
    everything: bool = False


@dataclass(slots=True)
class _Flags:
    fuzzy: bool = False
    empty: bool = False
    multiple: bool = False
    matches: list[Match] = field(default_factory=list)


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
    flags = _Flags(
        fuzzy=_truth(pairs, "fuzzymatching"),
        empty=_truth(pairs, "emptyvaluematching"),
        multiple=_truth(pairs, "multiplevaluematching"),
    )
    included = list(_included(pairs))
    for name, value in pairs:
        if name.lower() in (*_PLAIN, *_OTHERS):
            continue
        attribute = _attribute(name)
        condition = _condition(attribute, value, flags)
        included.append(attribute.keyword)
        if condition is not None:
            flags.matches.append(Match(attribute.keyword, condition))
    own = [Match(keyword, Exact((value,))) for keyword, value in path.items()]
    query = Query(
        level,
        (*own, *flags.matches),
        fuzzy=flags.fuzzy,
        collection=_last(pairs, "collection") or None,
        limit=_count(pairs, "limit"),
        offset=_count(pairs, "offset") or 0,
    )
    return Search(query, frozenset(included) - {ALL}, ALL in included)


def _last(pairs: list[tuple[str, str]], wanted: str) -> str | None:
    found = [value for name, value in pairs if name.lower() == wanted]
    return found[-1] if found else None


def _truth(pairs: list[tuple[str, str]], name: str) -> bool:
    value = (_last(pairs, name) or "false").strip().lower()
    if value not in ("true", "false"):
        raise BadQuery(f"{name} is true or false")
    return value == "true"


def _count(pairs: list[tuple[str, str]], name: str) -> int | None:
    value = _last(pairs, name)
    if value is None:
        return None
    if not re.fullmatch(r"[0-9]{1,10}", value.strip()) or int(value) > _MAX_ROWS:
        raise BadQuery(f"{name} is a whole number from 0")
    return int(value)


def _included(pairs: list[tuple[str, str]]) -> Iterable[str]:
    """Keywords of includefield; what is unknown is left out, as PS3.18 8.3.4.3 has it."""
    for name, value in pairs:
        if name.lower() != "includefield":
            continue
        for each in value.split(","):
            if each.strip().lower() == ALL:
                yield ALL
            elif (keyword := canonical(each.strip())) is not None:
                yield keyword


def canonical(name: str) -> str | None:
    """The (dotted) keyword of an attribute given by keywords or tags; None when the dictionary has no such one."""
    found = []
    for part in name.split("."):
        keyword = KEYWORD_OF.get(int(part, 16)) if _TAG.fullmatch(part) else _BY_NAME.get(part.lower())
        if keyword is None:
            return None
        found.append(keyword)
    return ".".join(found)


_BY_NAME = {keyword.lower(): keyword for keyword in KEYWORD_OF.values()}


def _attribute(name: str) -> Attribute:
    keyword = canonical(name.strip())
    attribute = ATTRIBUTES.get(keyword or "")
    if attribute is not None:
        return attribute
    near = difflib.get_close_matches(name, KNOWN, 1, 0.6)
    hint = f"; the nearest known one is {near[0]}" if near else ""
    if keyword is not None:
        raise BadQuery(f"one parameter names an attribute that cannot be matched here{hint}")
    raise BadQuery(f"one parameter is unknown{hint}")


def _condition(attribute: Attribute, value: str, flags: _Flags) -> Condition | None:
    text = value.strip()
    if _CONTROL.search(value):
        raise BadQuery("a value holds control characters")
    if not text.strip("*") or text == "\\":
        return None
    if text == '""' and flags.empty:
        return Empty()
    if attribute.kind is Kind.UID:
        return Exact(_uids(attribute, text))
    if attribute.kind in (Kind.DATE, Kind.TIME) and "-" in text:
        return _range(attribute, *text.split("-"))
    if attribute.kind is Kind.DATETIME and (split := _datetime_range(text)):
        return Range(*split)
    return _text_condition(attribute, text, flags)


def _text_condition(attribute: Attribute, text: str, flags: _Flags) -> Condition:
    values = [text]
    if attribute.kind is Kind.OF_SERIES or attribute.keyword == "Modality":
        values = [each.strip() for each in re.split(r"[,\\]", text) if each.strip()]
    elif flags.multiple and "\\" in text:
        values = [each.strip() for each in text.split("\\") if each.strip()]
    if attribute.kind in _WILD and len(values) == 1 and set("*?") & set(values[0]):
        return Wildcard(values[0])
    return Exact(tuple(values))


def _uids(attribute: Attribute, text: str) -> tuple[str, ...]:
    values = tuple(each.strip() for each in re.split(r"[,\\]", text) if each.strip())
    if not all(len(value) <= 64 and _UID.fullmatch(value) for value in values):
        raise BadQuery(f"{attribute.keyword} takes UIDs, joined by commas")
    return values


def _range(attribute: Attribute, *ends: str) -> Range:
    if len(ends) != 2:
        raise BadQuery(f"{attribute.keyword} takes one value or a range of two")
    return Range(ends[0].strip() or None, ends[1].strip() or None)


def _datetime_range(text: str) -> tuple[str | None, str | None] | None:
    """The ends of a DT range; a hyphen may also begin a zone. PS3.4 C.2.2.2.5."""
    moment = r"\d{4,14}(?:\.\d{1,6})?(?:[+-]\d{4})?"
    found = re.fullmatch(rf"({moment})?\s*-\s*({moment})?", text)
    if found is None or (re.fullmatch(moment, text) and found[2] and len(found[2]) == 4):
        return None
    return found[1], found[2]
