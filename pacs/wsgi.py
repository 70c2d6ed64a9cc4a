"""The Flask app of one installation. `pacs web` puts gunicorn around it; others may serve ``pacs.wsgi:app``."""

import logging
import os
import re
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

from flask import Flask, Response, g, request
from werkzeug.exceptions import RequestEntityTooLarge

from pacs import ctp, dicomweb, web
from pacs.auth.http import identify
from pacs.ctp.queues import Queues
from pacs.dicomweb import WebDoor
from pacs.dicomweb.door import caller, caller_address, door, is_foreign, public_root
from pacs.dicomweb.reply import between
from pacs.dicomweb.transport import compress, send_range
from pacs.errors import BadRequest
from pacs.web.health import registry_for
from pacs.web.viewer import viewer_folder

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from pacs.app import App

log = logging.getLogger("pacs.access")
_EXPOSED = "Warning, X-Total-Count, ETag, Content-Range, Content-Location, Location, WWW-Authenticate, X-Request-Id"
_ALLOWED = "Authorization, Accept, Content-Type, If-None-Match, Range, If-Range"


def create_app(installation: "App") -> Flask:
    """The Flask app of an installation. Each request is one log line, without query string or UIDs."""
    settings = installation.settings
    local = settings.bound_to_loopback
    web_door = WebDoor(
        installation.archive,
        lambda authorization, session, address: identify(
            installation.users, authorization, address, local=local, session=session
        ),
        settings.storage.node,
        settings.http.public_root,
        settings.http.max_body_bytes,
        settings.http.search_limit_s,
    )
    app = Flask("pacs", static_folder=None)
    app.url_map.strict_slashes = app.url_map.merge_slashes = False
    app.wsgi_app = _single_slashes(app.wsgi_app)  # type: ignore[method-assign,assignment]  # as Flask says
    app.before_request(_start_clock)
    app.after_request(_finish)
    dicomweb.register(app, web_door)
    ctp.register(app, settings.ctp.paths)
    web.register(app)
    app.extensions["pacs_users"] = installation.users
    app.extensions["pacs_settings"] = settings
    app.extensions["pacs_remotes"] = installation.remotes
    app.extensions["pacs_queues"] = Queues(installation.folders.queues)
    app.extensions["pacs_viewer"] = viewer_folder(settings.http.viewer)
    app.extensions["pacs_metrics"] = registry_for(installation.archive)
    return app


def _single_slashes(application: "WSGIApplication") -> "WSGIApplication":
    """Take ``//`` in an address as ``/``: who joins a root that ends in one to a path asks so.

    Why no redirect, as Flask would send: it would name the address without what proxies add, and who stores does not
    follow it.
    """

    def answer(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        environ["PATH_INFO"] = re.sub("//+", "/", environ["PATH_INFO"])
        return application(environ, start_response)

    return answer


def _start_clock() -> None:
    g.started = time.perf_counter()
    g.request_id = token_hex(8)  # ours, not the caller's: what callers name their requests after is unknown
    # Doors on one level do not import each other.
    g.identify, g.public_root, g.is_foreign, g.caller_address = caller, public_root, is_foreign, caller_address
    if (request.content_length or 0) > door().max_body_bytes:
        raise RequestEntityTooLarge
    if "Host" not in request.headers and request.environ.get("SERVER_PROTOCOL") == "HTTP/1.1":
        raise BadRequest("a request names one host")  # RFC 9112 3.2
    try:
        request.query_string.decode()
    except UnicodeDecodeError:  # Flask would fail at the first look at a parameter
        raise BadRequest("the query is neither percent-encoded nor UTF-8") from None


def _finish(response: Response) -> Response:
    """What HTTP asks of any answer, headers that every one has, and the access log line."""
    headers = response.headers
    part = g.get("single_part")
    if part is not None and part.size_bytes is not None:
        send_range(response, partial(between, part.data), part.size_bytes)
    compress(response)
    headers["X-Request-Id"] = g.get("request_id", "")
    headers["Access-Control-Allow-Origin"] = "*"
    headers["Access-Control-Expose-Headers"] = _EXPOSED
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    headers.add("Vary", "Accept")
    headers.add("Vary", "Authorization")
    headers.add("Vary", "Cookie")
    if request.method == "OPTIONS":
        headers["Access-Control-Allow-Methods"] = headers.get("Allow", "GET, HEAD, OPTIONS")
        headers["Access-Control-Allow-Headers"] = _ALLOWED
        headers["Access-Control-Max-Age"] = "600"
    if request.method in ("POST", "PUT", "PATCH") and response.status_code >= 400:
        headers["Connection"] = "close"  # the rest of the body is not read
    principal = g.get("principal")
    log.info(
        "request",
        extra={
            "method": request.method if request.method in _METHODS else "other",
            "route": request.url_rule.rule if request.url_rule else "none",
            "status": response.status_code,
            "bytes": response.content_length,
            "duration_ms": round((time.perf_counter() - g.get("started", time.perf_counter())) * 1000, 1),
            "principal": principal.name if principal else None,
            "request": g.get("request_id"),
        },
    )
    return response


_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH")


def __getattr__(name: str) -> Flask:
    """``pacs.wsgi:app`` for other WSGI servers: the installation that ``PACS_DATA`` names, opened when asked for."""
    if name != "app":
        raise AttributeError(name)
    from pacs.app import open_app  # noqa: PLC0415 - only whoever asks for it opens an installation
    from pacs.config import load_settings  # noqa: PLC0415 - as above

    return create_app(open_app(load_settings(Path(os.environ.get("PACS_DATA", "data")).resolve())))
