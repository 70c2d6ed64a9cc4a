"""Who calls, over real sockets: TLS with and without client certificates, user identity, rules of a peer."""

import hashlib
import os
import socket
import ssl
import struct
from pathlib import Path

import pytest
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.pdu_primitives import UserIdentityNegotiation
from pynetdicom.presentation import build_context

from pacs.dicom.syntaxes import EXPLICIT_LE, IMPLICIT_LE
from pacs.dimse.tls import own_certificate
from tests.builders import CT, make_ct
from tests.wire.contract import contract
from tests.wire.peers import STUDY_ROOT, VERIFICATION, Bare, association, dcmtk
from tests.wire.server import Server, free_port, wait_for
from tests.wire.test_dimse_association import is_well, rejection


@pytest.fixture
def tls_server(own_server: Server, tmp_path: Path) -> tuple[Server, int, Path, Path]:
    """A server with a TLS port that asks for client certificates, and a client's certificate that it trusts."""
    certificate, key = own_certificate(tmp_path / "client", "FRIEND")
    port = free_port()
    own_server.environment |= {"PACS_DIMSE__TLS_CA": str(certificate), "PACS_DIMSE__TLS_CLIENTS": "optional"}
    own_server.environment["PACS_DIMSE__TLS_PORT"] = str(port)
    own_server.start_scp(2)
    return own_server, port, certificate, key


def echo(port: int, *options: str) -> None:
    dcmtk("echoscu", *options, "127.0.0.1", str(port))


@contract("1.12")
def test_echo_over_tls_with_and_without_certificate(tls_server) -> None:
    _server, port, certificate, key = tls_server
    echo(port, "+tla", "-ic")
    echo(port, "+tls", str(key), str(certificate), "-ic")


def test_store_over_tls_is_taken_whole(tls_server, tmp_path: Path) -> None:
    server, port, _certificate, _key = tls_server
    file = tmp_path / "ct.dcm"
    make_ct("tls-1").save_as(file, enforce_file_format=True)
    dcmtk("storescu", "+tla", "-ic", "127.0.0.1", str(port), str(file))
    assert server.status()["waiting"] == 1


@contract("1.12")
def test_certificate_that_nobody_trusts_is_refused(tls_server, tmp_path: Path) -> None:
    server, port, _certificate, _key = tls_server
    stranger, its_key = own_certificate(tmp_path / "stranger", "STRANGER")
    with pytest.raises(AssertionError):
        echo(port, "+tls", str(its_key), str(stranger), "-ic")
    assert is_well(server)


@contract("1.12")
def test_plain_client_on_the_tls_port_is_dropped(tls_server) -> None:
    server, port, _certificate, _key = tls_server
    peer = Bare(port)
    kind, _body = peer.associate()
    assert kind != 2
    assert is_well(server)


@contract("1.12")
def test_old_tls_versions_are_refused(tls_server) -> None:
    _server, port, _certificate, _key = tls_server
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    client.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLS"):
        client.minimum_version, client.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("127.0.0.1", port)) as plain, pytest.raises(ssl.SSLError):
        client.wrap_socket(plain)


def test_peer_with_certificate_comes_over_tls_only(tls_server) -> None:
    server, port, certificate, key = tls_server
    shown = hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate.read_text())).hexdigest()
    server.run("peer", "add", "FRIEND", "127.0.0.1", "104")
    server.run("peer", "set", "FRIEND", f"certificate={shown}")
    echo(port, "+tls", str(key), str(certificate), "-ic", "-aet", "FRIEND")
    assert rejection(server, calling="FRIEND") == (1, 1, 3)
    with pytest.raises(AssertionError):
        echo(port, "+tla", "-ic", "-aet", "FRIEND")


def test_we_call_a_peer_over_tls(tls_server, tmp_path: Path) -> None:
    """Another archive's TLS port stands for the peer: `pacs peer echo` calls it, and shows our certificate."""
    server, port, _certificate, _key = tls_server
    caller = Server(tmp_path / "caller")
    caller.environment["PACS_DIMSE__AET"] = "CALLER"
    caller.run("peer", "add", "TRIALPACS", "127.0.0.1", str(port))
    caller.run("peer", "set", "TRIALPACS", "tls=yes")
    caller.environment |= {
        "PACS_DIMSE__TLS_CERTIFICATE": str(tls_server[2]),
        "PACS_DIMSE__TLS_KEY": str(tls_server[3]),
        "PACS_DIMSE__TLS_CA": str(server.data / "tls" / "certificate.pem"),
    }
    assert "answered" in caller.run("peer", "echo", "TRIALPACS")
    caller.environment["PACS_DIMSE__TLS_CA"] = str(tls_server[2])  # not whom the server's certificate is from
    with pytest.raises(AssertionError, match="TLS"):
        caller.run("peer", "echo", "TRIALPACS")


def identity(kind: int, name: str, passcode: str, *, answer: bool = True) -> UserIdentityNegotiation:
    item = UserIdentityNegotiation()
    item.user_identity_type = kind
    item.positive_response_requested = answer
    item.primary_field = name.encode()
    if kind == 2:
        item.secondary_field = passcode.encode()
    return item


