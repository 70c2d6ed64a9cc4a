"""How many associations are served at once, counted over all association server processes of a data directory.

Each takes one byte of a file with a record lock; the kernel gives it back when the process dies, however that happens.
"""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from threading import Lock

_ALL = "all"


class Slots:
    """The places of one process among those of all. Threads may share it; a fork may not."""

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder = folder
        self.limit = limit
        self.lock = Lock()
        self.files: dict[str, int] = {}
        self.taken: dict[str, set[int]] = {}

    def take(self, aet: str = "", aet_limit: int = 0) -> Callable[[], None] | None:
        """A place; call what is returned to give it back. None when all are taken, or `aet_limit` of this title."""
        with self.lock:
            place = self._take(_ALL, self.limit)
            if place is None:
                return None
            own = self._take(_file_name(aet), aet_limit) if aet_limit else -1
            if own is None:
                self._free(_ALL, place)
                return None
            return lambda: self._give_back(_file_name(aet), own, place)

    def _take(self, name: str, limit: int) -> int | None:
        """Lock the first byte that is free; its place."""
        if name not in self.files:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.files[name] = os.open(self.folder / f"{name}.slots", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        ours = self.taken.setdefault(name, set())
        for place in range(limit):
            if place in ours:  # record locks do not keep threads of one process apart
                continue
            try:
                fcntl.lockf(self.files[name], fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
            except OSError:
                continue
            ours.add(place)
            return place
        return None

    def _free(self, name: str, place: int) -> None:
        fcntl.lockf(self.files[name], fcntl.LOCK_UN, 1, place)
        self.taken[name].discard(place)

    def _give_back(self, name: str, own: int, place: int) -> None:
        with self.lock:
            self._free(_ALL, place)
            if own >= 0:
                self._free(name, own)

    def close(self) -> None:
        """Give everything back."""
        with self.lock:
            for file in self.files.values():
                os.close(file)
            self.files.clear()
            self.taken.clear()


def _file_name(aet: str) -> str:
    return "ae-" + aet.encode().hex()
