"""The migrated schema is what the models say, and several processes may migrate at once."""

import multiprocessing
import os

from peewee import Database
from playhouse.schema_diff import diff_models

import pacs.db
from pacs.db import close_thread, migrate, open_database
from pacs.db.connection import execute, is_sqlite
from pacs.db.freeze import GROUPS, TRIGRAMS
from pacs.db.migrate import MIGRATIONS
from pacs.db.tables import ALL


def test_schema_is_what_models_say(database: Database):
    difference = diff_models(database, ALL)
    extra = {f"{table}_{column}" for table, column in GROUPS.items()}
    extra |= {f"{table}_{column}_trigram" for table, columns in TRIGRAMS.items() for column in columns}
    assert not (difference.create_tables)
    assert not (difference.add_columns)
    assert not (difference.drop_columns)
    assert not difference.add_indexes
    assert {index.name for index in difference.drop_indexes} <= extra


def test_column_types_are_what_models_say(database: Database):
    for model in ALL:
        columns = {column.name: column for column in database.get_columns(model._meta.table_name)}
        for field in model._meta.sorted_fields:
            column = columns[field.column_name]
            assert column.null == field.null, (model, field)
            text = column.data_type.lower().startswith(("text", "varchar", "char"))
            assert text == (field.field_type in ("TEXT", "VARCHAR")), (model, field)


def test_trigram_indexes_keep_no_list_to_read_through(database: Database):
    if is_sqlite(database):
        return
    options = execute(database, "SELECT relname, reloptions FROM pg_class WHERE relname LIKE '%%_trigram'").fetchall()
    assert {name for name, _ in options} == {f"{table}_{c}_trigram" for table, names in TRIGRAMS.items() for c in names}
    assert all(found == ["fastupdate=off"] for _, found in options)


def test_migrating_again_does_nothing(database: Database):
    assert migrate(database) == []


def _migrate(url: str) -> None:
    opened = open_database(url)
    migrate(opened)
    close_thread(opened)


def test_several_processes_migrate_at_once(database_url: str):
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_migrate, args=(database_url,)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    opened = open_database(database_url)
    assert execute(opened, "SELECT count(*) FROM schema_migration").fetchone()[0] == len(list(MIGRATIONS.glob("0*.py")))
    close_thread(opened)


def test_child_opens_its_own_connection(database: Database):
    ours = database.connection()
    child = os.fork()
    if child == 0:
        good = database.is_closed() and database.connection() is not ours
        os._exit(0 if good else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert execute(database, "SELECT 1").fetchone()[0] == 1


def test_sqlite_commits_durably(tmp_path):
    opened = pacs.db.open_database(f"sqlite:///{tmp_path / 'a.sqlite'}")
    assert is_sqlite(opened)
    names = ("journal_mode", "synchronous", "foreign_keys")
    assert [execute(opened, f"PRAGMA {name}").fetchone()[0] for name in names] == ["wal", 2, 1]
    close_thread(opened)
