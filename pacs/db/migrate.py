"""Bringing a schema up to date with the numbered migrations, by one process at a time."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from peewee import Database
from playhouse.migrations import Runner

from pacs.db.connection import execute, is_sqlite, sqlite_path

MIGRATIONS = Path(__file__).with_name("migrations")
_ADVISORY_LOCK = 0x7061_6373  # "pacs": one number that all our processes agree on


def migrate(database: Database) -> list[str]:
    """Apply the migrations that are missing, in order; returns their names.

    Safe when several processes start at once: the others wait, then find nothing to do.
    """
    with _only_one(database):
        applied: list[str] = Runner(database, str(MIGRATIONS)).up()
    return applied


@contextmanager
def _only_one(database: Database) -> Iterator[None]:
    """Hold a lock that dies with this process: a lock file beside SQLite, an advisory lock on PostgreSQL."""
    if is_sqlite(database):
        with Path(sqlite_path(database) + ".migrating").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        return
    execute(database, "SELECT pg_advisory_lock(%s)", (_ADVISORY_LOCK,))
    try:
        yield
    finally:
        execute(database, "SELECT pg_advisory_unlock(%s)", (_ADVISORY_LOCK,))
