"""Associations over real sockets: who is let in, limits, and what garbage does. PS3.8."""

import os
import signal
import socket
import struct
from pathlib import Path
from typing import Any

import pytest
from pynetdicom import AE
from pynetdicom.presentation import build_context

from pacs.dicom.syntaxes import EXPLICIT_LE, IMPLICIT_LE
from tests.builders import CT, ct_bytes, uid
from tests.wire.contract import contract
from tests.wire.peers import STUDY_ROOT, VERIFICATION, Bare, associate_rq, association, dcmtk
from tests.wire.server import Server, wait_for
from tests.wire.test_dimse_store import data_set_of, elements, status_of, store_rq

ABORT_BY_PROVIDER = (7, b"\0\0\2\0")


def rejection(server: Server, **more: Any) -> tuple[int, int, int] | None:
    """Result, source, reason of a rejection; None when the association is accepted."""
    peer = Bare(server.port)
    kind, body = peer.associate(VERIFICATION, IMPLICIT_LE, **more)
    peer.close()
    return None if kind == 2 else (body[1], body[2], body[3])


def is_well(server: Server) -> bool:
    with association(server.port, [build_context(VERIFICATION)]) as assoc:
        return bool(assoc.send_c_echo().Status == 0)


@contract("2", "7")
def test_dcmtk_echoscu_is_answered(server: Server) -> None:
    dcmtk("echoscu", "127.0.0.1", str(server.port))


@contract("1.1")
def test_rejects_other_application_contexts(server: Server) -> None:
    assert rejection(server, application="1.2.3") == (1, 1, 2)


@pytest.mark.parametrize(("version", "expected"), [(1, None), (3, None), (2, (1, 2, 2))])
@contract("1.1")
def test_only_bit_0_of_the_version_counts(server: Server, version: Any, expected: Any) -> None:
    assert rejection(server, version=version) == expected


@contract("1.2")
def test_titles_that_are_none_are_rejected(server: Server) -> None:
    for called in ("", "A\\B", "\n", "?" * 16):
        assert rejection(server, called=called) == (1, 1, 7), called
    for calling in ("", "A\\B", "\x7f", "?" * 16):
        assert rejection(server, calling=calling) == (1, 1, 3), calling


@contract("1.2")
def test_any_called_title_will_do_when_told(own_server: Server) -> None:
    own_server.environment["PACS_DIMSE__CHECK_CALLED_AET"] = "false"
    own_server.start_scp(1)
    assert rejection(own_server, called="ELSE") is None
    assert rejection(own_server, called="") == (1, 1, 7)


@contract("1.2")
def test_called_title_is_ours_or_a_collections(own_server: Server) -> None:
    own_server.start_scp(1)
    own_server.run("collection", "create", "lungs", "--called-aet", "LUNGS")
    assert rejection(own_server, called="ELSE") == (1, 1, 7)
    assert rejection(own_server, called="trialpacs") == (1, 1, 7)
    assert rejection(own_server, called=" TRIALPACS") is None
    assert rejection(own_server, called="LUNGS") is None


@contract("1.2", "W19")
def test_rejects_unknown_titles_beyond_loopback(own_server: Server) -> None:
    own_server.environment["PACS_HTTP__HOST"] = "0.0.0.0"
    own_server.start_scp(1)
    assert rejection(own_server, calling="STRANGER") == (1, 1, 3)
    own_server.run("peer", "add", "FRIEND", "127.0.0.1", "104")
    assert rejection(own_server, calling="FRIEND") is None
    own_server.run("peer", "remove", "FRIEND")
    assert rejection(own_server, calling="FRIEND") == (1, 1, 3)


@contract("1.3")
def test_rejects_more_associations_than_the_limit(own_server: Server) -> None:
    own_server.environment["PACS_DIMSE__MAX_ASSOCIATIONS"] = "3"
    own_server.start_scp(1)
    peers = [Bare(own_server.port) for _ in range(3)]
    assert [each.associate()[0] for each in peers] == [2, 2, 2]
    assert rejection(own_server) == (2, 3, 2)
    peers.pop().close()
    wait_for(lambda: rejection(own_server) is None)
    for each in peers:
        each.close()


@contract("1.3")
def test_serves_many_idle_associations(server: Server) -> None:
    idle = [Bare(server.port) for _ in range(60)]
    assert {each.associate()[0] for each in idle} == {2}
    assert is_well(server)
    for each in idle:
        each.close()


@contract("1.4", "1.5", "W16")
def test_judges_each_of_128_contexts(server: Server) -> None:
    contexts = [
        (CT, [EXPLICIT_LE]),
        (CT, ["1.2.3"]),
        (VERIFICATION, [IMPLICIT_LE]),
        ("1.2.840.10008.5.1.4.31", [IMPLICIT_LE]),
    ]
    peer = Bare(server.port)
    peer.send(associate_rq(contexts * 32))
    kind, body = peer.pdu()
    peer.close()
    results, position = {}, 68
    while position < len(body):
        item, length = struct.unpack_from(">BxH", body, position)
        if item == 0x21:
            results[body[position + 4]] = body[position + 6]
        position += 4 + length
    assert kind == 2
    assert [results[number] for number in range(1, 256, 2)] == [0, 4, 0, 3] * 32


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        struct.pack(">BxI", 1, 0xFFFFFFFF),
        struct.pack(">BxI", 4, 8) + bytes(8),
        struct.pack(">BxI", 1, 6) + b"\0\1\0\0xx",
        bytes(4096),
        struct.pack(">BxI", 5, 4) + bytes(4),
        struct.pack(">BxI", 6, 4) + bytes(4),
        struct.pack(">BxI", 3, 4) + b"\0\1\1\1",
        struct.pack(">BxI", 2, 4) + bytes(4),
    ],
    ids=["http", "endless", "data first", "cut request", "zeros", "release", "released", "rejection", "acceptance"],
)
@contract("1.10")
def test_garbage_instead_of_a_request_is_aborted(server: Server, garbage: Any) -> None:
    peer = Bare(server.port)
    peer.send(garbage)
    kind, body = peer.pdu()
    assert (kind, body[2] if body else None) == (7, 2)
    assert peer.pdu()[0] == 0
    assert is_well(server)


