"""What pages and their interfaces for programs need of a request: the archive, who asks, and for which collection."""

import orjson
from flask import Response, current_app, g

from pacs.archive import Archive
from pacs.auth import is_curator_of, may_store, scope_of
from pacs.errors import NotAllowed, NotFound
from pacs.model import CollectionInfo, Principal, PrincipalKind


def archive() -> Archive:
    """The archive of this app."""
    found: Archive = current_app.extensions["pacs"].archive
    return found


def caller() -> Principal:
    """Who makes this request."""
    found: Principal = g.identify()
    return found


def collection_of_caller(name: str) -> CollectionInfo:
    """A collection that the caller submits to or curates. Raises `NotFound`."""
    principal = caller()
    for each in archive().registry.snapshot().collections.values():
        mine = may_store(principal, each) or is_curator_of(principal, each.id)
        if each.name == name and principal.kind is PrincipalKind.USER and mine:
            return each
    raise NotFound("there is no such collection")


def curated_collection(name: str, what: str) -> CollectionInfo:
    """The collection, for a curator of it.

    Raises `NotFound` when the caller may not know of it, else `NotAllowed`, which says who `what` is for.
    """
    principal, collections = caller(), archive().registry.snapshot().collections
    found = next((each for each in collections.values() if each.name == name), None)
    if found is not None and is_curator_of(principal, found.id):
        return found
    scope = scope_of(principal, collections)
    if found is not None and found.id in scope.everything | scope.released:
        raise NotAllowed(f"{what} are for curators of the collection")
    raise NotFound("there is no such collection")


def json_reply(content: object) -> Response:
    """JSON that nobody keeps."""
    response = Response(orjson.dumps(content), mimetype="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response
