"""Running a search: rows stream from the cursor, so a caller holds one row at a time."""

import itertools
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import orjson
from peewee import Database

from pacs.db.connection import execute
from pacs.errors import SearchTooLong
from pacs.index.attributes import Kind
from pacs.index.moments import names_zone
from pacs.index.packing import unpacked_json
from pacs.index.sql import Dialect, Sql, Value
from pacs.index.statement import COMMON, Statement, commonness, metadata_below, statement_for
from pacs.index.stored import attribute_of, is_stored, of_levels, picked, tree_of
from pacs.index.stored_matching import DataSet, keys_needed, needs_data_set, test_of
from pacs.index.totals import Totals
from pacs.model import Scope
from pacs.query import Match, Query, Row

CHUNK_ROWS = 1000
MOST_COUNTED = 20_000  # objects whose stored JSON is read for a total: a second or two
_names = itertools.count()


class Found:
    """The rows of a search. Iterating runs it; each iteration runs it again."""

    def __init__(
        self, database: Database, query: Query, scope: Scope, order: Sequence[int] = (), totals: Totals | None = None
    ) -> None:
        self._database = database
        self._totals = totals or Totals()
        dialect = Dialect(database)
        self._query = query
        self._stored = _Stored(query)
        self._limit_s = 0.0
        self._below: Sql | None = None
        plain = query
        if self._stored.matches:  # what is left after matching against JSON is cut into pages here
            columns = tuple(match for match in query.matches if match not in self._stored.matches or _narrows(match))
            plain = replace(query, matches=columns, limit=None, offset=0)
            if self._stored.deepest is not None:
                self._below = metadata_below(plain, scope, dialect, self._stored.deepest)
        self._statement: Statement = statement_for(
            plain, scope, dialect, order, metadata=self._stored.is_needed, common=self._common(plain, dialect)
        )

    def _common(self, query: Query, dialect: Dialect) -> frozenset[str]:
        """The keys that very many series fit."""
        counts = commonness(query, dialect)
        return frozenset(
            keyword
            for keyword, count in counts.items()
            if execute(self._database, count.text, count.values).fetchone()[0] >= COMMON
        )

    @property
    def reads_data_sets(self) -> bool:
        """Whether a key is no column, so that finding rows may mean reading very many objects."""
        return bool(self._stored.matches)

    def end_after(self, seconds: float) -> None:
        """From now on raise `SearchTooLong` when matching against data sets takes longer; 0: no limit."""
        self._limit_s = seconds

    def __iter__(self) -> Iterator[Row]:
        """Rows in a stable order. Raises `SearchTooLong` for a search that `end_after` ends."""
        if not self._stored.is_needed:
            names = self._statement.names
            is_short = self._query.limit is not None and self._query.limit <= CHUNK_ROWS
            rows = stream(self._database, self._statement.text, self._statement.values, is_short=is_short)
            return (dict(zip(names, row, strict=True)) for row in rows)
        if not self._stored.matches:
            return (self._row(values, data_set) for values, data_set in self._with_metadata())
        left = _Time(self._limit_s) if self._limit_s else None
        found = self._with_metadata(left)
        start, limit = self._query.offset, self._query.limit
        fitting = itertools.islice(self._fitting(found, left), start, None if limit is None else start + limit)
        return (self._row(values, data_set) for values, data_set in fitting)

    def total(self) -> int:
        """How many rows match, whatever limit and offset say."""
        if self._stored.matches:
            return sum(1 for _ in self._fitting(self._with_metadata()))
        cursor = execute(self._database, self._statement.count, self._statement.count_values)
        return int(cursor.fetchone()[0])

    def quick_total(self) -> int | None:
        """`total` as it is remembered, or None when that would take reading more than `MOST_COUNTED` objects."""
        if not self._stored.matches:
            return self._totals.total(self._database, self._statement.count, self._statement.count_values)
        left = _Allowance(MOST_COUNTED)
        count = sum(1 for _ in self._fitting(self._with_metadata(left), left))
        return count if left.objects > 0 else None

    def _row(self, values: Sequence[Any], data_set: DataSet) -> Row:
        found: dict[str, Any] = dict(zip(self._statement.names, values, strict=False))
        found.update(picked(data_set, self._stored.tree))
        if self._query.everything:
            found.update(of_levels(data_set, self._query.everything))
        return found

    def _with_metadata(self, left: "_Allowance | None" = None) -> Iterator[tuple[tuple[Any, ...], DataSet]]:
        """Rows with the DICOM JSON of an instance of each."""
        for row in stream(self._database, self._statement.text, self._statement.values):
            if left is not None and not left.take():
                return
            data_set = _data_set(row[-1], self._stored.own_needs)
            if data_set is not None:
                yield row, data_set

    def _fitting(
        self, rows: Iterable[tuple[tuple[Any, ...], DataSet]], left: "_Allowance | None" = None
    ) -> Iterator[tuple[tuple[Any, ...], DataSet]]:
        """Those rows that fit the keys which are no columns: of their own, and of something below them."""
        for row, data_set in rows:
            if self._stored.own(data_set) and (self._below is None or self._has_below(int(row[-2]), left)):
                yield row, data_set

    def _has_below(self, row_id: int, left: "_Allowance | None") -> bool:
        assert self._below is not None
        for (packed,) in stream(self._database, self._below.text, (*self._below.values, row_id)):
            if left is not None and not left.take():
                return False
            data_set = _data_set(packed, self._stored.lower_needs)
            if data_set is not None and self._stored.lower(data_set):
                return True
        return False


