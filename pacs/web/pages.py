"""Pages out of templates, and files that belong to them."""

import hashlib
from functools import cache
from importlib import resources
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, g, request
from jinja2 import Environment, PackageLoader, StrictUndefined

from pacs.model import PrincipalKind

blueprint = Blueprint("pages", __name__)
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' blob: data:; connect-src 'self';"
    " frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
)
_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_ENVIRONMENT = Environment(
    loader=PackageLoader("pacs.web"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)


def page(template: str, status: int = 200, **values: object) -> Response:
    """A page of ours for the caller of this request: no script but our own, nothing from elsewhere."""
    principal = g.identify()
    signed_in = principal.name if principal.kind is PrincipalKind.USER else ""
    text = _ENVIRONMENT.get_template(template).render(signed_in=signed_in, base=base_path(), **values)
    response = Response(text, status, mimetype="text/html")
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Cache-Control"] = "no-cache"
    response.headers["Referrer-Policy"] = "same-origin"
    return response


def base_path() -> str:
    """The path that our addresses stand below as the browser sees them: a proxy's prefix, mostly empty."""
    path: str = urlsplit(g.public_root()).path
    return path.rpartition("/")[0]


@blueprint.get("/static/<name>")
def static_file(name: str) -> Response:
    """A style sheet, script or picture of our pages."""
    found = _file(name)
    if found is None:
        abort(404)
    content, etag = found
    response = Response(content, mimetype=_TYPES[name.rpartition(".")[2]])
    response.set_etag(etag)
    response.headers["Cache-Control"] = "no-cache"
    response.make_conditional(request)
    return response


@cache
def _file(name: str) -> tuple[bytes, str] | None:
    file = resources.files("pacs.web") / "static" / name
    if name.rpartition(".")[2] not in _TYPES or not file.is_file():
        return None
    content = file.read_bytes()
    return content, hashlib.sha256(content).hexdigest()[:32]
