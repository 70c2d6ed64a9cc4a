"""What the de-identifier is told about the collection that an object goes to."""

from datetime import datetime

from pacs.archive import Archive
from pacs.deid import CollectionKeys, Context
from pacs.deid.ctp import Outside
from pacs.model import CollectionInfo, Envelope, PatientRow


def context_of(
    archive: Archive, collection: CollectionInfo, envelope: Envelope | None, keys: CollectionKeys
) -> Context:
    """The collection's site, tables, names and words; the envelope's site wins over the collection's."""

    def patients(issuer: str, patient_id: str) -> PatientRow | None:
        return archive.parts.mapping.find(collection.id, keys.patient_hmac(patient_id), issuer)

    return Context(
        site=(envelope.site if envelope else "") or collection.site,
        site_id=collection.site_id,
        collection=collection.name,
        trial=collection.trial,
        patients=patients if collection.mapped else None,
        names=archive.names_of(collection),
        words=collection.words,
        lists_version=collection.names_version,
        outside=outside_of(archive, collection, envelope, keys),
    )


def outside_of(
    archive: Archive, collection: CollectionInfo, envelope: Envelope | None, keys: CollectionKeys
) -> Outside:
    """What expressions of a CTP script ask for. Now is when the object's envelope was opened, in the server's zone, so
    that an object that is treated again gives the same bytes (promise 4).
    """

    def integer(kind: str, text: str) -> int:
        return archive.parts.counters.number(collection.id, kind, keys.counter_hmac(kind, text))

    def now() -> datetime:
        return envelope.opened_at.astimezone() if envelope else datetime.now().astimezone()

    return Outside(_Lookup(archive, collection, keys), integer, now)


class _Lookup:
    """A collection's lookup table, asked entry by entry."""

    def __init__(self, archive: Archive, collection: CollectionInfo, keys: CollectionKeys) -> None:
        self.archive = archive
        self.collection = collection
        self.keys = keys

    def get(self, name: str, /) -> str | None:
        """The value of ``type/key``. Raises OSError when the vault cannot be read."""
        key_type, _slash, key = name.partition("/")
        digest = self.keys.lookup_hmac(key_type, key)
        return self.archive.parts.lookups.find(self.collection.id, self.archive.sealing_key_of(self.collection), digest)
