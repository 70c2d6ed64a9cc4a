"""Running a search: rows stream from the cursor, so a caller holds one row at a time."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import orjson
from peewee import Database

from pacs.db.connection import execute
from pacs.dicom.dictionary import KEYWORD_OF, tag_of
from pacs.index.attributes import ATTRIBUTES
from pacs.index.packing import unpacked_json
from pacs.index.sql import Dialect, Value
from pacs.index.statement import Statement, statement_for
from pacs.model import Level, Query, Row, Scope

CHUNK_ROWS = 1000
_names = itertools.count()


class Found:
    """The rows of a search. Iterating runs it; each iteration runs it again."""

    def __init__(self, database: Database, query: Query, scope: Scope, order: Sequence[int] = ()) -> None:
        self._database, self._scope = database, scope
        self._extra = _beyond_columns(query)
        self._statement: Statement = statement_for(query, scope, Dialect(database), order)

    def __iter__(self) -> Iterator[Row]:
        """Rows in a stable order."""
        names = self._statement.names
        if self._extra:
            return self._with_metadata(names)
        rows = stream(self._database, self._statement.text, self._statement.values)
        return (dict(zip(names, row, strict=True)) for row in rows)

    def total(self) -> int:
        """How many rows match, whatever limit and offset say."""
        cursor = execute(self._database, self._statement.count, self._statement.values)
        return int(cursor.fetchone()[0])

    def _with_metadata(self, names: tuple[str, ...]) -> Iterator[Row]:
        """Rows of instances with attributes that are no columns, read from the stored DICOM JSON."""
        text = self._statement.text
        head, tail = text.split(" FROM ", 1)
        text = f"{head}, (SELECT json FROM instance_metadata WHERE instance_id = instance.id) FROM {tail}"
        for row in stream(self._database, text, self._statement.values):
            found: dict[str, str | int | None] = dict(zip(names, row[:-1], strict=True))
            found.update(_from_json(row[-1], self._extra))
            yield found


def _beyond_columns(query: Query) -> dict[str, str]:
    """Known attributes that were asked for and are no columns: JSON key by keyword; instances only."""
    if query.level is not Level.INSTANCE:
        return {}
    missing = query.returned - ATTRIBUTES.keys()
    return {name: f"{tag_of(name):08X}" for name in sorted(missing) if name in _KNOWN}


_KNOWN = frozenset(KEYWORD_OF.values())


def _from_json(packed: Any, wanted: dict[str, str]) -> dict[str, str]:
    if packed is None:
        return {}
    data_set = orjson.loads(unpacked_json(packed))
    found = {}
    for keyword, key in wanted.items():
        entry = data_set.get(key, {})
        values = entry.get("Value", [])
        if entry.get("vr") != "SQ" and values:
            found[keyword] = "\\".join(_text(value) for value in values)
    return found


def _text(value: object) -> str:
    if isinstance(value, dict):
        groups = [str(value.get(part, "")) for part in ("Alphabetic", "Ideographic", "Phonetic")]
        return "=".join(groups).rstrip("=")
    return "" if value is None else str(value)


def stream(database: Database, text: str, values: Sequence[Value]) -> Iterator[tuple[Any, ...]]:
    """Rows as tuples, never more than `CHUNK_ROWS` of them in memory.

    The first rows are fetched at once, so that a short answer leaves no open cursor behind. PostgreSQL streams through
    a held cursor, since its driver would else fetch everything.
    """
    dialect = Dialect(database)
    if dialect.sqlite:
        cursor = execute(database, text, values)
        while rows := cursor.fetchmany(CHUNK_ROWS):
            yield from rows
        return
    connection: Any = database.connection()  # type: ignore[no-untyped-call]  # its stub has no types
    with connection.cursor(name=f"rows_{next(_names)}", withhold=True) as held:
        held.itersize = CHUNK_ROWS
        held.execute(text, values)
        yield from held
