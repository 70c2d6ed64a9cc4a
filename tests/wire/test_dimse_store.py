"""C-STORE over real sockets: what is taken, what is refused, and that nothing half-received stays. PS3.4 B.2."""

import struct
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pydicom.uid import UID
from pynetdicom.presentation import build_context

from pacs.dicom.fileformat import read_start
from pacs.dicom.syntaxes import EXPLICIT_LE, STORAGE_CLASSES, TRANSFER_SYNTAXES
from tests.builders import CT, ct_bytes, make_ct, uid
from tests.data_folder import shared_data
from tests.wire.contract import contract
from tests.wire.peers import Bare, association, dcmtk, store
from tests.wire.server import Server, wait_for

CANNOT_UNDERSTAND, MISMATCH, NOT_AUTHORISED = 0xC000, 0xA900, 0x0124
PRIVATE_CLASS = "1.2.826.0.1.3680043.8.498.1"


def data_set_of(content: bytes) -> bytes:
    return content[read_start(content).data_set_offset :]


def store_bytes(server: Server, data: bytes, sop: str, *, has_data_set: bool = True) -> dict[int, bytes]:
    """Store a data set as it is; the response's elements."""
    peer = Bare(server.port)
    assert peer.associate()[0] == 2
    peer.command(store_rq(uid(sop), has_data_set=has_data_set))
    if has_data_set:
        peer.data_set(data)
    kind, body = peer.pdu()
    peer.close()
    assert kind == 4
    return elements(body[6:])


def store_rq(sop_uid: str, *, has_data_set: bool = True) -> dict[int, int | str]:
    shape = 1 if has_data_set else 0x0101
    return {2: CT, 0x0100: 1, 0x0110: 1, 0x0700: 0, 0x0800: shape, 0x1000: sop_uid}


def elements(command: bytes) -> dict[int, bytes]:
    stream, found = BytesIO(command), {}
    while head := stream.read(8):
        _group, element, length = struct.unpack("<HHI", head)
        found[element] = stream.read(length)
    return found


def status_of(response: dict[int, bytes]) -> int:
    return int.from_bytes(response[0x0900], "little")


@contract("3.3")
def test_stored_object_waits_for_a_worker(server: Server) -> None:
    before = server.status()["waiting"]
    assert store(server.port, [make_ct("kept")]) == [0]
    assert server.status()["waiting"] == before + 1


def test_response_echoes_the_request(server: Server) -> None:
    response = store_bytes(server, data_set_of(ct_bytes(sop="echoed")), "echoed")
    assert status_of(response) == 0
    assert response[0x1000].rstrip(b"\0").decode() == uid("echoed")
    assert response[0x0120] == b"\x01\x00"


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-60],
        lambda data: data[:5],
        lambda data: b"",
        lambda data: bytes(range(256)) * 8,
        lambda data: data.replace(uid("t1").encode(), b"\0" * len(uid("t1"))),
        lambda data: data.replace(uid("s1").encode(), b"x" * len(uid("s1"))),
    ],
    ids=["cut inside pixels", "cut in a header", "empty", "noise", "no study UID", "bad series UID"],
)
@contract("3.4")
def test_refuses_damaged_data_sets(server: Server, damage: Any) -> None:
    before = server.status()
    response = store_bytes(server, damage(data_set_of(ct_bytes(sop="damaged"))), "damaged")
    assert status_of(response) in (CANNOT_UNDERSTAND, MISMATCH)
    assert 0 < len(response[0x0902]) <= 64
    assert server.temporary_files() == []
    assert server.status() == before


@contract("3.4")
def test_refuses_request_without_data_set(server: Server) -> None:
    assert status_of(store_bytes(server, b"", "nothing", has_data_set=False)) == CANNOT_UNDERSTAND


