"""CTP's HTTP import while something is wrong for a time: no room, no workers, a web worker that dies, a huge object."""

import contextlib
import os
import shutil
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders import ct_bytes
from tests.wire.ctp_exporter import Site, is_ok
from tests.wire.server import WholeServer, wait_for

GB = 1 << 30


@pytest.fixture
def site(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    """A web server alone: no worker takes what is spooled."""
    server = WholeServer(tmp_path / "data", environment=getattr(request, "param", {}))
    server.run("collection", "create", "trial")
    token = server.token("site", "submitter", "trial")["Authorization"].removeprefix("Bearer ")
    server.start("web", "--http", str(server.http_port))
    wait_for(lambda: _listens(server.http_port))
    yield Site(server, token)
    server.stop()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def head(site: Site, length: str) -> bytes:
    text = "POST /ctp/trial HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-mirc\r\n"
    return f"{text}Authorization: {site.basic}\r\n{length}\r\n\r\n".encode()


def web_workers(site: Site) -> list[int]:
    """Process numbers of gunicorn's workers, below web server and supervisor."""
    (supervisor,) = site.server.processes
    (master,) = _children(supervisor.pid)
    return _children(master)


def _children(process: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


@pytest.mark.parametrize("site", [{"PACS_SPOOL__LOW_WATER_BYTES": str(1 << 60)}], indirect=True)
def test_full_disk_is_404_so_that_ctp_tries_again(site: Site):
    status, _headers, body = site.post(ct_bytes(sop="full"))
    assert (status, body) == (404, b"")
    assert site.server.temporary_files() == []


def test_killed_web_worker_has_taken_nothing(site: Site):
    body = ct_bytes(sop="killed")
    with socket.create_connection(("127.0.0.1", site.server.http_port), 20) as connection:
        connection.sendall(head(site, f"Content-Length: {len(body)}") + body[:-10])
        wait_for(site.server.temporary_files)
        for worker in web_workers(site):
            os.kill(worker, signal.SIGKILL)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            answer = connection.recv(4096)
    assert answer == b""
    assert not site.server.spooled()
    wait_for(lambda: _listens(site.server.http_port))
    assert is_ok(
        wait_for(lambda: _try(site, body))
    )  # CTP sends again; no worker runs, and the answer comes all the same
    waiting = list((site.server.data / "spool" / "waiting").rglob("*.dcm"))
    assert len(waiting) == 1


def _try(site: Site, body: bytes) -> tuple[int, dict[str, str], bytes] | None:
    try:
        return site.post(body)
    except OSError:
        return None


@pytest.mark.long
def test_2_gb_chunked_body_needs_no_memory(site: Site, tmp_path: Path):
    if shutil.disk_usage(tmp_path).free < 6 * GB:
        pytest.skip("not enough disk")
    piece = bytes(1 << 20)
    framed = b"%x\r\n" % len(piece) + piece + b"\r\n"
    before = max(_peak_bytes(each) for each in web_workers(site))
    with socket.create_connection(("127.0.0.1", site.server.http_port), 60) as connection:
        connection.sendall(head(site, "Transfer-Encoding: chunked"))
        for _ in range(2048):
            connection.sendall(framed)
        connection.sendall(b"0\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")
    assert max(_peak_bytes(each) for each in web_workers(site)) - before < 64 << 20


def _peak_bytes(process: int) -> int:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
