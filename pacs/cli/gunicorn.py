"""gunicorn around the Flask app.

Why gthread workers (2026-11): requests mostly wait for disk and network, which threads do well, and every library in
use is synchronous; an upload is read as it arrives, so a slow sender holds a thread, not memory. Slow clients:
`connections`.
"""

import gc
import importlib
import resource
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.http.errors import ParseException

from pacs.app import App
from pacs.cli.connections import HEADER_BYTES, HEADER_FIELDS, PatientWorker
from pacs.dicomweb.decoded import KEPT_BYTES
from pacs.dicomweb.problems import problem
from pacs.heap import fetch, keep_freed

_MOST_FILES = 65536
_FIRST_MEMORY_BYTES = KEPT_BYTES + (6 << 20)  # decoded frames, and metadata of 100 slices take 2.5 MB


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn, configured from our settings and nothing else."""

    def __init__(self, installation: App, options: dict[str, Any]) -> None:
        self.installation, self._options = installation, options
        super().__init__()

    def load_config(self) -> None:
        """Take our options."""
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """The app, made before the fork so that workers share its memory. By name, as gunicorn itself loads apps."""
        app = importlib.import_module("pacs.wsgi").create_app(self.installation)
        app.register_error_handler(ParseException, lambda _error: problem(400, "The body is malformed."))
        gc.collect()
        gc.freeze()  # what all workers share stays shared, and no request waits while it is looked through
        return app


def gunicorn_options(installation: App) -> dict[str, Any]:
    """gunicorn's settings: threads, a shared port, and a stop within the supervisor's time."""
    http = installation.settings.http
    host = f"[{http.host}]" if ":" in http.host else http.host
    return {
        "bind": f"{host}:{http.port}",
        "workers": http.workers,
        "worker_class": PatientWorker,
        "threads": max(http.connections, http.threads),  # of which http.threads work at a time
        "worker_connections": 4 * max(http.connections, http.threads),  # with those that are idle
        "reuse_port": True,  # the supervisor holds the port while processes come and go
        "keepalive": 30,
        "timeout": 120,  # of a worker that hangs as a whole; long transfers keep it alive
        "graceful_timeout": 5,
        "accesslog": None,
        "errorlog": "/dev/null",  # ours says what is worth knowing; gunicorn's quotes request lines
        "limit_request_line": 0,  # the head as a whole is limited in `connections`
        "limit_request_fields": HEADER_FIELDS,
        "limit_request_field_size": HEADER_BYTES,
        "sendfile": False,  # it would wait for slow clients in a place to work
        "forwarded_allow_ips": "",  # Forwarded headers are read in dicomweb.door, for addresses of answers only
        "worker_tmp_dir": "/dev/shm",  # noqa: S108 - the heartbeat file must not wait for the data disk
        "control_socket_disable": True,
        "preload_app": True,
        "post_worker_init": lambda _worker: fetch(_FIRST_MEMORY_BYTES),
    }


def run_gunicorn(installation: App) -> None:
    """Serve until SIGTERM or SIGINT."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    keep_freed()
    options = gunicorn_options(installation)
    _Server(installation, options).run()
