"""Counts of what was received are exact at every moment: nothing is counted twice, and nothing is missed."""

from pathlib import Path
from threading import Event, Thread

import pytest

from pacs.curation.reconciliation import MOST_DAYS, Filter, last_days, overview
from pacs.curation.status import sender_counts, status_counts
from pacs.db import close_thread
from pacs.model import Grant, Principal, PrincipalKind, Role
from pacs.pipeline import Worker
from pacs.spool import Claims, Spool
from tests.installation import installed, send_ct, work

ADMIN = Principal(PrincipalKind.USER, "ann", (Grant(Role.ADMIN),))


@pytest.fixture
def app(tmp_path, database_url):
    with installed(tmp_path, storage_database=database_url) as opened:
        yield opened


def in_another_thread(app, task):
    def run():
        task()
        close_thread(app.archive.parts.database)

    thread = Thread(target=run)
    thread.start()
    thread.join(30)
    assert not thread.is_alive()


def by_status(archive):
    counts = status_counts(archive)
    return counts.waiting + counts.published


def by_sender(archive):
    return sum(count for *_, count in sender_counts(archive))


def by_overview(archive):
    return overview(archive, ADMIN, Filter(*last_days(MOST_DAYS))).total.received


@pytest.mark.parametrize("count", [by_status, by_sender, by_overview])
def test_object_that_is_decided_while_they_are_counted_counts_once(app, monkeypatch, count):
    for number in range(3):
        send_ct(app, sop=f"i{number}")
    receipts = type(app.archive.parts.receipts)
    states = receipts.states

    def states_then_decided(self, intake_ids):
        known = states(self, intake_ids)
        monkeypatch.undo()
        worker = Worker(app.archive, app.settings.pipeline, Event())
        in_another_thread(app, worker.work_once)
        worker.claims.close()
        return known

    monkeypatch.setattr(receipts, "states", states_then_decided)
    assert count(app.archive) == 3
    assert status_counts(app.archive).published == 3


def test_entries_that_go_back_meanwhile_are_listed(app, monkeypatch):
    for number in range(3):
        send_ct(app, sop=f"i{number}")
    claims = Claims(app.archive.parts.spool)
    claimed = claims.claim(3)
    assert len(claimed) == 3

    def go_back():
        for each in claimed:
            claims.release(each)

    going_back = Thread(target=go_back)
    listing = Path.iterdir

    def iterdir(folder):
        names = list(listing(folder))
        if folder == app.archive.parts.spool.waiting:
            going_back.start()
            going_back.join(0.2)  # it would be done long since, were the way back open
        return iter(names)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    assert len(app.archive.parts.spool.entries()) == 3
    monkeypatch.undo()
    going_back.join(30)
    assert {each.path.parent.name for each in app.archive.parts.spool.entries()} == {"0-again"}
    claims.close()


def test_object_that_is_retried_meanwhile_is_never_missing(app, monkeypatch):
    app.registry.set_collection("inbox", {"duplicates": "quarantine"})
    send_ct(app)
    send_ct(app, KVP=80)
    work(app)
    assert status_counts(app.archive).quarantined == 1
    seen = []
    put_back = Spool.put_back

    def count():
        seen.append(by_overview(app.archive))
        close_thread(app.archive.parts.database)

    def counted_before(spool, entry, crashes=0):
        counting = Thread(target=count)
        counting.start()
        counting.join(0.2)
        later.append(counting)
        return put_back(spool, entry, crashes)

    later: list[Thread] = []
    monkeypatch.setattr(Spool, "put_back", counted_before)
    (kept,) = app.archive.parts.spool.all_quarantined()
    app.archive.retry(kept.intake_id, "ann")
    later[0].join(30)
    assert seen == [2]


def test_way_back_is_closed_to_others_while_somebody_counts(app):
    way = app.archive.parts.spool.way_back
    order = []

    def goes_back():
        with way.taken():
            order.append("back")

    with way.closed():
        thread = Thread(target=goes_back)
        thread.start()
        with way.closed():  # another reader, or the same again
            order.append("counted")
        thread.join(0.2)
        order.append("still counted")
    thread.join(30)
    assert order == ["counted", "still counted", "back"]
