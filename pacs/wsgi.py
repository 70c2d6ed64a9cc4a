"""The web server: the Flask app of one installation, and gunicorn around it.

Why gthread workers (2026-11): requests mostly wait for disk and network, which threads do well, and every library in
use is synchronous; an upload is read as it arrives, so a slow sender holds a thread, not memory.
"""

import logging
import time
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, g, request
from gunicorn.app.base import BaseApplication

from pacs import dicomweb, web
from pacs.auth.http import identify
from pacs.dicomweb import WebDoor
from pacs.dicomweb.door import caller
from pacs.web.health import registry_for

if TYPE_CHECKING:
    from pacs.app import App

log = logging.getLogger("pacs.access")
_EXPOSED = "Warning, X-Total-Count, ETag, Content-Range, Content-Location, WWW-Authenticate"
_ALLOWED = "Authorization, Accept, Content-Type, If-None-Match"


def create_app(installation: "App") -> Flask:
    """The Flask app of an installation. Each request is one log line, without query string or UIDs."""
    settings = installation.settings
    local = settings.bound_to_loopback
    door = WebDoor(
        installation.archive,
        lambda authorization, address: identify(installation.users, authorization, address, local=local),
        settings.storage.node,
        settings.http.public_root,
        settings.http.max_body_bytes,
    )
    app = Flask("pacs", static_folder=None)
    app.url_map.strict_slashes = False
    app.before_request(_start_clock)
    app.after_request(_finish)
    dicomweb.register(app, door)
    web.register(app)
    app.extensions["pacs_metrics"] = registry_for(installation.archive)
    return app


def _start_clock() -> None:
    g.started = time.perf_counter()
    g.identify = caller  # doors on one level do not import each other


def _finish(response: Response) -> Response:
    """Headers that every answer has, and the access log line."""
    headers = response.headers
    headers["Access-Control-Allow-Origin"] = "*"
    headers["Access-Control-Expose-Headers"] = _EXPOSED
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    headers.add("Vary", "Accept")
    headers.add("Vary", "Authorization")
    if request.method == "OPTIONS":
        headers["Access-Control-Allow-Methods"] = headers.get("Allow", "GET, HEAD, OPTIONS")
        headers["Access-Control-Allow-Headers"] = _ALLOWED
        headers["Access-Control-Max-Age"] = "600"
    if request.method == "POST" and response.status_code >= 400:
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
        },
    )
    return response


_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH")


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn, configured from our settings and nothing else."""

    def __init__(self, app: Flask, options: dict[str, Any]) -> None:
        self._app, self._options = app, options
        super().__init__()

    def load_config(self) -> None:
        """Take our options."""
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """The app, made before the fork so that workers share its memory."""
        return self._app


def gunicorn_options(installation: "App") -> dict[str, Any]:
    """gunicorn's settings: threads, a shared port, and a stop within the supervisor's time."""
    http = installation.settings.http
    host = f"[{http.host}]" if ":" in http.host else http.host
    return {
        "bind": f"{host}:{http.port}",
        "workers": http.workers,
        "worker_class": "gthread",
        "threads": http.threads,
        "reuse_port": True,  # the supervisor holds the port while processes come and go
        "keepalive": 30,
        "timeout": 120,  # of a worker that hangs as a whole; long transfers keep it alive
        "graceful_timeout": 5,
        "accesslog": None,
        "errorlog": "/dev/null",  # ours says what is worth knowing; gunicorn's quotes request lines
        "limit_request_line": 8190,
        "forwarded_allow_ips": "",  # Forwarded headers are read in dicomweb.door, for addresses of answers only
        "worker_tmp_dir": "/dev/shm",  # noqa: S108 - the heartbeat file must not wait for the data disk
        "control_socket_disable": True,
        "preload_app": True,
    }


def run_gunicorn(installation: "App") -> None:
    """Serve until SIGTERM or SIGINT."""
    options = gunicorn_options(installation)
    server = _Server(create_app(installation), options)
    server.run()
