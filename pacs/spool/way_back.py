"""The way back into the line, and how someone who counts sees every entry once.

Entries move forward: from waiting to claimed, and on to their receipt. Who reads the folders in that order misses
nothing, except what goes back meanwhile: a batch that could not be committed, a dead worker's hands, a retry.
"""

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path


class WayBack:
    """A lock of all processes: one at a time puts entries back, or as many as like count.

    Who counts always overlap when many do, and who puts back would wait for ever. So both pass a door, one by one, and
    who puts back stays in it. Never take it inside a transaction that writes: a retry writes while it has the way.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._door = path, path.with_suffix(".door")
        for each in (self._path, self._door):
            if not each.exists():  # now, so that a disk that is full later does not matter
                each.touch(mode=0o600)
        self._mine = threading.local()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Put entries back inside of this: nobody counts meanwhile."""
        with self._held(fcntl.LOCK_EX):
            yield

    @contextmanager
    def closed(self) -> Iterator[None]:
        """Count inside of this: no entry goes back meanwhile."""
        with self._held(fcntl.LOCK_SH):
            yield

    @contextmanager
    def _held(self, how: int) -> Iterator[None]:
        if getattr(self._mine, "held", False):  # a retry puts its entry back while it has the way
            yield
            return
        with ExitStack() as places:
            door = places.enter_context(_locked(self._door, fcntl.LOCK_EX))
            places.enter_context(_locked(self._path, how))
            if how == fcntl.LOCK_SH:
                fcntl.flock(door, fcntl.LOCK_UN)
            self._mine.held = True
            try:
                yield
            finally:
                self._mine.held = False


@contextmanager
def _locked(path: Path, how: int) -> Iterator[int]:
    """A descriptor of a file with a lock, which ends even if a process that was forked meanwhile has it too."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, how)
        yield descriptor
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)
