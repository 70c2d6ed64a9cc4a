"""Metadata of studies, series and instances. PS3.18 10.4.1.1.2."""

from collections.abc import Iterator

from flask import Blueprint, Response, request

from pacs.dicom.json import BULK_PLACEHOLDER
from pacs.dicomweb.accept import JSON, takes_json, wanted
from pacs.dicomweb.door import caller, door, key_of, public_root, url_of
from pacs.dicomweb.validators import cached, is_known, not_modified, tag_of
from pacs.errors import NotAcceptable
from pacs.model import StoredInstance

blueprint = Blueprint("metadata", __name__)


@blueprint.get("/studies/<uid:study>/metadata")
@blueprint.get("/studies/<uid:study>/series/<uid:series>/metadata")
@blueprint.get("/studies/<uid:study>/series/<uid:series>/instances/<uid:sop>/metadata")
def retrieve_metadata(study: str, series: str | None = None, sop: str | None = None) -> Response:
    """Attributes without bulk data, as they were encoded at commit."""
    if not takes_json(wanted(request.args.get("accept"), request.headers.get("Accept"))):
        raise NotAcceptable(f"metadata is sent as {JSON}")
    archive = door().archive
    found = archive.open(key_of(study, series, sop), caller())
    root = public_root()
    tag = tag_of(found, "metadata", root)
    if is_known(tag):
        return not_modified(tag)
    return cached(Response(_metadata(found, archive.metadata(found), root), mimetype=JSON), tag)


def _metadata(found: list[StoredInstance], texts: Iterator[bytes], root: str) -> Iterator[bytes]:
    """A JSON array, a few hundred objects at a time; only addresses are put in."""
    batch = [b"["]
    for number, (instance, text) in enumerate(zip(found, texts, strict=False)):
        address = url_of(root, instance.study_uid, instance.series_uid, instance.sop_uid)
        batch.append(b"," if number else b"")
        batch.append(text.replace(BULK_PLACEHOLDER, f'"BulkDataURI":"{address}/'.encode()))
        if len(batch) > 1000:
            yield b"".join(batch)
            batch.clear()
    batch.append(b"]")
    yield b"".join(batch)
