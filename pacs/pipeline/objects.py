"""Folding the object stages over one entry."""

import errno
import hashlib
import logging
import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache

from pacs.archive import Archive
from pacs.deid import load_profile
from pacs.deid.profiles.profile import Profile
from pacs.dicom.elements import DataSet
from pacs.dicom.fileformat import text_of
from pacs.dicom.frames import PIXELS, frame_ranges, frame_ranges_of
from pacs.dicom.json import dicom_json, index_attributes
from pacs.dicom.syntaxes import Encoding
from pacs.errors import PacsError
from pacs.mapped import in_parts
from pacs.model import (
    Drop,
    Ending,
    Finding,
    Hold,
    Keep,
    Outcome,
    PixelFrame,
    Publication,
    Quarantine,
    Release,
    State,
)
from pacs.pipeline.contexts import context_of
from pacs.pipeline.crosswalk import crosswalk_rows
from pacs.pipeline.faces import MODALITIES
from pacs.pipeline.learned import LearnedNames
from pacs.pipeline.notes import notes_of
from pacs.pipeline.stages import OBJECT_STAGES, Stage, fold
from pacs.pipeline.work import Work
from pacs.spool import Entry

log = logging.getLogger("pacs.object")

# The disk's or the system's fault, not the object's: the entry waits, and the worker tries again later.
_PASSING = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EROFS))


class Processor:
    """Judges entries. One in each worker process."""

    def __init__(self, archive: Archive, max_crashes: int = 3, stages: tuple[Stage, ...] = OBJECT_STAGES) -> None:
        self.archive = archive
        self.max_crashes = max_crashes
        self.stages = stages
        self.learned = LearnedNames()
        self._keys = lru_cache(maxsize=64)(archive.keys_of)
        self._profiles: dict[str, Profile] = {}

    def look_again(self) -> None:
        """Profiles may have changed since the last batch: their files are asked once for each."""
        self._profiles.clear()

    def _profile(self, name: str) -> Profile:
        if name not in self._profiles:
            self._profiles[name] = load_profile(name, self.archive.parts.profiles)
        return self._profiles[name]

    def process(self, entry: Entry) -> Publication | Ending:
        """Judge one entry; a blob is written to a temporary file, nothing is committed.

        Whatever goes wrong with the object quarantines it. Raises OSError for what is the disk's fault.
        """
        if entry.crashes >= self.max_crashes:
            reason = f"A worker ended {entry.crashes} times while it worked on this object."
            return self._ending(entry, State.QUARANTINED, reason)
        collection = self.archive.registry.snapshot().collections.get(entry.collection_id)
        if collection is None:
            return self._ending(entry, State.QUARANTINED, "Its collection does not exist any more.")
        with _mapped(entry) as file:
            keys, envelope = self._keys(collection), self.archive.envelope(entry.envelope_id)
            work = Work(
                file=file,
                collection=collection,
                profile=self._profile(collection.profile),
                keys=keys,
                context=context_of(self.archive, collection, envelope, keys),
                scratch=entry.path.parent,
                learned=self.learned,
                envelope=envelope,
            )
            return self._judge(entry, work)

    def _judge(self, entry: Entry, work: Work) -> Publication | Ending:
        try:
            outcome = fold(work, self.stages)
            if isinstance(outcome, Keep):
                return self._publication(entry, work)
        except OSError as error:
            if error.errno in _PASSING:
                raise
            outcome = self._failed(entry, error)
        except PacsError as error:
            outcome = Quarantine(f"The object could not be de-identified: {error}.")
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - one of the four borders: a stage's fault must not stop the line
            outcome = self._failed(entry, error)
        return self._refused(entry, work, outcome)

    def _failed(self, entry: Entry, error: Exception) -> Quarantine:
        log.error("stage failed", exc_info=error, extra={"intake": entry.intake_id})
        return Quarantine(f"The object could not be processed ({type(error).__name__}); an operator should look at it.")

    # -- what comes out ------------------------------------------------------------------------------------------------

    def _publication(self, entry: Entry, work: Work) -> Publication:
        result = work.result
        assert result is not None
        assert work.encoding is not None
        metadata = dicom_json(result.data_set, work.encoding, work.transfer_syntax_uid)
        attributes = index_attributes(result.data_set, work.encoding)
        frames = _frames(work, result.data_set, work.encoding)
        written = self.archive.parts.blobs.write(work.pieces)
        originals = _original_uids(work.original)
        return Publication(
            intake_id=entry.intake_id,
            envelope_id=entry.envelope_id,
            collection_id=work.collection.id,
            study_uid=result.study_uid,
            series_uid=result.series_uid,
            sop_uid=result.sop_uid,
            sop_class_uid=result.sop_class_uid,
            transfer_syntax_uid=work.transfer_syntax_uid,
            attributes=attributes,
            metadata_json=metadata,
            frames=frames,
            blob_path=written.temporary,
            blob_digest=written.digest,
            size_bytes=written.size_bytes,
            received_md5=_md5(work.file),
            received_bytes=len(work.file),
            original_hmac=work.keys.receipt_hmac(originals["sop"]),
            study_hmac=work.keys.receipt_hmac(originals["study"]),
            profile_version=" ".join((work.profile.name, work.profile.version, work.context.lists_version)).rstrip(),
            key_id=work.collection.key_id,
            released=work.collection.release is Release.AUTOMATIC and not _may_show_a_face(work),
            flags=work.flags,
            notes=notes_of(work),
            crosswalk=crosswalk_rows(work.original, result),
            original=entry.path,
        )

    def _refused(self, entry: Entry, work: Work, outcome: Outcome) -> Ending:
        if isinstance(outcome, Drop):
            return self._ending(entry, State.DROPPED, outcome.rule, work)
        if isinstance(outcome, Hold):
            ending = self._ending(entry, State.HELD, outcome.reason, work, outcome.findings)
            return replace(ending, waiting_for=outcome.waiting_for)
        assert isinstance(outcome, Quarantine)
        return self._ending(entry, State.QUARANTINED, outcome.reason, work, outcome.findings)

    def _ending(
        self, entry: Entry, state: State, reason: str, work: Work | None = None, findings: tuple[Finding, ...] = ()
    ) -> Ending:
        if work is None:
            return Ending(entry.intake_id, entry.envelope_id, entry.collection_id, state, reason, tuple(findings))
        originals = _original_uids(work.original)
        return Ending(
            entry.intake_id,
            entry.envelope_id,
            entry.collection_id,
            state,
            reason,
            tuple(findings),
            sop_class_uid=originals["class"],
            original_hmac=work.keys.receipt_hmac(originals["sop"]),
            study_hmac=work.keys.receipt_hmac(originals["study"]),
            received_md5=_md5(work.file),
            received_bytes=len(work.file),
        )


