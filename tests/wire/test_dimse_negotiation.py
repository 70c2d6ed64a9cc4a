"""What an association request may carry, item by item, and what is answered. PS3.8 9.3, PS3.7 Annex D.3."""

import struct
from dataclasses import dataclass, field
from typing import Any

import pytest
from pynetdicom.presentation import build_context

from pacs import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from pacs.dicom.syntaxes import EXPLICIT_LE, IMPLICIT_LE
from pacs.dimse.messages import encode_command
from tests.builders import CT, make_ct
from tests.wire.contract import contract
from tests.wire.peers import STUDY_ROOT, VERIFICATION, Bare, associate_rq, association
from tests.wire.server import Server
from tests.wire.test_dimse_store import elements, status_of

STUDY_FIND = f"{STUDY_ROOT}1"
PROPOSED = [(VERIFICATION, [IMPLICIT_LE]), (CT, [EXPLICIT_LE]), (STUDY_FIND, [IMPLICIT_LE])]
ECHO: dict[int, int | str] = {2: VERIFICATION, 0x0100: 0x30, 0x0110: 1, 0x0800: 0x0101}


@dataclass
class Answer:
    """An A-ASSOCIATE-AC, or another PDU: result and transfer syntax by context id, user items by type."""

    kind: int
    results: dict[int, int] = field(default_factory=dict)
    syntaxes: dict[int, str] = field(default_factory=dict)
    user: dict[int, bytes] = field(default_factory=dict)


def items(data: bytes) -> list[tuple[int, bytes]]:
    found, position = [], 0
    while position < len(data):
        kind, length = struct.unpack_from(">BxH", data, position)
        found.append((kind, data[position + 4 : position + 4 + length]))
        position += 4 + length
    return found


def item(kind: int, value: bytes) -> bytes:
    return struct.pack(">BxH", kind, len(value)) + value


def with_length(value: bytes) -> bytes:
    return struct.pack(">H", len(value)) + value


def answer_to(server: Server, request: bytes) -> tuple[Answer, Bare]:
    peer = Bare(server.port)
    peer.send(request)
    kind, body = peer.pdu()
    answer = Answer(kind)
    for number, value in items(body[68:]) if kind == 2 else ():
        if number == 0x21:
            answer.results[value[0]] = value[2]
            answer.syntaxes[value[0]] = dict(items(value[4:]))[0x40].decode()
        elif number == 0x50:
            answer.user = dict(items(value))
    return answer, peer


def request(*contexts: bytes, application: bytes = b"1.2.840.10008.3.1.1.1", more: bytes = b"") -> bytes:
    """A request of contexts as they are, which `associate_rq` would not make."""
    body = struct.pack(">HH16s16s32x", 1, 0, b"TRIALPACS".ljust(16), b"BARE".ljust(16)) + item(0x10, application)
    body += b"".join(contexts) + more
    body += item(0x50, item(0x51, struct.pack(">I", 16384)) + item(0x52, b"1.2.3.4"))
    return struct.pack(">BxI", 1, len(body)) + body


def context(number: int, abstract: bytes = CT.encode(), *syntaxes: bytes) -> bytes:
    offered = b"".join(item(0x40, each) for each in syntaxes or (EXPLICIT_LE.encode(),))
    return item(0x20, struct.pack(">Bxxx", number) + item(0x30, abstract) + offered)


def echo(peer: Bare, context_id: int = 1) -> int:
    peer.command(ECHO, context_id)
    kind, body = peer.pdu()
    assert kind == 4
    return status_of(elements(body[6:]))


@contract("1.7")
def test_names_its_implementation(server: Server) -> None:
    answer, _peer = answer_to(server, associate_rq(PROPOSED))
    assert answer.user[0x52].decode() == IMPLEMENTATION_CLASS_UID
    assert answer.user[0x55].decode() == IMPLEMENTATION_VERSION_NAME
    assert len(IMPLEMENTATION_VERSION_NAME) <= 16
    assert not IMPLEMENTATION_CLASS_UID.startswith("1.2.840.10008.")


