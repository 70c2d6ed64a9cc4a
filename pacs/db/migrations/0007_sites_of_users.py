"""Which site a user sends for. The statements stand beside this file, never changed."""

from pathlib import Path

from peewee import Database, SqliteDatabase
from playhouse.migrate import SchemaMigrator

from pacs.db.connection import execute


def up(_migrator: SchemaMigrator, db: Database) -> None:
    """Make the column."""
    kind = "sqlite" if isinstance(db, SqliteDatabase) else "postgresql"
    script = Path(__file__).with_name(f"0007_sites_of_users.{kind}.sql")
    for statement in script.read_text(encoding="utf-8").splitlines():
        execute(db, statement)
