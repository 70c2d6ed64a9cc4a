"""Running all processes on one machine: start, restart what dies, stop all within ten seconds."""

import errno
import logging
import multiprocessing
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Event

from pacs.cli.processes import become_child
from pacs.config import Settings
from pacs.errors import ConfigError

log = logging.getLogger("pacs.process")
STOP_S = 8.0
_CALM_S = 5.0  # a process that lived so long is restarted at once

Body = Callable[[Settings], None]


@dataclass(slots=True)
class Child:
    """A process that should run."""

    name: str
    body: Body
    process: BaseProcess | None = None
    started_at: float = 0.0
    restart_at: float = 0.0
    deaths: int = 0


@dataclass(slots=True)
class Supervisor:
    """The processes of one server."""

    settings: Settings
    children: list[Child] = field(default_factory=list)

    def add(self, name: str, body: Body, count: int = 1) -> None:
        """Plan `count` processes of a kind."""
        self.children += [Child(f"{name}-{number}", body) for number in range(1, count + 1)]

    def start(self) -> None:
        """Start everything that was planned."""
        for child in self.children:
            self._start(child)

    def _start(self, child: Child) -> None:
        context = multiprocessing.get_context("fork")
        child.process = context.Process(target=_run_child, args=(child.body, self.settings), name=child.name)
        child.process.start()
        child.started_at = time.monotonic()

    def all_alive(self) -> bool:
        """Whether every planned process runs."""
        return all(child.process is not None and child.process.is_alive() for child in self.children)

    def watch(self, stop: Event, ready: Callable[[], bool], when_ready: Callable[[], None]) -> None:
        """Until `stop`: restart what dies, and call `when_ready` once when `ready` first holds."""
        announced = False
        while not stop.wait(0.1):
            for child in self.children:
                self._look_after(child)
            if not announced and self.all_alive() and ready():
                announced = True
                when_ready()

    def _look_after(self, child: Child) -> None:
        now = time.monotonic()
        if child.process is not None and not child.process.is_alive():
            log.error("process ended", extra={"child": child.name, "code": child.process.exitcode})
            child.process.close()
            child.process = None
            child.deaths = 0 if now - child.started_at > _CALM_S else child.deaths + 1
            child.restart_at = now + min(5.0, 0.1 * 2**child.deaths)
        if child.process is None and now >= child.restart_at:
            self._start(child)

    def stop(self) -> None:
        """SIGTERM to all, and SIGKILL to what does not end in time."""
        running = [child.process for child in self.children if child.process is not None]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + STOP_S
        for process in running:
            process.join(max(0.0, deadline - time.monotonic()))
        for process in running:
            if process.is_alive():
                process.kill()
                process.join()


def _run_child(body: Body, settings: Settings) -> None:
    """In the child: forget the supervisor's signal handlers, then do the work."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    become_child()
    _take_name(multiprocessing.current_process().name)
    sys.stdin.close()
    try:
        body(settings)
    except Exception:  # the border of a process: its own traceback would quote values
        log.exception("process failed", extra={"child": multiprocessing.current_process().name})
        sys.exit(1)


def _take_name(name: str) -> None:
    """What `ps` and `top` call this process and its children; without /proc it keeps the name it has."""
    with suppress(OSError):
        Path("/proc/self/comm").write_text(f"pacs {name}", encoding="ascii")


@contextmanager
def reserved_port(host: str, port: int, option: str) -> Iterator[int]:
    """A TCP port that nobody listens on, 0 for any free one; held (not listening) so that our processes can share it.

    Raises `ConfigError` when another program has it.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise ConfigError(f"another program listens on {host}:{port}; choose another {option}") from None
            why = error.strerror or "no such address"
            raise ConfigError(f"cannot listen on {host}:{port}: {why}") from None
        port = probe.getsockname()[1]
    with socket.socket(family, socket.SOCK_STREAM) as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind((host, port))
        yield port


def is_listening(host: str, port: int) -> bool:
    """Whether a connection is taken."""
    try:
        with socket.create_connection((host, port), 0.5):
            return True
    except OSError:
        return False
