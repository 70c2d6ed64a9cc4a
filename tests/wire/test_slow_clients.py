"""Clients that hardly read or send, or go away: others are served, and nothing stays behind."""

import json
import os
import signal
import socket
import struct
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
import requests

from tests.builders import make_ct, uid
from tests.wire.contract import contract
from tests.wire.holdings import hold
from tests.wire.server import Server, WebServer, wait_for

CLIENTS = 64
LARGE = f"/dicom-web/studies/{uid('big')}"
MANY_BYTES = 24_000_000  # more than the kernel keeps of an answer


class Web(WebServer):
    """On an archive with a small and a large study."""

    def connected(self, *lines: str) -> socket.socket:
        """A connection that has sent these lines and an empty one, and takes little at a time."""
        found = socket.socket()
        found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        found.settimeout(30)
        found.connect(("127.0.0.1", self.port))
        found.sendall("".join(f"{line}\r\n" for line in (*lines, "Host: localhost", "")).encode())
        return found

    def workers(self) -> list[int]:
        """Its processes that answer."""
        (master,) = _children(self.process.pid)
        return _children(master)

    def descriptors(self) -> int:
        """How many files and sockets they hold, besides connections to the database."""
        found = 0
        for pid in self.workers():
            for each in Path(f"/proc/{pid}/fd").iterdir():
                try:
                    found += "pacs.sqlite" not in os.readlink(each)
                except FileNotFoundError:
                    continue
        return found


def _children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@contextmanager
def web_server(folder: Path, **settings: str) -> Iterator[Web]:
    """A server with some settings of ``http``."""
    server = Server(
        folder / "data", environment={f"PACS_HTTP__{name.upper()}": each for name, each in settings.items()}
    )
    large = make_ct("big-1", "bigs", "big", Rows=3000, Columns=4000, BitsAllocated=16, PixelData=bytes(MANY_BYTES))
    hold(server.data, [large, make_ct("small-1", "smalls", "small")])
    found = Web(server)
    try:
        yield found
    finally:
        server.stop()
    events = [json.loads(line) for line in server.log.read_text().splitlines()]
    assert not [each for each in events if each["level"] == "ERROR"]


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """A server that lets slow clients be for longer than any of these tests takes."""
    with web_server(tmp_path_factory.mktemp("patient"), slow_after_s="60", threads="4") as found:
        yield found


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """A server that lets slow clients go after a second."""
    with web_server(tmp_path_factory.mktemp("strict"), slow_after_s="1", least_rate="100000") as found:
        yield found


def reader(web: Web) -> socket.socket:
    """Asks for a large study and reads the beginning."""
    found = web.connected(f"GET {LARGE} HTTP/1.1")
    assert found.recv(12) == b"HTTP/1.1 200"
    return found


def head_sender(web: Web) -> socket.socket:
    """Begins a request."""
    found = socket.create_connection(("127.0.0.1", web.port), 30)
    found.sendall(b"GET /dicom-web/studies HTTP/1.1\r\nHost: loc")
    return found


def body_sender(web: Web) -> socket.socket:
    """Begins to store."""
    token = (web.server.data / "admin-token").read_text()
    lines = ("POST /dicom-web/studies HTTP/1.1", f"Authorization: Bearer {token}", "Content-Length: 1000000")
    found = web.connected(*lines, "Content-Type: application/dicom")
    found.sendall(b"1")
    return found


