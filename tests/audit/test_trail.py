"""The audit trail shows what was changed in it."""

import threading

from pacs.audit import Trail
from pacs.db import close_thread
from pacs.db.tables.audit import AuditEvent


def test_chain_holds_and_shows_changes(database):
    trail = Trail(database)
    for number in range(5):
        trail.add("ann", "release", f"series {number}")
    assert trail.broken_at() is None
    AuditEvent.update(target="series 9").where(AuditEvent.id == 3).execute()
    assert trail.broken_at() == 3


def test_chain_shows_a_missing_event(database):
    trail = Trail(database)
    for number in range(3):
        trail.add("ann", "release", f"series {number}")
    AuditEvent.delete().where(AuditEvent.id == 2).execute()
    assert trail.broken_at() == 3


def test_chain_holds_under_parallel_writers(database):
    trail = Trail(database)

    def write():
        for _ in range(10):
            trail.add("ann", "release", "series")
        close_thread(database)

    writers = [threading.Thread(target=write) for _ in range(4)]
    for each in writers:
        each.start()
    for each in writers:
        each.join()
    assert AuditEvent.select().count() == 40
    assert trail.broken_at() is None
