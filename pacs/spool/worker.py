"""A worker's hands: claims by rename, under a lock that dies with the worker."""

import fcntl
import mmap
import os
import time
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from pacs.liveness import owner_is_alive
from pacs.spool.entries import Entry, entry_of
from pacs.spool.spool import SHARD_S, SUSPECT, Spool

_MARKER_BYTES = 512


class Claims:
    """What one worker process has claimed. Create it in the process that works; closing it lets the lock go."""

    def __init__(self, spool: Spool) -> None:
        self.spool = spool
        name = f"{os.getpid()}-{token_hex(4)}"
        made = spool.claimed / f".{name}"
        made.mkdir(mode=0o700)
        self._lock = os.open(made / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Only a locked folder gets its name, so that `recover` never takes one from a worker that is starting.
        self.folder = made.rename(spool.claimed / name)
        self._current = _marker(self.folder / "current")

    def claim(self, limit: int, max_bytes: int = 256 * 1024**2) -> list[Entry]:
        """At most `limit` entries, oldest shard first, stopping after about `max_bytes`; an empty list when none wait.

        An entry on which a worker died before comes alone.
        """
        taken: list[Entry] = []
        for shard in sorted(folder.name for folder in self.spool.waiting.iterdir()):
            if shard == SUSPECT and taken:
                continue
            self._claim_from(self.spool.waiting / shard, taken, 1 if shard == SUSPECT else limit, max_bytes)
            if taken and (shard == SUSPECT or len(taken) >= limit):
                break
        return taken

    def _claim_from(self, shard: Path, taken: list[Entry], limit: int, max_bytes: int) -> None:
        size = 0
        empty = True
        try:
            with os.scandir(shard) as names:
                for found in names:
                    empty = False
                    if len(taken) >= limit or size > max_bytes:
                        return
                    entry = entry_of(found)
                    if entry is not None and (mine := self._take(entry)) is not None:
                        taken.append(mine)
                        size += mine.path.stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return
        if empty and _is_past(shard.name):
            with suppress(OSError):  # someone put an entry there meanwhile
                shard.rmdir()

    def _take(self, entry: Entry) -> Entry | None:
        mine = entry.moved(self.folder)
        try:
            entry.path.rename(mine.path)
        except FileNotFoundError:  # another worker was faster
            return None
        return mine

    def work_on(self, entry: Entry | None) -> None:
        """Note which entry is being worked on, for whoever finds this worker dead; None when none is."""
        name = (entry.name if entry is not None else "").encode()
        self._current[:] = name[:_MARKER_BYTES].ljust(_MARKER_BYTES, b"\0")

    def release(self, entry: Entry) -> None:
        """Give an entry back untried."""
        self.spool.put_back(entry, entry.crashes)

    def close(self) -> None:
        """Give everything back and let the lock go."""
        give_back(self.spool, self.folder, blame=False)
        self._current.close()
        os.close(self._lock)


def _marker(path: Path) -> mmap.mmap:
    """A small file in memory: what is noted there outlives the process, and costs no call of the system.

    Raises OSError when the disk is full, so that no later write can meet that.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.pwrite(descriptor, bytes(_MARKER_BYTES), 0)
        return mmap.mmap(descriptor, _MARKER_BYTES)
    finally:
        os.close(descriptor)


def _is_past(shard: str) -> bool:
    """Whether no door puts entries into a shard any more (or, with a slow clock, hardly ever)."""
    stamp = shard.partition("-")[0]
    try:
        return int(stamp, 16) < int(time.time()) // SHARD_S - 1
    except ValueError:
        return True


def recover(spool: Spool) -> int:
    """Take back what dead workers held; returns how many entries. What living workers hold stays theirs.

    The entry that a dead worker was working on gets one crash more.
    """
    count = 0
    for folder in list(spool.claimed.iterdir()):
        with suppress(FileNotFoundError, NotADirectoryError):
            if folder.name.startswith(".") and owner_is_alive(folder):
                continue
            count += _recover_one(spool, folder)
    return count


def _recover_one(spool: Spool, folder: Path) -> int:
    try:
        lock = os.open(folder / "lock", os.O_RDWR)
    except FileNotFoundError:  # killed before it had its lock: it can hold nothing yet
        with suppress(OSError):
            folder.rmdir()
        return 0
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return give_back(spool, folder, blame=True)
    except BlockingIOError:
        return 0
    finally:
        os.close(lock)


def give_back(spool: Spool, folder: Path, *, blame: bool) -> int:
    """Put a worker's entries back in line and remove its folder; the caller holds the lock."""
    current = ""
    with suppress(FileNotFoundError):
        current = (folder / "current").read_text(encoding="ascii", errors="replace").rstrip("\0")
    count = 0
    for path in list(folder.iterdir()):
        entry = entry_of(path)
        if entry is not None:
            spool.put_back(entry, entry.crashes + (blame and entry.name == current))
            count += 1
        elif path.name not in ("lock", "current"):
            path.unlink(missing_ok=True)  # a half-made file of the dead worker; inside the wall, and now gone
    for name in ("current", "lock"):
        (folder / name).unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()
    return count


def sweep_incoming(spool: Spool) -> int:
    """Remove temporary files whose door process is gone; returns how many. Nothing in them was acknowledged.

    Their names start with the process number and a dot.
    """
    count = 0
    for path in spool.incoming.iterdir():
        with suppress(FileNotFoundError):
            if not owner_is_alive(path):
                path.unlink()
                count += 1
    return count
