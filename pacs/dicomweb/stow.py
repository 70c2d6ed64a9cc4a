"""STOW-RS: parts go to the spool as they arrive; every part is accounted for in the answer. PS3.18 10.5."""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex

from flask import Blueprint, Response, request
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from pacs.auth import may_store, scope_of
from pacs.deid import CollectionKeys
from pacs.dicomweb.accept import DICOM, parse_media_type
from pacs.dicomweb.door import caller, door, public_root, url_of
from pacs.dicomweb.multipart import CHUNK_BYTES, MultipartReader
from pacs.dicomweb.problems import STUDY_MISMATCH, failure_reason
from pacs.dicomweb.reply import json_reply
from pacs.dicomweb.sent import sent_uids
from pacs.errors import BadRequest, ClassMismatch, NotAllowed, NotDicom, NotFound, OutOfResources, PacsError
from pacs.model import Accepted, Door, Envelope, PrincipalKind
from pacs.registry.routing import route

blueprint = Blueprint("stow", __name__)
log = logging.getLogger("pacs.object")


@dataclass(slots=True)
class Outcome:
    """What became of one part. UIDs are as the sender sent them."""

    sop_class_uid: str = ""
    sop_uid: str = ""
    accepted: Accepted | None = None
    reason: int = 0
    error: PacsError | None = None


@dataclass(slots=True)
class Store:
    """One request: where its objects go, and what became of them."""

    envelope: Envelope
    study_uid: str | None
    keys: CollectionKeys | None
    outcomes: list[Outcome] = field(default_factory=list)


@blueprint.post("/studies")
@blueprint.post("/studies/<uid:study>")
def store_instances(study: str | None = None) -> Response:
    """Take instances in. Success means that they are durable; they are published when a worker has dealt with them."""
    store = _opened(study)
    media = parse_media_type(request.headers.get("Content-Type") or "none/none")
    if (request.content_length or 0) > door().max_body_bytes:
        raise RequestEntityTooLarge
    if media.type == DICOM:
        _take(store, _chunks(request.stream.read))
    elif media.type == "multipart/related" and [each.lower() for each in media.values("type")] in ([DICOM], []):
        boundary = (media.values("boundary") or [""])[0]
        if not boundary or len(boundary) > 200:
            raise BadRequest("the Content-Type names no boundary")
        _take_parts(store, MultipartReader(request.stream.read, boundary))
    else:
        raise UnsupportedMediaType
    return _answer(store)


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
    )
    return Store(envelope, study, archive.keys_of(first) if len(allowed) == 1 else None)


def _chunks(read: Callable[[int], bytes]) -> Iterator[bytes]:
    while chunk := read(CHUNK_BYTES):
        yield chunk


def _take_parts(store: Store, reader: MultipartReader) -> None:
    """Every part; when the body breaks off, what came before stays taken and the broken part is told."""
    try:
        for part in reader.parts():
            kind = parse_media_type(part.headers.get("content-type") or DICOM)
            if kind.type in (DICOM, "application/octet-stream"):
                _take(store, part.data)
            else:
                store.outcomes.append(Outcome(reason=0xC000, error=NotDicom("a part is no application/dicom")))
    except BadRequest as error:
        if not store.outcomes:
            raise
        if store.outcomes[-1].error is not error:
            store.outcomes.append(Outcome(reason=0xC000, error=error))


def _take(store: Store, data: Iterable[bytes]) -> None:
    """Write one object into the wall and hand it to the archive."""
    archive = door().archive
    temporary = archive.parts.spool.temporary()
    outcome = Outcome()
    try:
        _write(temporary, data)
        outcome.sop_class_uid, outcome.sop_uid, study_uid = sent_uids(temporary)
        _check_study(store, study_uid)
        outcome.accepted = archive.receive(temporary, store.envelope)
        outcome.sop_class_uid, outcome.sop_uid = outcome.accepted.sop_class_uid, outcome.accepted.sop_uid
    except _WrongStudy as error:
        outcome.error, outcome.reason = error, STUDY_MISMATCH
    except PacsError as error:
        outcome.error, outcome.reason = error, failure_reason(error)
    finally:
        temporary.unlink(missing_ok=True)
    store.outcomes.append(outcome)
    _log(store, outcome)
    if isinstance(outcome.error, BadRequest):
        raise outcome.error  # the body itself is broken: no part can follow


