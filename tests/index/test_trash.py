"""The trash: out of sight with all counters, back exactly as it was, gone for good when its time is over."""

from typing import Any

import pytest
from peewee import Database

from pacs.db.connection import execute
from pacs.errors import Conflict, NotFound
from pacs.index import Index, Trash, TrashEntry
from pacs.model import InstanceKey, Level, Scope
from pacs.query import Query
from tests.index.build import SR, publication
from tests.index.test_write import check_aggregates, write

ALL = Scope(everything=frozenset({1, 2}))
TABLES = ("patient", "study", "series", "instance", "instance_metadata", "tombstone")
SERIES = InstanceKey("2.25.10", "2.25.100")


@pytest.fixture
def trash(database: Database) -> Trash:
    """Two series of a study, and the same study in another collection."""
    batch = [publication("2.25.1", original="h1"), publication("2.25.2", original="h2", InstanceNumber="2")]
    batch += [publication("2.25.3", series="2.25.101", sop_class=SR, Modality="SR", original="h3", released=False)]
    write(database, *batch, publication("2.25.1", collection=2, original="h1"))
    return Trash(database, Index(database), 30)


def rows_of(database: Database) -> dict[str, list[Any]]:
    """All that the index holds."""
    return {
        table: [
            tuple(bytes(each) if isinstance(each, memoryview) else each for each in row)
            for row in execute(database, f"SELECT * FROM {table} ORDER BY 1").fetchall()
        ]
        for table in TABLES
    }


def put(database: Database, trash: Trash, key: InstanceKey) -> TrashEntry:
    with database.atomic():
        return trash.put(key, 1, "ann", "a test")


def restore(database: Database, trash: Trash, entry: TrashEntry) -> int:
    with database.atomic():
        return trash.restore(entry)


@pytest.mark.parametrize("key", [InstanceKey("2.25.10"), SERIES, InstanceKey("2.25.10", "2.25.100", "2.25.2")])
def test_restoring_brings_rows_back_exactly(database: Database, trash: Trash, key: InstanceKey):
    before = rows_of(database)
    entry = put(database, trash, key)
    assert trash.entries() == [entry]
    assert rows_of(database) != before
    check_aggregates()
    assert restore(database, trash, entry) == entry.instance_count
    assert rows_of(database) == before
    assert trash.entries() == []


def test_nothing_of_the_trash_is_found(database: Database, trash: Trash):
    put(database, trash, InstanceKey("2.25.10"))
    index = Index(database)
    for level in Level:
        assert len(list(index.search(Query(level), Scope(everything=frozenset({1}))))) == 0
    assert len(list(index.search(Query(Level.STUDY), ALL))) == 1  # the other collection's
    with pytest.raises(NotFound), database.atomic():
        trash.put(InstanceKey("2.25.10"), 1, "ann", "")


def test_objects_in_the_trash_stay_away_when_sent_again(database: Database, trash: Trash):
    entry = put(database, trash, SERIES)
    (again,) = write(database, publication("2.25.1", original="h1"))
    assert again.state.value == "dropped"
    assert restore(database, trash, entry) == 2
    (again,) = write(database, publication("2.25.1", original="h1"))
    assert again.state.value == "duplicate"


def test_entries_come_back_in_any_order(database: Database, trash: Trash):
    before = rows_of(database)
    first = put(database, trash, InstanceKey("2.25.10", "2.25.100", "2.25.1"))
    second = put(database, trash, InstanceKey("2.25.10"))
    assert restore(database, trash, first) == 1
    check_aggregates()
    assert restore(database, trash, second) == 2
    assert rows_of(database) == before
    with pytest.raises(NotFound):
        restore(database, trash, second)


def test_series_that_was_in_review_is_hidden_again(database: Database, trash: Trash):
    write(database, publication("2.25.4", series="2.25.101", released=False))
    entry = put(database, trash, InstanceKey("2.25.10", "2.25.101", "2.25.3"))
    with database.atomic():
        Index(database).release(1, ["2.25.101"], released=True)
    restore(database, trash, entry)
    assert "2.25.101" in Index(database).hidden(1)
    check_aggregates()


def test_what_is_there_again_is_not_doubled(database: Database, trash: Trash):
    entry = put(database, trash, InstanceKey("2.25.10", "2.25.100", "2.25.1"))
    write(database, publication("2.25.1", original="another"))
    before = rows_of(database)
    with pytest.raises(Conflict):
        restore(database, trash, entry)
    assert rows_of(database) == before


def test_doomed_entries_are_past_and_stay_away(database: Database, trash: Trash):
    entry = put(database, trash, SERIES)
    assert trash.past() == []
    assert set(trash.blobs()) == {(1, digest) for digest, _ in trash.files(entry)}
    with database.atomic():
        assert trash.doom(entry)
    assert trash.entries() == []
    assert [each.id for each in trash.past()] == [entry.id]
    with pytest.raises(NotFound):
        restore(database, trash, entry)
    assert trash.needed([digest for digest, _ in trash.files(entry)]) == set()
    with database.atomic():
        trash.forget(entry)
    assert trash.past() == []
    (again,) = write(database, publication("2.25.1", original="h1"))
    assert again.state.value == "dropped"


def test_time_in_the_trash_is_a_setting(database: Database, trash: Trash):
    entry = put(database, trash, SERIES)
    assert Trash(database, Index(database), -1).past() == [entry]
