"""Memory that a process has freed goes back to the kernel."""

import subprocess
import sys

# Blocks of the heap, each followed by one that stays: so nothing lies free at its end.
_PROGRAM = """
import ctypes
from pacs.heap import Surplus, keep_freed, own_bytes
keep_freed()
surplus, before = Surplus(32 << 20), own_bytes()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, (ctypes.c_void_p,)
blocks = [libc.malloc(1 << 20) for _ in range(160)]
for block in blocks:
    ctypes.memset(block, 1, 1 << 20)
pin = libc.malloc(1 << 19)
for block in blocks:
    libc.free(block)
kept = own_bytes() - before
surplus.let_go()
print(kept >> 20, (own_bytes() - before) >> 20)
"""


def test_freed_memory_goes_back_when_much() -> None:
    """Though a block at the end of the heap is still in use."""
    found = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True)
    kept, left = map(int, found.stdout.split())
    assert kept > 128
    assert left < 16
