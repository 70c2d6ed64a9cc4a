"""CTP's HTTP import: one object a request, answered ``OK`` once it is safe on disk.

CTP's exporter reads answers in its own way: any 2xx with a body other than ``OK`` and any status but 401, 403 and 404
sends the object to its quarantine; 404 makes it try again; 401 and 403 stop it until somebody restarts it. So what
passes is a 404, never a 5xx, and an object is taken whatever it is: what is no DICOM goes to the quarantine here.
"""

import base64
import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from secrets import token_hex

from flask import Blueprint, Response, current_app, g, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, RequestEntityTooLarge

from pacs.archive import Archive
from pacs.auth import may_store, scope_of
from pacs.auth.http import WrongCredentials
from pacs.auth.peers import is_loopback
from pacs.ctp.verifier import verified
from pacs.errors import NotAllowed, NotFound, OutOfResources, PacsError, Refused
from pacs.model import CollectionInfo, Door, Envelope, Principal, PrincipalKind
from pacs.registry.routing import route
from pacs.spool.unpacking import TooLarge, objects

log = logging.getLogger("pacs.object")
blueprint = Blueprint("ctp", __name__)
PATH = "/ctp"
MEDIA_TYPE = "application/x-mirc"
CHUNK_BYTES = 1 << 20
_AT_ONCE = 8


def _as_ctp(answer: Callable[[str], Response]) -> Callable[[str], Response]:
    """Tell what goes wrong as CTP's exporter wants to hear it."""

    @wraps(answer)
    def told(collection: str) -> Response:
        try:
            return answer(collection)
        except WrongCredentials:
            return _unauthorised()
        except Exception as error:  # noqa: BLE001 - a border: a 5xx would end the object in the sender's quarantine
            return _refusal(error)

    return told


@blueprint.route(f"{PATH}/<collection>", methods=("POST",), provide_automatic_options=False)
@_as_ctp
def take(collection: str) -> Response:
    """Take one body in: an object, or a ZIP of them. Every object in it is durable when this answers ``OK``."""
    if MEDIA_TYPE not in request.headers.get("Content-Type", "").lower():
        raise NotFound("no object of CTP")
    principal, target = _submitter(collection)
    archive = _archive()
    archive.parts.spool.check_room()
    envelope = Envelope(
        id=f"c-{token_hex(12)}",
        door=Door.CTP,
        node=archive.parts.node,
        peer="",
        called_aet="",
        address=_address(),
        principal=principal.name,
        site=target.site,
        collection_ids=(target.id,),
        opened_at=datetime.now(UTC),
        sender_site=principal.site,
    )
    with _temporary(archive) as body:
        _receive_body(body)
        with objects(body, archive.parts.spool.temporary, _limit_bytes()) as found:
            _spool(archive, found, envelope)
    return _plain(200, "OK")


@blueprint.route(f"{PATH}/<collection>", methods=("GET",), provide_automatic_options=False)
@_as_ctp
def verify(collection: str) -> Response:
    """Which of the objects that ``?uids=`` names are safe here, as CTP's database verifier asks."""
    if "uids" not in request.args:
        raise NotFound("nothing was asked for")
    principal, found = _submitter(collection)
    return Response(verified(_archive(), principal, found, request.args["uids"]), content_type="text/xml;charset=UTF-8")


def at_configured_path(paths: Mapping[str, str]) -> Response | None:
    """An answer when the request is CTP's and for one of the paths (-> collection) that are set; else None.

    Pages and other services that stand at such a path go on: only what CTP sends, or asks as verifier, is taken. What
    nothing takes, other methods below `PATH` among it, is not found, as CTP answers it.
    """
    collection = paths.get(request.path.rstrip("/") or "/")
    if collection is None:
        is_ours = request.path.startswith(f"{PATH}/") and isinstance(request.routing_exception, MethodNotAllowed)
        return _plain(404) if is_ours else None
    if request.method == "POST" and MEDIA_TYPE in request.headers.get("Content-Type", "").lower():
        return take(collection)
    if request.method == "GET" and "uids" in request.args:
        return verify(collection)
    return _plain(404) if request.routing_exception is not None else None


def _refusal(error: Exception) -> Response:
    """404 for all that may pass, so that the sender tries again."""
    if isinstance(error, NotAllowed):
        return _plain(403)
    if isinstance(error, Refused | RequestEntityTooLarge) and not isinstance(error, OutOfResources):
        return _plain(413)  # too large for ever; all else is taken, whatever it is
    if isinstance(error, PacsError | OSError | HTTPException):
        log.warning("object refused", extra={"door": "ctp", "reason": type(error).__name__})
    else:
        log.error("object refused", exc_info=error, extra={"door": "ctp"})
    return _plain(404)


