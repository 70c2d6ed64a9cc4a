"""A query, whichever door it came by, and the rows that answer it: plain values. PS3.4 C.2.2."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pacs.model import Level


@dataclass(frozen=True, slots=True)
class Exact:
    """Any of these values, compared as the attribute's VR says. One value is single value matching, several a list."""

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wildcard:
    """A pattern with ``*`` and ``?``. PS3.4 C.2.2.2.4."""

    pattern: str


@dataclass(frozen=True, slots=True)
class Range:
    """Both ends inclusive; an absent end is open. DA, TM or DT text as in the standard. PS3.4 C.2.2.2.5."""

    low: str | None
    high: str | None


@dataclass(frozen=True, slots=True)
class Empty:
    """The attribute has no value. PS3.4 C.2.2.2.7 (empty value matching)."""


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One of several conditions. PS3.4 C.2.2.2.8 (multiple value matching)."""

    conditions: "tuple[Exact | Wildcard | Range | Empty, ...]"


Condition = Exact | Wildcard | Range | Empty | AnyOf


@dataclass(frozen=True, slots=True)
class Match:
    """One key of a query: a DICOM keyword and its condition. Universal matching is the absence of a `Match`."""

    keyword: str
    condition: Condition


@dataclass(frozen=True, slots=True)
class Query:
    """One query, whichever door it came by. Rows are at `level`, ordered stably.

    `returned` are keywords wanted besides the level's own unique keys; `with_upper` adds the required attributes of
    the levels above (QIDO ``/series`` and ``/instances``). `limit` and `offset` count rows. `combined`: a range of
    dates and one of the times that belong to them are a range of moments. PS3.4 C.2.2.2.5.3. `everything`: rows bring
    all attributes of these levels, out of the stored DICOM JSON.
    """

    level: Level
    matches: tuple[Match, ...] = ()
    returned: frozenset[str] = frozenset()
    fuzzy: bool = False
    collection: str | None = None
    limit: int | None = None
    offset: int = 0
    combined: bool = False
    everything: frozenset[Level] = frozenset()


# An attribute in the DICOM JSON model: its vr, and Value, BulkDataURI or InlineBinary. PS3.18 F.2.2.
Entry = Mapping[str, Any]
# A row that a query found: DICOM keyword -> text as in the data set (values joined by a backslash), or a number. What
# is no column of the index stands as its entry, by its tag in 8 hexadecimal digits.
Row = Mapping[str, str | int | Entry | None]
