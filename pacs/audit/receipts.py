"""Receipts: one row for each accepted object in each collection, written in the transaction that decides about it."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

from peewee import fn

from pacs.db.tables.audit import Receipt
from pacs.db.tables.base import database, utc_text
from pacs.model import State

_NAMES = tuple(name for name in Receipt._meta.fields if name != "id")


def _stored(value: object) -> object:
    return utc_text(value) if isinstance(value, datetime) else value


class Receipts:
    """All receipts of the installation. Writing methods run inside the caller's transaction."""

    def states(self, intake_ids: Sequence[str]) -> dict[str, State]:
        """The states of those that have a receipt already."""
        rows: Any = Receipt.select(Receipt.intake_id, Receipt.state).where(Receipt.intake_id.in_(list(intake_ids)))
        return {intake_id: State(state) for intake_id, state in rows.tuples()}

    def write(self, rows: Iterable[dict[str, Any]]) -> None:
        """Add receipts: every column by name."""
        # Plain SQL: building the statement for a batch costs ten times what running it does.
        marks = ", ".join([database.param] * len(_NAMES))
        text = f"INSERT INTO receipt ({', '.join(_NAMES)}) VALUES ({marks})"  # noqa: S608 - names are the table's own
        for row in rows:
            database.execute_sql(text, [_stored(row[name]) for name in _NAMES])

    def counts(self) -> dict[State, int]:
        """How many receipts are in each state."""
        rows: Any = Receipt.select(Receipt.state, fn.COUNT(Receipt.id)).group_by(Receipt.state).tuples()
        return {State(state): count for state, count in rows}

    def find(self, *, intake_id: str = "", new_uids: Sequence[str] = (), hmacs: Sequence[str] = ()) -> list[Receipt]:
        """Receipts by intake id, by new UIDs of instance, series or study, or by keyed digests of an original UID."""
        where = Receipt.intake_id == intake_id if intake_id else None
        if new_uids:
            names = (Receipt.new_sop_uid, Receipt.new_series_uid, Receipt.new_study_uid)
            by_new = reduce(or_, (each.in_(list(new_uids)) for each in names))
            where = by_new if where is None else where | by_new
        if hmacs:
            by_old = Receipt.original_hmac.in_(list(hmacs)) | Receipt.study_hmac.in_(list(hmacs))
            where = by_old if where is None else where | by_old
        return list(Receipt.select().where(where).order_by(Receipt.id)) if where is not None else []

    def of_envelope(self, envelope_id: str) -> list[Receipt]:
        """Receipts of what came in one association or request, oldest first."""
        return list(Receipt.select().where(Receipt.envelope_id == envelope_id).order_by(Receipt.id))

    def in_states(self, *states: State) -> list[Receipt]:
        """Receipts in any of these states, oldest first."""
        return list(Receipt.select().where(Receipt.state.in_([each.value for each in states])).order_by(Receipt.id))

    def published_in(self, collection_id: int, series_uid: str | None) -> list[str]:
        """Intake ids of what was published in a collection, or in one series of it (new UID)."""
        where = (Receipt.collection_id == collection_id) & (Receipt.state == State.PUBLISHED.value)
        if series_uid is not None:
            where &= Receipt.new_series_uid == series_uid
        rows: Any = Receipt.select(Receipt.intake_id).where(where).tuples()
        return [intake_id for (intake_id,) in rows]

    def waiting(self, collection_id: int) -> dict[str, int]:
        """What held objects of a collection wait for, rows of its mapping or lookup table, and how many for each."""
        where = (Receipt.collection_id == collection_id) & (Receipt.waiting_for > "")
        rows: Any = (
            Receipt.select(Receipt.waiting_for, fn.COUNT(Receipt.id))
            .where(where & (Receipt.state == State.HELD.value))
            .group_by(Receipt.waiting_for)
            .order_by(Receipt.waiting_for)
        )
        return dict(rows.tuples())

    def waiting_for(self, collection_id: int, row: str) -> list[str]:
        """Intake ids of held objects of a collection that wait for one row, oldest first."""
        where = (Receipt.collection_id == collection_id) & (Receipt.waiting_for == row)
        held = where & (Receipt.state == State.HELD.value)
        rows: Any = Receipt.select(Receipt.intake_id).where(held).order_by(Receipt.id).tuples()
        return [intake_id for (intake_id,) in rows]

    def collections_waiting(self) -> list[int]:
        """Collections that have objects which wait for a row."""
        where = (Receipt.waiting_for > "") & (Receipt.state == State.HELD.value)
        rows: Any = Receipt.select(Receipt.collection_id).where(where).distinct().tuples()
        return [collection_id for (collection_id,) in rows]

    def notes_in(self, collection_id: int) -> Iterator[str]:
        """What was noted (JSON) about each published object of a collection, where something was."""
        where = (Receipt.collection_id == collection_id) & (Receipt.notes != "")
        rows: Any = Receipt.select(Receipt.notes).where(where & (Receipt.state == State.PUBLISHED.value)).tuples()
        return (notes for (notes,) in rows.iterator())

    def forget(self, intake_id: str) -> None:
        """Remove the receipt of an object that goes back in line; it gets a new one."""
        Receipt.delete().where(Receipt.intake_id == intake_id).execute()

    def change(self, intake_id: str, state: State, reason: str) -> None:
        """An explicit decision about a held or quarantined object."""
        Receipt.update(state=state.value, reason=reason).where(Receipt.intake_id == intake_id).execute()

    def summary(self) -> list[tuple[str, str, str, int]]:
        """How many objects of each sender and study ended in each state: sender, new study UID, state, count.

        The study is empty where the object got no new identity (quarantined, held or dropped).
        """
        rows: Any = (
            Receipt.select(Receipt.sender, Receipt.new_study_uid, Receipt.state, fn.COUNT(Receipt.id))
            .group_by(Receipt.sender, Receipt.new_study_uid, Receipt.state)
            .order_by(Receipt.sender, Receipt.new_study_uid, Receipt.state)
        )
        return list(rows.tuples())
