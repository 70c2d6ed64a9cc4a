"""CTP's HTTP import and verifier, spoken as RSNA CTP's exporter speaks: raw requests, headers as captured from it."""

import hashlib
import io
import re
import socket
import zipfile
from collections.abc import Iterator

import pytest
import requests
from pydicom import dcmread
from pydicom.uid import CTImageStorage, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE

from tests.builders import ct_bytes, uid
from tests.wire.ctp_exporter import Site, is_ok
from tests.wire.server import WholeServer, wait_for


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("ctp")
    (folder / "drop").mkdir()
    settings = {"PACS_CTP__PATHS": "/=trial,/import/documents=trial,/gone=nowhere"}
    settings |= {"PACS_INTAKE__FOLDERS": f"{folder / 'drop'}=trial", "PACS_INTAKE__SETTLE_S": "0.2"}
    server = WholeServer(folder / "data", environment=settings)
    server.run("collection", "create", "trial", "--release", "automatic")
    token = server.token("site", "submitter", "trial")["Authorization"].removeprefix("Bearer ")
    server.token("other", "submitter", "inbox")
    server.serve()
    yield Site(server, token)
    server.stop()
    assert '"level":"ERROR"' not in server.log.read_text()


def zipped(**files: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/"), content)
    return target.getvalue()


def test_object_is_answered_ok_and_published(site: Site):
    before = site.server.status()["published"]
    assert is_ok(site.post(ct_bytes(sop="ctp1", study="ctp")))
    assert is_ok(site.post(ct_bytes(sop="ctp1", study="ctp")))  # again: harmless
    counts = site.server.wait_until_worked_off()
    assert counts["published"] == before + 1
    assert counts["duplicate"] >= 1


def test_chunked_body_is_taken(site: Site):
    body = ct_bytes(sop="ctp2", study="ctp")
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:1000], body[1000:])) + b"0\r\n\r\n"
    assert is_ok(site.post(chunks, "Content-Length:", "Transfer-Encoding: chunked"))


def test_digest_is_compared_as_a_number(site: Site):
    number = 0
    while True:  # a body whose digest begins with a zero, which CTP leaves out
        body = ct_bytes(sop=f"ctpd{number}", study="ctp")
        digest = hashlib.md5(body, usedforsecurity=False).hexdigest()
        if digest.startswith("0"):
            break
        number += 1
    assert is_ok(site.post(body, f"Digest: {digest.lstrip('0')}"))
    assert is_ok(site.post(body, f"Digest: {digest.upper()}"))
    assert site.post(body, f"Digest: {digest[::-1]}")[0] == 404
    assert site.post(body, "Digest: no number")[0] == 404


@pytest.mark.parametrize(
    ("more", "status"),
    [
        (["Authorization:"], 401),
        (["Authorization: Basic c2l0ZTp3cm9uZw=="], 401),
        (["Authorization: Basic !!!"], 401),
        (["Content-Type: application/dicom"], 404),
        (["Content-Type:"], 404),
    ],
)
def test_requests_are_answered_as_ctp_does(site: Site, more: list[str], status: int):
    answer = site.post(ct_bytes(sop="never", study="ctp"), *more)
    assert (answer[0], answer[2]) == (status, b"")
    if status == 401:
        assert answer[1]["www-authenticate"] == 'Basic realm="HttpImportService"'


@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize(
    ("path", "kind"), [("/ctp/trial", "application/x-mirc"), ("/dicom-web/studies", "application/dicom")]
)
def test_large_body_that_is_refused_early_gets_its_answer(site: Site, path: str, kind: str, chunked: bool):
    """CTP reads the answer when it has sent everything; a broken pipe would make it try again for ever."""
    answer = Site(site.server, "wrong").stream(path, kind, 64, chunked=chunked)
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b"\r\nConnection: close\r\n" in answer


def test_header_of_ctp_counts_from_this_machine(site: Site):
    body = ct_bytes(sop="ctp3", study="ctp")
    assert is_ok(site.post(body, "Authorization:", f"RSNA: site:{site.token}"))
    assert is_ok(site.post(body, f"RSNA: site:{site.token}"))
    assert site.post(body, "Authorization:", "RSNA: site:wrong")[0] == 401
    assert site.post(body, "Authorization:", "RSNA: nothing")[0] == 401


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "GET", "OPTIONS", "TRACE", "XYZZY"])
def test_other_methods_are_not_found(site: Site, method: str):
    head = f"{method} /ctp/trial HTTP/1.1\r\nHost: a\r\nAuthorization: {site.basic}\r\nContent-Length: 0\r\n"
    status, _headers, body = site.exchange(head)
    assert (status, body) == (404, b"")


