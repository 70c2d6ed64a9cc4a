"""From the attributes of a publication to the columns of four tables."""

import re
from collections.abc import Mapping

from pacs.index.attributes import STORED, Attribute, Kind
from pacs.index.matching import folded, name_keys
from pacs.index.sql import Value
from pacs.model import Level

TEXT_LENGTH = 10_240  # characters of a text that a row keeps; the longest VR that a query returns (LT) has as many
_NOT_STORED = ("AvailableTransferSyntaxUID", "SOPInstanceUID", "SOPClassUID", "StudyInstanceUID", "SeriesInstanceUID")
_OF_LEVEL: dict[Level, tuple[Attribute, ...]] = {
    level: tuple(a for a in STORED if a.level is level and a.keyword not in _NOT_STORED) for level in Level
}


def columns_of(level: Level, attributes: Mapping[str, str]) -> dict[str, Value]:
    """Column values of one level. Absent attributes give empty text, or NULL for numbers."""
    found: dict[str, Value] = {}
    for attribute in _OF_LEVEL[level]:
        text = attributes.get(attribute.keyword, "")
        _set(found, attribute, _clean(text) if text else "")
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
