"""Preparing a data directory and running server processes on it under a supervisor."""

import gc
import importlib
import os
from collections.abc import Callable

from pacs import logs
from pacs.app import open_app
from pacs.cli.processes import (
    run_jobs_process,
    run_scp_process,
    run_web_process,
    run_worker_process,
    stop_on_signal,
)
from pacs.cli.supervise import Body, Supervisor
from pacs.config import Settings
from pacs.curation.doctor import tidy
from pacs.pipeline.warming import warm_up

MODULES = {"scp": "pacs.dimse.server", "worker": "pacs.pipeline", "web": "pacs.wsgi", "jobs": "pacs.jobs"}
BODIES: dict[str, Body] = {
    "scp": run_scp_process,
    "worker": run_worker_process,
    "web": run_web_process,
    "jobs": run_jobs_process,
}


def run_processes(
    settings: Settings,
    counts: dict[str, int],
    ready: Callable[[], bool] = lambda: True,
    announce: Callable[[], None] = lambda: print("ready", flush=True),  # noqa: T201 - what scripts wait for
) -> None:
    """Run so many processes of each kind until SIGINT or SIGTERM."""
    os.umask(0o077)
    logs.configure(settings.log.level)
    _prepare(settings)
    for kind in counts:
        importlib.import_module(MODULES[kind])  # loaded once, so that the forked processes share it
    if "worker" in counts:
        warm_up()
    stop = stop_on_signal()
    supervisor = Supervisor(settings)
    for kind, count in counts.items():
        supervisor.add(kind, BODIES[kind], count)
    try:
        supervisor.start()
        supervisor.watch(stop, ready, announce)
    finally:
        supervisor.stop()


def run_alone(settings: Settings, kind: str, count: int) -> None:
    """Run processes of one kind."""
    run_processes(settings, {kind: count})


def _prepare(settings: Settings) -> None:
    """Make or migrate the data directory and tidy it, before any process starts; no connection survives the forks."""
    app = open_app(settings)
    tidy(app.archive, settings.storage.blob_grace_s)
    app.archive.parts.crosswalk.close()
    app.archive.parts.database.close()
    del app
    gc.collect()
