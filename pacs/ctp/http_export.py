"""Sending what is released to an HTTP import service of RSNA CTP, as a job: one object a request.

Replies are read as CTP's own exporter reads them: a refused object counts as refused, 404 and silence are tried again
later, and refused credentials stop all that goes there until somebody says that it may go on.
"""

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pacs.archive import Archive
from pacs.ctp.exchange import AwayError, Exchange, Reply
from pacs.ctp.queues import Queues
from pacs.curation.sending import Run
from pacs.errors import NotFound
from pacs.jobs import Claimed, GiveUp, Jobs, TryAgain
from pacs.jobs.sending import Sending
from pacs.model import Principal, PrincipalKind, StoredInstance
from pacs.vault.remotes import Remote, Remotes

STOPPED_S = 3600.0
_STOPPED = "the service refuses our credentials; after `pacs remote start` it goes on"


@dataclass(slots=True)
class ExportService:
    """Does jobs of the name `SEND` whose receiver is a service and no peer."""

    archive: Archive
    jobs: Jobs
    remotes: Remotes
    queues: Queues
    sent: Path

    def knows(self, job: Claimed) -> bool:
        """Whether the job's receiver is one of ours."""
        return self.remotes.has(Sending.of(job.arguments).aet)

    def __call__(self, job: Claimed, halt: threading.Event) -> str:
        """Send what the job names. Raises `TryAgain`, `GiveUp`."""
        try:
            remote = self.remotes.get(Sending.of(job.arguments).aet)
        except NotFound as error:
            raise GiveUp(str(error)) from None
        if remote.kind == "queue":
            return _Queuing(self, job, remote, halt).attempt()
        if remote.kind != "send":
            raise GiveUp("the service is one that is polled, not sent to")
        if remote.stopped:
            raise TryAgain(_STOPPED, STOPPED_S)
        run = _Run(self, job, remote, halt)
        try:
            return run.attempt(AwayError)
        except _StoppedError:
            run.remember()
            self.remotes.set_stopped(remote.name, stopped=True)
            raise TryAgain(f"{run.sending.sent} sent so far; {_STOPPED}", STOPPED_S) from None


class _StoppedError(Exception):
    """The service refuses our credentials."""


class _Run(Run):
    """One attempt, over one connection a series."""

    def __init__(self, service: ExportService, job: Claimed, remote: Remote, halt: threading.Event) -> None:
        principal = Principal(PrincipalKind.PEER, remote.name)  # all that is released; rules name the collections
        super().__init__(service.archive, service.jobs, job, principal, halt)
        self.remote = remote
        self.send_only_new(service.sent, remote.name)

    def send_series(self, instances: Sequence[StoredInstance]) -> None:
        """Send the rest of a series. Each object is written down as soon as it is there, so that it goes once."""
        with Exchange(self.remote) as exchange:
            for instance in instances:
                self.tick()
                digest = _digest(instance) if self.remote.digest else ""
                self.count(instance, exchange.post(instance.path, digest))
                self.remember()

    def count(self, instance: StoredInstance, reply: Reply) -> None:
        """Note what became of one. Raises `AwayError`, `_StoppedError`."""
        if reply is Reply.RETRY:
            raise AwayError("the service cannot take objects now")
        if reply is Reply.STOP:
            raise _StoppedError
        if reply is Reply.OK:
            self.taken(instance)
        else:
            self.refused(instance)


class _Queuing(_Run):
    """One attempt to fill a queue here."""

    def __init__(self, service: ExportService, job: Claimed, remote: Remote, halt: threading.Event) -> None:
        super().__init__(service, job, remote, halt)
        self.queues = service.queues

    def send_series(self, instances: Sequence[StoredInstance]) -> None:
        """Append the rest of a series."""
        self.tick()
        self.queues.put(self.remote.name, self.job.id, instances)
        for instance in instances:
            self.taken(instance)


def _digest(instance: StoredInstance) -> str:
    """MD5 in hexadecimal without leading zeros, as CTP prints it."""
    with instance.path.open("rb") as file:
        return f"{int(hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest(), 16):x}"
