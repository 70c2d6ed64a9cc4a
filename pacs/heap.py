"""Memory of a process that answers requests: fetched from the kernel beforehand, and kept when it is let go.

Fetching the pages of a decoded frame, or of a thread's first metadata, took a third of the time of making them.
"""

import ctypes
from contextlib import suppress

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