@contract("3.3")
def test_refuses_object_that_command_misnames(server: Server) -> None:
    response = store_bytes(server, data_set_of(ct_bytes(sop="one")), "other")
    assert status_of(response) == MISMATCH
    assert response[0x0901] == struct.pack("<HH", 0x0008, 0x0018)


@contract("3.3")
def test_error_comment_holds_no_value(server: Server) -> None:
    response = store_bytes(server, data_set_of(ct_bytes(sop="secret", patient="Geheim"))[:-60], "secret")
    assert b"Geheim" not in response[0x0902]
    assert "Geheim" not in server.log.read_text()


@pytest.mark.parametrize("end", ["close", "abort"])
@contract("1.11")
def test_broken_transfer_leaves_nothing(server: Server, end: Any) -> None:
    before = server.status()
    peer = Bare(server.port)
    assert peer.associate()[0] == 2
    peer.command(store_rq(uid("broken")))
    peer.data_set(data_set_of(ct_bytes(sop="broken"))[:200], is_last=False)
    wait_for(server.temporary_files)
    if end == "abort":
        peer.send(bytes.fromhex("07000000000400000000"))
    peer.close()
    wait_for(lambda: not server.temporary_files())
    assert server.status() == before


@contract("1.6")
def test_takes_data_in_any_fragments(server: Server) -> None:
    data = data_set_of(ct_bytes(sop="fragments"))
    peer = Bare(server.port)
    assert peer.associate()[0] == 2
    pieces = [data[:1], data[1:2], b"", data[2:300], data[300:]]
    pdvs = [struct.pack(">IBB", len(each) + 2, 1, 2 * (n == 4)) + each for n, each in enumerate(pieces)]
    from pacs.dimse.messages import encode_command

    command = encode_command(store_rq(uid("fragments")))
    first = struct.pack(">IBB", len(command[:9]) + 2, 1, 1) + command[:9]
    rest = struct.pack(">IBB", len(command[9:]) + 2, 1, 3) + command[9:]
    for body in (first, rest + pdvs[0] + pdvs[1], pdvs[2] + pdvs[3], pdvs[4]):
        peer.send(struct.pack(">BxI", 4, len(body)) + body)
    kind, answer = peer.pdu()
    peer.close()
    assert (kind, status_of(elements(answer[6:]))) == (4, 0)


@contract("3.1", "3.2")
def test_takes_every_class_in_every_syntax(server: Server) -> None:
    classes = sorted(STORAGE_CLASSES)
    assert len(classes) > 150
    for start in range(0, len(classes), 128):
        contexts = [build_context(each, list(TRANSFER_SYNTAXES)) for each in classes[start : start + 128]]
        with association(server.port, contexts) as assoc:
            assert len(assoc.accepted_contexts) == len(contexts)
            assert {each.transfer_syntax[0] for each in assoc.accepted_contexts} == {TRANSFER_SYNTAXES[0]}
    for syntax in TRANSFER_SYNTAXES:
        with association(server.port, [build_context(CT, [syntax])]) as assoc:
            assert assoc.accepted_contexts[0].transfer_syntax[0] == syntax


@contract("1.5")
def test_prefers_the_senders_first_syntax(server: Server) -> None:
    order = ["1.2.3.4.5", "1.2.840.10008.1.2.4.90", EXPLICIT_LE]
    with association(server.port, [build_context(CT, order)]) as assoc:
        assert assoc.accepted_contexts[0].transfer_syntax[0] == "1.2.840.10008.1.2.4.90"


@contract("3.1")
def test_private_classes_are_taken_by_policy(server: Server, own_server: Server) -> None:
    with association(server.port, [build_context(PRIVATE_CLASS, [EXPLICIT_LE])]) as assoc:
        private = make_ct("private", SOPClassUID=PRIVATE_CLASS)
        private.file_meta.MediaStorageSOPClassUID = UID(PRIVATE_CLASS)
        assert assoc.send_c_store(private).Status == 0
    own_server.environment["PACS_DIMSE__PRIVATE_SOP_CLASSES"] = "refuse"
    own_server.start_scp(1)
    contexts = [build_context(PRIVATE_CLASS, [EXPLICIT_LE]), build_context(CT, [EXPLICIT_LE])]
    with association(own_server.port, contexts) as assoc:
        assert [each.abstract_syntax for each in assoc.accepted_contexts] == [CT]
        assert [each.result for each in assoc.rejected_contexts] == [3]


