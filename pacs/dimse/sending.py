"""Sending stored objects to a peer, as a job: C-STORE as user. PS3.4 Annex B.

It goes series by series and remembers how far it is, so that an attempt goes on where the one before ended. A receiver
that is away or full is tried again later; an object that it refuses counts as refused, and the rest goes on.
"""

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pacs.dimse.options import ScpOptions
from pacs.dimse.requestor import UnreachableError, open_link
from pacs.dimse.status import OUT_OF_RESOURCES, SUCCESS
from pacs.dimse.suboperations import WARNINGS, Sender, batches, contexts_for
from pacs.dimse.tuning import check_pynetdicom, silence_libraries
from pacs.dimse.upper_layer import PeerGoneError
from pacs.errors import NotFound, PacsError
from pacs.jobs import Claimed, GiveUp, Jobs, TryAgain
from pacs.jobs.queue import wait_after
from pacs.jobs.sending import Sending
from pacs.model import Exact, InstanceKey, Level, Match, PeerInfo, Principal, PrincipalKind, Query, StoredInstance

if TYPE_CHECKING:
    from pacs.archive import Archive

log = logging.getLogger("pacs.send")
MOST_FRUITLESS = 100  # attempts in a row; about four days, at an hour between the later ones
REMEMBER_S = 2.0
SOON_S = 5.0  # until the next attempt, when the last one got on


class _HaltError(PacsError):
    """The process stops, or somebody cancelled the job."""


@dataclass(slots=True)
class SendService:
    """Does jobs of the name `SEND`."""

    archive: "Archive"
    options: ScpOptions
    jobs: Jobs

    def __call__(self, job: Claimed, halt: threading.Event) -> str:
        """Send what the job names. Raises `TryAgain`, `GiveUp`."""
        check_pynetdicom()
        silence_libraries()
        sending = Sending.of(job.arguments)
        peer = self.archive.registry.snapshot().peers.get(sending.aet)
        if peer is None:
            raise GiveUp(f"there is no peer {sending.aet!r}")
        run = _Run(self, job, sending, peer, halt)
        try:
            run.send()
        except _HaltError:
            run.remember()
            raise TryAgain("stopped in the middle; goes on from there", 0.0) from None
        except (UnreachableError, PeerGoneError) as error:
            raise again_or_never(run, sending, str(error)) from None
        run.remember()
        done = run.sending
        if done.refused:
            raise GiveUp(f"{done.sent} sent; {done.refused} refused by the receiver, or not in a form that it takes")
        return f"{done.sent} sent"


def again_or_never(run: "_Run", before: Sending, trouble: str) -> PacsError:
    """What follows an attempt that broke off: a next one, soon when this one got on, else after a wait that doubles."""
    after = run.sending
    got_on = after.sent + after.refused > before.sent + before.refused
    fruitless = 0 if got_on else after.fruitless + 1
    hopeless = fruitless >= MOST_FRUITLESS
    run.sending = replace(after, fruitless=0 if hopeless else fruitless)  # who has it tried again starts anew
    run.remember()
    if hopeless:
        return GiveUp(f"given up after {fruitless} attempts without progress: {trouble}")
    return TryAgain(f"{after.sent} sent so far; {trouble}", SOON_S if got_on else wait_after(fruitless))


class _Run:
    """One attempt."""

    def __init__(
        self, service: SendService, job: Claimed, sending: Sending, peer: PeerInfo, halt: threading.Event
    ) -> None:
        self.service = service
        self.job = job
        self.sending = sending
        self.peer = peer
        self.halt = halt
        self.remembered_at = time.monotonic()
        # What the peer itself could find and retrieve: its collections, and what is released.
        self.principal = Principal(PrincipalKind.PEER, peer.aet, services=peer.allow, collections=peer.collection_ids)

    def send(self) -> None:
        """Send every series that is not done yet. Raises what ends the attempt."""
        series = self.series()
        if not series:
            raise GiveUp("nothing of it is released, and visible to the receiver")
        left = [each for each in series if each[0] > self.sending.after]
        for number, (series_uid, study_uid) in enumerate(left):
            try:
                instances = self.service.archive.open(
                    InstanceKey(study_uid, series_uid, collection=self.sending.collection or None), self.principal
                )
            except NotFound:  # withdrawn meanwhile
                instances = []
            done = frozenset(self.sending.done)
            self.send_series([each for each in instances if each.id not in done])
            self.sending = replace(self.sending, after=series_uid, done=())
            self.remember((len(series) - len(left) + number + 1) / len(series))

    def series(self) -> list[tuple[str, str]]:
        """Series and study UID of all that is to be sent, in the order of the series."""
        wanted, matches = self.sending, []
        if wanted.study_uid:
            matches.append(Match("StudyInstanceUID", Exact((wanted.study_uid,))))
        if wanted.series_uid:
            matches.append(Match("SeriesInstanceUID", Exact((wanted.series_uid,))))
        query = Query(Level.SERIES, tuple(matches), collection=wanted.collection or None)
        rows = self.service.archive.find(query, self.principal)
        return sorted({(str(row["SeriesInstanceUID"]), str(row["StudyInstanceUID"])) for row in rows})

    def send_series(self, instances: Sequence[StoredInstance]) -> None:
        """Send the rest of a series, over as few associations as its contexts allow."""
        for batch in batches(instances):
            link = open_link(self.peer, contexts_for(batch), self.service.options)
            try:
                sender = Sender(link, {}, self.tick, self.peer.rules.patience_s)
                for instance in batch:
                    self.tick()
                    self.count(instance, sender.send(instance))
                link.release()
            finally:
                link.close()

    def count(self, instance: StoredInstance, status: int | None) -> None:
        """Note what became of one. Raises `PeerGoneError` when the receiver is full: later it may not be."""
        if status is not None and status >> 8 == OUT_OF_RESOURCES >> 8:
            raise PeerGoneError("the receiver is out of resources")
        sending = replace(self.sending, done=(*self.sending.done, instance.id))
        if status == SUCCESS or (status is not None and (status >> 12 == 0xB or status in WARNINGS)):
            self.sending = replace(sending, sent=sending.sent + 1)
        else:
            self.sending = sending.with_refused(instance.sop_uid)

    def tick(self) -> None:
        """Between objects, and each second while an answer is awaited."""
        if self.halt.is_set():
            raise _HaltError("halted")
        if time.monotonic() - self.remembered_at > REMEMBER_S:
            self.remember()

    def remember(self, progress: float | None = None) -> None:
        """Write down how far it is."""
        self.service.jobs.keep(self.job, self.sending.arguments())
        self.service.jobs.beat(self.job, progress)
        self.remembered_at = time.monotonic()