def _plain(status: int, text: str = "") -> Response:
    return Response(text, status, content_type="text/plain;charset=UTF-8")


def _unauthorised() -> Response:
    response = _plain(401)
    response.headers["WWW-Authenticate"] = 'Basic realm="HttpImportService"'
    return response


# -- who ---------------------------------------------------------------------------------------------------------------


def _submitter(name: str) -> tuple[Principal, CollectionInfo]:
    """The caller and the collection. Raises `NotFound`, `NotAllowed` or `WrongCredentials`."""
    principal, archive = _caller(), _archive()
    if principal.kind is not PrincipalKind.USER:
        raise WrongCredentials("a user's name and token are wanted")
    snapshot = archive.registry.snapshot()
    (collection_id,) = route(snapshot, principal=principal, collection=name)
    collection = snapshot.collections[collection_id]
    if may_store(principal, collection):
        return principal, collection
    scope = scope_of(principal, snapshot.collections)
    if collection_id in scope.everything | scope.released:
        raise NotAllowed("this user may not submit to the collection")
    raise NotFound("there is no such collection")  # told like an unknown one


def _caller() -> Principal:
    """Who calls, by the usual credentials or by CTP's header ``RSNA: user:password``.

    That header stands in clear on the wire, so it counts over TLS (to a proxy too) or from this machine only.
    """
    given = request.headers.get("RSNA", "")
    is_safe = request.is_secure or g.public_root().startswith("https:") or is_loopback(g.caller_address())
    if given and "Authorization" not in request.headers and is_safe:
        basic = f"Basic {base64.b64encode(given.strip().encode()).decode()}"
        g.principal = current_app.extensions["pacs"].identify(basic, "", _address())
        found: Principal = g.principal
        return found
    principal: Principal = g.identify()
    return principal


def _address() -> str:
    return request.remote_addr or ""


def _archive() -> Archive:
    archive: Archive = current_app.extensions["pacs"].archive
    return archive


# -- taking ------------------------------------------------------------------------------------------------------------


@contextmanager
def _temporary(archive: Archive) -> Iterator[Path]:
    path = archive.parts.spool.temporary()
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _spool(archive: Archive, objects: list[Path], envelope: Envelope) -> None:
    """Take objects in; those of a ZIP some at a time: the sender waits 20 s, and the disk takes its time for each."""

    def accept(each: Path) -> None:
        accepted = archive.receive(each, envelope, any_file=True)
        facts = {"door": "ctp", "envelope": envelope.id, "principal": envelope.principal}
        log.info("object accepted", extra=facts | {"intake": accepted.intake_ids})

    if len(objects) == 1:
        accept(objects[0])
        return
    with ThreadPoolExecutor(_AT_ONCE) as crew:
        for done in [crew.submit(accept, each) for each in objects]:
            done.result()


def _receive_body(target: Path) -> None:
    """Stream the body into a file. Raises `NotFound` for an empty one and for one that its Digest does not fit."""
    wanted = _digest_wanted()
    digest = hashlib.md5(usedforsecurity=False)
    total, limit = 0, _limit_bytes()
    with target.open("xb", buffering=0) as file:
        for piece in _pieces():
            total += len(piece)
            if total > limit:
                raise TooLarge("the object is larger than this server takes")
            if wanted is not None:
                digest.update(piece)
            file.write(piece)
    if not total or (request.content_length is not None and total < request.content_length):
        raise NotFound("an empty or broken body")
    if wanted is not None and int.from_bytes(digest.digest(), "big") != wanted:
        raise NotFound("the body does not fit its digest")


def _pieces() -> Iterator[bytes]:
    """The body as it comes. Raises `NotFound` when it is malformed, by whatever error the web server tells that."""
    try:
        while piece := request.stream.read(CHUNK_BYTES):
            yield piece
    except (OSError, HTTPException):
        raise
    except Exception:  # noqa: BLE001 - a client's fault, and no server's errors are known here
        raise NotFound("a broken body") from None


def _digest_wanted() -> int | None:
    """The Digest header as a number: CTP prints MD5 without leading zeros. Other digests (RFC 3230) are left alone."""
    text = request.headers.get("Digest", "").strip()
    if not text or "=" in text:
        return None
    try:
        return int(text, 16)
    except ValueError:
        raise NotFound("the digest is no number") from None


def _limit_bytes() -> int:
    return int(current_app.extensions["pacs"].max_body_bytes)
