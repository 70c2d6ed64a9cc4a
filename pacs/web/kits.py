"""Kits for sites, for curators: a form, and the ZIP with a token that is made for it."""

from http import HTTPStatus
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, current_app, g, request

from pacs.archive import Archive
from pacs.auth import is_curator_of, scope_of
from pacs.config import Settings
from pacs.curation.kits import Kit, check_root, check_site, fresh_token
from pacs.errors import NotAllowed, NotFound, PacsError
from pacs.model import CollectionInfo, Principal
from pacs.web.pages import page

blueprint = Blueprint("kits", __name__)
PAGE = "/kits/<collection>"
_MAX_FORM_BYTES = 1 << 16


@blueprint.get(PAGE)
def ask(collection: str) -> Response:
    """A form for site and user."""
    found, _curator = _curated(collection)
    return _form(found)


@blueprint.post(PAGE)
def make(collection: str) -> Response:
    """The kit. What it holds cannot be fetched again; another one has another token."""
    if g.is_foreign():
        abort(403)
    request.max_content_length = _MAX_FORM_BYTES
    found, curator = _curated(collection)
    site, user = (request.form.get(name, "").strip() for name in ("site", "user"))
    try:
        kit = _kit(found, check_site(site), user)
    except PacsError as error:
        return _form(found, str(error), HTTPStatus.BAD_REQUEST)
    archive = _archive()
    archive.registry.add_site(kit.site)
    archive.parts.trail.add(curator.name, "create kit", found.name, f"user {user}")
    response = Response(kit.file(), mimetype="application/zip")
    response.headers["Content-Disposition"] = f'attachment; filename="{kit.folder}.zip"'
    response.headers["Cache-Control"] = "no-store"
    return response


def _kit(collection: CollectionInfo, site: str, user: str) -> Kit:
    settings: Settings = current_app.extensions["pacs_settings"]
    root = check_root(g.public_root().rpartition("/")[0])
    token = fresh_token(current_app.extensions["pacs_users"], user, collection, site)
    host, dimse = urlsplit(root).hostname or "", settings.dimse
    port, tls = dimse.tls_port or dimse.port, bool(dimse.tls_port)
    return Kit(
        collection.name, collection.title, site, user, token, root, host, port, collection.called_aet, dimse.aet, tls
    )


def _form(collection: CollectionInfo, fault: str = "", status: int = 200) -> Response:
    response = page("kit.html", status, collection=collection, fault=fault)
    response.headers["Cache-Control"] = "no-store"
    return response


def _curated(name: str) -> tuple[CollectionInfo, Principal]:
    """The collection, for a curator of it. Raises `NotFound` when the caller may not know of it, else `NotAllowed`."""
    principal: Principal = g.identify()
    collections = _archive().registry.snapshot().collections
    found = next((each for each in collections.values() if each.name == name), None)
    if found is not None and is_curator_of(principal, found.id):
        return found, principal
    scope = scope_of(principal, collections)
    if found is not None and found.id in scope.everything | scope.released:
        raise NotAllowed("kits are made by curators of the collection")
    raise NotFound("there is no such collection")


def _archive() -> Archive:
    archive: Archive = current_app.extensions["pacs"].archive
    return archive
