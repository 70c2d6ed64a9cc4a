"""The servers that are measured: started with data of their own, watched through /proc, stopped."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import orjson

CHECKOUT = Path(__file__).resolve().parents[2]
ORTHANC_PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
_TICKS = os.sysconf("SC_CLK_TCK")


def free_ports(count: int) -> list[int]:
    """TCP ports that are free now, all different."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


class Http:
    """One keep-alive connection."""

    def __init__(self, port: int, root: str = "", headers: dict[str, str] | None = None) -> None:
        self.port, self.root, self.headers = port, root, headers or {}
        self.connection = HTTPConnection("127.0.0.1", port, timeout=300)

    def get(self, path: str, accept: str = "application/dicom+json") -> bytes:
        """The body of a successful GET. Raises RuntimeError for another status."""
        return self.request("GET", path, None, {"Accept": accept})

    def request(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> bytes:
        """The body of a successful request."""
        for attempt in (1, 2):
            try:
                self.connection.request(method, self.root + path, body, self.headers | headers)
                response = self.connection.getresponse()
                data = response.read()
                break
            except (HTTPException, OSError):
                self.connection.close()
                if attempt == 2:
                    raise
        if response.status not in (200, 202):
            raise RuntimeError(f"{method} {path.partition('?')[0]}: {response.status} {data[:200]!r}")
        return data

    def json(self, path: str) -> Any:
        """The JSON of a successful GET."""
        return orjson.loads(self.get(path) or b"[]")


def tree(pid: int) -> list[int]:
    """A process and its descendants."""
    found, todo = [], [pid]
    while todo:
        found.append(todo.pop())
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{found[-1]}/task").iterdir():
                todo += map(int, (task / "children").read_text().split())
    return found


def add_destination(data: str, port: int) -> None:
    """Tell a TrialPACS where moves go."""
    peer = ["peer", "add", "BENCHDEST", "127.0.0.1", str(port), "--data", data]
    subprocess.run([sys.executable, "-m", "pacs", *peer], cwd=CHECKOUT, check=False, capture_output=True)


class Server:
    """What the measures need of either server."""

    name = ""
    aet = ""
    web_root = "/dicom-web"
    headers: dict[str, str]

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.dimse_port, self.http_port, self.receiver_port = free_ports(3)
        self.process: subprocess.Popen[bytes] | None = None
        self.headers = {}

    def http(self) -> Http:
        """A connection to the DICOMweb root."""
        return Http(self.http_port, self.web_root, self.headers)

    def pids(self) -> list[int]:
        """The server's processes."""
        assert self.process is not None
        return tree(self.process.pid)

    def kinds(self) -> dict[int, str]:
        """What each process is: scp, worker, web, jobs; others by their program's name."""
        found = {}
        for pid in self.pids():
            with contextlib.suppress(OSError):
                name = Path(f"/proc/{pid}/comm").read_text().strip()
                found[pid] = name.removeprefix("pacs ").partition("-")[0]
        return found

    def cpu_seconds(self) -> dict[str, float]:
        """CPU time by kind of process: of those that live, and of their children that have ended."""
        total: dict[str, float] = defaultdict(float)
        for pid, kind in self.kinds().items():
            with contextlib.suppress(OSError):
                times = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]
                total[kind] += sum(map(int, times)) / _TICKS
        return total

    def memory_bytes(self) -> dict[int, int]:
        """Anonymous memory by process, what forked processes share divided among them; no pages of files."""
        found = {}
        for pid in self.pids():
            with contextlib.suppress(OSError):
                text = Path(f"/proc/{pid}/smaps_rollup").read_text()
                found[pid] = int(text.partition("Pss_Anon:")[2].split()[0]) * 1024
        return found

    def stop(self) -> None:
        """Stop it and wait."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None

    def wait_until_queryable(self, _expected: int) -> None:
        """Return when everything that was acknowledged can be found."""

    def pause_workers(self, *, paused: bool) -> None:
        """Stop or continue what works on accepted objects; nothing, when the door does it all."""


class TrialPacs(Server):
    """This checkout's server; its workers run under a process of their own, so that they can be paused."""

    name = "TrialPACS"
    aet = "TRIALPACS"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.data = str(folder / "trialpacs")
        self.workers: subprocess.Popen[bytes] | None = None

    def start(self, workers: int) -> None:
        """Start everything and wait for the line that starts with ``ready``."""
        ports = ["--http", str(self.http_port), "--dimse", str(self.dimse_port)]
        self.process = self.command("serve", *ports, "--workers", "0")
        self.workers = self.command("worker", "-n", str(workers))
        self.headers = {"Authorization": f"Bearer {(Path(self.data) / 'admin-token').read_text().strip()}"}
        add_destination(self.data, self.receiver_port)

    def command(self, *words: str) -> "subprocess.Popen[bytes]":
        """A command of ``pacs`` that is ready."""
        with (self.folder / "trialpacs.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "pacs", *words, "--data", self.data],
                cwd=CHECKOUT,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(b"ready"):
                return process
        raise RuntimeError(f"pacs {words[0]} did not start: {(self.folder / 'trialpacs.log').read_text()[-2000:]}")

    def pids(self) -> list[int]:
        """The server's processes, workers included."""
        return super().pids() + (tree(self.workers.pid) if self.workers else [])

    def pause_workers(self, *, paused: bool) -> None:
        """Stop or continue the worker processes."""
        for pid in tree(self.workers.pid) if self.workers else ():
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGSTOP if paused else signal.SIGCONT)

    def stop(self) -> None:
        """Stop workers and server."""
        if self.workers is not None:
            self.workers.terminate()
            self.workers.wait(30)
        super().stop()

    def wait_until_queryable(self, _expected: int) -> None:
        """Poll the backlog that ``/readyz`` tells."""
        http = Http(self.http_port)
        while orjson.loads(http.get("/readyz", "application/json"))["backlog"]:
            time.sleep(0.1)  # counting what waits costs the server time, too


