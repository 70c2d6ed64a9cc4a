"""The way back into the line, and how someone who counts sees every entry once.

Entries move forward: from waiting to claimed, and on to their receipt. Who reads the folders in that order misses
nothing, except what goes back meanwhile: a batch that could not be committed, a dead worker's hands, a retry.
"""

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class WayBack:
    """A lock of all processes: one at a time puts entries back, or as many as like count."""

    def __init__(self, path: Path) -> None:
        self._path = path
        if not path.exists():  # now, so that a disk that is full later does not matter
            path.touch(mode=0o600)
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
        descriptor = os.open(self._path, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, how)
            self._mine.held = True
            yield
        finally:
            self._mine.held = False
            os.close(descriptor)
