"""The vault's index: which sealed original or crosswalk row stands where. No column identifies; contents are sealed."""

from peewee import BlobField, CharField, IntegerField

from pacs.db.tables.base import Base, UtcField


class SealedOriginal(Base):
    """An encrypted original on disk under `DIR/vault`, by intake id."""

    intake_id = CharField(unique=True)
    collection_id = IntegerField(index=True)
    new_study_uid = CharField(index=True)
    new_series_uid = CharField(index=True)
    kept_until = UtcField(null=True)


class SealedCrosswalk(Base):
    """An old and new identifier, sealed with AES-256-GCM. `lookup` is the keyed digest of the old one."""

    collection_id = IntegerField()
    kind = CharField()
    lookup = CharField()
    sealed = BlobField()

    class Meta:
        indexes = ((("collection_id", "kind", "lookup"), True),)


TABLES = (SealedOriginal, SealedCrosswalk)
