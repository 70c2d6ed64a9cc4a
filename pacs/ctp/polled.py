"""A queue that CTP's polling import service empties: each GET is answered with the next released object."""

from collections.abc import Iterator

from flask import Blueprint, Response, current_app, g, request

from pacs.archive import Archive
from pacs.auth import scope_of
from pacs.ctp.queues import Queues, Taken
from pacs.errors import NotFound, PacsError
from pacs.model import CollectionInfo, Principal, PrincipalKind, StoredInstance
from pacs.vault import Remote, Remotes

blueprint = Blueprint("ctp_queue", __name__)
_BLOCK_BYTES = 1 << 18


@blueprint.get("/ctp/<collection>/queue")
def first(collection: str) -> Response:
    """The next object of the collection's only queue that the caller may empty."""
    return _answer(collection, "")


@blueprint.get("/ctp/<collection>/queue/<name>")
def named(collection: str, name: str) -> Response:
    """The next object of one of the collection's queues."""
    return _answer(collection, name)


def _answer(collection: str, name: str) -> Response:
    """An object, or 404 for all that CTP reads as "nothing now": an empty queue, a wrong caller, an unknown name."""
    try:
        queue, found = _queue(collection, name)
        while request.method == "GET" and (taken := _queues().take(queue.name)) is not None:
            instance = _released(taken, found)
            if instance is not None:
                return _sent(taken, instance)
            taken.forget()  # withdrawn meanwhile
    except PacsError:
        pass
    return Response(status=404)


def _queue(collection: str, name: str) -> tuple[Remote, CollectionInfo]:
    """The first queue that the collection's rules name and the caller may empty. Raises `NotFound`, `NotAllowed`."""
    archive: Archive = current_app.extensions["pacs"].archive
    remotes: Remotes = current_app.extensions["pacs_remotes"]
    snapshot = archive.registry.snapshot()
    found = snapshot.collection_named(collection)
    for each in snapshot.forwards.get(found.id, ()):
        if remotes.has(each) and name in ("", each):
            remote = remotes.get(each)
            if remote.kind == "queue" and _may_empty(remote, found):
                return remote, found
    raise NotFound("there is no such queue")


def _may_empty(remote: Remote, collection: CollectionInfo) -> bool:
    """Its user, from whom nothing of the collection is hidden; or a caller at its address, as CTP's service asks."""
    if remote.address and g.caller_address() == remote.address:
        return True
    principal: Principal = g.identify()
    scope = scope_of(principal, {collection.id: collection})
    is_user = principal.kind is PrincipalKind.USER and principal.name == remote.user
    return is_user and collection.id in scope.everything | scope.released


def _released(taken: Taken, collection: CollectionInfo) -> StoredInstance | None:
    """The object, when it is released still."""
    archive: Archive = current_app.extensions["pacs"].archive
    reader = Principal(PrincipalKind.PEER, "queue", collections=frozenset((collection.id,)))
    try:
        return archive.open(taken.key, reader)[0]
    except NotFound:
        return None


def _sent(taken: Taken, instance: StoredInstance) -> Response:
    """The object; forgotten once all of it is on its way, back in the queue when the connection breaks."""
    try:
        size_bytes = instance.path.stat().st_size
    except OSError:
        taken.put_back()
        raise NotFound("the object cannot be read") from None
    response = Response(_pieces(taken, instance), content_type="application/dicom")
    response.headers["Content-Disposition"] = f'attachment; filename="{instance.sop_uid}.dcm"'
    response.headers["Content-Length"] = str(size_bytes)
    response.headers["Cache-Control"] = "no-store"
    response.call_on_close(taken.put_back)
    return response


def _pieces(taken: Taken, instance: StoredInstance) -> Iterator[bytes]:
    with instance.path.open("rb") as file:
        while piece := file.read(_BLOCK_BYTES):
            yield piece
    taken.forget()


def _queues() -> Queues:
    queues: Queues = current_app.extensions["pacs_queues"]
    return queues
