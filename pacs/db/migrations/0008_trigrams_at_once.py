"""New rows go into trigram indexes at once. The statements stand beside this file, never changed."""

from pathlib import Path

from peewee import Database, SqliteDatabase
from playhouse.migrate import SchemaMigrator

from pacs.db.connection import execute


def up(_migrator: SchemaMigrator, db: Database) -> None:
    """PostgreSQL alone: it read through a list of up to 4 MB of them at every search."""
    if isinstance(db, SqliteDatabase):
        return
    script = Path(__file__).with_name("0008_trigrams_at_once.postgresql.sql")
    for statement in script.read_text(encoding="utf-8").splitlines():
        execute(db, statement)
