"""A real server for tests over real sockets: association servers and workers on a fresh data directory."""

import json
import os
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from tests import warm

_given: set[int] = set()


def free_port() -> int:
    """A TCP port that is free now, and that no other call of this process was given."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port not in _given:
            _given.add(port)
            return port


def wait_for(condition: Callable[[], Any], seconds: float = 30.0, rest_s: float = 0.02) -> Any:
    """Poll until something true comes, the pauses growing up to `rest_s`; fail when it does not in time."""
    deadline, pause = time.monotonic() + seconds, 0.02
    while not (found := condition()):
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(pause)
        pause = min(rest_s, pause * 1.5)
    return found


@dataclass
class Server:
    """Processes of ``pacs`` on one data directory."""

    data: Path
    port: int = field(default_factory=free_port)
    environment: dict[str, str] = field(default_factory=dict)
    processes: list[warm.Started] = field(default_factory=list)

    @property
    def log(self) -> Path:
        """What the processes log."""
        return self.data.parent / f"{self.data.name}.log"

    def start(self, *command: str) -> warm.Started:
        """Start a command of ``pacs`` and wait until it says that it is ready."""
        said = self.data.parent / f"{self.data.name}.{len(self.processes)}.out"
        said.unlink(missing_ok=True)
        environment = dict(os.environ) | self.environment
        process = warm.start(*command, "--data", str(self.data), environment=environment, stdout=said, stderr=self.log)
        self.processes.append(process)
        wait_for(lambda: _is_ready(said) or process.poll() is not None, 60)
        assert _is_ready(said), f"pacs {command[0]} did not start: {self.log.read_text()[-2000:]}"
        return process

    def start_scp(self, processes: int = 2) -> warm.Started:
        """Start association servers and wait until they answer."""
        process = self.start("scp", "--dimse", str(self.port), "--processes", str(processes))
        wait_for(lambda: _connects(self.port))
        return process

    def stop(self) -> None:
        """End all processes; each must end in time and without an error."""
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            assert process.wait(15) == 0
        self.processes.clear()

    def run(self, *command: str) -> str:
        """The output of a command of ``pacs``."""
        done = warm.run(*command, "--data", str(self.data), environment=dict(os.environ) | self.environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def status(self) -> dict[str, int]:
        """Counts of accepted objects by what became of them."""
        return dict(json.loads(self.run("status", "--json")))

    def wait_until_worked_off(self, seconds: float = 240) -> dict[str, int]:
        """The counts once nothing waits any more."""
        # A command takes the processor from the workers, a look at the spool's folders does not.
        wait_for(lambda: not self.spooled(), seconds, 0.1)
        return dict(wait_for(lambda: (found := self.status())["waiting"] == 0 and found, 30, 0.5))

    def spooled(self) -> bool:
        """Whether an object still waits for a worker, or is in the hands of one."""
        folders = [self.data / "spool" / name for name in ("waiting", "claimed")]
        return any(path.suffix == ".dcm" for folder in folders for path in folder.rglob("*"))

    def temporary_files(self) -> list[Path]:
        """What doors have half received."""
        return list((self.data / "spool" / "incoming").iterdir())


def _is_ready(said: Path) -> bool:
    """Whether a process has said so."""
    return said.exists() and any(line.startswith("ready") for line in said.read_text().splitlines(keepends=True))


def _connects(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1):
            return True
    except OSError:
        return False


class WebServer:
    """``pacs web`` alone, on a server's data directory."""

    def __init__(self, server: Server) -> None:
        self.server, self.port = server, free_port()
        self.process = server.start("web", "--http", str(self.port))
        self.root = f"http://127.0.0.1:{self.port}"
        wait_for(self.answers)

    def answers(self) -> bool:
        """Whether it does."""
        try:
            return requests.get(f"{self.root}/healthz", timeout=2).ok
        except requests.ConnectionError:
            return False


@dataclass
class WholeServer(Server):
    """``pacs serve`` as a user runs it: association servers, workers and web."""

    http_port: int = field(default_factory=free_port)
    options: tuple[str, ...] = ()

    def serve(self) -> warm.Started:
        """Start everything; returns when the server says that it is ready."""
        return self.start("serve", "--http", str(self.http_port), "--dimse", str(self.port), *self.options)

    @property
    def root(self) -> str:
        """Base of HTTP addresses."""
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def dicom_web(self) -> str:
        """DICOMweb root."""
        return f"{self.root}/dicom-web"

    @property
    def admin(self) -> dict[str, str]:
        """Headers with the administrator's token."""
        return {"Authorization": f"Bearer {(self.data / 'admin-token').read_text()}"}

    def token(self, name: str, role: str, collection: str = "") -> dict[str, str]:
        """Headers of a new user with a role."""
        self.run("user", "add", name, "--role", role, *(("--collection", collection) if collection else ()))
        return {"Authorization": f"Bearer {self.run('token', 'create', '--user', name).strip()}"}
