"""Requests in contexts that are not theirs, ahead of their turn, and cancelled: on the wire, message by message."""

import socket
import struct
from collections.abc import Iterator

import pytest

from pacs.dicom.syntaxes import EXPLICIT_LE, IMPLICIT_LE
from pacs.dimse.messages import Command, Value, encode_command, parse_command, pdus
from tests.builders import CT, ct_bytes, make_ct, uid
from tests.wire.contract import contract
from tests.wire.holdings import hold
from tests.wire.peers import PATIENT_ROOT, STUDY_ROOT, VERIFICATION, Bare, associate_rq
from tests.wire.server import Server
from tests.wire.test_dimse_association import is_well
from tests.wire.test_dimse_store import data_set_of, store_rq

FIND, MOVE, GET = (f"{STUDY_ROOT}{number}" for number in (1, 2, 3))
PUSH = "1.2.840.10008.1.20.1"
STORE_RQ, FIND_RQ, MOVE_RQ, ECHO_RQ, ACTION_RQ = 0x0001, 0x0020, 0x0021, 0x0030, 0x0130
SUCCESS, PENDING, CANCELLED, NOT_SUPPORTED = 0x0000, 0xFF00, 0xFE00, 0x0122
SLICES = 12


@pytest.fixture(scope="module")
def holding(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A study of a few slices."""
    running = Server(tmp_path_factory.mktemp("requests") / "data")
    hold(running.data, [make_ct(f"r-{n}", "r", "r", "R", InstanceNumber=n) for n in range(SLICES)])
    running.run("peer", "add", "BARE", "127.0.0.1", "1")
    running.run("peer", "set", "BARE", "relational=yes")
    running.start_scp(1)
    yield running
    running.stop()


def on(server: Server, *classes: str, syntax: str = IMPLICIT_LE, user: bytes = b"") -> Bare:
    """An association with a context for each class: 1, 3, 5, ..."""
    peer = Bare(server.port)
    peer.send(associate_rq([(each, [syntax]) for each in classes], user=user))
    assert peer.pdu()[0] == 2
    return peer


def role(sop_class: str, *, scu: int, scp: int) -> bytes:
    """SCP/SCU role selection. PS3.7 D.3.3.4."""
    body = struct.pack(">H", len(sop_class)) + sop_class.encode() + bytes((scu, scp))
    return struct.pack(">BxH", 0x54, len(body)) + body


def keys(level: str, **more: str) -> bytes:
    """An identifier in Implicit VR Little Endian."""
    tags = {"QueryRetrieveLevel": (8, 0x52), "StudyInstanceUID": (0x20, 0xD), "SOPInstanceUID": (8, 0x18)}
    tags |= {"PatientID": (0x10, 0x20), "PatientComments": (0x10, 0x4000), "SeriesNumber": (0x20, 0x11)}
    values = sorted((tags[keyword], value) for keyword, value in ({"QueryRetrieveLevel": level} | more).items())
    padded = ((tag, value.encode() + b" " * (len(value.encode()) % 2)) for tag, value in values)
    return b"".join(struct.pack("<HHI", *tag, len(value)) + value for tag, value in padded)


def message(field: int, sop_class: str, message_id: int, data: bytes, context_id: int = 1, **more: Value) -> bytes:
    """A request with a data set, as PDUs."""
    command: dict[int, Value] = {0x0100: field, 0x0110: message_id, 0x0700: 0, 0x0800: 1}
    command |= {2: sop_class} if sop_class else {}
    command |= {0x0600: more["to"]} if "to" in more else {}
    pieces = [*pdus(context_id, encode_command(command), 16384, is_command=True)]
    return b"".join(map(bytes, [*pieces, *pdus(context_id, data, 65536, is_command=False)]))


def find_images(message_id: int) -> bytes:
    return message(FIND_RQ, FIND, message_id, keys("IMAGE", SOPInstanceUID=""))


def cancel(message_id: int) -> bytes:
    command: dict[int, Value] = {0x0100: 0x0FFF, 0x0120: message_id, 0x0800: 0x0101}
    return b"".join(map(bytes, pdus(1, encode_command(command), 16384, is_command=True)))


def answer(peer: Bare) -> Command:
    """The next command set; data sets are passed over."""
    while True:
        kind, body = peer.pdu()
        assert kind == 4, kind
        if body[5] & 1:
            return parse_command(body[6 : 4 + struct.unpack(">I", body[:4])[0]])


def final(peer: Bare) -> tuple[int, int, int]:
    """Message id and status of the next final response, and how many were pending before it."""
    pending = 0
    while (found := answer(peer)).number(0x0900) == PENDING:
        pending += 1
    return found.number(0x0120), found.number(0x0900), pending


def joined(pieces: bytes) -> bytes:
    """P-DATA-TF PDUs as one, with all their PDVs."""
    out, position = b"", 0
    while position < len(pieces):
        length = struct.unpack_from(">I", pieces, position + 2)[0]
        out += pieces[position + 6 : position + 6 + length]
        position += 6 + length
    return struct.pack(">BxI", 4, len(out)) + out


@contract("4.1", "4.2", "3.3")
def test_class_of_a_query_is_that_of_its_context(holding: Server) -> None:
    peer = on(holding, FIND)
    for named in (f"{PATIENT_ROOT}1", MOVE, ""):
        peer.send(message(FIND_RQ, named, 1, keys("PATIENT", PatientID="")))
        assert final(peer) == (1, NOT_SUPPORTED, 0)
    peer.send(find_images(2))
    assert final(peer) == (2, SUCCESS, SLICES)


@pytest.mark.parametrize("number", ["\u0661", "1_0"])
@contract("4.3")
def test_digits_of_other_scripts_are_no_number(holding: Server, number: str) -> None:
    peer = on(holding, FIND)
    peer.send(message(FIND_RQ, FIND, 1, keys("SERIES", StudyInstanceUID=uid("r"), SeriesNumber=number)))
    assert final(peer) == (1, 0xA900, 0)


@contract("5.1")
def test_class_of_a_move_is_that_of_its_context(holding: Server) -> None:
    peer = on(holding, MOVE)
    for named in (f"{PATIENT_ROOT}2", GET, ""):
        peer.send(message(MOVE_RQ, named, 1, keys("PATIENT", PatientID="R"), to="BARE"))
        assert final(peer) == (1, NOT_SUPPORTED, 0)


@contract("5.1", "5.8")
def test_known_study_is_found_among_many_unknown(holding: Server) -> None:
    peer = on(holding, MOVE)
    many = "\\".join([*(f"1.2.3.{number}" for number in range(2000)), uid("r"), *(f"1.2.4.{n}" for n in range(2000))])
    peer.send(message(MOVE_RQ, MOVE, 1, keys("STUDY", StudyInstanceUID=many), to="BARE"))
    found = answer(peer)
    while found.number(0x0900) == PENDING:
        found = answer(peer)
    assert (found.number(0x0900), found.number(0x1022)) == (0xA702, SLICES)


@contract("5.12")
def test_cancel_while_the_destination_does_not_answer(holding: Server) -> None:
    """Nothing is on its way yet, so nothing is waited for."""
    peer = on(holding, MOVE)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        holding.run("peer", "add", "SILENT", "127.0.0.1", str(silent.getsockname()[1]))
        peer.send(message(MOVE_RQ, MOVE, 1, keys("STUDY", StudyInstanceUID=uid("r")), to="SILENT"))
        assert answer(peer).number(0x0900) == PENDING
        peer.send(cancel(1))
        assert final(peer)[:2] == (1, CANCELLED)


@pytest.mark.parametrize("sop_class", [VERIFICATION, FIND, PUSH])
@contract("3.3")
def test_object_of_a_service_class_is_not_stored(holding: Server, sop_class: str) -> None:
    peer = on(holding, sop_class, syntax=EXPLICIT_LE)
    peer.command(store_rq(uid("service")) | {2: sop_class})
    peer.data_set(data_set_of(ct_bytes(sop="service", SOPClassUID=sop_class)))
    assert answer(peer).number(0x0900) == NOT_SUPPORTED
    assert holding.status()["waiting"] == 0
    assert holding.temporary_files() == []


@contract("3.3", "1.8")
def test_storing_needs_the_role_that_was_agreed(holding: Server) -> None:
    peer = on(holding, GET, CT, syntax=EXPLICIT_LE, user=role(CT, scu=0, scp=1))
    peer.command(store_rq(uid("role")), context_id=3)
    peer.data_set(data_set_of(ct_bytes(sop="role")), context_id=3)
    assert answer(peer).number(0x0900) == NOT_SUPPORTED
    assert holding.temporary_files() == []


@pytest.mark.parametrize("field", [ECHO_RQ, ACTION_RQ], ids=["echo", "action"])
@contract("2", "6")
def test_service_in_a_context_of_another_is_refused(holding: Server, field: int) -> None:
    peer = on(holding, FIND)
    peer.send(message(field, VERIFICATION, 1, keys("STUDY")))
    assert final(peer) == (1, NOT_SUPPORTED, 0)


@contract("4.9")
def test_cancel_in_the_pdu_of_its_query_counts(holding: Server) -> None:
    peer = on(holding, FIND)
    peer.send(joined(find_images(5) + cancel(5)))
    assert final(peer) == (5, CANCELLED, 0)


@contract("4.9")
def test_cancel_of_a_query_that_waits_counts(holding: Server) -> None:
    peer = on(holding, FIND)
    peer.send(joined(find_images(1) + find_images(2) + cancel(2)))
    assert final(peer) == (1, SUCCESS, SLICES)
    assert final(peer) == (2, CANCELLED, 0)


@contract("4.9")
def test_cancel_before_its_query_does_not_count(holding: Server) -> None:
    peer = on(holding, FIND)
    peer.send(joined(cancel(6) + find_images(6)))
    assert final(peer) == (6, SUCCESS, SLICES)
    peer.send(b"".join(map(cancel, range(40))))
    peer.send(find_images(6))
    assert final(peer) == (6, SUCCESS, SLICES)


@pytest.mark.parametrize(("count", "letters"), [(17, 10), (4, 15_000_000)], ids=["many", "large"])
@contract("1.10")
def test_requests_ahead_of_a_silent_get_end_it(holding: Server, count: int, letters: int) -> None:
    """The first sub-operation is never answered; requests follow it as if it had been."""
    peer = on(holding, GET, CT, FIND, user=role(CT, scu=0, scp=1))
    peer.send(message(0x0010, GET, 1, keys("STUDY", StudyInstanceUID=uid("r"))))
    assert answer(peer).field == STORE_RQ
    ahead = message(FIND_RQ, FIND, 2, keys("STUDY", PatientComments="x" * letters), context_id=5)
    for _ in range(count):
        peer.send(ahead)
    while (kind := peer.pdu()[0]) == 4:
        pass
    assert kind == 7
    assert is_well(holding)


@contract("5.5", "1.10")
def test_half_a_header_does_not_stop_pending_responses(holding: Server) -> None:
    peer = on(holding, MOVE)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, says nothing
        holding.run("peer", "add", "SILENT", "127.0.0.1", str(silent.getsockname()[1]))
        peer.send(message(MOVE_RQ, MOVE, 1, keys("STUDY", StudyInstanceUID=uid("r")), to="SILENT"))
        assert answer(peer).number(0x0900) == PENDING
        peer.send(cancel(1)[:3])
        assert [answer(peer).number(0x0900) for _ in range(3)] == [PENDING] * 3
        peer.send(cancel(1)[3:])
        assert final(peer)[:2] == (1, CANCELLED)