def test_empty_bodies_are_not_found(site: Site):
    assert site.post(b"")[0] == 404
    assert site.post(b"0\r\n\r\n", "Content-Length:", "Transfer-Encoding: chunked")[0] == 404


def test_unknown_collection_and_foreign_one_look_alike(site: Site):
    body = ct_bytes(sop="never", study="ctp")
    unknown, foreign = (site.post(body, path=f"/ctp/{name}") for name in ("nowhere", "inbox"))
    assert unknown[0] == foreign[0] == 404
    assert unknown[2] == foreign[2] == b""


def test_any_file_is_taken_and_set_aside(site: Site):
    before = site.server.wait_until_worked_off()
    for body in (b"<manifest>Doe</manifest>", b"plain", ct_bytes(sop="cut", study="ctp")[:-100], b"PK\x03\x04 no zip"):
        assert is_ok(site.post(body))
    counts = site.server.wait_until_worked_off()
    assert counts["quarantined"] == before["quarantined"] + 4
    listed = site.server.run("quarantine", "list", "--json")
    assert "Doe" not in listed


def test_zip_is_unpacked(site: Site):
    before = site.server.wait_until_worked_off()
    one, two = (ct_bytes(sop=f"ctpz{number}", study="ctp") for number in (1, 2))
    assert is_ok(site.post(zipped(a__one=one, **{"..__..__two": two}, b__notes=b"Doe's notes")))
    counts = site.server.wait_until_worked_off()
    assert counts["published"] == before["published"] + 2
    assert counts["quarantined"] == before["quarantined"] + 1


def test_bomb_is_refused_for_good(site: Site):
    assert site.post(zipped(bomb=bytes(64 << 20)))[0] == 413
    assert site.server.temporary_files() == []


def test_verifier_knows_old_and_new_uids(site: Site):
    body = ct_bytes(sop="ctpv", study="ctp")
    assert site.verify(uid("ctpv")) == {}
    assert is_ok(site.post(body))
    site.server.wait_until_worked_off()
    digest = f"{int(hashlib.md5(body, usedforsecurity=False).hexdigest(), 16):x}"
    assert site.verify(uid("ctpv"), "1.2.3") == {uid("ctpv"): digest}
    new = set(re.findall(r"2\.25\.\d+", site.server.run("trace", uid("ctpv"), "--json"))) - {uid("ctpv")}
    assert list(site.verify(*new).values()) == [digest]


def test_verifier_tells_nobody_what_others_sent(site: Site):
    assert is_ok(site.post(ct_bytes(sop="ctpo", study="ctp")))
    site.server.wait_until_worked_off()
    roles = ("submitter", "curator")
    tokens = [site.server.token(f"{role}-2", role, "trial")["Authorization"].removeprefix("Bearer ") for role in roles]
    asked = [Site(site.server, token, f"{role}-2") for role, token in zip(roles, tokens, strict=True)]
    assert [list(each.verify(uid("ctpo"))) for each in (site, *asked)] == [[uid("ctpo")], [], [uid("ctpo")]]


def test_verifier_asks_for_credentials(site: Site):
    status, headers, _body = site.exchange("GET /ctp/trial?uids=1.2 HTTP/1.1\r\nHost: a\r\n")
    assert status == 401
    assert "www-authenticate" in headers


