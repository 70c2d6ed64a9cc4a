"""Jobs as rows: added once, claimed by one, kept with their end for people to see."""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from peewee import Database

from pacs.db.tables.jobs import Commitment, Job
from pacs.errors import NotFound

WAITING, RUNNING, DONE, FAILED = "waiting", "running", "done", "failed"
STALE_S = 60.0  # a running job without heartbeat for so long is queued again: its process is gone
_MOST_WAIT_S = 3600.0
_FIRST_WAIT_S = 5.0


@dataclass(frozen=True, slots=True)
class Claimed:
    """A job that this process works on. `attempts` counts this one."""

    id: int
    name: str
    arguments: Mapping[str, Any]
    attempts: int


@dataclass(frozen=True, slots=True)
class JobView:
    """A job for people, free of identified data. `note` says how it ended, or what it waits for."""

    id: int
    name: str
    arguments: Mapping[str, Any]
    state: str
    attempts: int
    progress: float
    note: str
    created_at: datetime
    run_after: datetime


def wait_after(attempts: int) -> float:
    """Seconds before the next attempt: 5, 10, 20, ... an hour at most."""
    return min(_MOST_WAIT_S, _FIRST_WAIT_S * 2.0 ** min(attempts - 1, 20))


class Jobs:
    """The queue of one installation."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, name: str, arguments: Mapping[str, Any], delay_s: float = 0.0) -> int:
        """Queue a job; its id. `arguments` are JSON values and hold no identified data."""
        now = datetime.now(UTC)
        row: Any = Job.create(
            name=name, arguments=json.dumps(arguments), created_at=now, run_after=now + timedelta(seconds=delay_s)
        )
        return int(row.id)

    def note_commitment(self, lookup: str, job_id: int) -> bool:
        """Remember that a storage commitment was asked for; False when this one was before. Within a transaction."""
        if Commitment.get_or_none(Commitment.lookup == lookup) is not None:
            return False
        Commitment.create(lookup=lookup, job=job_id, created_at=datetime.now(UTC))
        return True

    def claim(self, names: Collection[str], job_id: int | None = None) -> Claimed | None:
        """Take the oldest job that is due, or whose process is gone (or just that one); None when there is none."""
        now = datetime.now(UTC)
        due = (Job.state == WAITING) & (Job.run_after <= now)
        wanted = Job.name.in_(list(names)) if job_id is None else Job.id == job_id
        stale = (Job.state == RUNNING) & (Job.heartbeat_at < now - timedelta(seconds=STALE_S))
        with self._database.atomic():
            row: Any = Job.select().where((due | stale) & wanted).order_by(Job.run_after, Job.id).first()
            if row is None:
                return None
            # The state and attempts that were read are in the condition: of two that read the same row one changes it.
            taken = (
                Job.update(state=RUNNING, attempts=row.attempts + 1, heartbeat_at=now)
                .where((Job.id == row.id) & (Job.attempts == row.attempts) & (Job.state == row.state))
                .execute()
            )
        return Claimed(row.id, row.name, json.loads(row.arguments), row.attempts + 1) if taken else None

    def beat(self, job: Claimed, progress: float | None = None) -> bool:
        """Say that a job goes on. False when it is not ours any more: it was cancelled, or taken for dead."""
        values: dict[str, Any] = {"heartbeat_at": datetime.now(UTC)}
        if progress is not None:
            values["progress"] = progress
        return bool(Job.update(**values).where(self._ours(job)).execute())

    def keep(self, job: Claimed, arguments: Mapping[str, Any]) -> None:
        """Change a running job's arguments, so that its next attempt goes on where this one was."""
        Job.update(arguments=json.dumps(arguments)).where(self._ours(job)).execute()

    def done(self, job: Claimed, note: str = "") -> None:
        """A job has ended well; `note` says how, for people."""
        self._end(job, DONE, note, progress=1.0)

    def settle(self, job_id: int, note: str) -> bool:
        """A job that still waits is done already, otherwise; False when somebody has taken it."""
        done = {"state": DONE, "error": note, "progress": 1.0}
        return bool(Job.update(**done).where((Job.id == job_id) & (Job.state == WAITING)).execute())

    def hasten(self, job_ids: Iterable[int]) -> None:
        """Jobs that still wait for their time are due now."""
        waiting = (Job.id.in_(list(job_ids))) & (Job.state == WAITING)
        Job.update(run_after=datetime.now(UTC)).where(waiting).execute()

    def fail(self, job: Claimed, error: str) -> None:
        """A job has ended badly and is not tried again. `error` is for people and holds no identified data."""
        self._end(job, FAILED, error)

    def again(self, job: Claimed, error: str, delay_s: float | None = None) -> None:
        """A job is tried again later; by default after a wait that doubles."""
        delay = wait_after(job.attempts) if delay_s is None else delay_s
        self._end(job, WAITING, error, run_after=datetime.now(UTC) + timedelta(seconds=delay))

    def _end(self, job: Claimed, state: str, error: str, **values: Any) -> None:
        Job.update(state=state, error=error, heartbeat_at=None, **values).where(self._ours(job)).execute()

    def _ours(self, job: Claimed) -> Any:
        return (Job.id == job.id) & (Job.state == RUNNING) & (Job.attempts == job.attempts)

    def all(self, names: Collection[str] = ()) -> list[JobView]:
        """Jobs, newest first."""
        rows: Any = Job.select().order_by(Job.id.desc())
        return [_view(row) for row in (rows.where(Job.name.in_(list(names))) if names else rows)]

    def get(self, job_id: int) -> JobView:
        """One job. Raises `NotFound`."""
        row = Job.get_or_none(Job.id == job_id)
        if row is None:
            raise NotFound("there is no such job")
        return _view(row)

    def cancel(self, job_id: int) -> None:
        """End a job that waits or runs. Raises `NotFound`."""
        self.get(job_id)
        open_states = Job.state.in_([WAITING, RUNNING])
        Job.update(state=FAILED, error="cancelled", heartbeat_at=None).where((Job.id == job_id) & open_states).execute()

    def retry(self, job_id: int) -> None:
        """Queue a failed job again, now. Raises `NotFound`."""
        self.get(job_id)
        Job.update(state=WAITING, run_after=datetime.now(UTC)).where(
            (Job.id == job_id) & Job.state.in_([FAILED, WAITING])
        ).execute()

    def forget_ended(self, age_s: float) -> int:
        """Remove jobs that ended and were made longer ago than that; how many."""
        past = datetime.now(UTC) - timedelta(seconds=age_s)
        return int(Job.delete().where(Job.state.in_([DONE, FAILED]) & (Job.created_at < past)).execute())


def _view(row: Any) -> JobView:
    return JobView(
        row.id,
        row.name,
        json.loads(row.arguments),
        row.state,
        row.attempts,
        row.progress,
        row.error,
        row.created_at,
        row.run_after,
    )