def pss_bytes(pid: int) -> int:
    """What a process has of the machine's memory, its share of what several use."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(text.partition("\nPss:")[2].split()[0]) * 1024


KINDS: tuple[Callable[[Web], socket.socket], ...] = (reader, head_sender, body_sender)


@contract("web 9.6")
@pytest.mark.parametrize("slow", KINDS)
def test_slow_clients_keep_nobody_out(patient: Web, slow: Callable[[Web], socket.socket]):
    with ExitStack() as opened:
        connections = [opened.enter_context(slow(patient)) for _ in range(CLIENTS)]
        for _ in range(20):
            assert requests.get(f"{patient.root}/dicom-web/studies", timeout=10).status_code == 200
        assert len(connections) == CLIENTS


@contract("web 9.6")
def test_slow_reader_is_let_go(strict: Web):
    with reader(strict) as slow:
        wait_for(lambda: "a client was too slow" in strict.server.log.read_text())
        assert _rest(slow) < MANY_BYTES


def _rest(connection: socket.socket) -> int:
    """How many bytes still come until the connection ends."""
    taken = 0
    with suppress(ConnectionResetError):
        while piece := connection.recv(1 << 20):
            taken += len(piece)
    return taken


@contract("web 9.6")
def test_slow_head_is_told_and_let_go(strict: Web):
    with head_sender(strict) as slow:
        said = b"".join(iter(lambda: slow.recv(4096), b""))
    assert said.startswith(b"HTTP/1.1 408 ")
    assert json.loads(said.partition(b"\r\n\r\n")[2]) == {"error": "The request did not come in time."}


@contract("web 9.6")
def test_slow_body_is_let_go(strict: Web):
    with body_sender(strict) as slow:
        said = b"".join(iter(lambda: slow.recv(4096), b""))
    assert said[:10] in (b"HTTP/1.1 4", b"")


@contract("web 9.6")
def test_refused_sender_that_stops_is_let_go(strict: Web):
    with strict.connected("POST /dicom-web/studies HTTP/1.1", "Content-Length: 1000000") as slow:
        said = b"".join(iter(lambda: slow.recv(4096), b""))
        assert said.startswith(b"HTTP/1.1 401 ")
        wait_for(lambda: _is_over(slow))


def _is_over(connection: socket.socket) -> bool:
    """Whether the server takes no more bytes."""
    try:
        connection.sendall(b"1")
    except OSError:
        return True
    return False


@contract("web 9.6")
def test_reader_that_keeps_up_gets_everything(strict: Web):
    reply = requests.get(f"{strict.root}{LARGE}", stream=True, timeout=30)
    assert sum(map(len, reply.iter_content(1 << 16))) == int(reply.headers["Content-Length"])


@contract("web 9.6")
def test_clients_that_go_away_leave_nothing(patient: Web):
    _go_away(patient)  # both processes have started then
    before = _settled(patient)
    _go_away(patient)
    wait_for(lambda: patient.descriptors() <= before)


def _go_away(web: Web) -> None:
    for slow in KINDS:
        for _ in range(20):
            connection = slow(web)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()


def _settled(web: Web) -> int:
    """Descriptors that are held, once their number stays the same for a second."""
    counts: list[int] = []

    def is_settled() -> bool:
        counts.append(web.descriptors())
        return len(counts) > 10 and len(set(counts[-10:])) == 1

    wait_for(is_settled, rest_s=0.1)
    return counts[-1]


@contract("web 9.6")
def test_others_answer_while_one_process_is_killed(patient: Web):
    first, second = patient.workers()
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: not Path(f"/proc/{first}").exists())
    for _ in range(20):
        assert requests.get(f"{patient.root}/dicom-web/studies", timeout=10).status_code == 200
    wait_for(lambda: len(patient.workers()) == 2 and first not in patient.workers())
    assert second in patient.workers()


@contract("web 9.6")
@pytest.mark.long
def test_process_that_streams_a_study_of_two_gigabytes_stays_small(tmp_path: Path):
    objects, size = 40, 52_000_000
    server = Server(tmp_path / "data")
    hold(
        server.data,
        (make_ct(f"m{n}", "ms", "m", Rows=5000, Columns=5200, PixelData=bytes([n]) * size) for n in range(objects)),
    )
    web = Web(server)
    largest = 0

    def stream(client: int) -> int:
        accept = {"Accept": ("multipart/related; type=application/dicom", "application/zip")[client % 2]}
        with requests.get(f"{web.root}/dicom-web/studies/{uid('m')}", headers=accept, stream=True, timeout=60) as reply:
            taken = 0
            for piece in reply.iter_content(1 << 20):
                taken += len(piece)
                if taken > 200_000_000:
                    break
            return taken

    with ThreadPoolExecutor(16) as pool:
        clients = [pool.submit(stream, number) for number in range(16)]
        while not all(each.done() for each in clients):
            largest = max(largest, *map(pss_bytes, web.workers()))
            wait(clients, 0.2)
    server.stop()
    print(f"largest process: {largest / 1e6:.0f} MB")
    assert min(each.result() for each in clients) > 200_000_000
    assert largest < 300_000_000
