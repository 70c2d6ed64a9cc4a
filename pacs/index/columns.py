"""From the attributes of a publication to the columns of four tables."""

import re
from collections.abc import Mapping
from functools import cache, lru_cache

from pacs.index.attributes import STORED, Attribute, Kind
from pacs.index.matching import folded, name_keys
from pacs.index.sql import Value
from pacs.model import Level

TEXT_LENGTH = 10_240  # characters of a text that a row keeps; the longest VR that a query returns (LT) has as many
_NOT_STORED = ("AvailableTransferSyntaxUID", "SOPInstanceUID", "SOPClassUID", "StudyInstanceUID", "SeriesInstanceUID")
_OF_LEVEL: dict[Level, tuple[Attribute, ...]] = {
    level: tuple(a for a in STORED if a.level is level and a.keyword not in _NOT_STORED) for level in Level
}


def columns_of(level: Level, attributes: Mapping[str, str]) -> Mapping[str, Value]:
    """Column values of one level. Absent attributes give empty text, or NULL for numbers.

    Above the instances the same values give the same mapping, as slices of a series do; it must not be changed.
    """
    of_level = _OF_LEVEL[level]
    if level is Level.INSTANCE:
        return _columns(level, {each.keyword: attributes.get(each.keyword, "") for each in of_level})
    return _remembered(level, tuple(attributes.get(each.keyword, "") for each in of_level))


@lru_cache(maxsize=256)
def _remembered(level: Level, texts: tuple[str, ...]) -> Mapping[str, Value]:
    return _columns(level, {each.keyword: text for each, text in zip(_OF_LEVEL[level], texts, strict=True)})


def _columns(level: Level, texts: Mapping[str, str]) -> dict[str, Value]:
    found = dict(_empty(level))
    for attribute in _OF_LEVEL[level]:
        text = _clean(texts[attribute.keyword]) if texts[attribute.keyword] else ""
        if text:
            _set(found, attribute, text)
    return found


@cache
def _empty(level: Level) -> Mapping[str, Value]:
    """The columns of a level of which nothing is known."""
    found: dict[str, Value] = {}
    for attribute in _OF_LEVEL[level]:
        _set(found, attribute, "")
    return found


def _clean(text: str) -> str:
    """Without NUL (PostgreSQL takes none), padding, or excess."""
    return text.replace("\0", "").strip()[:TEXT_LENGTH]


def _set(found: dict[str, Value], attribute: Attribute, text: str) -> None:
    column = attribute.column
    match attribute.kind:
        case Kind.NUMBER:
            found[column] = whole_number(text)
            return
        case Kind.DATE:
            found[column] = text.replace(".", "")
            return
        case Kind.TIME:
            found[column] = text.replace(":", "")
            return
        case Kind.TEXT:
            found[f"{column}_match"] = folded(text)
        case Kind.NAME:
            found[f"{column}_match"], found[f"{column}_groups"] = name_keys(text)
    found[column] = text


def whole_number(text: str) -> int | None:
    """The first value of an IS or US; None when it is no number of 32 bits. PS3.5 6.2."""
    match = re.match(r"\s*([+-]?\d+)(?:\.0*)?\s*(?:\\|$)", text)
    if not match:
        return None
    number = int(match[1])
    return number if abs(number) < 2**31 else None
