"""Users, their grants and their tokens. Only `auth` writes them."""

from peewee import BooleanField, CharField, ForeignKeyField, IntegerField, TextField

from pacs.db.tables.base import Base, UtcField


class User(Base):
    """A person or program that holds tokens."""

    name = CharField(unique=True)
    title = TextField(default="")
    site = CharField(default="")  # which it sends for; "" is the collection's
    active = BooleanField(default=True)
    created_at = UtcField()


class Grant(Base):
    """A role in one collection, or in all (no collection id)."""

    user = ForeignKeyField(User, backref="grants", on_delete="CASCADE")
    role = CharField()
    collection_id = IntegerField(null=True)


class Token(Base):
    """A secret by its SHA-256 alone: it has 256 random bits, so a slow hash adds nothing."""

    user = ForeignKeyField(User, backref="tokens", on_delete="CASCADE")
    digest = CharField(unique=True)
    label = TextField(default="")
    created_at = UtcField()
    expires_at = UtcField(null=True)


TABLES = (User, Grant, Token)
