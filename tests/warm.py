"""Commands of ``pacs`` in children of a process that has the program loaded, which takes longer than most commands.

``python -m tests.warm`` reads a JSON object a line: `arguments`, `environment`, `folder`, and the files `stdout` and
`stderr`; it answers with the child's id, and with its exit status once it has ended.
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
import time
from functools import cache
from pathlib import Path

import pacs.cli
from pacs.__main__ import main


def run(*arguments: str, environment: dict[str, str], timeout_s: float = 60) -> "subprocess.CompletedProcess[str]":
    """What a command writes and how it ends. Raises TimeoutExpired, and ends it then."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = (Path(folder) / name for name in ("stdout", "stderr"))
        wanted = {"arguments": arguments, "environment": environment, "folder": str(Path.cwd())}
        server = _server()
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(json.dumps(wanted | {"stdout": str(out), "stderr": str(err)}).encode() + b"\n")
        server.stdin.flush()
        child = int(server.stdout.readline())
        is_late = not select.select([server.stdout], [], [], timeout_s)[0]
        if is_late:
            os.kill(child, signal.SIGKILL)
        status = int(server.stdout.readline())
        if is_late:
            raise subprocess.TimeoutExpired(arguments, timeout_s)
        return subprocess.CompletedProcess(arguments, status, out.read_text(), err.read_text())


@cache
def _server() -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "tests.warm"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    atexit.register(process.__exit__, None, None, None)  # it ends when it reads no more
    return process


def _become(wanted: dict[str, str], arguments: list[str], environment: dict[str, str]) -> None:
    """Be the command, as if this process had been started as it."""
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    os.chdir(wanted["folder"])
    for number, name in ((0, os.devnull), (1, wanted["stdout"]), (2, wanted["stderr"])):
        descriptor = os.open(name, os.O_RDWR | os.O_CREAT, 0o600)
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.argv = ["pacs", *arguments]
    main()


def _serve() -> None:
    for line in sys.stdin.buffer:
        wanted = json.loads(line)
        child = multiprocessing.get_context("fork").Process(
            target=_become, args=(wanted, wanted.pop("arguments"), wanted.pop("environment"))
        )
        child.start()
        print(child.pid, flush=True)
        child.join()
        print(child.exitcode, flush=True)


if __name__ == "__main__":
    for each in pkgutil.iter_modules(pacs.cli.__path__):
        importlib.import_module(f"pacs.cli.{each.name}")
    gc.collect()
    gc.freeze()
    _serve()