@contract("1.6")
def test_announces_the_length_that_it_takes(server: Server) -> None:
    answer, peer = answer_to(server, associate_rq(PROPOSED))
    announced = int.from_bytes(answer.user[0x51], "big")
    assert announced >= 65536
    filler = encode_command(ECHO | {0x1000: "1.2.3"})
    padding = [struct.pack(">IBB", len(filler) + 2, 1, 3) + filler] * (announced // (len(filler) + 6))
    body = b"".join(padding[:8])
    peer.send(struct.pack(">BxI", 4, len(body)) + body)
    assert [peer.pdu()[0] for _ in range(8)] == [4] * 8


TOLERATED = {
    "asynchronous operations": item(0x53, struct.pack(">HH", 0, 0)),
    "role of a class": item(0x54, with_length(CT.encode()) + b"\1\1"),
    "role of a class not proposed": item(0x54, with_length(b"1.2.840.10008.5.1.4.1.1.4") + b"\1\1"),
    "no version name": item(0x55, b""),
    "long version name": item(0x55, b"A_VERSION_OF_TWENTY_"),
    "padded version name": item(0x55, b"ABC\0"),
    "storage, extended": item(0x56, with_length(CT.encode()) + b"\2\0\1\0\0\0"),
    "storage, two bytes": item(0x56, with_length(CT.encode()) + b"\2\0"),
    "common extended": item(0x57, with_length(CT.encode()) + with_length(b"1.2.840.10008.4.2") + b"\0\0"),
    "user name": item(0x58, b"\1\0" + with_length(b"ann") + with_length(b"")),
    "passcode": item(0x58, b"\2\1" + with_length(b"ann") + with_length(b"secret")),
    "Kerberos": item(0x58, b"\3\1" + with_length(b"ticket") + with_length(b"")),
    "SAML": item(0x58, b"\4\1" + with_length(b"<a/>") + with_length(b"")),
    "JSON web token": item(0x58, b"\5\1" + with_length(b"a.b.c") + with_length(b"")),
    "identity of no known type": item(0x58, b"\7\1" + with_length(b"a") + with_length(b"")),
    "unknown item": item(0x5A, b"whatever"),
    "item of the last number": item(0xFF, b""),
}


@pytest.mark.parametrize("user", TOLERATED.values(), ids=TOLERATED)
@contract("1.8")
def test_user_information_is_tolerated(server: Server, user: Any) -> None:
    answer, peer = answer_to(server, associate_rq(PROPOSED, user=user))
    assert answer.results == {1: 0, 3: 0, 5: 0}
    assert answer.user.get(0x53, b"\0\1\0\1") == b"\0\1\0\1"
    assert 0x59 not in answer.user  # nobody was identified
    assert echo(peer) == 0


@contract("1.8")
def test_roles_are_answered_for_storage(server: Server) -> None:
    asked = b"".join(item(0x54, with_length(each.encode()) + b"\1\1") for each in (CT, STUDY_FIND))
    answer, _peer = answer_to(server, associate_rq([(CT, [EXPLICIT_LE])], user=asked))
    assert answer.user[0x54] == with_length(CT.encode()) + b"\1\1"
    answer, _peer = answer_to(server, associate_rq([(STUDY_FIND, [EXPLICIT_LE])], user=asked))
    assert answer.user[0x54] == with_length(STUDY_FIND.encode()) + b"\1\0"


@pytest.mark.parametrize("asked", [b"\1", b"\1\1", b"\1\1\1\1", b"\1\1\1\1\1"])
@contract("1.8")
def test_only_what_is_offered_of_extended_queries(server: Server, asked: Any) -> None:
    wanted = item(0x56, with_length(STUDY_FIND.encode()) + asked)
    answer, _peer = answer_to(server, associate_rq(PROPOSED, user=wanted))
    granted = answer.user[0x56][2 + len(STUDY_FIND) :]
    assert (len(granted), granted[0]) == (len(asked), 1)
    assert all(ours <= theirs for ours, theirs in zip(granted, asked, strict=True))


@contract("1.4", "W15")
def test_no_acceptable_context_is_answered(server: Server) -> None:
    worklist = "1.2.840.10008.5.1.4.31"
    answer, peer = answer_to(server, associate_rq([(worklist, [IMPLICIT_LE]), (CT, ["1.2.3"])]))
    assert (answer.kind, answer.results) == (2, {1: 3, 3: 4})
    peer.send(bytes.fromhex("05000000000400000000"))
    assert peer.pdu()[0] == 6


@contract("1.4")
def test_malformed_contexts_are_refused_alone(server: Server) -> None:
    odd = [context(1, b""), context(3, b"a class"), context(5, b"1." * 40 + b"1"), context(7, CT.encode(), b"x")]
    bare = item(0x20, struct.pack(">Bxxx", 9) + item(0x40, EXPLICIT_LE.encode()))
    answer, peer = answer_to(server, request(*odd, bare, context(11, VERIFICATION.encode(), IMPLICIT_LE.encode())))
    assert answer.results == {1: 3, 3: 3, 5: 3, 7: 4, 9: 3, 11: 0}
    assert echo(peer, 11) == 0


@contract("1.4")
def test_padded_names_are_understood(server: Server) -> None:
    contexts = [context(1, CT.encode() + b"\0", EXPLICIT_LE.encode() + b" ")]
    answer, _peer = answer_to(server, request(*contexts, application=b"1.2.840.10008.3.1.1.1\0"))
    assert (answer.results, answer.syntaxes) == ({1: 0}, {1: EXPLICIT_LE})


@contract("1.4")
def test_unknown_items_are_ignored(server: Server) -> None:
    answer, _peer = answer_to(server, request(context(1), more=item(0x60, b"more")))
    assert answer.results == {1: 0}


@pytest.mark.parametrize("number", [0, 2, 254])
@contract("1.10")
def test_even_context_ids_are_aborted(server: Server, number: Any) -> None:
    _answer, peer = Answer(0), Bare(server.port)
    peer.send(request(context(number)))
    kind, body = peer.pdu()
    assert (kind, body[2]) == (7, 2)


@contract("1.4", "1.10")
def test_context_ids_that_come_twice_are_aborted(server: Server) -> None:
    answer, _peer = answer_to(server, request(context(1), context(1)))
    assert answer.kind == 7


def taking(server: Server, limit: int) -> Bare:
    """A peer that has asked for an association and announced this maximum length."""
    peer = Bare(server.port)
    asked = associate_rq([(VERIFICATION, [IMPLICIT_LE])])
    peer.send(asked.replace(item(0x51, struct.pack(">I", 16384)), item(0x51, struct.pack(">I", limit))))
    return peer


@contract("1.6")
def test_the_smallest_length_is_kept_to(server: Server) -> None:
    peer = taking(server, 10)
    assert peer.pdu()[0] == 2
    peer.command(ECHO)
    response = b""
    while True:
        kind, body = peer.pdu()
        assert (kind, len(body) <= 10) == (4, True)
        response += body[6:]
        if body[5] & 2:
            break
    assert status_of(elements(response)) == 0


@contract("1.6")
def test_peer_that_takes_no_data_is_rejected(server: Server) -> None:
    peer = taking(server, 7)
    assert peer.pdu() == (3, b"\0\1\1\1")


@contract("1.5", "W16")
def test_contexts_of_one_class_are_judged_apart(server: Server) -> None:
    answer, _peer = answer_to(server, associate_rq([(CT, [IMPLICIT_LE]), (CT, ["1.2.3"]), (CT, [EXPLICIT_LE])]))
    assert answer.results == {1: 0, 3: 4, 5: 0}
    assert (answer.syntaxes[1], answer.syntaxes[5]) == (IMPLICIT_LE, EXPLICIT_LE)


@pytest.mark.parametrize("limit", [4095, 4096, 16384, 1 << 20, 0])
@contract("1.6")
def test_sends_at_most_what_the_peer_takes(archive: Server, limit: Any) -> None:
    peer = Bare(archive.port)
    asked = associate_rq([(STUDY_FIND, [IMPLICIT_LE])])
    peer.send(asked.replace(item(0x51, struct.pack(">I", 16384)), item(0x51, struct.pack(">I", limit))))
    assert peer.pdu()[0] == 2
    peer.command({2: STUDY_FIND, 0x0100: 0x20, 0x0110: 1, 0x0700: 0, 0x0800: 1})
    level, series = b"STUDY ", bytes(0)
    peer.data_set(struct.pack("<HHI", 8, 0x52, 6) + level + struct.pack("<HHI", 0x20, 0xD, 0) + series)
    lengths, rows = [], 0
    while True:
        kind, body = peer.pdu()
        assert kind == 4
        lengths.append(len(body))
        status = status_of(elements(body[6:])) if body[5] & 1 else None
        if status not in (None, 0xFF00, 0xFF01):
            break
        rows += status is not None
    assert (status, rows) == (0, 3)
    assert not limit or max(lengths) <= limit


@contract("1.6")
def test_command_and_data_may_share_a_pdu(server: Server) -> None:
    from tests.builders import ct_bytes, uid
    from tests.wire.test_dimse_store import data_set_of, store_rq

    peer = Bare(server.port)
    assert peer.associate()[0] == 2
    parts = [(3, encode_command(store_rq(uid("shared-pdu")))), (2, data_set_of(ct_bytes(sop="shared-pdu")))]
    body = b"".join(struct.pack(">IBB", len(part) + 2, 1, control) + part for control, part in parts)
    peer.send(struct.pack(">BxI", 4, len(body)) + body)
    kind, answer = peer.pdu()
    assert (kind, status_of(elements(answer[6:]))) == (4, 0)


@contract("1.3")
def test_64_associations_store_at_once(server: Server) -> None:
    from tests.builders import ct_bytes, uid
    from tests.wire.test_dimse_store import data_set_of, store_rq

    peers = [Bare(server.port) for _ in range(64)]
    idle = [Bare(server.port) for _ in range(20)]
    assert {each.associate()[0] for each in peers + idle} == {2}
    for number, peer in enumerate(peers):
        peer.command(store_rq(uid(f"64-{number}")))
        peer.data_set(data_set_of(ct_bytes(sop=f"64-{number}"))[:400], is_last=False)
    for number, peer in enumerate(peers):
        peer.data_set(data_set_of(ct_bytes(sop=f"64-{number}"))[400:])
    for peer in peers:
        kind, body = peer.pdu()
        assert (kind, status_of(elements(body[6:]))) == (4, 0)


@contract("1.2")
def test_host_of_a_peer_is_checked_when_told(own_server: Server) -> None:
    from tests.wire.test_dimse_association import rejection

    own_server.start_scp(1)
    own_server.run("peer", "add", "ELSEWHERE", "192.0.2.7", "104")
    assert rejection(own_server, calling="ELSEWHERE") is None
    own_server.run("peer", "set", "ELSEWHERE", "check_host=yes")
    assert rejection(own_server, calling="ELSEWHERE") == (1, 1, 3)


@contract("1.9")
def test_peer_that_stalls_inside_a_pdu_is_dropped(own_server: Server) -> None:
    own_server.environment["PACS_DIMSE__TRANSFER_TIMEOUT_S"] = "1"
    own_server.start_scp(1)
    peer = Bare(own_server.port)
    assert peer.associate()[0] == 2
    peer.send(struct.pack(">BxI", 4, 500) + bytes(20))
    assert peer.pdu()[0] in (0, 7)


@contract("2")
@pytest.mark.parametrize("syntax", [IMPLICIT_LE, EXPLICIT_LE])
def test_echo_is_answered_again_and_again(server: Server, syntax: Any) -> None:
    with association(server.port, [build_context(VERIFICATION, [syntax]), build_context(CT)]) as assoc:
        assert [assoc.send_c_echo(msg_id=each).Status for each in (1, 2, 65535)] == [0, 0, 0]
        assert assoc.send_c_store(make_ct("between", syntax=IMPLICIT_LE)).Status == 0
        assert assoc.send_c_echo().Status == 0


@contract("1.10")
def test_abort_of_no_known_source_ends_quietly(server: Server) -> None:
    peer = Bare(server.port)
    assert peer.associate()[0] == 2
    peer.send(bytes.fromhex("07000000000400003299"))
    while peer.pdu()[0]:
        pass
    assert "association failed" not in server.log.read_text()