def _write(temporary: Path, data: Iterable[bytes]) -> None:
    total, limit = 0, door().max_body_bytes
    try:
        with temporary.open("xb", buffering=0) as file:
            for chunk in data:
                total += len(chunk)
                if total > limit:
                    raise NotDicom("the object is larger than this server takes")
                file.write(chunk)
    except OSError as error:
        raise OutOfResources("the archive's disk refused the object; send again later") from error
    if not total:
        raise NotDicom("an empty part")


class _WrongStudy(ClassMismatch):
    """The object belongs to another study than the address names."""


def _check_study(store: Store, study_uid: str) -> None:
    """``POST /studies/S`` takes objects of S only, named by its original or its new UID."""
    if store.study_uid is None or not study_uid:
        return
    mapped = store.keys.map_uid(study_uid) if store.keys else ""
    if store.study_uid not in (study_uid, mapped):
        raise _WrongStudy("the object belongs to another study")


def _log(store: Store, outcome: Outcome) -> None:
    facts: dict[str, object] = {
        "door": "stow",
        "envelope": store.envelope.id,
        "principal": store.envelope.principal,
    }
    if outcome.accepted is not None:
        log.info("object accepted", extra=facts | {"intake": outcome.accepted.intake_ids})
    else:
        log.warning("object refused", extra=facts | {"code": outcome.reason, "reason": str(outcome.error)})


def _answer(store: Store) -> Response:
    """The response data set, and the status that says whether all, some or none were taken. PS3.18 10.5.3."""
    if not store.outcomes:
        raise BadRequest("the request holds no object")
    root = public_root()
    stored = [each for each in store.outcomes if each.accepted is not None]
    failed = [each for each in store.outcomes if each.accepted is None]
    body: dict[str, object] = {}
    addresses = {url_of(root, study) for each in stored if (study := _new(store, each, "study"))}
    if len(addresses) == 1:
        body["00081190"] = {"vr": "UR", "Value": sorted(addresses)}
    if failed:
        body["00081198"] = {"vr": "SQ", "Value": [_item(each) | _number("00081197", each.reason) for each in failed]}
    if stored:
        body["00081199"] = {"vr": "SQ", "Value": [_item(each) | _address(store, each, root) for each in stored]}
    return json_reply(body, _status(stored, failed))


def _status(stored: list[Outcome], failed: list[Outcome]) -> int:
    if not failed:
        return 200
    if stored:
        return 202
    return 503 if all(isinstance(each.error, OutOfResources) for each in failed) else 409


def _item(outcome: Outcome) -> dict[str, object]:
    item: dict[str, object] = {}
    for tag, uid in (("00081150", outcome.sop_class_uid), ("00081155", outcome.sop_uid)):
        item[tag] = {"vr": "UI", "Value": [uid]} if uid else {"vr": "UI"}
    return item


def _number(tag: str, value: int) -> dict[str, object]:
    return {tag: {"vr": "US", "Value": [value]}}


def _new(store: Store, outcome: Outcome, which: str) -> str:
    """A new UID of an accepted object; empty when the objects go to several collections."""
    if store.keys is None or outcome.accepted is None:
        return ""
    return store.keys.map_uid(getattr(outcome.accepted, f"{which}_uid"))


def _address(store: Store, outcome: Outcome, root: str) -> dict[str, object]:
    """Where the object will be: an address of new UIDs only."""
    study, series, sop = (_new(store, outcome, which) for which in ("study", "series", "sop"))
    return {"00081190": {"vr": "UR", "Value": [url_of(root, study, series, sop)]}} if study else {}
