"""A full disk: a clear refusal, nothing lost, and recovery when space returns. On a small file system of its own."""

import os
import subprocess
from pathlib import Path

import pytest

from pacs.dicom.fileformat import read_start
from pacs.dimse.messages import parse_command
from tests.builders import CT, ct_bytes, uid
from tests.wire.peers import Bare
from tests.wire.server import Server, wait_for

SIZE_MB = 40
OUT_OF_RESOURCES = 0xA700


@pytest.fixture
def small_disk(tmp_path):
    """A tmpfs of 40 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "tmpfs", str(folder)]
    if os.getuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("this machine does not let us mount a small file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def server(small_disk):
    running = Server(small_disk / "data")
    running.environment = {"PACS_LOG__LEVEL": "WARNING"}
    yield running
    for process in running.processes:
        process.kill()
        process.wait()
    while Bare.opened:
        Bare.opened.pop().close()


def store(port: int, name: str) -> int:
    """The status of one C-STORE of half a megabyte."""
    content = ct_bytes(sop=name, Rows=512, Columns=512, PixelData=bytes(512 * 512 * 2))
    bare = Bare(port)
    assert bare.associate()[0] == 2
    bare.command({0x0002: CT, 0x0100: 1, 0x0110: 1, 0x0700: 0, 0x0800: 1, 0x1000: uid(name)})
    bare.data_set(content[read_start(content).data_set_offset :])
    kind, body = bare.pdu()
    assert kind == 4
    bare.close()
    return parse_command(body[6:]).number(0x0900)


def fill(folder: Path, leave_bytes: int) -> Path:
    """A file that leaves so much room."""
    filler = folder / "filler"
    space = os.statvfs(folder)
    size = space.f_bavail * space.f_frsize - leave_bytes
    with filler.open("ab") as file:
        os.posix_fallocate(file.fileno(), file.tell(), size)
    return filler


def test_below_low_water_refuses_and_recovers(server, small_disk):
    server.environment |= {"PACS_SPOOL__LOW_WATER_BYTES": str(8 * 1024**2)}
    server.start_scp()
    server.start("worker", "--workers", "1")
    assert store(server.port, "a") == 0
    filler = fill(small_disk, 6 * 1024**2)
    wait_for(lambda: store(server.port, "b") == OUT_OF_RESOURCES)
    filler.unlink()
    wait_for(lambda: store(server.port, "b") == 0)
    counts = server.wait_until_worked_off()
    assert counts["published"] == 2
    assert sum(counts.values()) == counts["published"] + counts["duplicate"]
    server.stop()


def test_full_disk_loses_nothing_that_was_accepted(server, small_disk):
    """Spool, blobs and database share the disk; whoever needs the last byte, what was acknowledged comes through."""
    server.environment |= {"PACS_SPOOL__LOW_WATER_BYTES": "0"}
    server.start_scp()
    server.start("worker", "--workers", "1")
    assert store(server.port, "first") == 0
    server.wait_until_worked_off()
    filler = fill(small_disk, 5 * 1024**2)
    statuses = {f"n{number}": store(server.port, f"n{number}") for number in range(40)}
    assert OUT_OF_RESOURCES in statuses.values(), statuses
    assert set(statuses.values()) == {0, OUT_OF_RESOURCES}
    accepted = [name for name, status in statuses.items() if status == 0]
    assert accepted
    assert server.temporary_files() == []
    filler.unlink()
    counts = server.wait_until_worked_off()
    assert counts["published"] == 1 + len(accepted), counts
    assert sum(counts.values()) == counts["published"]
    assert store(server.port, "after") == 0
    assert server.wait_until_worked_off()["published"] == 2 + len(accepted)
    server.stop()
