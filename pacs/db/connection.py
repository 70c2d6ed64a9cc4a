"""Opening a database by URL: SQLite or PostgreSQL, a connection per thread, safe to fork."""

import os
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from peewee import Database, SqliteDatabase

from pacs.errors import ConfigError

BUSY_TIMEOUT_S = 30  # how long a writer waits for another one; batches commit in milliseconds

# FULL: a commit that returned survives power loss (promise 1). The cache is per connection, in KiB when negative.
_PRAGMAS = {
    "journal_mode": "wal",
    "synchronous": "full",
    "foreign_keys": 1,
    "cache_size": -16000,
    "temp_store": "memory",
    "journal_size_limit": 64 * 1024 * 1024,
}

_opened: "weakref.WeakSet[Database]" = weakref.WeakSet()
_abandoned: list[object] = []  # a parent's connections: never closed here, since closing would drop the parent's locks


def open_database(url: str) -> Database:
    """A database that connects by itself, once per thread, at its first statement.

    Parameters
    ----------
    url : str
        ``sqlite:///path`` (``sqlite:////absolute/path``) or ``postgresql://user@host:port/name?option=value``.

    Returns
    -------
    Database
        Not connected yet. Write transactions on SQLite start with ``BEGIN IMMEDIATE``. A forked child opens its own
        connections.

    Raises
    ------
    ConfigError
        For any other URL, or when psycopg is not installed.
    """
    scheme, separator, rest = url.partition("://")
    if scheme == "sqlite" and separator and rest.startswith("/") and len(rest) > 1:
        database: Database = SqliteDatabase(rest[1:], pragmas=_PRAGMAS, timeout=BUSY_TIMEOUT_S, lock_type="IMMEDIATE")
    elif scheme in ("postgresql", "postgres") and separator and rest:
        database = _postgresql(f"postgresql://{rest}")
    else:
        raise ConfigError("the database URL must start with sqlite:/// or postgresql://")
    _opened.add(database)
    return database


def _postgresql(url: str) -> Database:
    """PostgreSQL through psycopg 3, which is an extra of the distribution."""
    try:
        import psycopg  # noqa: F401, PLC0415 - only who uses PostgreSQL has it
        from playhouse.postgres_ext import Psycopg3Database  # noqa: PLC0415
    except ImportError as error:
        raise ConfigError("PostgreSQL needs the extra trialpacs[postgresql]") from error
    # Rows are read through cursors to their end, so plans for the first tenth of them would be the wrong ones. The
    # index lies in memory or on disks without heads: a table of patients is not read through for a hundred of them.
    database: Database = Psycopg3Database(url, options="-c cursor_tuple_fraction=1.0 -c random_page_cost=1.1")
    return database


def is_sqlite(database: Database) -> bool:
    """Whether this is SQLite; else it is PostgreSQL."""
    return isinstance(database, SqliteDatabase)


def sqlite_path(database: Database) -> str:
    """The file of a SQLite database."""
    return str(database.database)


def execute(database: Database, text: str, values: Sequence[object] = ()) -> Any:
    """Run one statement on this thread's connection; the driver's cursor. Peewee leaves this call untyped."""
    return database.execute_sql(text, tuple(values) or None)  # type: ignore[no-untyped-call]  # its stub has no types


@contextmanager
def snapshot(database: Database) -> Iterator[None]:
    """All that is read inside is of one moment, and no writer waits for it. Write nothing inside."""
    how = "DEFERRED" if is_sqlite(database) else "REPEATABLE READ"
    with database.atomic(how):
        yield


def close_thread(database: Database) -> None:
    """Close this thread's connection, when it has one. Call at the end of a thread that used the database."""
    if not database.is_closed():
        database.close()


def _forget_connections() -> None:
    """In a forked child: leave the parent's connections alone and start with none."""
    for database in list(_opened):
        state: Any = vars(database)["_state"]  # peewee has no public way to drop a connection without closing it
        if state.conn is not None:
            _abandoned.append(state.conn)
            state.reset()


os.register_at_fork(after_in_child=_forget_connections)
