"""A worker process: claim, process, commit, finish; again."""

import logging
from collections.abc import Sequence
from threading import Event

from peewee import InterfaceError, OperationalError, PeeweeException

from pacs.archive import Archive
from pacs.config import PipelineSettings
from pacs.errors import PacsError
from pacs.model import Ending, Publication, State
from pacs.pipeline.housekeeping import Housekeeping
from pacs.pipeline.objects import Processor
from pacs.pipeline.stages import stages_for
from pacs.spool import Claims, Entry

log = logging.getLogger("pacs.object")
_IDLE_S = 0.05
_LONGEST_PAUSE_S = 5.0


class StoppedError(PacsError):
    """The worker is to stop: what is not judged yet goes back in line."""


class Worker:
    """One worker. `run` returns soon after `stop` is set; objects that it has not judged by then wait for another."""

    def __init__(self, archive: Archive, settings: PipelineSettings, stop: Event) -> None:
        self.archive = archive
        self.settings = settings
        self.stop = stop
        self.processor = Processor(archive, settings.max_crashes, stages_for(settings))
        self.claims = Claims(archive.parts.spool)
        self.housekeeping = Housekeeping(archive, settings.settle_s)
        self._pause_s = 0.0

    def run(self) -> None:
        """Work until told to stop."""
        try:
            while not self.stop.is_set():
                self.housekeeping.run()
                if not self.work_once():
                    self.stop.wait(max(_IDLE_S, self._pause_s))
        finally:
            self.claims.close()

    def work_once(self) -> int:
        """Claim, process and commit one batch; returns how many entries were finished.

        What the disk or the database refuses stays in line; the worker then waits longer each time.
        """
        entries = self.claims.claim(self.settings.batch)
        if not entries:
            return 0
        try:
            done = self._process(entries)
        except (OSError, PeeweeException):
            log.exception("batch put back", extra={"count": len(entries)})
            for entry in entries:
                if entry.path.exists():
                    self.claims.release(entry)
            self._pause_s = min(_LONGEST_PAUSE_S, max(0.2, self._pause_s * 2))
            return 0
        self._pause_s = 0.0
        return done

    def _process(self, entries: Sequence[Entry]) -> int:
        self.processor.look_again()
        try:
            endings = self.processor.process(entries, self._begin)
        except StoppedError:
            for entry in entries:
                self.claims.release(entry)
            return 0
        finally:
            self.claims.work_on(None)
        try:
            states = self._commit(endings)
        except BaseException:
            for ending in endings:
                if isinstance(ending, Publication):
                    ending.blob_path.unlink(missing_ok=True)
            raise
        for entry, ending in zip(entries, endings, strict=True):
            self._settle(entry, states[entry.intake_id])
            # The row that it waits for may have come while it was judged.
            if isinstance(ending, Ending) and ending.waiting_for:
                self.archive.resume_mapped(ending.collection_id)
        return len(endings)

    def _begin(self, entry: Entry) -> None:
        """Note what is worked on, for whoever finds this worker dead. Raises `StoppedError` when it is to stop."""
        if self.stop.is_set():
            raise StoppedError("the worker stops")
        self.claims.work_on(entry)

    def _commit(self, endings: Sequence[Publication | Ending]) -> dict[str, State]:
        """Commit a batch; when something in it cannot be committed, one by one, so that only that one suffers."""
        try:
            return self.archive.commit(endings)
        except (OSError, OperationalError, InterfaceError):
            raise
        except Exception as error:  # one of the four borders: a poison object must not stop the line
            log.exception("commit failed", extra={"count": len(endings)})
            if len(endings) > 1:
                return {key: state for each in endings for key, state in self._commit([each]).items()}
            return self.archive.commit([_uncommittable(endings[0], error)])

    def _settle(self, entry: Entry, state: State) -> None:
        """What is decided leaves the spool; originals that someone must look at go to the quarantine."""
        spool = self.archive.parts.spool
        if state is State.HELD:
            spool.hold(entry)
        elif state is State.QUARANTINED:
            spool.quarantine(entry)
        else:
            spool.finish(entry)


def _uncommittable(ending: Publication | Ending, error: Exception) -> Ending:
    """The receipt of an object that the index would not take."""
    reason = f"The object could not be indexed ({type(error).__name__}); an operator should look at it."
    return Ending(
        intake_id=ending.intake_id,
        envelope_id=ending.envelope_id,
        collection_id=ending.collection_id,
        state=State.QUARANTINED,
        reason=reason,
        original_hmac=ending.original_hmac,
        study_hmac=ending.study_hmac,
        received_md5=ending.received_md5,
        received_bytes=ending.received_bytes,
    )
