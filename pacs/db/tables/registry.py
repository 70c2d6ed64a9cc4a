"""What is configured: collections, sites, peers, profiles, mapping tables, name lists. Only `registry` writes them."""

from peewee import BooleanField, CharField, ForeignKeyField, IntegerField, TextField

from pacs.db.tables.base import Base, UtcField


class Collection(Base):
    """A set of published studies with its own profile, key and release policy. `order` decides whose study answers."""

    name = CharField(unique=True)
    title = TextField(default="")
    description = TextField(default="")
    licence = TextField(default="")
    doi = TextField(default="")
    profile = CharField()
    profile_version = CharField()
    key_id = IntegerField()
    key_label = CharField()  # collections with the same label share keys, so that their UIDs agree
    release = CharField(default="automatic")
    access = CharField(default="restricted")
    duplicates = CharField(default="keep-first")
    originals = CharField(default="until-release")
    called_aet = CharField(default="")
    site = CharField(default="")
    order = IntegerField(default=0)
    pixels = CharField(default="")  # "" in these three: as the profile says
    faces = CharField(default="")
    documents = CharField(default="")
    trial = CharField(default="")
    site_id = CharField(default="")
    mapped = BooleanField(default=False)
    names_version = CharField(default="")
    words = TextField(default="")  # that stay in cleaned text, blank separated
    created_at = UtcField()
    commitment = CharField(default="off")
    tell_senders = CharField(default="yes")  # whether answers to who stores name new UIDs
    import_filter = TextField(default="")  # a filter script; "" lets everything in
    filter_action = CharField(default="quarantine")  # what becomes of objects that it does not let in


class Site(Base):
    """A hospital or trial site that submits; its name is the patient id's issuer when the object has none."""

    name = CharField(unique=True)
    title = TextField(default="")


class Peer(Base):
    """An application entity that we know: where it listens and what it may do. `allow` is comma separated.

    `collections` are ids, comma separated, that it is bound to; "" is every one. An id is never given twice, so one
    whose collection is gone binds to nothing. `site` is the one that it sends for. `rules` are those of `PeerRules`
    that differ from the default, as JSON.
    """

    aet = CharField(unique=True)
    host = CharField()
    port = IntegerField()
    allow = CharField()
    site = CharField(default="")
    collections = CharField(default="")
    rules = TextField(default="{}")


class Forward(Base):
    """A rule: what is released in a collection is sent to an application entity, if it passes the rule's filter."""

    collection = ForeignKeyField(Collection, on_delete="CASCADE")
    aet = CharField()
    send_filter = TextField(default="")

    class Meta:
        indexes = ((("collection", "aet"), True),)


class Profile(Base):
    """A de-identification profile by name."""

    name = CharField(unique=True)
    title = TextField(default="")


class ProfileVersion(Base):
    """The rules of a profile at one time, named by their digest. Never changed."""

    profile = ForeignKeyField(Profile, backref="versions", on_delete="CASCADE")
    version = CharField()
    rules = TextField()
    created_at = UtcField()

    class Meta:
        indexes = ((("profile", "version"), True),)


class Mapping(Base):
    """A row of a collection's uploaded patient mapping. The sender's id is kept as a keyed digest, never as text.

    `event_date` is in shifted time. `site` tells equal ids of two sites apart; "" is any site.
    """

    collection = ForeignKeyField(Collection, on_delete="CASCADE")
    from_hmac = CharField()
    to_patient_id = CharField()
    to_patient_name = TextField(default="")
    site = CharField(default="")
    batch = CharField(default="")
    date_shift_days = IntegerField(null=True)
    event_date = CharField(default="")
    event = CharField(default="")

    class Meta:
        indexes = ((("collection", "from_hmac", "site"), True),)


class Counter(Base):
    """A number that a CTP script's `@integer` gave a text, by the text's keyed digest; each number is given once."""

    collection = ForeignKeyField(Collection, on_delete="CASCADE", index=False)
    kind = CharField()
    digest = CharField()
    number = IntegerField()

    class Meta:
        indexes = ((("collection", "kind", "digest"), True), (("collection", "kind", "number"), True))


class NameList(Base):
    """A version of the names that a collection uploaded for text cleaning; the names themselves are in the vault."""

    collection = ForeignKeyField(Collection, on_delete="CASCADE")
    version = CharField()
    created_at = UtcField()
    current = BooleanField(default=True)


class RegistryState(Base):
    """One row whose `revision` grows with every change, so that processes know when their snapshot is old."""

    revision = IntegerField(default=0)


TABLES = (Collection, Site, Peer, Forward, Profile, ProfileVersion, Mapping, Counter, NameList, RegistryState)
