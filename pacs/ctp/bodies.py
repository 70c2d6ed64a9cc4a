"""Bodies from a service that forgets them as it sends them: on disk from the first byte, until they are safe.

SPOOL/polled/<service>/<token>.<length>     length in bytes; ``-`` while nobody knows it
SPOOL/polled/<service>/<token>.refused      what can never be taken; for the operator to look at

A process that is killed leaves the body; one that has all its bytes is taken the next time, one that broke off is not,
since the service keeps what it could not send. Whoever works on a body holds a lock on it. A machine that loses its
power within a second of a body's last byte may lose it: CTP's protocol knows no answer to an answer.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

from pacs.spool.disk import lock_unless_taken


class Body:
    """One body, and the lock on it while the descriptor is open."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor

    def write(self, piece: bytes) -> None:
        """Append. Raises OSError."""
        view = memoryview(piece)
        while view:
            view = view[os.write(self._descriptor, view) :]

    def is_whole(self) -> None:
        """Say that all of it came, where its length was not known before."""
        if self.path.suffix == ".-":
            self._rename(f"{os.fstat(self._descriptor).st_size}")

    def set_aside(self) -> None:
        """It can never be taken."""
        self._rename("refused")

    def remove(self) -> None:
        """It is safe elsewhere."""
        self.path.unlink(missing_ok=True)

    def _rename(self, suffix: str) -> None:
        self.path = self.path.rename(self.path.with_suffix(f".{suffix}"))


class Bodies:
    """The bodies of one service."""

    def __init__(self, folder: Path, service: str) -> None:
        self._folder = folder / service

    @contextmanager
    def new(self, length: int | None) -> Iterator[Body]:
        """An empty one; it goes when the block raises before the body is whole."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._folder / f"{token_hex(8)}.{'-' if length is None else length}"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        body = Body(path, descriptor)
        try:
            yield body
        finally:
            if body.path.exists() and not _is_whole(body.path):
                body.remove()
            os.close(descriptor)

    def left(self) -> Iterator[Body]:
        """Whole ones that a process left; broken ones go."""
        for path in sorted(self._folder.iterdir()) if self._folder.is_dir() else ():
            if path.suffix == ".refused":
                continue
            descriptor = lock_unless_taken(path)
            if descriptor is None:  # another process is at it
                continue
            try:
                if _is_whole(path):
                    yield Body(path, descriptor)
                else:
                    path.unlink()
            finally:
                os.close(descriptor)


def _is_whole(path: Path) -> bool:
    length = path.suffix[1:]
    return length == "refused" or (length.isdigit() and path.stat().st_size == int(length))
