"""Receipts of every accepted object, and the append-only audit trail. Only `audit` writes them."""

from peewee import BigIntegerField, CharField, IntegerField, TextField

from pacs.db.tables.base import Base, UtcField


class Receipt(Base):
    """What became of one accepted object in one collection. Nothing here identifies: the SOP UID is a keyed digest."""

    intake_id = CharField(unique=True)
    node = CharField()
    envelope_id = CharField(index=True)
    door = CharField()
    sender = CharField()
    submitter = CharField(default="")  # the user who sent it; "" for peers and for the operator's own commands
    site = CharField(default="")
    collection_id = IntegerField(index=True)
    original_hmac = CharField(default="", index=True)
    study_hmac = CharField(default="", index=True)
    sop_class_uid = CharField(default="")
    size_bytes = BigIntegerField(default=0)
    md5 = CharField(default="")
    new_study_uid = CharField(default="", index=True)
    new_series_uid = CharField(default="", index=True)
    new_sop_uid = CharField(default="", index=True)
    state = CharField(index=True)
    reason = TextField(default="")
    waiting_for = CharField(default="", index=True)  # keyed digest of an id that a table lacks; see `Archive`
    findings = TextField(default="")  # JSON: tag paths and rules, no values
    notes = TextField(default="")  # JSON: what was done that a curator may want to know; no values
    received_at = UtcField()
    ended_at = UtcField()

    class Meta:
        indexes = (
            (("submitter", "md5"), False),
            # These two hold all that counts by day need.
            (("submitter", "received_at", "collection_id", "sender", "site", "state"), False),
            (("collection_id", "received_at", "submitter", "sender", "site", "state"), False),
        )


class AuditEvent(Base):
    """One thing that somebody did. `digest` chains each row to the one before it, so that a gap or a change shows."""

    at = UtcField()
    actor = CharField()
    action = CharField(index=True)
    target = TextField()
    detail = TextField(default="")
    digest = CharField()


TABLES = (Receipt, AuditEvent)
