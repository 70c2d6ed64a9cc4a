"""Sending what is released, series by series, as a job that goes on where its last attempt ended.

How one object gets to the receiver is told by whoever sends: by DIMSE in `pacs.dimse.sending`, as RSNA CTP sends by
HTTP in `pacs.ctp.http_export`. A receiver that is away or full is tried again later; an object that it refuses counts
as refused, and the rest goes on.
"""

import mmap
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from pacs.archive import Archive
from pacs.curation.sent import SentSeries
from pacs.deid import load_profile
from pacs.deid.ctp.patterns import TookTooLong
from pacs.deid.filters import Filter
from pacs.deid.filters_as_ctp import filter_of
from pacs.dicom.elements import parse
from pacs.dicom.fileformat import read_start
from pacs.dicom.syntaxes import encoding_of
from pacs.errors import NotFound, PacsError
from pacs.jobs import Claimed, GiveUp, Jobs, TryAgain
from pacs.jobs.queue import wait_after
from pacs.jobs.sending import Sending
from pacs.model import InstanceKey, Level, Principal, StoredInstance
from pacs.query import Exact, Match, Query

MOST_FRUITLESS = 100  # attempts in a row; about four days, at an hour between the later ones
REMEMBER_S = 2.0
SOON_S = 5.0  # until the next attempt, when the last one got on


class HaltError(PacsError):
    """The process stops, or somebody cancelled the job."""


class Run(ABC):
    """One attempt of a job that sends. `principal` is the receiver: what it may see is what can be sent to it."""

    def __init__(self, archive: Archive, jobs: Jobs, job: Claimed, principal: Principal, halt: threading.Event) -> None:
        self.archive = archive
        self.jobs = jobs
        self.job = job
        self.sending = Sending.of(job.arguments)
        self.principal = principal
        self.halt = halt
        self.remembered_at = time.monotonic()
        self.sent: SentSeries | None = None

    def send_only_new(self, folder: Path, receiver: str) -> None:
        """Leave out what rules have sent to this receiver before, when a rule asks; `folder` is where that is kept."""
        if self.sending.once:
            self.sent = SentSeries(folder, receiver, self.sending.series_uid)

    @abstractmethod
    def send_series(self, instances: Sequence[StoredInstance]) -> None:
        """Send instances of one series; calls `tick` between them, and `taken` or `refused` for each."""

    def attempt(self, *passing: type[PacsError]) -> str:
        """Send all that is left; a note for people. Errors of the kinds `passing` break off: later it may go.

        Raises `TryAgain`, `GiveUp`.
        """
        before = self.sending
        try:
            self.send()
        except HaltError:
            self.remember()
            raise TryAgain("stopped in the middle; goes on from there", 0.0) from None
        except passing as error:
            raise again_or_never(self, before, str(error)) from None
        self.remember()
        done = self.sending
        if done.refused:
            raise GiveUp(f"{done.sent} sent; {done.refused} refused by the receiver, or not in a form that it takes")
        return f"{done.sent} sent"

    def send(self) -> None:
        """Send every series that is not done yet. Raises what ends the attempt."""
        series = self.series()
        if not series:
            raise GiveUp("nothing of it is released, and visible to the receiver")
        left = [each for each in series if each[0] > self.sending.after]
        for number, (series_uid, study_uid) in enumerate(left):
            try:
                instances = self.archive.open(
                    InstanceKey(study_uid, series_uid, collection=self.sending.collection or None), self.principal
                )
            except NotFound:  # withdrawn meanwhile
                instances = []
            done = frozenset(self.sending.done)
            self.send_series([each for each in instances if each.id not in done and self.passes(each)])
            self.sending = replace(self.sending, after=series_uid, done=())
            self.remember((len(series) - len(left) + number + 1) / len(series))

    def passes(self, instance: StoredInstance) -> bool:
        """Whether an instance passes the filter of the rule that it is sent by, and is not there already."""
        self.tick()
        if self.sent is not None and self.sent.has(instance):
            return False
        if not self.sending.send_filter:
            return True
        with instance.path.open("rb") as opened:
            content = memoryview(mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ))
        start = read_start(content)
        encoding = encoding_of(start.transfer_syntax_uid)
        data_set = parse(content[start.data_set_offset :], encoding)
        try:
            return self.send_filter.passes(data_set, encoding, start.meta)
        except TookTooLong:  # nobody knows whether it passes: it is named as one that did not go
            self.refused(instance)
            return False

    @cached_property
    def send_filter(self) -> Filter:
        """The filter of the rule; as CTP reads it where the collection's profile is a script in mode strict."""
        collection = self.archive.registry.snapshot().collection_named(self.sending.collection)
        strict = load_profile(collection.profile, self.archive.parts.profiles).strict is not None
        return filter_of(self.sending.send_filter, as_ctp=strict)

    def series(self) -> list[tuple[str, str]]:
        """Series and study UID of all that is to be sent, in the order of the series."""
        wanted, matches = self.sending, []
        if wanted.study_uid:
            matches.append(Match("StudyInstanceUID", Exact((wanted.study_uid,))))
        if wanted.series_uid:
            matches.append(Match("SeriesInstanceUID", Exact((wanted.series_uid,))))
        query = Query(Level.SERIES, tuple(matches), collection=wanted.collection or None)
        rows = self.archive.find(query, self.principal)
        return sorted({(str(row["SeriesInstanceUID"]), str(row["StudyInstanceUID"])) for row in rows})

    def taken(self, instance: StoredInstance) -> None:
        """The receiver has one more."""
        self.sending = replace(self.sending, done=(*self.sending.done, instance.id), sent=self.sending.sent + 1)
        if self.sent is not None:
            self.sent.add(instance)

    def refused(self, instance: StoredInstance) -> None:
        """The receiver does not want one, and will not."""
        done = replace(self.sending, done=(*self.sending.done, instance.id))
        self.sending = done.with_refused(instance.sop_uid)

    def tick(self) -> None:
        """Between objects, and each second while an answer is awaited."""
        if self.halt.is_set():
            raise HaltError("halted")
        if time.monotonic() - self.remembered_at > REMEMBER_S:
            self.remember()

    def remember(self, progress: float | None = None) -> None:
        """Write down how far it is."""
        self.jobs.keep(self.job, self.sending.arguments())
        self.jobs.beat(self.job, progress)
        self.remembered_at = time.monotonic()


def again_or_never(run: Run, before: Sending, trouble: str) -> PacsError:
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
