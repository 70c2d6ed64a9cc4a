"""Memory stays flat: 200,000 rows of a query, on both databases, and one object of 2 GB."""

import os
import re
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pacs.app import open_app
from pacs.config import load_settings
from pacs.db.connection import close_thread, execute
from pacs.dicom.elements import DataSet
from pacs.dicom.syntaxes import EXPLICIT_LE, encoding_of
from pacs.dicom.writing import encode
from pacs.dimse.messages import parse_command
from pacs.registry.registry import NewCollection
from tests.builders import file_bytes, make_ct, uid
from tests.index.large import COLLECTIONS, fill
from tests.installation import NO_ENVIRONMENT
from tests.wire.contract import contract
from tests.wire.holdings import hold
from tests.wire.peers import STUDY_ROOT, Bare, dcmtk, move
from tests.wire.server import Server, free_port, wait_for

ROWS = 200_000
HUGE_BYTES = 0x7FFFFFF0


def resident_kib(pid: int, name: str = "VmRSS") -> int:
    found = re.search(rf"{name}:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1])


def scp_of(server: Server) -> int:
    """The process that serves associations."""
    (supervisor,) = server.processes
    children = Path(f"/proc/{supervisor.pid}/task/{supervisor.pid}/children").read_text().split()
    return int(children[0]) if children else supervisor.pid


@pytest.fixture
def crowded(own_server: Server, database_url: str) -> Iterator[Server]:
    """A server whose index has 200,000 instances, on either database."""
    options = {"storage.database": database_url}
    app = open_app(load_settings(own_server.data, environment=NO_ENVIRONMENT, options=options))
    for number in range(2, COLLECTIONS + 1):
        app.create_collection(NewCollection(f"c{number}", "basic", "", 0, key_label=f"c{number}"))
    fill(app.archive.parts.database, ROWS)
    execute(app.archive.parts.database, "UPDATE series SET released = true")
    app.registry.add_peer("READER", "127.0.0.1", 1)
    close_thread(app.archive.parts.database)
    app.archive.parts.crosswalk.close()
    own_server.environment["PACS_STORAGE__DATABASE"] = database_url
    own_server.run("peer", "set", "READER", "relational=yes")
    own_server.start_scp(1)
    yield own_server
    own_server.stop()


def query(level: str, *keys: tuple[int, str, bytes]) -> bytes:
    ds = DataSet()
    ds.put(0x00080052, "CS", level.encode())
    for tag, vr, value in keys:
        ds.put(tag, vr, value)
    encoding = encoding_of(EXPLICIT_LE)
    return b"".join(map(bytes, encode(ds, encoding, encoding)))


@pytest.mark.long
@contract("4.8", "W17")
def test_long_answers_stream_from_the_database(crowded: Server) -> None:
    bare = Bare(crowded.port)
    assert bare.associate(f"{STUDY_ROOT}1", EXPLICIT_LE, calling="READER")[0] == 2
    bare.command({0x0002: f"{STUDY_ROOT}1", 0x0100: 0x0020, 0x0110: 7, 0x0700: 0, 0x0800: 1})
    bare.data_set(query("IMAGE", (0x00080018, "UI", b""), (0x00200013, "IS", b"")))
    before, rows, peak = 0, 0, 0
    while True:
        _kind, body = bare.pdu()
        if not body[5] & 1:
            continue
        status = parse_command(body[6:]).number(0x0900)
        if status != 0xFF00:
            break
        rows += 1
        if rows == 1000:
            before = resident_kib(scp_of(crowded))
        if rows % 20_000 == 0:
            peak = max(peak, resident_kib(scp_of(crowded)))
    assert (status, rows) == (0, ROWS)
    assert peak - before < 30_000, (before, peak)


@pytest.mark.long
@contract("4.9", "7")
def test_dcmtk_cancels_after_its_first_row(crowded: Server) -> None:
    keys = ("-k", "QueryRetrieveLevel=IMAGE", "-k", "SOPInstanceUID")
    cancelling = ("-v", "-S", "-aet", "READER", "--cancel", "1")
    told = dcmtk("findscu", *cancelling, "127.0.0.1", str(crowded.port), *keys)
    lines = told.stdout + told.stderr
    assert "(Cancel: " in lines
    assert lines.count("(Pending)") < ROWS // 10


@pytest.mark.long
@contract("5.4", "W17")
def test_object_of_two_gigabytes_goes_from_disk_to_wire(own_server: Server, tmp_path: Path) -> None:
    made = make_ct("huge", "huge", "huge")
    hold(own_server.data, [made])
    (blob,) = (own_server.data / "blobs").rglob("*.dcm")
    del made.PixelData
    with blob.open("r+b") as file:
        file.truncate(0)
        file.write(file_bytes(made) + struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OW", 0, HUGE_BYTES))
        file.truncate(file.tell() + HUGE_BYTES)
    port = free_port()
    own_server.run("peer", "add", "STORESCP", "127.0.0.1", str(port))
    own_server.start_scp(1)
    receiver = subprocess.Popen(
        ["/usr/bin/storescp", "--ignore", "-pdu", "131072", str(port)],
        env=os.environ | {"TCP_NODELAY": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: own_server.run("peer", "echo", "STORESCP"))
        before = resident_kib(scp_of(own_server))
        status = move(own_server.port, "STORESCP", level="STUDY", StudyInstanceUID=uid("huge"))[-1][0]
        assert (status.Status, status.NumberOfCompletedSuboperations) == (0, 1)
        assert resident_kib(scp_of(own_server), "VmHWM") - before < 120_000
    finally:
        receiver.kill()
        receiver.wait()
        own_server.stop()
