"""STOW-RS: parts go to the spool as they arrive; every part is accounted for in the answer. PS3.18 10.5."""

import base64
import binascii
import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from secrets import token_hex

from flask import Blueprint, Response, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge, UnsupportedMediaType

from pacs.auth import may_store, scope_of
from pacs.dicomweb.accept import DICOM, JSON, OCTETS, MediaRange, parse_media_type
from pacs.dicomweb.described import take_described
from pacs.dicomweb.door import caller, door
from pacs.dicomweb.models import XML
from pacs.dicomweb.multipart import CHUNK_BYTES, MultipartReader, Part
from pacs.dicomweb.stored import Store, pieces_into
from pacs.dicomweb.stow_answer import answer, chosen_way
from pacs.errors import BadRequest, NotAllowed, NotDicom, NotFound
from pacs.model import Door, Envelope, PrincipalKind
from pacs.registry.routing import route

blueprint = Blueprint("stow", __name__)
_MOST_BOUNDARY = 200  # RFC 2046 has 70


@blueprint.post("/studies")
@blueprint.post("/studies/<uid:study>")
def store_instances(study: str | None = None) -> Response:
    """Take instances in. Success means that they are durable; they are published when a worker has dealt with them."""
    store = _opened(study)
    way = chosen_way()
    media = _media_type()
    if (request.content_length or 0) > door().max_body_bytes:
        raise RequestEntityTooLarge
    if request.headers.get("Content-Encoding", "").strip().lower() not in ("", "identity"):
        raise UnsupportedMediaType
    if media.type == "multipart/related":
        kind = (media.values("type") or [DICOM])[0].lower()
        if kind not in (DICOM, JSON, XML):
            raise UnsupportedMediaType
        parts = MultipartReader(_read, _boundary(media.values("boundary"))).parts()
        if kind == DICOM:
            _take_parts(store, parts)
        else:
            take_described(store, parts, kind)
    elif media.type == DICOM:
        store.take(pieces_into(_digested(_body(), store.envelope.content_md5)))
    elif media.type in (JSON, XML):
        take_described(store, iter([Part({"content-type": media.type}, _body())]), media.type)
    else:
        raise UnsupportedMediaType
    return answer(store, way)


def _media_type() -> MediaRange:
    """The type of the body. Raises `UnsupportedMediaType` for what is none. RFC 9110 15.5.16."""
    try:
        return parse_media_type(request.headers.get("Content-Type") or "none/none")
    except BadRequest:
        raise UnsupportedMediaType from None


def _boundary(values: list[str]) -> str:
    boundary = values[0] if values else ""
    if not boundary or len(boundary) > _MOST_BOUNDARY:
        raise BadRequest("the Content-Type names no boundary")
    return boundary


def _opened(study: str | None) -> Store:
    """Decide from door facts who sends and where it goes. Raises `NotAllowed`, `NotFound`, `OutOfResources`."""
    principal, archive = caller(), door().archive
    if principal.kind is not PrincipalKind.USER:
        raise NotAllowed("storing needs a token of a user who may submit to the collection")
    snapshot = archive.registry.snapshot()
    named = request.args.get("collection", "")
    routed = route(snapshot, principal=principal, collection=named)
    allowed = tuple(each for each in routed if may_store(principal, snapshot.collections[each]))
    if not allowed:
        scope = scope_of(principal, snapshot.collections)
        if named and not (scope.everything | scope.released) & set(routed):
            raise NotFound("there is no such collection")  # told like an unknown one
        raise NotAllowed("this user may not submit to the collection")
    archive.parts.spool.check_room()
    first = snapshot.collections[allowed[0]]
    envelope = Envelope(
        id=f"w-{token_hex(12)}",
        door=Door.STOW,
        node=door().node,
        peer="",
        called_aet="",
        address=request.remote_addr or "",
        principal=principal.name,
        site=first.site,
        collection_ids=allowed,
        opened_at=datetime.now(UTC),
        sender_site=principal.site,
        content_md5=_content_md5(),
    )
    told = all(snapshot.collections[each].tell_senders for each in allowed)
    return Store(envelope, study, archive.keys_of(first) if len(allowed) == 1 else None, told)


def _read(size: int) -> bytes:
    """More of the body. Raises `BadRequest` when the caller went away, or its chunks make no sense."""
    try:
        return request.stream.read(size)
    except HTTPException:
        raise
    except Exception:  # noqa: BLE001 - the network's, or whatever the server makes of a bad chunk; never the disk's
        raise BadRequest("the body breaks off, or its chunks are malformed") from None


def _body() -> Iterator[bytes]:
    """The body in pieces. Raises `BadRequest` when there is none."""
    piece = _read(CHUNK_BYTES)
    if not piece:
        raise BadRequest("the request has no body")
    while piece:
        yield piece
        piece = _read(CHUNK_BYTES)


def _content_md5() -> str:
    """The digest of the one object of this request in hexadecimal, where its sender says it; else empty.

    With it the sender learns at once which of its files are here, even if the answer was lost. RFC 1864.
    """
    text = request.headers.get("Content-MD5", "").strip()
    if not text or _media_type().type != DICOM:
        return ""
    try:
        digest = base64.b64decode(text, validate=True)
    except binascii.Error:
        digest = b""
    if len(digest) != hashlib.md5(usedforsecurity=False).digest_size:
        raise BadRequest("Content-MD5 is no MD5 in Base64")
    return digest.hex()


def _digested(pieces: Iterator[bytes], wanted: str) -> Iterator[bytes]:
    """The same pieces. Raises `BadRequest` at their end when they do not have the digest that was said."""
    digest = hashlib.md5(usedforsecurity=False)
    for piece in pieces:
        if wanted:
            digest.update(piece)
        yield piece
    if wanted and digest.hexdigest() != wanted:
        raise BadRequest("the body does not have its Content-MD5")


def _take_parts(store: Store, parts: Iterator[Part]) -> None:
    """Every part; when the body breaks off, what came before stays taken and the broken part is told."""
    try:
        for part in parts:
            if part.kind().type in (DICOM, OCTETS):
                store.take(pieces_into(part.data))
            else:
                store.refuse(NotDicom("a part is no application/dicom"))
    except BadRequest as error:
        if not any(each.error is not error for each in store.outcomes):
            raise
        if store.outcomes[-1].error is not error:
            store.refuse(error)