@contract("1.4", "3.1")
def test_classes_that_nobody_can_have_are_refused(server: Server) -> None:
    nobodys = ["1.2.3.4.5", "1.2.840.10008.5.1.4.31.7", "1.2.840.10008.1.2.1", "2.999.1", "3.1.2", "0.1.2"]
    somebodys = ["1.3.12.2.1107.5.9.1", "1.2.392.200036.9125.1", "1.2.840.10008.5.1.4.1.1.999", "2.25.77"]
    contexts = [build_context(each, [EXPLICIT_LE]) for each in (*nobodys, *somebodys)]
    with association(server.port, contexts) as assoc:
        assert [each.abstract_syntax for each in assoc.accepted_contexts] == somebodys
        assert {each.result for each in assoc.rejected_contexts} == {3}


@contract("1.2", "3.3")
def test_peer_without_permission_is_refused(server: Server) -> None:
    server.run("peer", "add", "FINDER", "127.0.0.1", "1", "--allow", "find")
    assert store(server.port, [make_ct("unwanted")], calling="FINDER") == [NOT_AUTHORISED]
    assert server.temporary_files() == []


def test_eight_associations_store_at_once(server: Server, tmp_path: Path) -> None:
    before = server.status()["waiting"]
    for number in range(8):
        (tmp_path / str(number)).mkdir()
        for n in range(10):
            (tmp_path / str(number) / f"{n}.dcm").write_bytes(ct_bytes(sop=f"p{number}-{n}", series="shared"))

    # Processes, since pynetdicom's client loses responses to its own reactor thread when it runs in many threads.
    def send(number: int) -> None:
        dcmtk("storescu", "+sd", "127.0.0.1", str(server.port), str(tmp_path / str(number)))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(send, range(8)))
    assert server.status()["waiting"] == before + 80


@contract("3.5", "W17")
def test_large_object_does_not_grow_memory(own_server: Server) -> None:
    process = own_server.start_scp(1)
    pids = [int(each) for each in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]
    before = sum(_memory(each) for each in pids)
    small = data_set_of(ct_bytes(sop="large"))
    head = small[: small.rindex(b"\xe0\x7f\x10\x00")]
    size = 200 << 20
    peer = Bare(own_server.port)
    assert peer.associate()[0] == 2
    peer.command(store_rq(uid("large")))
    peer.data_set(head + struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OW", 0, size), is_last=False)
    chunk = bytes(1 << 20)
    for number in range(200):
        peer.data_set(chunk, limit=131072, is_last=number == 199)
    kind, answer = peer.pdu()
    assert (kind, status_of(elements(answer[6:]))) == (4, 0)
    assert sum(_peak(each) for each in pids) - before < 50 << 20
    peer.close()


def _memory(pid: int) -> int:
    """Resident memory that is the process's own, in bytes."""
    return int(Path(f"/proc/{pid}/status").read_text().partition("RssAnon:")[2].split()[0]) * 1024


_peak = _memory


@contract("7")
def test_dcmtk_storescu_stores_real_files(server: Server) -> None:
    folder = shared_data()
    if folder is None:
        pytest.skip("no real files here: set PACS_TEST_DATA")
    files = [str(each) for each in sorted((folder / "ct").rglob("*.dcm"))[:20]]
    before = server.status()["waiting"]
    dcmtk("dcmsend", "-v", "--no-halt", "127.0.0.1", str(server.port), *files)
    assert server.status()["waiting"] >= before + len(files) - 1
