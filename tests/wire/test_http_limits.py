"""What no client should send, byte for byte: each ends in a short answer below 500, and the server goes on."""

import json
import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest
import requests

from tests.builders import make_ct, uid
from tests.wire.contract import contract
from tests.wire.holdings import hold
from tests.wire.server import Server, WebServer

HOST = "Host: localhost\r\n"
MULTIPART = "multipart/related; type=application/dicom; boundary=x"
STUDIES = "/dicom-web/studies"
MOST_BODY = 100_000


class Web(WebServer):
    """That takes small bodies only."""

    @property
    def token(self) -> str:
        return (self.server.data / "admin-token").read_text()

    def said(self, sent: bytes | str) -> bytes:
        """Everything that comes back until the server closes, or has nothing to say for a second."""
        with socket.create_connection(("127.0.0.1", self.port), 30) as connection:
            with suppress(BrokenPipeError, ConnectionResetError):  # it closed while we were still talking
                connection.sendall(sent if isinstance(sent, bytes) else sent.encode("latin-1"))
            connection.settimeout(1)
            found = b""
            with suppress(TimeoutError, ConnectionResetError):
                while piece := connection.recv(1 << 16):
                    found += piece
            return found

    def stored(self, headers: str, body: bytes) -> bytes:
        """What a store request is answered with."""
        head = f"POST {STUDIES} HTTP/1.1\r\n{HOST}Authorization: Bearer {self.token}\r\n{headers}\r\n"
        return self.said(head.encode() + body)


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """One study; nothing that tests do may show up as an error in the log."""
    server = Server(tmp_path_factory.mktemp("limits") / "data")
    server.environment["PACS_HTTP__MAX_BODY_BYTES"] = str(MOST_BODY)
    hold(server.data, [make_ct("a1", "s1", "t1")])
    found = Web(server)
    yield found
    server.stop()
    assert '"level":"ERROR"' not in server.log.read_text()


def status(answer: bytes) -> int:
    """The status of the first answer."""
    return int(answer[9:12]) if answer else 0


def problem(answer: bytes) -> str:
    """The sentence of an error, whose headers are as those of any other answer."""
    head, _, body = answer.partition(b"\r\n\r\n")
    for name in (b"x-request-id:", b"access-control-allow-origin: *", b"x-content-type-options: nosniff"):
        assert name in head.lower()
    assert b"content-type: application/json" in head.lower()
    found: str = json.loads(body)["error"]
    return found


# -- heads -------------------------------------------------------------------------------------------------------------


@contract("web 2.2")
def test_ten_thousand_uids_in_a_query_are_searched(web: Web):
    uids = [f"1.2.826.0.1.3680043.8.498.{10**37 + n}" for n in range(9_999)] + [uid("t1")]
    for joined in (",".join(uids), "%2C".join(uids), "%5C".join(uids)):
        reply = requests.get(f"{web.root}{STUDIES}?StudyInstanceUID={joined}", timeout=60)
        assert [row["0020000D"]["Value"] for row in reply.json()] == [[uid("t1")]]


@contract("web 9.6")
@pytest.mark.parametrize("size", [1_100_000, 10_000_000])
def test_query_string_that_is_too_long_is_414(web: Web, size: int):
    answer = web.said(f"GET {STUDIES}?PatientName={'A' * size} HTTP/1.1\r\n{HOST}\r\n")
    assert (status(answer), problem(answer)) == (414, "The address is longer than this server takes.")


@contract("web 9.6")
@pytest.mark.parametrize(
    "headers",
    [
        "".join(f"X-{n}: 1\r\n" for n in range(101)),
        f"X: {'A' * 20_000}\r\n",
        f"{'X' * 20_000}: 1\r\n",
        f"X: {'A' * 2_000_000}\r\n",
    ],
    ids=["many", "long value", "long name", "endless value"],
)
def test_headers_that_are_too_large_are_431(web: Web, headers: str):
    answer = web.said(f"GET {STUDIES} HTTP/1.1\r\n{HOST}{headers}\r\n")
    assert (status(answer), problem(answer)) == (431, "The headers are too large.")