def _is_of_data_sets(match: Match) -> bool:
    return is_stored(match.keyword) or names_zone(match) or needs_data_set(match)


def _narrows(match: Match) -> bool:
    """Whether SQL finds no less for a key than the data sets do: a name in groups, whatever their order."""
    return not is_stored(match.keyword) and needs_data_set(match) and attribute_of(match.keyword).kind is Kind.NAME


class _Stored:
    """What a query wants of the stored DICOM JSON: keys that are no columns, and attributes to return."""

    def __init__(self, query: Query) -> None:
        depth = query.level.depth
        self.matches = tuple(match for match in query.matches if _is_of_data_sets(match))
        levels = {match: attribute_of(match.keyword).level for match in self.matches}
        own = [match for match in self.matches if levels[match].depth <= depth]
        self.own, self.own_needs = test_of(own, fuzzy=query.fuzzy), keys_needed(own)
        below = [match for match in self.matches if levels[match].depth > depth]
        self.lower, self.lower_needs = test_of(below, fuzzy=query.fuzzy), keys_needed(below)
        self.deepest = max((levels[match] for match in below), key=lambda level: level.depth, default=None)
        shown = [name for name in query.returned if is_stored(name) and attribute_of(name).level.depth <= depth]
        self.tree = tree_of(shown)
        self.is_needed = bool(self.matches or shown or query.everything)


class _Allowance:
    """How many objects may still be read."""

    def __init__(self, objects: int) -> None:
        self.objects = objects

    def take(self) -> bool:
        self.objects -= 1
        return self.objects > 0


class _Time(_Allowance):
    """How long objects may be read. `take` raises `SearchTooLong` after that."""

    def __init__(self, seconds: float) -> None:
        super().__init__(0)
        self._until = time.monotonic() + seconds

    def take(self) -> bool:
        if time.monotonic() > self._until:
            raise SearchTooLong("the search takes too long, since a key is no column; more keys would narrow it")
        return True


def _data_set(packed: Any, needs: Sequence[bytes]) -> DataSet | None:
    """The stored data set; None when its text lacks something that is needed."""
    text = unpacked_json(packed) if packed is not None else b"{}"
    if any(key not in text for key in needs):
        return None
    found: DataSet = orjson.loads(text)
    return found


def stream(
    database: Database, text: str, values: Sequence[Value], *, is_short: bool = False
) -> Iterator[tuple[Any, ...]]:
    """Rows as tuples, never more than `CHUNK_ROWS` of them in memory.

    The first rows are fetched at once, so that a short answer leaves no open cursor behind. PostgreSQL streams through
    a held cursor, since its driver would else fetch everything; `is_short` says that this is no more than a chunk.
    """
    dialect = Dialect(database)
    if dialect.sqlite or is_short:
        cursor = execute(database, text, values)
        while rows := cursor.fetchmany(CHUNK_ROWS):
            yield from rows
        return
    connection: Any = database.connection()  # type: ignore[no-untyped-call]  # its stub has no types
    with connection.cursor(name=f"rows_{next(_names)}", withhold=True) as held:
        held.itersize = CHUNK_ROWS
        held.execute(text, values)
        yield from held
