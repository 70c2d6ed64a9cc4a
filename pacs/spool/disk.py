"""Making things durable, and refusing to fill the disk."""

import fcntl
import os
import shutil
import threading
import time
import weakref
from pathlib import Path

from pacs.errors import OutOfResources


def fsync_file(path: Path) -> None:
    """Bring a file's bytes to the disk. Raises OSError when the disk is full or broken."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def fsync_folder(folder: Path) -> None:
    """Bring a folder's names to the disk."""
    fsync_file(folder)


def write_durably(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a small file so that after a crash it is there whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    fsync_folder(path.parent)


def lock_unless_taken(path: Path) -> int | None:
    """A descriptor of a file with the only lock on it, which ends when it is closed.

    None when somebody else holds it, or has taken the file away: between our opening it and locking it too.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_nlink:
            return descriptor
    except BlockingIOError:
        pass
    os.close(descriptor)
    return None


class SharedFolderSync:
    """One fsync of a folder for all threads that put a name into it before it began (group commit)."""

    def __init__(self, folder: Path) -> None:
        # Kept open: a worker may empty and remove the folder between a thread's rename and its fsync.
        self._descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        # Threads of several associations share a shard; it goes when the last of them is done with it.
        weakref.finalize(self, os.close, self._descriptor)
        self._lock = threading.Lock()
        self._counting = threading.Lock()
        self._waiting = 0
        self._done = 0

    def sync(self) -> None:
        """Return when every name that this thread has put into the folder is on the disk. Raises OSError."""
        with self._counting:
            self._waiting += 1
            ticket = self._waiting
        with self._lock:
            if self._done >= ticket:
                return
            covered = self._waiting
            os.fsync(self._descriptor)
            self._done = covered


class LowWater:
    """Whether the disk has room for more. Asked at every object, measured a few times a second at most."""

    def __init__(self, folder: Path, low_water_bytes: int) -> None:
        self._folder = folder
        self._low_water_bytes = low_water_bytes
        self._checked = float("-inf")
        self._free = 0

    def check(self) -> None:
        """Raise `OutOfResources` when free space is below the mark."""
        now = time.monotonic()
        if now - self._checked > 0.2 or self._free < self._low_water_bytes:
            self._free = shutil.disk_usage(self._folder).free
            self._checked = now
        if self._free < self._low_water_bytes:
            raise OutOfResources("the archive's disk is below its low-water mark; send again later")
