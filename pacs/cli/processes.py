"""The bodies of the server's processes. Each runs in a process of its own until SIGTERM or SIGINT."""

import ctypes
import os
import signal
import sys
from threading import Event, Thread
from types import FrameType

from pacs import logs
from pacs.app import App, job_handlers, open_app
from pacs.config import Settings

_PR_SET_PDEATHSIG = 1  # prctl(2): which signal the kernel sends when the parent dies


def become_child() -> None:
    """End when the supervisor ends, however that happens: no process may be left behind."""
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it died before the kernel knew
        os._exit(1)


def stop_on_signal() -> Event:
    """An event that SIGTERM and SIGINT set."""
    stop = Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        # Not set here: an Event's lock may be held by the very thread that the signal interrupts.
        Thread(target=stop.set, daemon=True).start()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    return stop


def start_process(settings: Settings) -> App:
    """What every server process does first."""
    os.umask(0o077)
    sys.setrecursionlimit(10_000)  # deep sequences of real objects; Python's own frames cost no C stack
    logs.configure(settings.log.level)
    return open_app(settings)


def run_scp_process(settings: Settings) -> None:
    """One association server."""
    from pacs.dimse.options import options_from
    from pacs.dimse.server import run_scp

    stop = stop_on_signal()
    app = start_process(settings)
    run_scp(app.archive, options_from(settings), stop, app.users)


def run_worker_process(settings: Settings) -> None:
    """One worker."""
    from pacs.pipeline import Worker

    stop = stop_on_signal()
    app = start_process(settings)
    Worker(app.archive, settings.pipeline, stop).run()


def run_jobs_process(settings: Settings) -> None:
    """Sends objects to peers, reports storage commitment, polls services and watches folders."""
    from pacs.ctp.polling import run_polling
    from pacs.curation.alarms import keep_watch
    from pacs.intake import run_folders
    from pacs.jobs import run_jobs

    stop = stop_on_signal()
    app = start_process(settings)
    parts = app.archive.parts
    keep_watch(parts.jobs, settings.alarms)
    others = (
        Thread(target=run_polling, args=(app.archive, app.remotes, settings.http.max_body_bytes, stop)),
        Thread(target=run_folders, args=(app.archive, settings.intake, app.folders.vault, stop)),
    )
    for each in others:
        each.start()
    run_jobs(parts.jobs, job_handlers(app), stop, parts.database)
    for each in others:
        each.join()


def run_web_process(settings: Settings) -> None:
    """gunicorn with its workers."""
    from pacs.cli.gunicorn import run_gunicorn

    run_gunicorn(start_process(settings))