@pytest.mark.parametrize(
    "garbage",
    [
        struct.pack(">BxI", 4, 0xFFFFFFFF),
        struct.pack(">BxI", 9, 4) + bytes(4),
        struct.pack(">BxIIBB", 4, 8, 4, 99, 3) + bytes(2),
        struct.pack(">BxIIBB", 4, 8, 400, 1, 3) + bytes(2),
        struct.pack(">BxIIBB", 4, 8, 4, 1, 2) + bytes(2),
        struct.pack(">BxIIBB", 4, 8, 4, 1, 3) + bytes(2),
        struct.pack(">BxI", 4, 3) + bytes(3),
        struct.pack(">BxI", 4, 0),
        associate_rq([(CT, [EXPLICIT_LE])]),
    ],
    ids=[
        "endless",
        "unknown type",
        "no such context",
        "long PDV",
        "data alone",
        "no command",
        "cut PDV",
        "no PDV",
        "again",
    ],
)
@contract("1.10")
def test_garbage_in_an_association_is_aborted(server: Server, garbage: Any) -> None:
    other = Bare(server.port)
    assert other.associate()[0] == 2
    peer = Bare(server.port)
    assert peer.associate()[0] == 2
    peer.send(garbage)
    kind, body = peer.pdu()
    assert (kind, body[2]) == (7, 2)
    other.command(store_rq(uid("beside")))
    other.data_set(data_set_of(ct_bytes(sop="beside")))
    kind, body = other.pdu()
    assert (kind, status_of(elements(body[6:]))) == (4, 0)
    other.close()


def test_query_on_a_context_of_another_service_is_refused(server: Server) -> None:
    """What was negotiated for storage or verification carries no query, whatever class the command names."""
    for abstract in (CT, VERIFICATION, f"{STUDY_ROOT}2"):
        peer = Bare(server.port)
        assert peer.associate(abstract)[0] == 2
        peer.command({2: f"{STUDY_ROOT}1", 0x0100: 0x0020, 0x0110: 1, 0x0700: 0, 0x0800: 1})
        peer.data_set(b"\x08\x00\x52\x00CS\x06\x00STUDY ")
        kind, body = peer.pdu()
        assert (kind, status_of(elements(body[6:]))) == (4, 0x0122), abstract
        peer.close()


def test_unknown_operations_are_refused_politely(server: Server) -> None:
    peer = Bare(server.port)
    assert peer.associate()[0] == 2
    peer.command({3: CT, 0x0100: 0x0140, 0x0110: 1, 0x0800: 0x0101, 0x1001: "1.2.3"})
    kind, body = peer.pdu()
    assert (kind, status_of(elements(body[6:]))) == (4, 0x0211)
    peer.close()


@contract("1.11")
def test_release_is_answered(server: Server) -> None:
    peer = Bare(server.port)
    peer.associate()
    peer.send(bytes.fromhex("05000000000400000000"))
    assert peer.pdu() == (6, bytes(4))
    assert peer.pdu()[0] == 0


@contract("1.9")
def test_silent_connection_is_closed(own_server: Server) -> None:
    own_server.environment["PACS_DIMSE__ACSE_TIMEOUT_S"] = "1"
    own_server.environment["PACS_DIMSE__IDLE_TIMEOUT_S"] = "1"
    own_server.start_scp(1)
    silent, idle = Bare(own_server.port), Bare(own_server.port)
    assert idle.associate()[0] == 2
    assert silent.pdu()[0] == 0
    assert idle.pdu()[0] == 7


@contract("1.6")
def test_never_sends_more_than_the_peer_takes(archive: Server) -> None:
    ae = AE("SMALL")
    assoc = ae.associate("127.0.0.1", archive.port, [build_context(f"{STUDY_ROOT}1")], "TRIALPACS", 4096)
    assert assoc.is_established
    from tests.wire.peers import find_on

    rows, status = find_on(assoc, f"{STUDY_ROOT}1", level="STUDY", StudyInstanceUID="")
    assoc.release()
    assert (len(rows), status.Status) == (3, 0)


def test_stop_finishes_the_object_in_hand(own_server: Server) -> None:
    process = own_server.start_scp(1)
    data = data_set_of(ct_bytes(sop="inhand"))
    peer = Bare(own_server.port)
    assert peer.associate()[0] == 2
    peer.command(store_rq(uid("inhand")))
    peer.data_set(data[:300], is_last=False)
    wait_for(own_server.temporary_files)
    process.send_signal(signal.SIGTERM)
    wait_for(lambda: _refuses(own_server.port))
    peer.data_set(data[300:])
    kind, answer = peer.pdu()
    assert (kind, status_of(elements(answer[6:]))) == (4, 0)
    assert process.wait(10) == 0
    assert own_server.status()["waiting"] == 1


def _refuses(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return True
    return False


def test_associations_leave_no_files_open(own_server: Server) -> None:
    process = own_server.start_scp(1)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    folder = f"/proc/{children[0]}/fd"
    assert is_well(own_server)
    wait_for(lambda: len(os.listdir(folder)) < 60)
    before = len(os.listdir(folder))
    for _ in range(30):
        is_well(own_server)
    wait_for(lambda: len(os.listdir(folder)) <= before + 2)
