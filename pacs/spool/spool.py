"""Accepting objects, and moving entries between the states that a folder stands for."""

import json
import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from secrets import token_hex

from pacs.errors import ClassMismatch, NotAllowed, OutOfResources, Refused
from pacs.model import Accepted, Door, Envelope
from pacs.spool.disk import LowWater, SharedFolderSync, fsync_file, fsync_folder, write_durably
from pacs.spool.entries import Entry, entry_of, new_intake_id
from pacs.spool.left import LeftFiles
from pacs.spool.walk import Walked, walk_file
from pacs.spool.way_back import WayBack

log = logging.getLogger("pacs.spool")

# These two sort before all shards. Suspects are each tried alone, so that what happens is theirs.
SUSPECT, AGAIN = "0-0-suspect", "0-again"
SHARD_S = 8  # at 300 objects a second a shard stays below 2,500 names


@dataclass(frozen=True, slots=True)
class Expected:
    """What the sender's command said that the object is. PS3.7 9.3.1; empty where nothing was said."""

    sop_class_uid: str = ""
    sop_uid: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes: free disk below which nothing is taken, the largest object, the largest inflated data set."""

    low_water_bytes: int = 0
    max_object_bytes: int = 8 * 1024**3
    max_inflated_bytes: int = 2 * 1024**3


class Spool:
    """One node's spool. Safe to use from many threads and processes."""

    def __init__(self, folder: Path, quarantine: Path, limits: Limits | None = None) -> None:
        self.folder = folder
        self.incoming = folder / "incoming"
        self.envelopes = folder / "envelopes"
        self.waiting = folder / "waiting"
        self.claimed = folder / "claimed"
        self.kept = quarantine
        self.limits = limits or Limits()
        for each in (self.incoming, self.envelopes, self.waiting, self.claimed, quarantine):
            each.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.way_back = WayBack(folder / "way-back.lock")
        self.left = LeftFiles(folder / "left")
        self._low_water = LowWater(folder, self.limits.low_water_bytes)
        self._lock = threading.Lock()
        self._shard: tuple[Path, SharedFolderSync] | None = None
        self._envelopes_written: dict[str, None] = {}

    # -- the way in ----------------------------------------------------------------------------------------------------

    def check_room(self) -> None:
        """Raise `OutOfResources` when the disk is below its low-water mark. Doors ask before they take bytes."""
        self._low_water.check()

    def temporary(self) -> Path:
        """A name for a door's temporary file: inside the wall, on the spool's file system, gone after a restart."""
        return self.incoming / f"{os.getpid()}.{token_hex(8)}.part"

    def accept(
        self, temporary: Path, envelope: Envelope, expected: Expected | None = None, *, any_file: bool = False
    ) -> Accepted:
        """Make an object durable and put it in line, once for each collection of the envelope.

        `temporary` is consumed: it is gone when this returns or raises. When it returns, a restart finds the object.
        Raises a `Refused` error for an object that is not taken; nothing of it stays then. With `any_file` only a disk
        without room refuses: what is no whole object is told so by a worker, which quarantines it.
        """
        try:
            return self._accept(temporary, envelope, expected or Expected(), any_file=any_file)
        except OSError as error:
            log.exception("the disk refused an object", extra={"envelope": envelope.id})
            raise OutOfResources("the archive's disk refused the object; send again later") from error
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)

    def _accept(self, temporary: Path, envelope: Envelope, expected: Expected, *, any_file: bool) -> Accepted:
        if not envelope.collection_ids:
            raise NotAllowed("no collection takes objects from this sender")
        self.check_room()
        if temporary.stat().st_size > self.limits.max_object_bytes:
            raise Refused(f"the object is larger than {self.limits.max_object_bytes} bytes")
        try:
            walked = walk_file(temporary, self.limits.max_inflated_bytes)
            _compare(walked, expected)
        except Refused:
            if not any_file:
                raise
            walked = Walked("", "", "", "", "", temporary.stat().st_size)
        fsync_file(temporary)
        self._write_envelope(envelope)
        placed = [self._put_in_line(temporary, envelope.id, each) for each in envelope.collection_ids]
        for shard in {shard for _intake_id, shard in placed}:
            shard.sync()
        return Accepted(
            tuple(intake_id for intake_id, _shard in placed),
            walked.sop_class_uid,
            walked.sop_uid,
            walked.study_uid,
            walked.series_uid,
            walked.transfer_syntax_uid,
            walked.size_bytes,
        )

    def _write_envelope(self, envelope: Envelope) -> None:
        path = self.envelopes / f"{envelope.id}.json"
        if not (envelope.id in self._envelopes_written and path.exists()):
            content = asdict(envelope) | {"opened_at": envelope.opened_at.isoformat()}
            write_durably(path, json.dumps(content).encode())
        with self._lock:
            self._envelopes_written[envelope.id] = None
            while len(self._envelopes_written) > 1000:
                self._envelopes_written.pop(next(iter(self._envelopes_written)))

    def _put_in_line(self, temporary: Path, envelope_id: str, collection_id: int) -> tuple[str, SharedFolderSync]:
        """Link the file into the current shard under an entry's name; the shard is still to be synced."""
        entry = Entry(new_intake_id(), envelope_id, collection_id, 0, temporary)
        for _attempt in range(8):
            try:
                folder, sync = self._current_shard()
                os.link(temporary, folder / entry.name)
            except FileNotFoundError:  # a worker found the shard empty and removed it in between
                self._forget_shard()
            else:
                return entry.intake_id, sync
        raise OSError("the spool's shard keeps vanishing")

    def _current_shard(self) -> tuple[Path, SharedFolderSync]:
        name = f"{int(time.time()) // SHARD_S:010x}-{os.getpid()}"
        with self._lock:
            if self._shard is None or self._shard[0].name != name:
                folder = self.waiting / name
                folder.mkdir(mode=0o700, exist_ok=True)
                fsync_folder(self.waiting)
                self._shard = (folder, SharedFolderSync(folder))
            return self._shard

    def _forget_shard(self) -> None:
        """Have the shard made anew; threads that still sync the old one keep it alive."""
        with self._lock:
            self._shard = None

    # -- what is there -------------------------------------------------------------------------------------------------

    def envelope(self, envelope_id: str) -> Envelope:
        """The door facts of an entry. Raises KeyError when the file is gone."""
        try:
            content = json.loads((self.envelopes / f"{envelope_id}.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            raise KeyError(envelope_id) from None
        content["collection_ids"] = tuple(content["collection_ids"])
        content["opened_at"] = datetime.fromisoformat(content["opened_at"])
        return Envelope(**content | {"door": Door(content["door"])})

    def sweep_envelopes(self, age_s: float) -> int:
        """Remove envelopes older than that which no entry names; returns how many."""
        limit = time.time() - age_s
        past = [path for path in self.envelopes.glob("*.json") if path.stat().st_mtime < limit]
        if past:
            # Older ones are chosen first: what comes in now has a young envelope.
            with self.way_back.closed():
                needed = {entry.envelope_id for entry in self.entries()}
                needed |= {entry.envelope_id for entry in self.all_quarantined()}
            past = [path for path in past if path.stem not in needed]
        for path in past:
            path.unlink(missing_ok=True)
        return len(past)

    def backlog(self) -> int:
        """How many entries wait or are in a worker's hands."""
        return len(self.entries())

    def entries(self) -> list[Entry]:
        """All entries that wait or are in a worker's hands, in no order.

        Hold `way_back.closed()` while looking up what became of the others, so that each is found somewhere.
        """
        found: dict[str, Entry] = {}  # one that is claimed meanwhile is met twice
        with self.way_back.closed():
            for root in (self.waiting, self.claimed):
                for folder in root.iterdir():
                    with suppress(FileNotFoundError, NotADirectoryError):
                        found |= {each.intake_id: each for each in filter(None, map(entry_of, folder.iterdir()))}
        return list(found.values())

    def quarantined(self, intake_id: str) -> Entry:
        """The original of a held or quarantined object. Raises KeyError when there is none."""
        for path in self._quarantine_folder(intake_id).glob(f"{intake_id}.*"):
            entry = entry_of(path)
            if entry is not None:
                return entry
        raise KeyError(intake_id)

    def all_quarantined(self) -> Iterator[Entry]:
        """Every original that is held or quarantined."""
        for folder in self.kept.iterdir():
            if folder.is_dir():
                yield from filter(None, map(entry_of, folder.iterdir()))

    # -- the way on ----------------------------------------------------------------------------------------------------

    def finish(self, entry: Entry) -> None:
        """Forget an entry whose receipt is committed. Repeating it is harmless."""
        entry.path.unlink(missing_ok=True)

    def quarantine(self, entry: Entry) -> Entry:
        """Move an entry's original to the quarantine, after its receipt says so. Repeating it is harmless."""
        folder = self._quarantine_folder(entry.intake_id)
        folder.mkdir(mode=0o700, exist_ok=True)
        moved = entry.moved(folder, crashes=0)
        with suppress(FileNotFoundError):
            entry.path.rename(moved.path)
            fsync_folder(folder)
        return moved

    def hold(self, entry: Entry) -> Entry:
        """Keep an entry's original until what it waits for has come; the receipt tells it from a quarantined one."""
        return self.quarantine(entry)

    def put_back(self, entry: Entry, crashes: int = 0) -> Entry:
        """Move an entry to the line again: after a retry (from the quarantine) or a worker's death."""
        folder = self.waiting / (SUSPECT if crashes else AGAIN)
        moved = entry.moved(folder, crashes)
        for _attempt in range(8):
            folder.mkdir(mode=0o700, exist_ok=True)
            with suppress(FileNotFoundError), self.way_back.taken():
                entry.path.rename(moved.path)
                break
            if not entry.path.exists():
                return moved
        with suppress(FileNotFoundError):  # a worker has claimed it, and removed the empty folder
            fsync_folder(folder)
        return moved

    def _quarantine_folder(self, intake_id: str) -> Path:
        return self.kept / intake_id[-2:]


def _compare(walked: Walked, expected: Expected) -> None:
    """Command and data set must name one object. PS3.7 9.1.1; PS3.4 B.2.3 (A900H)."""
    if expected.sop_class_uid and expected.sop_class_uid != walked.sop_class_uid:
        raise ClassMismatch("the data set's SOP class is not the one that the command names", 0x00080016)
    if expected.sop_uid and expected.sop_uid != walked.sop_uid:
        raise ClassMismatch("the data set's SOP instance is not the one of the command", 0x00080018)
