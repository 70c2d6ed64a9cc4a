"""The database: one connection a thread, numbered migrations, and every table definition in `tables/`.

`connect(url)` is what programs call: it opens, migrates and hands the tables their database. SQLite (WAL) or
PostgreSQL by the URL; nothing above this package knows which, except `index`, whose trigram searches differ.

Why Peewee's models but our own SQL in `index` (2026-11): definitions, migrations and simple rows are Peewee's; the
query engine is one statement per search whose plan is tested on both databases, which wants every word of SQL in view.
"""

from peewee import Database

from pacs.db.connection import close_thread, open_database, snapshot
from pacs.db.migrate import migrate
from pacs.db.tables.base import database as _proxy


def use(database: Database) -> None:
    """Give the tables their database. One process serves one data directory."""
    _proxy.initialize(database)


def connect(url: str) -> Database:
    """Open the database of `url`, bring its schema up to date and give it to the tables."""
    database = open_database(url)
    migrate(database)
    use(database)
    return database


__all__ = ["close_thread", "connect", "migrate", "open_database", "snapshot", "use"]
