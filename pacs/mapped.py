"""Large values that are views of mapped files: walked a part at a time, so that memory holds only the part in sight."""

import mmap
from collections.abc import Iterator

Walked = bytes | memoryview | mmap.mmap
PART_BYTES = 4 * 1024**2
_IN_SIGHT_BYTES = 1 << 26


def let_go(value: Walked) -> None:
    """Tell the system that the pages of a mapped file are not needed now; they come back when they are read again."""
    mapped = value if isinstance(value, mmap.mmap) else memoryview(value).obj
    if isinstance(mapped, mmap.mmap):
        mapped.madvise(mmap.MADV_DONTNEED)


def in_parts(value: Walked) -> Iterator[memoryview]:
    """The bytes of a value in parts of a few megabytes; pages of a mapped file are let go behind the reader."""
    view = memoryview(value).cast("B")
    for start in range(0, len(view), PART_BYTES):
        yield view[start : start + PART_BYTES]
        if (start + PART_BYTES) % _IN_SIGHT_BYTES == 0:
            let_go(value)
    if len(view) >= _IN_SIGHT_BYTES:
        let_go(value)