def identity_item(kind: int, name: str, passcode: str) -> bytes:
    """The item as bytes, so that the answer is looked at on the wire and not through a client."""
    fields = b"".join(struct.pack(">H", len(each)) + each for each in (name.encode(), passcode.encode()))
    return struct.pack(">BxHBB", 0x58, len(fields) + 2, kind, 1) + fields


def associate(port: int, item: UserIdentityNegotiation) -> Association:
    ae = AE("SOMEBODY")
    contexts = [build_context(VERIFICATION), build_context(f"{STUDY_ROOT}1"), build_context(CT, ExplicitVRLittleEndian)]
    return ae.associate("127.0.0.1", port, contexts, ae_title="TRIALPACS", ext_neg=[item])


@contract("1.8")
def test_user_identity_needed_is_checked(own_server: Server) -> None:
    own_server.environment |= {"PACS_HTTP__HOST": "0.0.0.0", "PACS_DIMSE__NEEDS_IDENTITY": "true"}
    own_server.start_scp(1)
    own_server.run("user", "add", "ann", "--role", "researcher")
    token = own_server.run("token", "create", "--user", "ann").split()[-1]
    assert rejection(own_server) == (1, 1, 1)
    for kind, name, passcode in ((2, "ann", "wrong"), (2, "bob", token), (1, "ann", ""), (5, token, "")):
        assert rejection(own_server, user=identity_item(kind, name, passcode)) == (1, 1, 1), kind
    right = associate(own_server.port, identity(2, "ann", token))
    assert right.is_established
    assert right.acceptor.user_identity is not None
    assert right.send_c_echo().Status == 0
    assert right.send_c_store(make_ct("by-ann")).Status == 0x0124
    right.release()
    silent = associate(own_server.port, identity(2, "ann", token, answer=False))
    assert silent.acceptor.user_identity is None
    silent.release()
    assert token not in own_server.log.read_text()


@contract("1.8", "7")
def test_dcmtk_sends_user_name_and_token(own_server: Server, tmp_path: Path) -> None:
    own_server.environment |= {"PACS_HTTP__HOST": "0.0.0.0"}
    own_server.start_scp(1)
    own_server.run("user", "add", "sub", "--role", "submitter", "--collection", "inbox")
    token = own_server.run("token", "create", "--user", "sub").split()[-1]
    file = tmp_path / "ct.dcm"
    make_ct("user-1").save_as(file, enforce_file_format=True)
    with pytest.raises(AssertionError):
        dcmtk("storescu", "127.0.0.1", str(own_server.port), str(file))
    dcmtk("storescu", "-usr", "sub", "-pwd", token, "127.0.0.1", str(own_server.port), str(file))
    assert own_server.status()["waiting"] == 1


@contract("1.3")
def test_peer_has_a_limit_of_its_own_over_all_processes(own_server: Server) -> None:
    own_server.start_scp(3)
    own_server.run("peer", "add", "GREEDY", "127.0.0.1", "104")
    own_server.run("peer", "set", "GREEDY", "max_associations=2")
    peers = [Bare(own_server.port) for _ in range(2)]
    assert [each.associate(calling="GREEDY")[0] for each in peers] == [2, 2]
    assert rejection(own_server, calling="GREEDY") == (2, 3, 2)
    assert rejection(own_server, calling="OTHER") is None
    peers.pop().close()
    wait_for(lambda: rejection(own_server, calling="GREEDY") is None)
    peers.pop().close()


def test_dead_process_gives_its_places_back(own_server: Server) -> None:
    own_server.environment["PACS_DIMSE__MAX_ASSOCIATIONS"] = "4"
    own_server.start_scp(1)
    peers = [Bare(own_server.port) for _ in range(4)]
    assert [each.associate()[0] for each in peers] == [2, 2, 2, 2]
    assert rejection(own_server) == (2, 3, 2)
    supervisor = own_server.processes[0].pid
    child = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()[0]
    os.kill(int(child), 9)
    wait_for(lambda: _accepts(own_server))
    for each in peers:
        each.close()


def _accepts(server: Server) -> bool:
    try:
        return rejection(server) is None
    except (OSError, IndexError):  # the connection was taken by the process that is gone
        return False


@contract("1.2")
def test_disabled_peer_is_rejected(own_server: Server) -> None:
    own_server.start_scp(1)
    own_server.run("peer", "add", "OLD", "127.0.0.1", "104")
    assert rejection(own_server, calling="OLD") is None
    own_server.run("peer", "set", "OLD", "enabled=no")
    assert rejection(own_server, calling="OLD") == (1, 1, 3)


@contract("1.5")
def test_preferred_transfer_syntax_is_chosen(own_server: Server) -> None:
    own_server.start_scp(1)
    own_server.run("peer", "add", "OLD", "127.0.0.1", "104")
    own_server.run("peer", "set", "OLD", f"prefer={EXPLICIT_LE}")
    for calling, chosen in (("OLD", EXPLICIT_LE), ("NEW", IMPLICIT_LE)):
        with association(own_server.port, [build_context(CT, [IMPLICIT_LE, EXPLICIT_LE])], calling=calling) as assoc:
            assert [str(each.transfer_syntax[0]) for each in assoc.accepted_contexts] == [chosen]
