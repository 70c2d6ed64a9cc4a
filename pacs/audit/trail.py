"""The audit trail: append-only, each row's digest covers the row before it."""

import hashlib
from datetime import UTC, datetime

from peewee import Database

from pacs.db.connection import execute, is_sqlite
from pacs.db.tables.audit import AuditEvent


class Trail:
    """What people and programs did."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, actor: str, action: str, target: str, detail: str = "") -> None:
        """Append one event. Nothing in it may identify a patient."""
        at = datetime.now(UTC)
        with self._database.atomic():
            if not is_sqlite(self._database):  # SQLite has one writer at a time anyway
                execute(self._database, "LOCK TABLE audit_event IN SHARE ROW EXCLUSIVE MODE")
            before = AuditEvent.select().order_by(AuditEvent.id.desc()).first()
            digest = _digest(before.digest if before else "", at, actor, action, f"{target}\0{detail}")
            AuditEvent.create(at=at, actor=actor, action=action, target=target, detail=detail, digest=digest)

    def broken_at(self) -> int | None:
        """The id of the first row that does not follow from the one before it; None when the chain holds."""
        previous = ""
        for row in AuditEvent.select().order_by(AuditEvent.id).iterator():
            if row.digest != _digest(previous, row.at, row.actor, row.action, f"{row.target}\0{row.detail}"):
                return int(row.id)
            previous = row.digest
        return None


def _digest(previous: str, at: datetime, actor: str, action: str, rest: str) -> str:
    text = "\0".join((previous, at.isoformat(timespec="microseconds"), actor, action, rest))
    return hashlib.sha256(text.encode()).hexdigest()
