"""Blobs on a local file system."""

import hashlib
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from pacs.liveness import owner_is_alive
from pacs.mapped import in_parts

_SYNCS_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Written:
    """A blob that is complete in a temporary file, not yet named and not yet durable."""

    temporary: Path
    digest: str
    size_bytes: int


class LocalBlobs:
    """Blobs under one folder. `write`, then `keep`; a crash in between leaves a temporary file that `sweep` removes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._prefix = str(folder)
        self._temporary = folder / "tmp"
        self._temporary.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._pool: ThreadPoolExecutor | None = None

    def file(self, collection_id: int, digest: str) -> str:
        """The name of the blob's file. Asked by the hundred, where a Path would take most of the time."""
        return f"{self._prefix}/{collection_id}/{digest[:2]}/{digest[2:4]}/{digest}.dcm"

    def path(self, collection_id: int, digest: str) -> Path:
        """Where the blob of that digest stands."""
        return Path(self.file(collection_id, digest))

    def write(self, pieces: Iterable[bytes | memoryview]) -> Written:
        """Write pieces to a temporary file, hashing on the way. Raises OSError when the disk is full."""
        path = self._temporary / f"{os.getpid()}.{token_hex(8)}"
        digest = hashlib.sha256()
        size = 0
        try:
            # Unbuffered: pieces are large, and a buffer would copy every byte once more.
            with path.open("xb", buffering=0) as file:
                for piece in pieces:
                    for part in in_parts(piece):
                        digest.update(part)
                        size += len(part)
                        while part:
                            part = part[file.write(part) :]  # noqa: PLW2901 - what the system has not taken yet
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return Written(path, digest.hexdigest(), size)

    def keep(self, collection_id: int, written: Iterable[Written]) -> None:
        """Make blobs durable under their names: fsync files, rename, fsync folders once each.

        A blob that is there already is left alone. When this returns, rows may point at them.
        """
        fresh = [each for each in written if each.temporary.exists()]
        folders: set[Path] = set()
        self._sync_all([each.temporary for each in fresh])
        for each in fresh:
            final = self.path(collection_id, each.digest)
            folders |= _make_folders(final.parent, self.folder)
            os.utime(each.temporary)  # the sweep's grace period starts now, also for a digest that an old row had
            each.temporary.rename(final)
            folders.add(final.parent)
        self._sync_all(list(folders))

    def _sync_all(self, paths: Sequence[Path]) -> None:
        """The disk takes many syncs at once in hardly more time than one."""
        list(self._syncing().map(_sync_each, (paths[start::_SYNCS_AT_ONCE] for start in range(_SYNCS_AT_ONCE))))

    def _syncing(self) -> ThreadPoolExecutor:
        """Threads for syncs, made at the first batch: after the fork of the process that uses them."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(_SYNCS_AT_ONCE, "blob-sync")
        return self._pool

    def discard(self, written: Written) -> None:
        """Forget a temporary blob."""
        written.temporary.unlink(missing_ok=True)

    def remove(self, collection_id: int, digest: str) -> None:
        """Delete a blob that no row points at any more."""
        self.path(collection_id, digest).unlink(missing_ok=True)

    def all(self) -> Iterator[tuple[int, str, Path]]:
        """Every blob: collection id, digest, path."""
        for collection in self.folder.iterdir():
            if collection.name.isdigit():
                for path in collection.glob("*/*/*.dcm"):
                    yield int(collection.name), path.stem, path

    def sweep(self, grace_s: float) -> int:
        """Remove temporary files of dead processes, or older than the grace period; returns how many."""
        count = 0
        for path in self._temporary.iterdir():
            with suppress(FileNotFoundError):
                if not owner_is_alive(path) or time.time() - path.stat().st_mtime > grace_s:
                    path.unlink()
                    count += 1
        return count


def _sync_each(paths: Sequence[Path]) -> None:
    """Bring the bytes of files, or the names in folders, to the disk. Raises OSError."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _make_folders(folder: Path, root: Path) -> set[Path]:
    """Make a folder with its parents below `root`; returns the folders that got a new name in them."""
    if folder.is_dir():
        return set()
    changed = _make_folders(folder.parent, root) if folder.parent != root else set()
    folder.mkdir(exist_ok=True, mode=0o700)
    return changed | {folder.parent}
