"""Review of what is not released yet. Only `curation` writes it."""

from peewee import CharField, IntegerField, TextField

from pacs.db.tables.base import Base, UtcField


class Review(Base):
    """Where the review of one series stands."""

    collection_id = IntegerField()
    series_uid = CharField()
    state = CharField(default="open", index=True)
    updated_at = UtcField()

    class Meta:
        indexes = ((("collection_id", "series_uid"), True),)


class ReviewEvent(Base):
    """One decision or remark of a curator."""

    review_id = IntegerField(index=True)
    at = UtcField()
    actor = CharField()
    action = CharField()
    note = TextField(default="")


TABLES = (Review, ReviewEvent)
