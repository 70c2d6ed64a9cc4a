"""Looking for files that have settled in watched folders, and taking each in once.

A file is settled when its size and time have not changed for a while. It is copied into the spool; then the original is
moved to ``.done``, deleted or left. What is no good object goes to ``.refused`` with a file that says why. Before one
is taken in, its name and the id of its envelope are written down: after a crash the spool and the receipts say whether
it was, so that nothing is lost and nothing comes twice.
"""

import fcntl
import logging
import os
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex

from pacs.archive import Archive
from pacs.config import IntakeSettings
from pacs.db import close_thread
from pacs.errors import NotFound, OutOfResources, Refused
from pacs.intake.memory import Memory, Pending
from pacs.model import CollectionInfo, Door, Envelope
from pacs.spool.unpacking import is_zip, objects

log = logging.getLogger("pacs.object")
DONE, REFUSED = ".done", ".refused"
EACH_SUBFOLDER = "*"
_MOST_REST_S = 5.0
_SAY_AGAIN_S = 3600.0


def run_folders(archive: Archive, settings: IntakeSettings, vault: Path, stop: threading.Event) -> None:
    """Watch all folders until `stop` is set; of several processes one does, the others wait for it to end."""
    if not settings.folders:
        archive.parts.spool.left.tell(0)
        return
    try:
        with (vault / "intake.lock").open("w") as lock:
            while not stop.is_set():
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    stop.wait(_MOST_REST_S)
                    continue
                watch = Watch(archive, settings, vault / "intake")
                while not stop.is_set():
                    _look(watch, stop)
    finally:
        close_thread(archive.parts.database)


def _look(watch: "Watch", stop: threading.Event) -> None:
    try:
        watch.recover()
        watch.look(stop)
    except OutOfResources:
        log.warning("folder not read", extra={"door": "folder", "reason": "OutOfResources"})
    except Exception:  # a border: a disk or the database may be away for a while
        log.exception("folder not read", extra={"door": "folder"})
    stop.wait(min(_MOST_REST_S, max(0.1, watch.settings.settle_s / 2)))


class Watch:
    """The watched folders as one process sees them."""

    def __init__(self, archive: Archive, settings: IntakeSettings, memory: Path) -> None:
        self.archive = archive
        self.settings = settings
        self.memory = Memory(memory)
        self.roots = {Path(folder).resolve(): name for folder, name in settings.folders.items()}
        self._unsettled: dict[Path, tuple[int, int, float]] = {}  # size, time, since when
        self._left: Counter[Path] = Counter()  # files by watched folder
        self._said: dict[Path, float] = {}  # when it was logged that files are left

    def look(self, stop: threading.Event | None = None) -> int:
        """Take in what has settled; how many. Raises `OutOfResources`, OSError."""
        count, seen = 0, {}
        self._left.clear()
        for root in self.roots:
            for path in list(_files(root, self.roots)):
                if stop is not None and stop.is_set():
                    return count
                try:
                    status = path.stat(follow_symlinks=False)
                except OSError:  # its writer has taken it away
                    continue
                now = (status.st_size, status.st_mtime_ns)
                before = self._unsettled.get(path)
                since = before[2] if before is not None and before[:2] == now else time.monotonic()
                seen[path] = (*now, since)
                if time.monotonic() - since >= self.settings.settle_s and self._take(root, path, *now):
                    count += 1
                    del seen[path]
        self._unsettled = seen
        self._tell_left()
        return count

    def _tell_left(self) -> None:
        """Say how many files wait for a collection: in the log once an hour, and for whoever asks.

        No names: people may name a folder after a patient. The watched folder is known by its number in the settings.
        """
        self.archive.parts.spool.left.tell(self._left.total())
        now = time.monotonic()
        for number, root in enumerate(self.roots, 1):
            if self._left[root] and now - self._said.get(root, -_SAY_AGAIN_S) >= _SAY_AGAIN_S:
                self._said[root] = now
                facts = {"door": "folder", "count": self._left[root]}
                log.warning("files of watched folder %d are left: no collection has their name", number, extra=facts)

    def _take(self, root: Path, path: Path, size_bytes: int, modified_ns: int) -> bool:
        """Take one file in; False when it stays for now."""
        if self.memory.knows(path, size_bytes, modified_ns):
            return False
        collection = self._collection(root, path)
        if collection is None:
            self._left[root] += 1
            return False
        self.archive.parts.spool.check_room()
        temporary = self.archive.parts.spool.temporary()
        try:
            if not _copied(path, temporary, size_bytes, modified_ns):
                return False
            envelope = self._envelope(collection)
            pending = Pending(path, size_bytes, modified_ns, envelope.id)
            self.memory.begin(pending)
            try:
                refused = self._receive(temporary, envelope)
            except OutOfResources:
                self.memory.end()
                raise
            except Refused as error:
                self._put_aside(root, pending, str(error))
                return True
        finally:
            temporary.unlink(missing_ok=True)
        self._note_refused(root, pending, refused)
        self._finish(root, pending)
        return True

    def _receive(self, file: Path, envelope: Envelope) -> list[Refused]:
        """Take in an object, or those of a ZIP; why others of it were not. Raises `Refused` when none was taken."""
        spool, refused = self.archive.parts.spool, list[Refused]()
        with objects(file, spool.temporary, spool.limits.max_object_bytes) as found:
            for each in found:
                try:
                    accepted = self.archive.receive(each, envelope)
                except OutOfResources:
                    raise
                except Refused as error:
                    refused.append(error)
                else:
                    facts = {"door": "folder", "envelope": envelope.id, "intake": accepted.intake_ids}
                    log.info("object accepted", extra=facts)
        if len(refused) == len(found):
            raise refused[0]
        return refused

    def _note_refused(self, root: Path, pending: Pending, refused: list[Refused]) -> None:
        """What a ZIP held besides: counted by reason, in a file where refused ones go, or in the log."""
        reasons = Counter(map(str, refused))
        for reason, count in reasons.items():
            facts = {"door": "folder", "envelope": pending.envelope_id, "reason": reason, "count": count}
            log.warning("object refused", extra=facts)
        if reasons and self.settings.after != "leave":
            with suppress(OSError):  # the log has it
                target = _free_place(root / REFUSED, pending.path.relative_to(root))
                lines = [f"{count} in it: {reason}\n" for reason, count in reasons.items()]
                target.with_name(f"{target.name}.reason.txt").write_text("".join(lines), encoding="utf-8")

    def recover(self) -> None:
        """Bring what was under way when the last process ended to its end, unless it was not taken in.

        A ZIP is taken anew, since some of it may be missing; what came before is recognised as duplicate.
        """
        pending = self.memory.pending()
        if pending is None:
            return
        root = next((each for each in self.roots if pending.path.is_relative_to(each)), None)
        is_same = root is not None and _is_same(*pending[:3]) and not is_zip(pending.path)
        if root is not None and is_same and _is_in(self.archive, pending.envelope_id):
            self._finish(root, pending)
        self.memory.end()

    def _finish(self, root: Path, pending: Pending) -> None:
        """The object is safe: the original goes, or stays and is remembered."""
        if self.settings.after == "leave":
            self.memory.remember(*pending[:3])
        elif self.settings.after == "delete":
            self._clear(pending, pending.path.unlink)
        else:
            self._clear(pending, lambda: pending.path.rename(_free_place(root / DONE, pending.path.relative_to(root))))
        self.memory.end()

    def _clear(self, pending: Pending, remove: Callable[[], object]) -> None:
        """Take a file away; one that cannot be is remembered instead, so that it does not come twice."""
        try:
            remove()
        except FileNotFoundError:
            pass
        except OSError:
            log.exception("file cannot be taken away", extra={"door": "folder", "envelope": pending.envelope_id})
            self.memory.remember(*pending[:3])

    def _put_aside(self, root: Path, pending: Pending, reason: str) -> None:
        """What is no good object goes aside with its reason; where originals are left, the log says it."""
        log.warning("object refused", extra={"door": "folder", "envelope": pending.envelope_id, "reason": reason})
        if self.settings.after == "leave":
            self.memory.remember(*pending[:3])
        else:
            self._clear(pending, lambda: _move_aside(root, pending.path, reason))
        self.memory.end()

    def _collection(self, root: Path, path: Path) -> CollectionInfo | None:
        """Where a file goes; None while there is no such collection."""
        name = self.roots[root]
        if name == EACH_SUBFOLDER:
            parts = path.relative_to(root).parts
            if len(parts) == 1:
                return None
            name = parts[0]
        try:
            return self.archive.registry.snapshot().collection_named(name)
        except NotFound:
            return None

    def _envelope(self, collection: CollectionInfo) -> Envelope:
        return Envelope(
            id=f"f-{token_hex(12)}",
            door=Door.IMPORT,
            node=self.archive.parts.node,
            peer="",
            called_aet="",
            address="",
            principal="drop folder",
            site=collection.site,
            collection_ids=(collection.id,),
            opened_at=datetime.now(UTC),
        )


