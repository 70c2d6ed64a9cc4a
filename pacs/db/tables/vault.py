"""The crosswalk. It stands in a SQLite file of its own under `DIR/vault`, never in the main database; rows are sealed.

`pacs.vault` binds these tables itself: they are no part of the numbered migrations of the main database.
"""

from peewee import BlobField, CharField, IntegerField, Model


class SealedPair(Model):
    """An old and a new identifier, sealed with AES-256-GCM. `lookup` is the keyed digest of the old one."""

    collection_id = IntegerField()
    kind = CharField()
    lookup = CharField()
    sealed = BlobField()

    class Meta:
        indexes = ((("collection_id", "kind", "lookup"), True),)
        legacy_table_names = False


class SealedEntry(Model):
    """An entry of a lookup table: its value sealed, its key as keyed digest alone. `kind` is the key's type.

    It stands in a file of its own, ``lookup.sqlite``.
    """

    collection_id = IntegerField()
    kind = CharField()
    lookup = CharField()
    sealed = BlobField()

    class Meta:
        indexes = ((("collection_id", "lookup"), True),)
        legacy_table_names = False


VAULT_TABLES = (SealedPair,)
LOOKUP_TABLES = (SealedEntry,)