class Orthanc(Server):
    """Debian's Orthanc with DICOMweb. TCP_NODELAY=1: without it each of its responses stalls for 40 ms."""

    name = "Orthanc"
    aet = "ORTHANC"

    def start(self, _workers: int = 0) -> None:
        """Start it and wait until it answers."""
        folder = self.folder / "orthanc"
        folder.mkdir(exist_ok=True)
        config = {
            "Name": "bench",
            "StorageDirectory": str(folder),
            "IndexDirectory": str(folder),
            "Plugins": [str(ORTHANC_PLUGIN)],
            "DicomAet": self.aet,
            "DicomPort": self.dimse_port,
            "DicomAlwaysAllowMove": True,
            "DicomAlwaysAllowFind": True,
            "DicomAlwaysAllowGet": True,
            "DicomModalities": {"dest": ["BENCHDEST", "127.0.0.1", self.receiver_port]},
            "HttpPort": self.http_port,
            "RemoteAccessAllowed": True,
            "AuthenticationEnabled": False,
            "HttpsCACertificates": "",
            "OverwriteInstances": False,
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        }
        path = self.folder / "orthanc.json"
        path.write_text(json.dumps(config))
        environment = os.environ | {"TCP_NODELAY": "1", "TCP_BUFFER_LENGTH": "1048576"}
        log = (self.folder / "orthanc.log").open("ab")
        self.process = subprocess.Popen(["Orthanc", str(path)], env=environment, stdout=log, stderr=log)
        http = Http(self.http_port)
        deadline = time.monotonic() + 60
        while True:
            try:
                http.get("/system", "application/json")
                return
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise RuntimeError("Orthanc did not start; see orthanc.log") from None
                time.sleep(0.1)


@contextlib.contextmanager
def started(server: TrialPacs | Orthanc, workers: int) -> Iterator[TrialPacs | Orthanc]:
    """A running server."""
    server.start(workers)
    try:
        yield server
    finally:
        server.stop()


class Running(Server):
    """A TrialPACS that runs already. Its workers are not paused, and its processes are found by the data directory."""

    name = "TrialPACS"

    def __init__(self, folder: Path, data: Path, dimse_port: int, http_port: int, aet: str) -> None:
        super().__init__(folder)
        self.data, self.aet = data.resolve(), aet
        self.dimse_port, self.http_port = dimse_port, http_port
        self.headers = {"Authorization": f"Bearer {(data / 'admin-token').read_text().strip()}"}
        add_destination(str(data), self.receiver_port)

    def pids(self) -> list[int]:
        """Processes of ``pacs`` that name the data directory."""
        found = []
        for folder in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                line = (folder / "cmdline").read_bytes() if folder.name.isdigit() else b""
                if b"pacs" in line and os.fsencode(self.data) in line:
                    found.append(int(folder.name))
        return found

    def wait_until_queryable(self, _expected: int) -> None:
        """Poll the backlog that ``/readyz`` tells."""
        http = Http(self.http_port)
        while orjson.loads(http.get("/readyz", "application/json"))["backlog"]:
            time.sleep(0.1)  # counting what waits costs the server time, too
