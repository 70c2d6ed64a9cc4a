"""Time limits hold over TLS as they do without: in the handshake, before the association, in a PDU, as requestor."""

import socket
import ssl
import struct
from contextlib import ExitStack

import pytest

from pacs.dicom.syntaxes import EXPLICIT_LE
from tests.builders import CT, make_ct, uid
from tests.wire.contract import contract
from tests.wire.holdings import hold
from tests.wire.peers import STUDY_ROOT, Bare, associate_rq, find, move
from tests.wire.server import Server, free_port, wait_for
from tests.wire.test_dimse_association import is_well

ANY_SERVER = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
ANY_SERVER.check_hostname, ANY_SERVER.verify_mode = False, ssl.CERT_NONE
HANDSHAKE = 22  # the content type of a TLS record, RFC 8446 5.1


class Secured(Bare):
    """A bare peer over TLS."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.sock = ANY_SERVER.wrap_socket(self.sock)


@pytest.fixture
def impatient(own_server: Server) -> tuple[Server, int]:
    """A server that waits a second for everything, and its TLS port."""
    port = free_port()
    own_server.environment |= {
        "PACS_DIMSE__TLS_PORT": str(port),
        "PACS_DIMSE__ACSE_TIMEOUT_S": "1",
        "PACS_DIMSE__TRANSFER_TIMEOUT_S": "1",
    }
    own_server.start_scp(1)
    return own_server, port


def ends(peer: Bare) -> bytes:
    """What still comes until the server closes: at most an A-ABORT."""
    return peer.read(100)


@pytest.mark.parametrize("said", [b"", struct.pack(">BHH", HANDSHAKE, 0x0301, 512) + b"\1\0"], ids=["nothing", "half"])
@contract("1.9", "1.12")
def test_handshake_that_stops_is_given_up(impatient, said: bytes) -> None:
    _server, port = impatient
    peer = Bare(port)
    peer.send(said)
    assert ends(peer) == b""


@contract("1.9", "1.12")
def test_secured_connection_without_request_is_closed(impatient) -> None:
    _server, port = impatient
    peer = Secured(port)
    peer.send(associate_rq([(CT, [EXPLICIT_LE])])[:50])
    assert ends(peer)[:1] in (b"\7", b"")  # an abort first, or not, as PS3.8 9.2.3 has it for garbage and for silence


@pytest.mark.parametrize("kind", [Bare, Secured])
@contract("1.9", "1.12")
def test_half_a_header_is_answered_with_abort(impatient, kind: type[Bare]) -> None:
    server, port = impatient
    peer = kind(port if kind is Secured else server.port)
    assert peer.associate()[0] == 2
    peer.send(b"\4\0\0")
    assert ends(peer)[:1] in (b"\7", b"")


@contract("1.9", "1.3", "1.12")
def test_silent_connections_keep_nobody_out(own_server: Server) -> None:
    port = free_port()
    own_server.environment |= {"PACS_DIMSE__TLS_PORT": str(port), "PACS_DIMSE__MAX_ASSOCIATIONS": "3"}
    own_server.start_scp(1)
    with ExitStack() as silent:
        for _ in range(200):
            silent.enter_context(socket.create_connection(("127.0.0.1", port)))
        for _ in range(70):
            silent.enter_context(socket.create_connection(("127.0.0.1", own_server.port)))
        wait_for(lambda: Bare(own_server.port).associate()[0] == 2)  # these asked for their place just now
        for _ in range(10):
            assert is_well(own_server)


@contract("1.9", "5.3", "W24")
def test_destination_mute_in_the_handshake_is_given_up(own_server: Server) -> None:
    hold(own_server.data, [make_ct("mute", "mute", "mute", "M")])
    own_server.environment["PACS_DIMSE__ACSE_TIMEOUT_S"] = "2"
    own_server.start_scp(1)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, says nothing
        own_server.run("peer", "add", "MUTE", "127.0.0.1", str(silent.getsockname()[1]))
        own_server.run("peer", "set", "MUTE", "tls=yes")
        (row,), _status = find(own_server.port, STUDY_ROOT, level="STUDY", StudyInstanceUID=uid("mute"))
        answers = move(own_server.port, "MUTE", level="STUDY", StudyInstanceUID=row.StudyInstanceUID)
    final = answers[-1][0]
    assert (final.Status, final.NumberOfCompletedSuboperations) == (0xA702, 0)
