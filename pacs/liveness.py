"""Whether the process that made a temporary file still runs. Such files are named ``<process number>.<anything>``."""

import os
import time
from pathlib import Path


def owner_is_alive(path: Path) -> bool:
    """Whether the owner of a temporary file runs on this machine.

    A zombie is dead. So is the owner when the process of its number started after the file was last written: the
    number has been given to another process since. Raises FileNotFoundError when the file is gone.
    """
    number = path.name.lstrip(".").partition(".")[0].partition("-")[0]
    written_at = path.stat().st_mtime
    started_at = _started_at(number) if number.isdigit() else None
    return started_at is not None and started_at <= written_at + 1.0


def _started_at(number: str) -> float | None:
    """When a process started, in seconds since 1970; None when there is none, or only what is left of one. proc(5)."""
    try:
        fields = Path(f"/proc/{number}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    if fields[0] in ("Z", "X"):
        return None
    since_boot_s = int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + since_boot_s
