"""Commands of ``pacs`` in children of a process that has the program loaded, which takes longer than most commands.

``python -m tests.warm`` reads a JSON array a line: the name of a method of `_Nursery` and what it takes; it answers
each with a line of JSON.
"""

import atexit
import gc
import importlib
import json
import multiprocessing
import os
import pkgutil
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from functools import cache
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pacs.cli

_PACS = "pacs.__main__"


class Started:
    """A running command, with what of `subprocess.Popen` tests use."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._end = os.pidfd_open(pid)
        self._status: int | None = None

    def poll(self) -> int | None:
        """The exit status, a signal's number below zero, or None while it runs."""
        if self._status is None and select.select([self._end], [], [], 0)[0]:
            self._status = int(_ask("status_of", self.pid))
            os.close(self._end)
        return self._status

    def wait(self, timeout: float | None = None) -> int:
        """The exit status once it has ended. Raises TimeoutExpired."""
        if self._status is None and not select.select([self._end], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired("pacs", timeout or 0.0)
        status = self.poll()
        assert status is not None
        return status

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


def start(
    *arguments: str, environment: dict[str, str], stdout: Path, stderr: Path, module: str = _PACS, leads: bool = False
) -> Started:
    """Start the `main` of a module; `leads`: a session and process group of its own. What it writes is appended."""
    wanted = {"arguments": arguments, "environment": environment, "folder": str(Path.cwd()), "module": module}
    return Started(_ask("start", wanted | {"stdout": str(stdout), "stderr": str(stderr), "leads": leads}))


def run(*arguments: str, environment: dict[str, str], timeout_s: float = 60) -> "subprocess.CompletedProcess[str]":
    """What a command writes and how it ends. Raises TimeoutExpired, and ends it then."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = (Path(folder) / name for name in ("stdout", "stderr"))
        started = start(*arguments, environment=environment, stdout=out, stderr=err)
        try:
            status = started.wait(timeout_s)
        finally:
            started.kill()
        return subprocess.CompletedProcess(arguments, status, out.read_text(), err.read_text())


_asking = threading.Lock()


def _ask(method: str, *arguments: Any) -> Any:
    with _asking:
        nursery = _nursery()
        assert nursery.stdin is not None
        assert nursery.stdout is not None
        nursery.stdin.write(json.dumps([method, *arguments]).encode() + b"\n")
        nursery.stdin.flush()
        return json.loads(nursery.stdout.readline())


@cache
def _nursery() -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "tests.warm"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    atexit.register(process.__exit__, None, None, None)  # it ends when it reads no more
    return process


class _Nursery:
    """The process that has the program loaded."""

    def __init__(self) -> None:
        self._children: dict[int, BaseProcess] = {}

    def start(self, wanted: dict[str, Any]) -> int | None:
        child = multiprocessing.get_context("fork").Process(target=_become, args=(wanted,))
        child.start()
        assert child.pid is not None
        self._children[child.pid] = child
        return child.pid

    def status_of(self, pid: int) -> int | None:
        child = self._children.pop(pid)
        child.join()
        return child.exitcode


def _become(wanted: dict[str, Any]) -> None:
    """Be the command, as if this process had been started as it."""
    if wanted["leads"]:
        os.setsid()
    os.environ.clear()
    os.environ.update(wanted["environment"])
    time.tzset()
    os.chdir(wanted["folder"])
    for number, name in ((0, os.devnull), (1, wanted["stdout"]), (2, wanted["stderr"])):
        descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.argv = ["pacs", *wanted["arguments"]]
    importlib.import_module(wanted["module"]).main()


def _serve() -> None:
    nursery = _Nursery()
    for line in sys.stdin.buffer:
        method, *arguments = json.loads(line)
        print(json.dumps(getattr(nursery, method)(*arguments)), flush=True)


if __name__ == "__main__":
    for name in (_PACS, "pacs.dimse.server", "pacs.wsgi", "pacs.pipeline.worker"):
        importlib.import_module(name)
    for each in pkgutil.iter_modules(pacs.cli.__path__):
        importlib.import_module(f"pacs.cli.{each.name}")
    gc.collect()
    gc.freeze()
    _serve()
    os._exit(0)  # what is still running is somebody else's to end
