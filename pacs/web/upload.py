"""``/upload``: a page that sends a folder over STOW-RS, file by file."""

from urllib.parse import quote

from flask import Blueprint, g, redirect, request
from werkzeug.wrappers import Response

from pacs.auth import may_store
from pacs.model import PrincipalKind
from pacs.web.door import archive
from pacs.web.pages import base_path, page

blueprint = Blueprint("upload", __name__)


@blueprint.get("/upload")
def upload() -> Response:
    """The page, for who is signed in."""
    principal = g.identify()
    if principal.kind is not PrincipalKind.USER:
        return redirect(f"{base_path()}/login?next={quote(f'{base_path()}/upload', safe='')}", 303)
    collections = [each for each in archive().registry.snapshot().collections.values() if may_store(principal, each)]
    return page(
        "upload.html",
        collections=sorted(collections, key=lambda each: each.name),
        chosen=request.args.get("collection", "")[:64],
        user=principal.name,
    )