def _files(root: Path, roots: dict[Path, str]) -> Iterator[Path]:
    """Plain files below a folder, in order: no links, nothing hidden, nothing of other watched folders."""
    for folder, subfolders, names in os.walk(root):
        here = Path(folder)
        subfolders[:] = sorted(each for each in subfolders if not each.startswith(".") and here / each not in roots)
        for name in sorted(names):
            path = here / name
            if not name.startswith(".") and path.is_file() and not path.is_symlink():
                yield path


def _copied(path: Path, target: Path, size_bytes: int, modified_ns: int) -> bool:
    """Copy a file; False when it cannot be read, or is changed meanwhile."""
    try:
        shutil.copyfile(path, target)
        return _is_same(path, size_bytes, modified_ns)
    except OSError as error:
        log.warning("file cannot be read", extra={"door": "folder", "error": error.errno})
        return False


def _is_same(path: Path, size_bytes: int, modified_ns: int) -> bool:
    """Whether a file is there, and as it was."""
    try:
        status = path.stat()
    except OSError:
        return False
    return (status.st_size, status.st_mtime_ns) == (size_bytes, modified_ns)


def _move_aside(root: Path, path: Path, reason: str) -> None:
    """Into ``.refused``, with its reason beside it."""
    target = _free_place(root / REFUSED, path.relative_to(root))
    target.with_name(f"{target.name}.reason.txt").write_text(f"{reason}\n", encoding="utf-8")
    path.rename(target)


def _free_place(folder: Path, relative: Path) -> Path:
    """A path in a folder beside the watched files that nothing has yet; its folders are made."""
    target = folder / relative
    target.parent.mkdir(parents=True, exist_ok=True)
    number = 0
    while target.exists():
        number += 1
        target = folder / relative.with_name(f"{relative.name}.{number}")
    return target


def _is_in(archive: Archive, envelope_id: str) -> bool:
    """Whether the object of an envelope is in the spool, or has a receipt."""
    spool = archive.parts.spool
    for folder in (spool.waiting, spool.claimed, spool.kept):
        if any(folder.rglob(f"*.{envelope_id}.*")):
            return True
    return bool(archive.parts.receipts.of_envelope(envelope_id))
