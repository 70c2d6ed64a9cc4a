"""Work in progress. Only `jobs` writes it."""

from peewee import CharField, FloatField, ForeignKeyField, IntegerField, TextField

from pacs.db.tables.base import Base, UtcField


class Job(Base):
    """A long task by name, with JSON arguments free of identified data; a stale heartbeat means: queue again."""

    name = CharField(index=True)
    arguments = TextField(default="{}")
    state = CharField(default="waiting", index=True)
    attempts = IntegerField(default=0)
    progress = FloatField(default=0.0)
    error = TextField(default="")
    created_at = UtcField()
    run_after = UtcField()
    heartbeat_at = UtcField(null=True)


class Commitment(Base):
    """A storage commitment request, by the keyed digest of its sender and Transaction UID: so that one asked twice is
    known. What was asked for is sealed in the vault under `job`'s id. PS3.4 J.3.2.
    """

    lookup = CharField(unique=True)
    job = ForeignKeyField(Job, null=True, on_delete="SET NULL")
    created_at = UtcField()


TABLES = (Job, Commitment)
