"""SQL that makes tables from their models, for a new numbered migration: `python -m pacs.db.freeze forward commitment`.

For developers. A migration's files never change once they are written; a changed column is written by hand.
"""

import re
import sys
from typing import Any

from peewee import Database, PostgresqlDatabase, SqliteDatabase
from playhouse.postgres_ext import Psycopg3Database

from pacs.db.tables import ALL

# Columns searched by a part of their text: trigram indexes.
TRIGRAMS = {
    "patient": ("patient_id_match", "patient_name_match"),
    "study": ("accession_number_match", "study_id_match", "study_description_match", "referring_physician_name_match"),
    "series": ("series_description_match", "protocol_name_match"),
}
# Names with more than one component group are rare: only those rows are in these.
GROUPS = {"patient": "patient_name_groups", "study": "referring_physician_name_groups"}


def frozen(database: Database) -> str:
    """All statements that make the schema on an empty database, each on one line that ends with a semicolon."""
    lines: list[str] = []
    postgresql = isinstance(database, PostgresqlDatabase)
    for model in ALL:
        model.bind(database, bind_refs=False, bind_backrefs=False)
        schema: Any = getattr(model, "_schema")  # noqa: B009 - peewee's own way to a table's SQL, absent from its stub
        made = [schema._create_table(safe=False), *schema._create_indexes(safe=False)]
        for context in made:
            sql, parameters = context.query()
            assert not parameters, model
            lines.append(_with_c_collation(sql) if postgresql else _with_lasting_ids(sql))
    lines += _group_indexes()
    lines += _trigram_gin() if postgresql else _trigram_fts()
    return "".join(f"{line};\n" for line in lines)


def _with_lasting_ids(sql: str) -> str:
    """SQLite gives the id of a deleted last row to the next one; whoever holds the old id must not read that."""
    return sql.replace('"id" INTEGER NOT NULL PRIMARY KEY', '"id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT')


def _with_c_collation(sql: str) -> str:
    """Text by code point, whatever the database's locale; no length limits."""
    if not sql.startswith("CREATE TABLE"):
        return sql
    return re.sub(r"\b(VARCHAR\(\d+\)|TEXT)(?= |,|\))", 'TEXT COLLATE "C"', sql)


def _group_indexes() -> list[str]:
    return [f"CREATE INDEX {t}_{c} ON {t} (id) WHERE {c} IS NOT NULL" for t, c in GROUPS.items()]


def _trigram_gin() -> list[str]:
    made = [
        "CREATE EXTENSION IF NOT EXISTS pg_trgm",
        "ALTER TABLE instance_metadata ALTER COLUMN json SET STORAGE EXTERNAL",  # compressed already
        "ALTER TABLE instance_metadata ALTER COLUMN frames SET STORAGE EXTERNAL",
    ]
    for table, columns in TRIGRAMS.items():
        made += [
            f"CREATE INDEX {table}_{c}_trigram ON {table} USING gin ({c} gin_trgm_ops) WITH (fastupdate = off)"
            for c in columns
        ]
    return made


def _trigram_fts() -> list[str]:
    """FTS5 over the table's own rows, kept by triggers; a change of other columns (aggregates) does not touch it."""
    made = []
    for table, columns in TRIGRAMS.items():
        names, fts = ", ".join(columns), f"{table}_fts"
        new, old = ", ".join(f"new.{c}" for c in columns), ", ".join(f"old.{c}" for c in columns)
        add = f"INSERT INTO {fts} (rowid, {names}) VALUES (new.id, {new});"
        drop = f"INSERT INTO {fts} ({fts}, rowid, {names}) VALUES ('delete', old.id, {old});"
        made += [
            f"CREATE VIRTUAL TABLE {fts} USING fts5({names}, content='{table}', content_rowid='id', "
            "tokenize='trigram', detail='full')",
            f"CREATE TRIGGER {fts}_insert AFTER INSERT ON {table} BEGIN {add} END",
            f"CREATE TRIGGER {fts}_delete AFTER DELETE ON {table} BEGIN {drop} END",
            f"CREATE TRIGGER {fts}_update AFTER UPDATE OF {names} ON {table} BEGIN {drop} {add} END",
        ]
    return made


def main() -> None:
    """Print the statements for the tables that are named, for SQLite and PostgreSQL."""
    for database in (SqliteDatabase(None), Psycopg3Database(None)):
        lines = frozen(database).splitlines(keepends=True)
        sys.stdout.writelines(line for line in lines if any(f'"{name}' in line for name in sys.argv[1:]))


if __name__ == "__main__":
    main()
