"""Pieces of SQL and the few words in which SQLite and PostgreSQL differ.

Statements are written with ``?`` for parameters and finished by `Dialect.finished`. Every name in them is ours; every
value is a parameter.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from peewee import Database

from pacs.db.connection import is_sqlite
from pacs.index.matching import after_prefix, literal_prefix, longest_literal

Value = str | int | bytes | bool | None


@dataclass(frozen=True, slots=True)
class Sql:
    """A piece of a statement with its parameters."""

    text: str
    values: tuple[Value, ...] = ()


NEVER = Sql("1 = 0")


def joined(word: str, pieces: Iterable[Sql]) -> Sql:
    """Pieces in brackets, joined by ``AND`` or ``OR``."""
    found = list(pieces)
    if len(found) == 1:
        return found[0]
    text = "(" + f" {word} ".join(piece.text for piece in found) + ")"
    return Sql(text, tuple(value for piece in found for value in piece.values))


def one_of(expression: str, values: Sequence[Value]) -> Sql:
    """`expression` equals one of `values`."""
    if not values:
        return NEVER
    if len(values) == 1:
        return Sql(f"{expression} = ?", (values[0],))
    return Sql(f"{expression} IN ({', '.join('?' * len(values))})", tuple(values))


class Dialect:
    """How this database says it."""

    def __init__(self, database: Database) -> None:
        self.sqlite = is_sqlite(database)
        # SQLite without statistics must not choose the join order: the row's own table comes first.
        self.join = "CROSS JOIN" if self.sqlite else "JOIN"

    def finished(self, text: str) -> str:
        """The statement as the driver takes it."""
        return text if self.sqlite else text.replace("%", "%%").replace("?", "%s")

    def unindexed(self, expression: str) -> str:
        """`expression` such that SQLite does not start from an index on it; PostgreSQL has statistics."""
        return f"+{expression}" if self.sqlite else expression

    def like(self, expression: str, pattern: str) -> Sql:
        """`expression` fits a DICOM pattern as a whole, case counting."""
        if self.sqlite:
            return Sql(f"{expression} GLOB ?", (pattern.replace("[", "[[]"),))
        escaped = pattern.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        return Sql(f"{expression} LIKE ?", (escaped.replace("*", "%").replace("?", "_"),))

    def wildcard(self, table: str, column: str, pattern: str) -> Sql:
        """A pattern on a column with an index and, in `freeze.TRIGRAMS`, trigrams: prefix by range, else by trigram."""
        expression = f"{table}.{column}"
        like = self.like(expression, pattern)
        prefix = literal_prefix(pattern)
        if prefix:
            bounds = (prefix, after_prefix(prefix), *like.values)
            return Sql(f"({expression} >= ? AND {expression} < ? AND {like.text})", bounds)
        if self.sqlite and longest_literal(pattern) >= 3:
            inner = self.like(f"{table}_fts.{column}", pattern)
            return Sql(f"{table}.id IN (SELECT rowid FROM {table}_fts WHERE {inner.text})", inner.values)
        return like
