"""Counts of receipts by day, sender and state, and why: what pages about submissions show.

Each is one read of an index over the days that are asked for, however many receipts there are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from peewee import SQL, Expression, fn

from pacs.db.tables.audit import Receipt
from pacs.model import State

_CHUNK = 400
_RECENT = 200  # receipts that the present pace is told by
_SETTLED_S = 10.0
_EXPLAINED = (State.HELD.value, State.QUARANTINED.value, State.DROPPED.value)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which receipts: of these days (`last` included), and of these collections, or else of one user.

    `outside`, `only`: of what the user sent, not of these collections, only of this one (0: any). `sender` and `site`
    narrow it; empty is every one.
    """

    first: date
    last: date
    collection_ids: tuple[int, ...] = ()
    submitter: str = ""
    outside: tuple[int, ...] = ()
    only: int = 0
    sender: str = ""
    site: str = ""


def by_day(selection: Selection) -> list[tuple[str, int, str, str, str, int]]:
    """Day (ISO, UTC, of the association or request), collection, site, sender, state and how many."""
    day = fn.SUBSTR(Receipt.received_at, 1, 10).coerce(False)
    names = (day, Receipt.collection_id, Receipt.site, Receipt.sender, Receipt.state)
    rows: Any = Receipt.select(*names, fn.COUNT(Receipt.id)).where(_where(selection)).group_by(SQL("1, 2, 3, 4, 5"))
    return sorted(rows.tuples())


def explained(selection: Selection) -> list[tuple[str, bool, str, int]]:
    """State, whether it waits for a row of a table, reason, and how many: of what is held, quarantined or dropped."""
    waits = (Receipt.waiting_for > "").alias("waits")
    names = (Receipt.state, waits, Receipt.reason)
    where = _where(selection) & Receipt.state.in_(_EXPLAINED)
    rows: Any = Receipt.select(*names, fn.COUNT(Receipt.id)).where(where)
    rows = rows.group_by(SQL("1, 2, 3"))
    return sorted((state, bool(waiting), reason, count) for state, waiting, reason, count in rows.tuples())


def _where(selection: Selection) -> Expression:
    first = datetime.combine(selection.first, time(), UTC)
    end = datetime.combine(selection.last, time(), UTC) + timedelta(days=1)
    where: Any = (Receipt.received_at >= first) & (Receipt.received_at < end)
    if selection.collection_ids:
        where &= Receipt.collection_id.in_(selection.collection_ids)
    else:
        where &= Receipt.submitter == selection.submitter
    if selection.outside:
        where &= Receipt.collection_id.not_in(selection.outside)
    if selection.only:
        where &= Receipt.collection_id == selection.only
    if selection.sender:
        where &= Receipt.sender == selection.sender
    if selection.site:
        where &= Receipt.site == selection.site
    found: Expression = where
    return found


def states_by_digest(submitter: str, collection_id: int, md5s: Sequence[str]) -> dict[str, State]:
    """States of what a user sent into a collection, by the MD5 (hexadecimal) of what was received.

    Of several with the same digest one is published, or the one that was before.
    """
    found: dict[str, State] = {}
    mine = (Receipt.submitter == submitter) & (Receipt.collection_id == collection_id)
    for start in range(0, len(md5s), _CHUNK):
        some = Receipt.md5.in_(list(md5s[start : start + _CHUNK]))
        rows: Any = Receipt.select(Receipt.md5, Receipt.state).where(mine & some).order_by(Receipt.id).tuples()
        for md5, state in rows:
            if found.get(md5) is not State.PUBLISHED:
                found[md5] = State(state)
    return found


def pace() -> float | None:
    """Objects that get their receipt in a second, by the last few hundred; None when none did for two minutes."""
    rows: Any = Receipt.select(Receipt.ended_at).order_by(Receipt.id.desc()).limit(_RECENT).tuples()
    times = [each for (each,) in rows]
    now = datetime.now(UTC)
    if len(times) < 2 or now - max(times) > timedelta(minutes=2):
        return None
    seconds = (now - min(times)).total_seconds()
    return len(times) / seconds if seconds > 0 else None


def quarantined_since(after: int | None) -> tuple[int, list[tuple[int, str, str, str, int]]]:
    """The last receipt there is, and what was quarantined after another: collection, site, sender, reason, how many.

    What was written in the last seconds is left for the next time: a transaction with a lower number may still be open.
    """
    settled = Receipt.ended_at <= datetime.now(UTC) - timedelta(seconds=_SETTLED_S)
    newest: Any = Receipt.select(Receipt.id).order_by(Receipt.id.desc()).where(settled).first()
    last = max(newest.id if newest is not None else 0, after or 0)
    if after is None or last == after:
        return last, []
    names = (Receipt.collection_id, Receipt.site, Receipt.sender, Receipt.reason)
    where = (Receipt.id > after) & (Receipt.id <= last) & (Receipt.state == State.QUARANTINED.value)
    rows: Any = Receipt.select(*names, fn.COUNT(Receipt.id)).where(where).group_by(*names)
    return last, sorted(rows.tuples())
