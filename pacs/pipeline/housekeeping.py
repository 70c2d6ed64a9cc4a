"""What workers do beside their work: take back what dead ones held, run series stages, let go of what is past."""

import logging
import time

from peewee import PeeweeException

from pacs.archive import Archive
from pacs.heap import Surplus
from pacs.pipeline.series import run_series_stages
from pacs.spool import recover

log = logging.getLogger("pacs.object")
OFTEN_S, SELDOM_S = 2.0, 3600.0
ENVELOPE_AGE_S = 86_400.0
JOB_AGE_S = 30 * 86_400.0


class Housekeeping:
    """The chores of one worker, each when it is due. A chore that fails is tried again when it is due next."""

    def __init__(self, archive: Archive, settle_s: float) -> None:
        self.archive = archive
        self.settle_s = settle_s
        self._surplus = Surplus()  # one object of half a gigabyte left a worker as large as itself
        self._often_at = 0.0
        self._seldom_at = time.monotonic() + SELDOM_S

    def run(self) -> None:
        """Do what is due."""
        now = time.monotonic()
        if now < self._often_at:
            return
        self._often_at = now + OFTEN_S
        self._surplus.let_go()
        try:
            recover(self.archive.parts.spool)
            for collection_id in self.archive.parts.receipts.collections_waiting():
                self.archive.resume_mapped(collection_id)
            run_series_stages(self.archive, self.settle_s)
            if now >= self._seldom_at:
                self._seldom_at = now + SELDOM_S
                let_go(self.archive)
        except (OSError, PeeweeException):
            log.exception("housekeeping failed")


def let_go(archive: Archive) -> int:
    """Remove envelopes that no entry needs any more, jobs that ended long ago, and what is past its days:
    originals, and what was removed.

    Returns how many files went.
    """
    count = archive.parts.spool.sweep_envelopes(ENVELOPE_AGE_S)
    archive.parts.jobs.forget_ended(JOB_AGE_S)
    count += archive.parts.requests.forget_older(JOB_AGE_S)
    for entry in archive.parts.trash.past():
        count += archive.purge(entry, "housekeeping")
    for collection in archive.registry.snapshot().collections.values():
        kind, _, days = collection.originals.partition(":")
        if kind == "days":
            count += archive.parts.originals.forget_older(collection.id, int(days) * 86_400.0)
    return count