def _frames(work: Work, data_set: DataSet, encoding: Encoding) -> tuple[PixelFrame, ...]:
    """Where the frames will stand in the blob: its pieces tell where the pixel data does."""
    element = next((data_set[tag] for tag in PIXELS if tag in data_set), None)
    if element is None or not len(element.value):
        return ()
    position = 0
    for piece in work.pieces:
        if piece is element.value:
            return frame_ranges_of(data_set, encoding, work.transfer_syntax_uid, position)
        position += len(piece)
    return frame_ranges(b"".join(work.pieces), work.transfer_syntax_uid)  # they were written in another byte order


def _may_show_a_face(work: Work) -> bool:
    """Whether the series must be looked at for a face before anybody sees it: then the series stage releases it."""
    return work.policy("faces") == "hold" and text_of(work.original, 0x00080060) in MODALITIES


@contextmanager
def _mapped(entry: Entry) -> Iterator[mmap.mmap | bytes]:
    """The entry's bytes, without reading them into memory. Views of it may outlive this; it is freed with the last."""
    with entry.path.open("rb") as file:
        try:
            yield mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError:
            yield b""


def _md5(file: mmap.mmap | bytes) -> str:
    """MD5 of what was received: no secret, the digest by which senders recognise their object."""
    digest = hashlib.md5(usedforsecurity=False)
    for part in in_parts(file):
        digest.update(part)
    return digest.hexdigest()


def _original_uids(data_set: DataSet) -> dict[str, str]:
    return {
        "class": text_of(data_set, 0x00080016),
        "sop": text_of(data_set, 0x00080018),
        "study": text_of(data_set, 0x0020000D),
    }
