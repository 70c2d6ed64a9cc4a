"""Matching against stored DICOM JSON, for attributes that are no columns. PS3.4 C.2.2.2.

The same rules as in SQL: text as it stands, names without case and accents on every component group, times and dates
in their short forms, numbers as numbers, any of several values, and one item of a sequence that fits all keys in it.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest

from pacs.dicom.values import parse_number
from pacs.errors import BadQuery
from pacs.index.attributes import Attribute, Kind
from pacs.index.conditions import (
    TIME_ENDS,
    check_patterns,
    check_values,
    date_value,
    padded,
    time_value,
)
from pacs.index.matching import folded_pattern, name_groups, pattern_groups, words_of
from pacs.index.moments import same, within
from pacs.index.stored import attribute_of, keys_of, vr_of_name
from pacs.query import AnyOf, Condition, Empty, Entry, Exact, Match, Range, Wildcard

DataSet = Mapping[str, Entry]
Test = Callable[[DataSet], bool]
_Values = Sequence[str]
_ValuesTest = Callable[[_Values], bool]
_NOT_MATCHED = frozenset(("SQ", "OB", "OD", "OF", "OL", "OV", "OW"))


def test_of(matches: Iterable[Match], *, fuzzy: bool) -> Test:
    """Whether a data set fits all of some matches. Raises `BadQuery` for a condition that does not fit its VR."""
    return _test([(keys_of(each.keyword), _values_test(each, fuzzy=fuzzy)) for each in matches])


def needs_data_set(match: Match) -> bool:
    """Whether SQL cannot decide a key that is a column: names in several groups, or several names, of a person."""
    if vr_of_name(match.keyword) != "PN" or isinstance(match.condition, Empty):
        return False
    return attribute_of(match.keyword).kind is not Kind.NAME or _has_groups(match.condition)


def _has_groups(condition: Condition) -> bool:
    match condition:
        case AnyOf(conditions):
            return any(_has_groups(each) for each in conditions)
        case Exact(values):
            return any("=" in value for value in values)
        case Wildcard(pattern):
            return "=" in pattern
        case _:
            return False


def keys_needed(matches: Iterable[Match]) -> tuple[bytes, ...]:
    """What stands in the JSON text of every data set that fits: so that others need not be parsed."""
    needed = [each for each in matches if not _fits_empty(each.condition)]
    return tuple({f'"{key}":'.encode() for each in needed for key in keys_of(each.keyword)})


def _fits_empty(condition: Condition) -> bool:
    if isinstance(condition, AnyOf):
        return any(_fits_empty(each) for each in condition.conditions)
    return isinstance(condition, Empty)


def _test(leaves: list[tuple[tuple[str, ...], _ValuesTest]]) -> Test:
    by_key: dict[str, list[tuple[tuple[str, ...], _ValuesTest]]] = defaultdict(list)
    for keys, test in leaves:
        by_key[keys[0]].append((keys[1:], test))
    tests = []
    for key, inside in by_key.items():
        tests += [_leaf(key, test) for keys, test in inside if not keys]
        nested = [(keys, test) for keys, test in inside if keys]
        if nested:
            tests.append(_nested(key, _test(nested)))
    return lambda data_set: all(test(data_set) for test in tests)


def _leaf(key: str, test: _ValuesTest) -> Test:
    return lambda data_set: test(_texts(data_set.get(key)))


def _nested(key: str, test: Test) -> Test:
    def fits(data_set: DataSet) -> bool:
        items = (data_set.get(key) or {}).get("Value") or [{}]
        return any(test(item) for item in items if isinstance(item, Mapping))

    return fits


def _texts(entry: Entry | None) -> list[str]:
    """The values of an attribute as text; none when it is empty or absent."""
    values = (entry or {}).get("Value") or []
    return [text for value in values if (text := text_of(value))]


def text_of(value: object) -> str:
    """One value of DICOM JSON as a data set has it."""
    if isinstance(value, Mapping):
        groups = [str(value.get(part) or "") for part in ("Alphabetic", "Ideographic", "Phonetic")]
        return "=".join(groups).rstrip("=")
    return "" if value is None else str(value)


def _values_test(match: Match, *, fuzzy: bool) -> _ValuesTest:
    attribute = attribute_of(match.keyword)
    if vr_of_name(match.keyword) in _NOT_MATCHED:
        raise BadQuery(f"{match.keyword} holds no text or numbers, so it cannot be matched")
    if vr_of_name(match.keyword) == "PN":  # its column may be a mere list
        attribute = replace(attribute, kind=Kind.NAME)
    return _condition_test(attribute, match.condition, fuzzy=fuzzy)


def _condition_test(attribute: Attribute, condition: Condition, *, fuzzy: bool) -> _ValuesTest:
    match condition:
        case AnyOf(conditions):
            check_patterns(condition)
            tests = [_condition_test(attribute, each, fuzzy=fuzzy) for each in conditions]
            return lambda values: any(test(values) for test in tests)
        case Empty():
            return lambda values: not values
        case Wildcard(pattern):
            return _wildcard(attribute, pattern)
        case Range(low, high):
            return _range(attribute, low, high)
        case Exact(wanted):
            if attribute.kind is Kind.NAME:  # each is tried on each row
                check_values(attribute, condition)
            return _exact(attribute, wanted, fuzzy=fuzzy)


def _exact(attribute: Attribute, wanted: Sequence[str], *, fuzzy: bool) -> _ValuesTest:
    if attribute.kind is Kind.NAME:
        names = [_fuzzy_name(each) if fuzzy else _exact_name(each) for each in wanted]
        return lambda values: any(name(value) for name in names for value in values)
    if attribute.kind is Kind.DATETIME:
        moments = [same(attribute, each) for each in wanted]
        return lambda values: any(_quietly(moment, value) for moment in moments for value in values)
    normal = _normal(attribute)
    known = {normal(each) for each in wanted}
    return lambda values: any(_quietly(normal, value) in known for value in values)


def _quietly(normal: Callable[[str], object], value: str) -> object:
    """A stored value made comparable; what is none of its VR fits nothing."""
    try:
        return normal(value)
    except BadQuery:
        return None


def _normal(attribute: Attribute) -> Callable[[str], object]:
    """What makes values of the attribute comparable. It raises `BadQuery` for what is no such value."""
    match attribute.kind:
        case Kind.DATE:
            return lambda value: date_value(attribute, value)
        case Kind.TIME:
            return lambda value: padded(time_value(attribute, value), TIME_ENDS[0])
        case Kind.NUMBER:
            return lambda value: _number(attribute, value)
        case _:
            return lambda value: value.strip(" \0")


def _number(attribute: Attribute, value: str) -> float:
    number = parse_number(value)
    if number is None:
        raise BadQuery(f"{attribute.keyword} takes numbers")
    return number


def _range(attribute: Attribute, low: str | None, high: str | None) -> _ValuesTest:
    match attribute.kind:
        case Kind.DATE:
            first = date_value(attribute, low) if low else ""
            last = date_value(attribute, high) if high else "~"
        case Kind.TIME:
            first = padded(time_value(attribute, low), TIME_ENDS[0]) if low else ""
            last = padded(time_value(attribute, high), TIME_ENDS[1]) if high else "~"
        case Kind.DATETIME:
            moment = within(attribute, low, high)
            return lambda values: any(_quietly(moment, value) for value in values)
        case _:
            raise BadQuery(f"{attribute.keyword} takes no range")
    normal = _normal(attribute)
    return lambda values: any(first <= str(_quietly(normal, value) or "\x7f") <= last for value in values)


def _pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(
        "".join({"*": ".*", "?": "."}.get(each, re.escape(each)) for each in re.sub(r"\*+", "*", pattern)), re.DOTALL
    )


def _wildcard(attribute: Attribute, pattern: str) -> _ValuesTest:
    if attribute.kind is Kind.NAME:
        groups = [_pattern(each) for each in pattern_groups(folded_pattern(pattern))]
        return lambda values: any(_fit_groups(groups, name_groups(value)) for value in values)
    if attribute.kind is not Kind.CODE:
        raise BadQuery(f"{attribute.keyword} takes no wildcard")
    text = _pattern(pattern)
    return lambda values: any(text.fullmatch(value.strip(" \0")) for value in values)


def _fit_groups(patterns: Sequence[re.Pattern[str]], groups: Sequence[str]) -> bool:
    """One pattern fits any group; several are held against the groups in their order."""
    if len(patterns) == 1:
        return any(patterns[0].fullmatch(group) for group in groups)
    filled = [*groups, *[""] * (len(patterns) - len(groups))]
    return all(pattern.fullmatch(group) for pattern, group in zip(patterns, filled, strict=False))


def _exact_name(wanted: str) -> Callable[[str], bool]:
    groups = name_groups(wanted)
    if len(groups) == 1:
        return lambda value: groups[0] in name_groups(value)
    patterns = [_pattern(each or "*") for each in groups]
    return lambda value: _fit_groups(patterns, name_groups(value))


def _fuzzy_name(wanted: str) -> Callable[[str], bool]:
    """Every word begins a word of the name; those of several groups are held against the groups in their order."""
    groups = [words_of(group) for group in wanted.rstrip("= ").split("=")]

    def begun(asked: Sequence[str], text: str) -> bool:
        words = words_of(text)
        return all(any(word.startswith(each) for word in words) for each in asked)

    if len(groups) == 1:
        return lambda value: begun(groups[0], value)
    return lambda value: all(
        begun(asked, text) for asked, text in zip_longest(groups, value.split("=")[: len(groups)], fillvalue="")
    )