POST = b"POST /login HTTP/1.1\r\nHost: a\r\n"
GARBAGE = {
    "nothing but bytes": b"\x00\x01\x02\xff\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "no version": b"GET /\r\n\r\n",
    "wrong version": b"GET / HTTP/9.9\r\nHost: a\r\n\r\n",
    "method in lower case": b"get / HTTP/1.1\r\nHost: a\r\n\r\n",
    "bare line feeds": b"GET / HTTP/1.1\nHost: a\n\n",
    "folded header": b"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n",
    "space before colon": b"GET / HTTP/1.1\r\nHost: a\r\nX : 1\r\n\r\n",
    "header without colon": b"GET / HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n",
    "null in header": b"GET / HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n",
    "two lengths": POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "length and chunks": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "signed length": POST + b"Content-Length: +1\r\n\r\na",
    "negative length": POST + b"Content-Length: -1\r\n\r\na",
    "length of letters": POST + b"Content-Length: ten\r\n\r\na",
    "chunked twice": POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "hidden chunked": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunks in 1.0": b"POST /login HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunk size of letters": POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n0\r\n\r\n",
    "endless chunk size": POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 40000,
}


@contract("web 9.6")
@pytest.mark.parametrize("name", GARBAGE)
def test_what_is_no_http_gets_one_refusal_and_a_closed_connection(web: Web, name: str):
    answer = web.said(GARBAGE[name] + b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
    assert status(answer) in (400, 401, 431, 501)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"Traceback" not in answer
    assert web.answers()


@contract("web 9.1", "web 9.6")
def test_pipelined_requests_are_answered_in_order(web: Web):
    one = f"GET /healthz HTTP/1.1\r\n{HOST}\r\n"
    answer = web.said(f"{one}GET {STUDIES} HTTP/1.1\r\n{HOST}\r\n{one}")
    assert answer.count(b"HTTP/1.1 200 OK") == 3
    assert answer.index(b'"status"') < answer.index(b"application/dicom+json") < answer.rindex(b'"status"')


@contract("web 9.1", "web 9.6")
def test_http_1_0_is_answered_and_closed(web: Web):
    answer = web.said("GET /dicom-web/studies HTTP/1.0\r\n\r\n")
    assert status(answer) == 200
    assert b"Transfer-Encoding" not in answer
    assert json.loads(answer.partition(b"\r\n\r\n")[2])


@contract("web 9.6")
@pytest.mark.parametrize(
    "target",
    [
        "/dicom-web/studies/%00",
        "/dicom-web/studies/1.2%00/metadata",
        "/dicom-web/studies/../../etc/passwd",
        "/dicom-web/studies/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/viewer/..%2f..%2f..%2fetc%2fpasswd",
        "/static/..%2f__init__.py",
        "/dicom-web/studies/1.2.%zz",
        "/dicom-web/studies/%ff%fe",
        "/dicom-web/studies/1..2",
        "/dicom-web/studies/.1",
        "/dicom-web/studies/-1",
        "/dicom-web/studies/1.2e5/series",
        f"/dicom-web/studies/{'1' * 65}/metadata",
        f"/dicom-web/studies/{'1.' * 5000}1",
        "/dicom-web/studies/\xb9.2",
        "/dicom-web/studies/%D9%A1.2/series",
        "/dicom-web/trash/99999999999999999999999999",
        "/dicom-web/submissions/%00",
        "/dicom-web/studies?limit=%00",
        "/dicom-web/studies?%ff=%fe",
        "/dicom-web/studies?=",
        "/dicom-web/studies?PatientName=\xcf\xd3",
        "/dicom-web/studies?limit=9" + "9" * 5000,
        "/dicom-web/studies?StudyDate=%F0%9F%98%80",
        "/wado?requestType=WADO&studyUID=%00",
        "/login?next=%00%0d%0aSet-Cookie:x",
        "*",
        "//",
        "http://elsewhere.example/dicom-web/studies?limit=x",
    ],
)
def test_odd_addresses_are_refused_quietly(web: Web, target: str):
    answer = web.said(f"GET {target} HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n")
    assert status(answer) < 500
    assert b"Set-Cookie" not in answer
    assert b"root:" not in answer
    if status(answer) >= 400:
        assert problem(answer).endswith(".")


@contract("web 9.5", "web 9.6")
@pytest.mark.parametrize(
    "header",
    [
        b"Accept: \xff\xfe",
        b"Accept: " + b";" * 5000,
        b"Accept: multipart/related; type=" + b'"' * 99,
        b"Accept-Encoding: \xff;q=x",
        b"Authorization: \xff\xfe",
        b"Authorization: Basic \xff",
        b"Authorization: Bearer " + b"A" * 5000,
        b"Cookie: pacs_session=\xff\x01",
        b"If-None-Match: " + b'"' * 5001,
        b"Range: bytes=" + b"9" * 5000 + b"-",
        b"Range: bytes=0-1," + b"0-1," * 3000,
        b"X-Forwarded-Host: \xff",
        b"X-Forwarded-Proto: javascript",
        b'X-Forwarded-Prefix: /../"<',
        b'Forwarded: host="a\\"b;proto=;;;=',
        b"Origin: null",
        b"Content-Type: ;;;",
        b"Host: a\xffb",
        b"Host: ]:[",
    ],
)
def test_odd_headers_are_refused_quietly(web: Web, header: bytes):
    for path in (f"{STUDIES}?limit=1", f"{STUDIES}/{uid('t1')}/metadata", "/", "/login"):
        answer = web.said(f"GET {path} HTTP/1.1\r\nConnection: close\r\n".encode() + header + b"\r\nHost: a\r\n\r\n")
        assert 200 <= status(answer) < 500


@contract("web 9.6")
@pytest.mark.parametrize("hosts", ["", "Host: a\r\nHost: b\r\n"])
def test_request_names_one_host(web: Web, hosts: str):
    answer = web.said(f"GET {STUDIES} HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n")
    assert (status(answer), bool(problem(answer))) == (400, True)


# -- bodies ------------------------------------------------------------------------------------------------------------


@contract("web 2.17", "web 9.6")
@pytest.mark.parametrize("path", [STUDIES, "/login", "/logout"])
def test_body_that_says_to_be_too_large_is_413(web: Web, path: str):
    head = f"POST {path} HTTP/1.1\r\n{HOST}Authorization: Bearer {web.token}\r\nContent-Type: application/dicom\r\n"
    answer = web.said(f"{head}Content-Length: {10**13}\r\n\r\nabc")
    assert status(answer) == 413


@contract("web 2.17", "web 9.6")
def test_chunked_body_that_grows_too_large_is_refused(web: Web):
    chunk = b"4000\r\n" + bytes(0x4000) + b"\r\n"
    answer = web.stored("Content-Type: application/dicom\r\nTransfer-Encoding: chunked\r\n", chunk * 100)
    assert status(answer) in (409, 413)


@contract("web 8.2", "web 9.6")
@pytest.mark.parametrize("chunks", [b"zz\r\nabc\r\n0\r\n\r\n", b"-1\r\n\r\n", b"3\r\nabcdef\r\n0\r\n\r\n"])
@pytest.mark.parametrize("kind", ["application/dicom", "application/dicom+json", MULTIPART])
def test_chunks_that_make_no_sense_are_malformed(web: Web, kind: str, chunks: bytes):
    answer = web.stored(f"Content-Type: {kind}\r\nTransfer-Encoding: chunked\r\n", b"4\r\n--x\n\r\n" + chunks)
    assert status(answer) == 400
    form = f"POST /login HTTP/1.1\r\n{HOST}Content-Type: application/x-www-form-urlencoded\r\n"
    assert status(web.said(f"{form}Transfer-Encoding: chunked\r\n\r\n".encode() + chunks)) == 400


@contract("web 8.2")
@pytest.mark.parametrize("kind", ["application/dicom", MULTIPART])
def test_body_shorter_than_its_length_stores_nothing(web: Web, kind: str):
    with socket.create_connection(("127.0.0.1", web.port), 30) as connection:
        head = f"POST {STUDIES} HTTP/1.1\r\n{HOST}Authorization: Bearer {web.token}\r\nContent-Type: {kind}\r\n"
        connection.sendall(f"{head}Content-Length: 5000\r\n\r\n--x\r\n\r\n".encode() + bytes(100))
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert not answer or 400 <= status(answer) < 500
    assert requests.get(f"{web.root}/readyz", timeout=10).json()["backlog"] == 0
    assert web.server.temporary_files() == []


@contract("web 9.6")
def test_refused_upload_gets_its_answer(web: Web):
    body = bytes(5_000_000)
    reply = requests.post(f"{web.root}{STUDIES}", data=body, headers={"Content-Type": "application/dicom"}, timeout=30)
    assert (reply.status_code, reply.json()) == (413, {"error": "The request is larger than this server takes."})
