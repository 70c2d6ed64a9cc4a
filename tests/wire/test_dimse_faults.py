"""Peers that die, stall and lie, a full disk, a killed process: others go on, and nothing leaks."""

import contextlib
import os
import resource
import socket
import struct
from pathlib import Path
from typing import Any

import pytest

from pacs.dicom.syntaxes import EXPLICIT_LE, IMPLICIT_LE
from tests import warm
from tests.builders import CT, ct_bytes, make_ct, uid
from tests.wire.contract import contract
from tests.wire.peers import STUDY_ROOT, Bare, associate_rq, find, move, store
from tests.wire.server import Server, wait_for
from tests.wire.test_dimse_association import is_well
from tests.wire.test_dimse_store import data_set_of, elements, status_of, store_rq

STUDY_FIND = f"{STUDY_ROOT}1"
RESET = struct.pack("ii", 1, 0)


def children(process: warm.Started) -> list[int]:
    """Association server processes below the supervisor."""
    return [int(each) for each in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def open_files(pid: int) -> list[str]:
    """What the descriptors of a process stand for."""
    found = []
    for each in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed since
            found.append(str(each.readlink()))
    return found


def holdings(server: Server, pids: list[int]) -> tuple[int, int, int]:
    """Open files and threads of processes, and temporary files of the doors.

    The database file itself does not count: SQLite keeps it open for locks of others after a connection is closed, as
    often as connections were open at once. A connection that was left open has the journal open too, which counts.
    """
    files = sum(1 for pid in pids for each in open_files(pid) if not each.endswith("pacs.sqlite"))
    threads = sum(len(os.listdir(f"/proc/{pid}/task")) for pid in pids)
    return files, threads, len(server.temporary_files())


def settled(server: Server, pids: list[int], before: tuple[int, int, int]) -> None:
    """Wait until no more is held than before, but for a few files of the spool."""
    files, threads, temporary = before

    def is_back() -> bool:
        now = holdings(server, pids)
        return now[0] <= files + 4 * len(pids) and now[1] <= threads and now[2] <= temporary

    wait_for(is_back, 60)


def die(peer: Bare, how: str) -> None:
    """End a connection: in order, by a reset, or by A-ABORT."""
    if how == "reset":
        peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    if how == "abort":
        peer.send(bytes.fromhex("07000000000400000000"))
    peer.close()


def connected(server: Server) -> Bare:
    return Bare(server.port)


def asking(server: Server) -> Bare:
    peer = Bare(server.port)
    peer.send(associate_rq([(CT, [EXPLICIT_LE])])[:50])
    return peer


def asked(server: Server) -> Bare:
    peer = Bare(server.port)
    peer.send(associate_rq([(CT, [EXPLICIT_LE])]))
    return peer


def established(server: Server) -> Bare:
    peer = Bare(server.port)
    assert peer.associate()[0] == 2
    return peer


def in_a_header(server: Server) -> Bare:
    peer = established(server)
    peer.send(b"\4\0\0")
    return peer


def in_a_pdu(server: Server) -> Bare:
    peer = established(server)
    peer.send(struct.pack(">BxIIBB", 4, 5000, 4996, 1, 3) + bytes(100))
    return peer


def in_a_command(server: Server) -> Bare:
    peer = established(server)
    peer.send(struct.pack(">BxIIBB", 4, 16, 12, 1, 1) + bytes(10))
    return peer


def in_an_object(server: Server) -> Bare:
    peer = established(server)
    peer.command(store_rq(uid("dies")))
    peer.data_set(data_set_of(ct_bytes(sop="dies"))[:300], is_last=False)
    return peer


def before_its_answer(server: Server) -> Bare:
    peer = established(server)
    peer.command(store_rq(uid("gone")))
    peer.data_set(data_set_of(ct_bytes(sop="gone")))
    return peer


def in_a_query(server: Server) -> Bare:
    peer = Bare(server.port)
    assert peer.associate(STUDY_FIND, IMPLICIT_LE)[0] == 2
    peer.command({2: STUDY_FIND, 0x0100: 0x20, 0x0110: 1, 0x0700: 0, 0x0800: 1})
    peer.data_set(struct.pack("<HHI", 8, 0x52, 6) + b"STUDY " + struct.pack("<HHI", 0x20, 0xD, 0))
    return peer


def releasing(server: Server) -> Bare:
    peer = established(server)
    peer.send(bytes.fromhex("05000000000400000000"))
    return peer


STATES = (
    connected,
    asking,
    asked,
    established,
    in_a_header,
    in_a_pdu,
    in_a_command,
    in_an_object,
    before_its_answer,
    in_a_query,
    releasing,
)


@contract("1.10", "1.11")
def test_peers_that_die_in_any_state_leave_nothing(own_server: Server) -> None:
    process = own_server.start_scp(1)
    pids = children(process)
    assert is_well(own_server)
    before = holdings(own_server, pids)
    for state in STATES:
        for how in ("close", "reset", "abort"):
            for _ in range(3):
                die(state(own_server), how)
    assert is_well(own_server)
    settled(own_server, pids, before)
    assert "association failed" not in own_server.log.read_text()


@pytest.mark.parametrize("length", [0, 1, 5, 131072 + 1000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF], ids=hex)
@pytest.mark.parametrize("kind", [1, 4, 5, 7])
@contract("1.10")
def test_wrong_lengths_take_no_memory(server: Server, kind: Any, length: Any) -> None:
    peer = Bare(server.port)
    if kind != 1:
        assert peer.associate()[0] == 2
    peer.send(struct.pack(">BxI", kind, length) + bytes(min(length, 64)))
    peer.sock.shutdown(socket.SHUT_WR)
    while peer.pdu()[0]:
        pass
    assert is_well(server)


@contract("1.9")
def test_half_open_sockets_are_closed(own_server: Server) -> None:
    own_server.environment |= {"PACS_DIMSE__ACSE_TIMEOUT_S": "1", "PACS_DIMSE__TRANSFER_TIMEOUT_S": "1"}
    process = own_server.start_scp(1)
    pids = children(process)
    assert is_well(own_server)
    before = holdings(own_server, pids)
    silent = [state(own_server) for state in (connected, asking, in_a_header, in_a_pdu) for _ in range(10)]
    settled(own_server, pids, before)
    assert {each.read(1) for each in silent[:10]} == {b""}


def connect_and_leave(server: Server, times: int) -> None:
    for number in range(times):
        peer = Bare(server.port)
        if number % 2:
            assert peer.associate()[0] == 2
            peer.send(bytes.fromhex("05000000000400000000"))
            assert peer.pdu()[0] == 6
        Bare.opened.remove(peer)
        peer.close()


@pytest.mark.parametrize("times", [500, pytest.param(10_000, marks=[pytest.mark.long, pytest.mark.timeout(1500)])])
@contract("1.3")
def test_many_connections_in_a_row_leak_nothing(own_server: Server, times: Any) -> None:
    process = own_server.start_scp(2)
    pids = children(process)
    for _ in range(8):
        assert is_well(own_server)
    before = holdings(own_server, pids)
    connect_and_leave(own_server, times)
    settled(own_server, pids, before)
    assert is_well(own_server)


@contract("W24")
def test_destination_that_never_answers_is_given_up(own_server: Server) -> None:
    own_server.environment["PACS_DIMSE__ACSE_TIMEOUT_S"] = "2"
    own_server.start_scp(1)
    own_server.start("worker", "--workers", "1")
    assert store(own_server.port, [make_ct(f"silent-{n}", InstanceNumber=n) for n in range(3)]) == [0] * 3
    own_server.wait_until_worked_off()
    study = str(find(own_server.port, level="STUDY", StudyInstanceUID="")[0][0].StudyInstanceUID)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, says nothing
        own_server.run("peer", "add", "SILENT", "127.0.0.1", str(silent.getsockname()[1]))
        answers = move(own_server.port, "SILENT", level="STUDY", StudyInstanceUID=study)
    final = answers[-1][0]
    assert (final.Status, final.NumberOfCompletedSuboperations) == (0xA702, 0)
    assert is_well(own_server)


@contract("3.3")
def test_disk_that_fills_up_fails_the_object_alone(own_server: Server) -> None:
    """A limit on the size of files stands for the disk: a larger object cannot be written, a small one can."""
    process = own_server.start_scp(1)
    pids = children(process)
    for pid in pids:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
    peer = established(own_server)
    peer.command(store_rq(uid("too-large")))
    data = data_set_of(ct_bytes(sop="too-large", Rows=1024, Columns=1024, PixelData=bytes(1 << 21)))
    peer.data_set(data)
    answer = elements(peer.pdu()[1][6:])
    assert status_of(answer) == 0xA700
    assert own_server.temporary_files() == []
    peer.command(store_rq(uid("small")))
    peer.data_set(data_set_of(ct_bytes(sop="small")))
    assert status_of(elements(peer.pdu()[1][6:])) == 0
    assert own_server.status()["waiting"] == 1


@contract("1.3")
def test_killed_process_takes_only_its_own_associations(own_server: Server) -> None:
    process = own_server.start_scp(3)
    pids = children(process)
    peers = [established(own_server) for _ in range(24)]
    for number, peer in enumerate(peers):
        peer.command(store_rq(uid(f"kill-{number}")))
        peer.data_set(data_set_of(ct_bytes(sop=f"kill-{number}")))
        assert status_of(elements(peer.pdu()[1][6:])) == 0
        peer.command(store_rq(uid(f"half-{number}")))
        peer.data_set(data_set_of(ct_bytes(sop=f"half-{number}"))[:300], is_last=False)
    os.kill(pids[0], 9)
    acknowledged = 24
    for number, peer in enumerate(peers):
        try:
            peer.data_set(data_set_of(ct_bytes(sop=f"half-{number}"))[300:])
            kind, body = peer.pdu()
        except OSError:
            continue
        if kind:
            assert status_of(elements(body[6:])) == 0
            acknowledged += 1
    assert 24 < acknowledged < 48
    assert own_server.status()["waiting"] == acknowledged
    wait_for(lambda: len(children(process)) == 3)
    assert store(own_server.port, [make_ct("after-kill")]) == [0]
    wait_for(lambda: not own_server.temporary_files(), 60)
