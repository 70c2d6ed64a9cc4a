"""Counts of receipts on both databases, from indexes alone."""

from datetime import UTC, date, datetime, timedelta

import pytest
from peewee import Database

from pacs.audit import Receipts
from pacs.audit.progress import Selection, by_day, explained, pace, quarantined_since, states_by_digest
from pacs.db.connection import execute, is_sqlite
from pacs.db.tables.audit import Receipt
from pacs.model import State

DAY = datetime(2026, 3, 1, 23, 59, tzinfo=UTC)


def write(number: int, **values: object) -> None:
    row: dict[str, object] = {name: "" for name in Receipt._meta.fields if name != "id"}
    row |= {
        "intake_id": f"{number:024x}",
        "collection_id": 1,
        "size_bytes": 1,
        "state": "published",
        "md5": f"{number:032x}",
    }
    row |= {"submitter": "sam", "sender": "sam", "received_at": DAY, "ended_at": DAY}
    Receipts().write([row | values])


@pytest.fixture
def filled(database: Database) -> Database:
    write(1)
    write(2, received_at=DAY + timedelta(minutes=1))
    write(3, state="held", waiting_for="abc", reason="no row")
    write(4, state="held", reason="found")
    write(5, state="quarantined", reason="paper", collection_id=2, site="S")
    write(6, submitter="tom", sender="tom", collection_id=2)
    write(7, submitter="", sender="AE", state="dropped", reason="x")
    return database


def test_days_end_at_midnight_in_utc(filled):
    found = by_day(Selection(DAY.date(), DAY.date(), (1,)))
    assert found == [
        ("2026-03-01", 1, "", "AE", "dropped", 1),
        ("2026-03-01", 1, "", "sam", "held", 2),
        ("2026-03-01", 1, "", "sam", "published", 1),
    ]
    assert [row[5] for row in by_day(Selection(date(2026, 3, 2), date(2026, 3, 9), (1,)))] == [1]


def test_selections_part_users_and_collections(filled):
    dates = (date(2026, 1, 1), date(2027, 1, 1))
    assert sum(row[5] for row in by_day(Selection(*dates, submitter="sam"))) == 5
    assert sum(row[5] for row in by_day(Selection(*dates, submitter="sam", outside=(1,)))) == 1
    assert sum(row[5] for row in by_day(Selection(*dates, submitter="sam", only=1))) == 4
    assert sum(row[5] for row in by_day(Selection(*dates, (1, 2), sender="tom"))) == 1
    assert sum(row[5] for row in by_day(Selection(*dates, (1, 2), site="S"))) == 1


def test_reasons_tell_what_waits_for_a_row(filled):
    found = explained(Selection(DAY.date(), DAY.date(), (1, 2)))
    assert found == [
        ("dropped", False, "x", 1),
        ("held", False, "found", 1),
        ("held", True, "no row", 1),
        ("quarantined", False, "paper", 1),
    ]


def test_digests_are_the_users_own(filled):
    write(8, md5=f"{1:032x}", state="duplicate")
    asked = [f"{number:032x}" for number in range(9)]
    assert states_by_digest("sam", 1, asked) == {
        asked[1]: State.PUBLISHED,
        asked[2]: State.PUBLISHED,
        asked[3]: State.HELD,
        asked[4]: State.HELD,
    }
    assert states_by_digest("tom", 1, asked) == {}


def test_quarantine_is_found_since_a_receipt(filled):
    last, rows = quarantined_since(None)
    assert (last, rows) == (Receipt.select().count(), [])
    assert quarantined_since(1) == (last, [(2, "S", "sam", "paper", 1)])
    write(9, state="quarantined", ended_at=datetime.now(UTC))  # may be followed by one with a lower number
    assert quarantined_since(last) == (last, [])


def test_pace_counts_only_what_ended_just_now(filled):
    assert pace() is None
    Receipt.update(ended_at=datetime.now(UTC) - timedelta(seconds=100)).execute()
    found = pace()
    assert found is not None
    assert 0 < found <= Receipt.select().count() / 100


def test_counting_reads_an_index_alone(filled):
    if not is_sqlite(filled):
        pytest.skip("a small table is read whole by PostgreSQL")
    for where in ("submitter = 'sam'", "collection_id = 1"):
        rows = execute(
            filled,
            "EXPLAIN QUERY PLAN SELECT substr(received_at, 1, 10), collection_id, site, sender, state, count(id)"
            f" FROM receipt WHERE {where} AND received_at > '2026' GROUP BY 1, 2, 3, 4, 5",
        ).fetchall()
        assert "USING COVERING INDEX" in rows[0][3]
