"""Work in progress. Only `jobs` writes it."""

from peewee import CharField, FloatField, IntegerField, TextField

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


TABLES = (Job,)
