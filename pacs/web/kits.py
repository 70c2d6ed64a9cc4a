"""Kits for sites, for curators: a form, and the ZIP with a token that is made for it."""

from http import HTTPStatus
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, current_app, g, request

from pacs.config import Settings
from pacs.curation.kits import Kit, check_root, check_site, fresh_token
from pacs.errors import PacsError
from pacs.model import CollectionInfo
from pacs.web.door import archive, caller, curated_collection
from pacs.web.pages import page

blueprint = Blueprint("kits", __name__)
PAGE = "/kits/<collection>"
_MAX_FORM_BYTES = 1 << 16


@blueprint.get(PAGE)
def ask(collection: str) -> Response:
    """A form for site and user."""
    found = curated_collection(collection, "kits")
    return _form(found)


@blueprint.post(PAGE)
def make(collection: str) -> Response:
    """The kit. What it holds cannot be fetched again; another one has another token."""
    if g.is_foreign():
        abort(403)
    request.max_content_length = _MAX_FORM_BYTES
    found = curated_collection(collection, "kits")
    site, user = (request.form.get(name, "").strip() for name in ("site", "user"))
    try:
        kit = _kit(found, check_site(site), user)
    except PacsError as error:
        return _form(found, str(error), HTTPStatus.BAD_REQUEST)
    archive().registry.add_site(kit.site)
    archive().parts.trail.add(caller().name, "create kit", found.name, f"user {user}")
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
