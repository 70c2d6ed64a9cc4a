"""Memory of a process that answers requests: fetched from the kernel beforehand, and kept when it is let go.

Fetching the pages of a decoded frame, or of a thread's first metadata, took a third of the time of making them. What
large pictures leave goes back: the C library keeps all that lies before the last block that is in use, and a process
that had compressed four frames of 25 MB as JPEG 2000 stayed at 500 MB.
"""

import ctypes
import os
import time
from contextlib import suppress
from pathlib import Path

_SURPLUS_BYTES = 128 << 20
_LOOK_EVERY_S = 5
_PIECE_BYTES = 1 << 20
# mallopt(3): M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD, M_ARENA_MAX. Blocks up to 4 MB come from one heap for all
# threads, and what is freed at its end is kept up to the first of these.
_OPTIONS = ((-1, 64 << 20), (-2, 1 << 20), (-3, 4 << 20), (-8, 1))


def keep_freed() -> None:
    """Keep what is freed, in one heap for all threads. Processes forked from this one do so too."""
    with suppress(AttributeError):  # not every C library has it
        for option, size_bytes in _OPTIONS:
            ctypes.CDLL(None).mallopt(option, size_bytes)


def fetch(size_bytes: int) -> None:
    """Write to so much memory and let it go: it stays the process's own."""
    pieces = [b"\1" * _PIECE_BYTES for _ in range(size_bytes // _PIECE_BYTES)]
    del pieces


class Surplus:
    """What a process has freed of the memory that it took beyond what it had in the beginning."""

    def __init__(self, most_bytes: int = _SURPLUS_BYTES) -> None:
        self._most, self._next_s = own_bytes() + most_bytes, 0.0

    def let_go(self) -> None:
        """Give it back when there may be much of it, which takes some 20 ms. Cheap else; to be called every while."""
        now_s = time.monotonic()
        if now_s < self._next_s:
            return
        self._next_s = now_s + _LOOK_EVERY_S
        if own_bytes() > self._most:
            with suppress(AttributeError):
                ctypes.CDLL(None).malloc_trim(0)


def own_bytes() -> int:
    """Memory of this process that holds no file, with what it shares with the one it was forked from; 0: not told."""
    with suppress(OSError, ValueError):
        _all, resident, shared, *_ = map(int, Path("/proc/self/statm").read_bytes().split())
        return (resident - shared) * os.sysconf("SC_PAGE_SIZE")
    return 0
