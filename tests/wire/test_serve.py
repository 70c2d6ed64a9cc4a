"""``pacs serve`` keeps running whatever dies in it, and says no at once to what cannot work."""

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import requests

from tests.builders import make_ct
from tests.wire.peers import dcmtk, store
from tests.wire.server import WholeServer, free_port, wait_for


@pytest.fixture
def whole(tmp_path):
    server = WholeServer(tmp_path / "data")
    yield server
    for process in server.processes:
        process.kill()
        process.wait()


def children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_death_of_any_child_is_mended(whole):
    supervisor = whole.serve()
    first = children(supervisor.pid)
    assert len(first) == 6
    for victim in first:
        os.kill(victim, signal.SIGKILL)
        wait_for(partial(_is_mended, supervisor.pid, victim))
    assert supervisor.poll() is None
    wait_for(lambda: _answers(whole))
    assert store(whole.port, [make_ct()]) == [0]
    assert whole.wait_until_worked_off()["published"] == 1
    assert whole.log.read_text().count("process ended") == 6
    whole.stop()


def _is_mended(supervisor: int, victim: int) -> bool:
    now = children(supervisor)
    return victim not in now and len(now) == 6


def _answers(server: WholeServer) -> bool:
    try:
        return requests.get(f"{server.root}/healthz", timeout=5).ok
    except requests.RequestException:
        return False


def test_death_of_the_supervisor_leaves_no_process(whole):
    supervisor = whole.serve()
    family = children(supervisor.pid)
    family += [grandchild for child in family for grandchild in children(child)]
    supervisor.kill()
    supervisor.wait()
    wait_for(lambda: not any(_runs(pid) for pid in family), 15)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_started_as_users_do_it_says_that_it_is_ready(tmp_path):
    """In a process of its own from the first; other tests fork theirs from one that has the program loaded."""
    port = free_port()
    command = [sys.executable, "-m", "pacs", "serve", "--data", str(tmp_path / "data"), "--http", str(port)]
    with subprocess.Popen([*command, "--dimse", "0"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert any(line.startswith("ready") for line in process.stdout)
        assert requests.get(f"http://127.0.0.1:{port}/healthz", timeout=20).ok
        process.send_signal(signal.SIGTERM)
    assert process.returncode == 0


def test_tls_has_a_port_of_its_own(whole):
    port = free_port()
    whole.options = ("--tls", str(port))
    whole.serve()
    dcmtk("echoscu", "+tla", "-ic", "127.0.0.1", str(port))
    dcmtk("echoscu", "127.0.0.1", str(whole.port))
    assert (whole.data / "tls" / "key.pem").stat().st_mode & 0o777 == 0o600
    whole.stop()


def test_second_server_on_the_directory_is_refused(whole):
    whole.serve()
    assert "already" in refused(whole.data)
    whole.stop()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--http", "28084", "--dimse", "28084"], "differ"),
        (["--aet", "MUCH_TOO_LONG_A_TITLE"], "dimse.aet"),
        (["--aet", "A\\B"], "dimse.aet"),
        (["--host", "999.1.1.1"], "cannot listen"),
        (["--http", "28084", "--dimse", "28085", "--tls", "28085"], "dimse.tls_port"),
    ],
)
def test_says_no_before_anything_starts(tmp_path, arguments, message):
    assert message in refused(tmp_path / "data", *arguments)


def test_names_the_directory_that_cannot_be_made(tmp_path):
    assert "/proc/nope" in refused(Path("/proc/nope"))


def refused(data: Path, *arguments: str) -> str:
    """The one line that a start without success prints."""
    ports = [] if "--http" in arguments else ["--http", str(free_port()), "--dimse", str(free_port())]
    command = [sys.executable, "-m", "pacs", "serve", "--data", str(data), *ports, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "ready" not in done.stdout
    assert len(done.stderr.splitlines()) == 1, done.stderr
    return done.stderr
