"""Totals are exact, cheap when nothing changed, and rarely counted while much changes."""

from peewee import Database

from pacs.index import Index
from pacs.index.totals import Totals, changes_of
from pacs.model import InstanceKey, Level, Scope
from pacs.query import Exact, Match, Query
from tests.index.build import publication

ALL = Scope(everything=frozenset({1}))
PUBLIC = Scope(released=frozenset({1}))


def total(index: Index, level: Level, *matches: Match, scope: Scope = ALL) -> int | None:
    return index.search(Query(level, matches, limit=1), scope).quick_total()


def test_total_follows_every_change(database: Database):
    index = Index(database)
    seen = []
    for number in range(3):
        with database.atomic():
            index.write([publication(f"2.25.{number}", study=f"2.25.{number}0", series=f"2.25.{number}00")], {})
        seen.append((total(index, Level.STUDY), total(index, Level.INSTANCE)))
    with database.atomic():
        index.release(1, ["2.25.000"], released=False)
    hidden = total(index, Level.INSTANCE, scope=PUBLIC)
    with database.atomic():
        index.remove(InstanceKey("2.25.10"), 1)
    assert seen == [(1, 1), (2, 2), (3, 3)]
    assert hidden == 2
    assert (total(index, Level.STUDY), total(index, Level.INSTANCE)) == (2, 2)


def test_instances_are_counted_through_their_series(database: Database):
    index = Index(database)
    batch = [publication(f"2.25.{n}", Modality="CT" if n else "MR", series=f"2.25.1{n % 3}") for n in range(10)]
    with database.atomic():
        index.write(batch, {})
    for matches in (
        (),
        (Match("SeriesInstanceUID", Exact(("2.25.11",))),),
        (Match("Modality", Exact(("CT",))),),
        (Match("StudyInstanceUID", Exact(("2.25.10",))), Match("PatientID", Exact(("TRIAL-0001",)))),
        (Match("InstanceNumber", Exact(("1",))),),
    ):
        assert total(index, Level.INSTANCE, *matches) == len(list(index.search(Query(Level.INSTANCE, matches), ALL)))


def test_slow_counts_are_repeated_rarely(database: Database):
    index = Index(database)
    now = [0.0]

    def clock() -> float:
        now[0] += 0.5  # so long takes whatever is measured
        return now[0]

    totals = Totals(clock)
    count = "SELECT count(*) FROM study"
    assert totals.total(database, count, ()) == 0
    with database.atomic():
        index.write([publication()], {})
    assert totals.total(database, count, ()) == 0
    now[0] += 20 * 0.5
    assert totals.total(database, count, ()) == 1


def test_changes_are_those_of_the_transaction(database: Database):
    index = Index(database)
    before = changes_of(database)
    with database.atomic() as transaction:
        index.write([publication()], {})
        transaction.rollback()
    assert changes_of(database) == before
