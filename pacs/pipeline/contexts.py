"""What the de-identifier is told about the collection that an object goes to."""

from pacs.archive import Archive
from pacs.deid import CollectionKeys, Context
from pacs.model import CollectionInfo, Envelope, PatientRow


def context_of(
    archive: Archive, collection: CollectionInfo, envelope: Envelope | None, keys: CollectionKeys
) -> Context:
    """The collection's site, mapping table, names and words; the envelope's site wins over the collection's."""

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
    )