def test_body_that_breaks_off_is_not_taken(site: Site):
    body = ct_bytes(sop="broken", study="ctp")
    with socket.create_connection(("127.0.0.1", site.server.http_port), 20) as connection:
        head = f"POST /ctp/trial HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-mirc\r\nAuthorization: {site.basic}"
        connection.sendall(f"{head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body[:100])
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(65536)
    assert b"200 OK" not in answer
    assert site.verify(uid("broken")) == {}


def test_configured_paths_take_what_ctp_sends(site: Site):
    body = ct_bytes(sop="ctpp", study="ctp")
    assert is_ok(site.post(body, path="/"))
    assert is_ok(site.post(body, path="/import/documents"))
    assert site.post(body, "Authorization:", path="/")[0] == 401
    assert is_ok(site.post(body, path="/import/documents/"))
    assert site.post(body, path="/gone")[0] == 404
    for wrong in (site.post(body, path="/", kind="application/dicom"), site.exchange("PUT / HTTP/1.1\r\nHost: a\r\n")):
        assert (wrong[0], wrong[2]) == (404, b"")
    assert site.post(body, path="/elsewhere")[0] == 404
    assert site.exchange("GET / HTTP/1.1\r\nHost: a\r\n")[1]["content-type"].startswith("text/html")
    head = f"GET /import/documents?uids={uid('ctpp')} HTTP/1.1\r\nHost: a\r\nRSNA: site:{site.token}\r\n"
    assert site.exchange(head)[2].startswith(b"<result>")


def test_one_connection_carries_many_objects(site: Site):
    before = site.server.wait_until_worked_off()["published"]
    with socket.create_connection(("127.0.0.1", site.server.http_port), 20) as connection:
        answers = connection.makefile("rb")
        for number in range(30):
            body = ct_bytes(sop=f"ctpk{number}", study="ctp")
            head = "POST /ctp/trial HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-mirc\r\nConnection: keep-alive"
            head += f"\r\nAuthorization: {site.basic}\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body)
            lines = iter(answers.readline, b"\r\n")
            assert next(lines).split()[1] == b"200"
            list(lines)
            assert answers.read(2) == b"OK"
    assert site.server.wait_until_worked_off()["published"] == before + 30


def test_wrong_role_is_told_for_good(site: Site):
    """A user who sees the collection, but may not submit, will not be allowed to by trying again."""
    token = site.server.token("reader", "researcher", "trial")["Authorization"].removeprefix("Bearer ")
    reader = Site(site.server, token, "reader")
    assert reader.post(ct_bytes(sop="never", study="ctp"))[0] == 403


@pytest.mark.parametrize("boundary", ["-_b1", "_x"])
def test_stow_as_ctp_sends_it_is_200(site: Site, boundary: str):
    status, headers, _body = site.stow(ct_bytes(sop="ctps", study="ctp"), boundary)
    assert status == 200
    assert "json" in headers["content-type"] or "xml" in headers["content-type"]


def test_stow_of_a_bad_object_is_no_success(site: Site):
    assert site.stow(b"no DICOM")[0] >= 400


def test_c_store_of_coerced_objects_is_0000(site: Site):
    """CTP takes any other status, warnings too, for a failure. What came counts for the site of the AE title."""
    ae = AE("CTP")
    ae.maximum_pdu_size = 16352
    ae.add_requested_context(CTImageStorage, [ExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian])
    site.server.run("peer", "add", "CTP", "127.0.0.1", "104", "--collection", "trial", "--site", "St. Elsewhere")
    association = ae.associate("127.0.0.1", site.server.port, ae_title="TRIALPACS", max_pdu=16352)
    for _ in range(2):
        assert association.send_c_store(dcmread(io.BytesIO(ct_bytes(sop="ctpc", study="ctp")))).Status == 0
    association.release()
    asked = f"{site.server.root}/api/submissions?site=St.%20Elsewhere"
    (sender,) = requests.get(asked, headers=site.server.admin, timeout=20).json()["senders"]
    assert (sender["sender"], sender["site"], sender["received"]) == ("CTP", "St. Elsewhere", 2)


def test_released_objects_wait_in_a_queue_and_go_to_another_archive(site: Site):
    """Our exporter against our own import; then the queue as CTP's polling service empties it."""
    run, root = site.server.run, site.server.root
    assert is_ok(site.post(ct_bytes(sop="ctpq", study="ctpq")))
    site.server.wait_until_worked_off()
    run("collection", "create", "second")
    second = site.server.token("mirror", "submitter", "second")["Authorization"].removeprefix("Bearer ")
    secret = site.server.data.parent / "secret"
    secret.write_text(second)
    run("remote", "add", "mirror", f"{root}/ctp/second", "--user", "mirror", "--password-file", str(secret))
    run("remote", "add", "waiting", "--address", "127.0.0.1")
    run("forward", "add", "trial", "waiting")
    site.server.wait_until_worked_off()
    for receiver in ("mirror", "waiting"):
        assert " sent" in run("send", "--to", receiver, "--collection", "trial")
    assert second not in run("remote", "list") + run("jobs", "list", "--json")
    status, headers, body = site.exchange("GET /ctp/trial/queue HTTP/1.1\r\nHost: a\r\n")
    assert (status, body[128:132]) == (200, b"DICM")
    assert headers["content-disposition"].startswith("attachment")


def test_files_of_a_watched_folder_are_published(site: Site):
    before = site.server.wait_until_worked_off()["published"]
    folder = site.server.data.parent / "drop"
    (folder / "one.dcm").write_bytes(ct_bytes(sop="dropped", study="dropped"))
    wait_for((folder / ".done" / "one.dcm").exists)
    assert site.server.wait_until_worked_off()["published"] == before + 1
