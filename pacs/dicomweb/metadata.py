"""Metadata of studies, series and instances. PS3.18 10.4.1.1.2."""

from collections.abc import Iterator, Sequence

from flask import Blueprint, Response

from pacs.dicomweb.door import caller, door, key_of, public_root, url_of
from pacs.dicomweb.models import chosen_model, model_reply
from pacs.dicomweb.validators import cached, is_known, not_modified, tag_of
from pacs.model import DescribedInstance

blueprint = Blueprint("metadata", __name__)
_FEW = 100  # data sets that are sent with their length; of more the first leave while others are read


@blueprint.get("/studies/<uid:study>/metadata")
@blueprint.get("/studies/<uid:study>/series/<uid:series>/metadata")
@blueprint.get("/studies/<uid:study>/series/<uid:series>/instances/<uid:sop>/metadata")
def retrieve_metadata(study: str, series: str | None = None, sop: str | None = None) -> Response:
    """Attributes without bulk data, as they were encoded at commit."""
    way = chosen_model(single=sop is not None)
    archive = door().archive
    found = archive.describe(key_of(study, series, sop), caller())
    root = public_root()
    tag = tag_of(found, "metadata", root, way.type, str(way.multipart))
    if is_known(tag):
        return not_modified(tag)
    texts = _data_sets(found, archive.metadata_pieces(found), root)
    return cached(model_reply(way, texts if len(found) > _FEW else list(texts)), tag)


def _data_sets(found: list[DescribedInstance], pieces: Iterator[Sequence[bytes]], root: str) -> Iterator[bytes]:
    """The stored JSON objects; only addresses are put in, without parsing them."""
    for instance, some in zip(found, pieces, strict=True):
        if not some:  # gone in between
            continue
        address = url_of(root, instance.study_uid, instance.series_uid, instance.sop_uid)
        yield f'"BulkDataURI":"{address}/'.encode().join(some)
