"""Working jobs off: a few threads of one process, each with one job at a time."""

import logging
import threading
import time
from collections.abc import Callable, Mapping

from peewee import Database

from pacs.db.connection import close_thread
from pacs.errors import PacsError
from pacs.jobs.queue import Claimed, Jobs

log = logging.getLogger("pacs.jobs")
POLL_S = 0.5
THREADS = 4
BEAT_S = 10.0

Handler = Callable[[Claimed, threading.Event], str]
"""Does a job and returns a note for people. The event is set when it must stop: the job then is queued again."""


class TryAgain(PacsError):
    """A job could not be done now. `delay_s`: when to try again; None: after a wait that doubles each time."""

    def __init__(self, message: str, delay_s: float | None = None) -> None:
        super().__init__(message)
        self.delay_s = delay_s


class GiveUp(PacsError):
    """A job can never be done."""


def run_jobs(
    jobs: Jobs, handlers: Mapping[str, Handler], stop: threading.Event, database: Database, threads: int = THREADS
) -> None:
    """Work jobs off until `stop` is set."""
    crew = [
        threading.Thread(target=_work, args=(jobs, handlers, stop, database), name=f"jobs-{n}") for n in range(threads)
    ]
    for each in crew:
        each.start()
    for each in crew:
        each.join()


def _work(jobs: Jobs, handlers: Mapping[str, Handler], stop: threading.Event, database: Database) -> None:
    try:
        while not stop.is_set():
            try:
                job = jobs.claim(handlers)
            except Exception:  # the database is away for a moment: the next round asks again
                log.exception("no job could be claimed")
                job = None
            if job is None:
                stop.wait(POLL_S)
            else:
                run_one(jobs, job, handlers[job.name], stop, database)
    finally:
        close_thread(database)


def run_one(jobs: Jobs, job: Claimed, handler: Handler, stop: threading.Event, database: Database) -> None:
    """Do one job and write down how it ended. Never raises."""
    started = time.monotonic()
    ended, halt = threading.Event(), threading.Event()
    heart = threading.Thread(target=_beat, args=(jobs, job, ended, stop, halt, database), daemon=True)
    heart.start()
    state = "done"
    try:
        jobs.done(job, handler(job, halt))
    except TryAgain as error:
        state = "waiting"
        jobs.again(job, str(error), error.delay_s)
    except GiveUp as error:
        state = "failed"
        jobs.fail(job, str(error))
    except Exception as error:
        state = "waiting"
        log.exception("job failed", extra={"job": job.id, "service": job.name})
        jobs.again(job, f"it could not be done ({type(error).__name__})")
    finally:
        ended.set()
        heart.join()
    seconds = time.monotonic() - started
    log.info("job", extra={"job": job.id, "service": job.name, "state": state, "duration_ms": round(seconds * 1000, 1)})


def _beat(
    jobs: Jobs,
    job: Claimed,
    ended: threading.Event,
    stop: threading.Event,
    halt: threading.Event,
    database: Database,
) -> None:
    """Keep a job ours while it runs; tell it to halt when the process stops or somebody cancelled it."""
    beaten = time.monotonic()
    try:
        while not ended.wait(0.2):
            if stop.is_set():
                halt.set()
            if time.monotonic() - beaten > BEAT_S:
                beaten = time.monotonic()
                if not jobs.beat(job):
                    halt.set()
    except Exception:  # a beat that is missed costs nothing before STALE_S
        log.exception("no heartbeat", extra={"job": job.id})
    finally:
        close_thread(database)
