"""The trash, and whether senders are told new UIDs. The statements stand beside this file and never change."""

from pathlib import Path

from peewee import Database, SqliteDatabase
from playhouse.migrate import SchemaMigrator

from pacs.db.connection import execute


def up(_migrator: SchemaMigrator, db: Database) -> None:
    """Make the tables and the column."""
    kind = "sqlite" if isinstance(db, SqliteDatabase) else "postgresql"
    script = Path(__file__).with_name(f"0004_trash.{kind}.sql")
    for statement in script.read_text(encoding="utf-8").splitlines():
        execute(db, statement)
