"""A server that kills itself once: ``python -m tests.crash.runner DATA PORT STEP before|after NTH one|all MARKER``.

STEP is a function of the product, such as ``pacs.spool.spool:os.link``. It is wrapped; at its NTH call the process (or
the whole process group) gets SIGKILL, before or after the call. MARKER makes it happen once, whichever process does it.
"""

import importlib
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pacs.cli.run import run_processes
from pacs.config import load_settings


def die(marker: Path, whom: str) -> None:
    """SIGKILL to this process or to all, unless it has happened already."""
    try:
        os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return
    if whom == "all":
        os.killpg(0, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


def wrap(step: str, when: str, nth: int, on_call: Callable[[], None]) -> None:
    """Replace the function that `step` names."""
    module, _, path = step.partition(":")
    holder: Any = importlib.import_module(module)
    *outer, name = path.split(".")
    for each in outer:
        holder = getattr(holder, each)
    original, calls = getattr(holder, name), 0

    def wrapped(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        is_it = calls == nth
        if is_it and when == "before":
            on_call()
        result = original(*arguments, **named)
        if is_it and when == "after":
            on_call()
        return result

    setattr(holder, name, wrapped)


def main() -> None:
    """Run association servers and a worker until stopped, or killed."""
    data, port, step, when, nth, whom, marker = sys.argv[1:8]
    if step != "-":
        wrap(step, when, int(nth), lambda: die(Path(marker), whom))
    options = {"dimse.port": int(port), "pipeline.workers": 1, "pipeline.batch": 4, "dimse.processes": 1}
    run_processes(load_settings(Path(data), None, {}, options), {"scp": 1, "worker": 1})


if __name__ == "__main__":
    main()
