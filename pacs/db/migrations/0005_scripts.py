"""Counters of scripts, filters of collections and forwarding rules. The statements beside this file never change."""

from pathlib import Path

from peewee import Database, SqliteDatabase
from playhouse.migrate import SchemaMigrator

from pacs.db.connection import execute


def up(_migrator: SchemaMigrator, db: Database) -> None:
    """Make the table and the columns."""
    kind = "sqlite" if isinstance(db, SqliteDatabase) else "postgresql"
    script = Path(__file__).with_name(f"0005_scripts.{kind}.sql")
    for statement in script.read_text(encoding="utf-8").splitlines():
        execute(db, statement)
