"""Requests as RSNA CTP's exporters make them: raw, headers as captured from it."""

import base64
import re
import socket

from tests.wire.server import WholeServer

ACCEPT = "text/html, image/gif, image/jpeg, */*; q=0.2"


class Site:
    """One server and the credentials of a site that submits to its collection `trial`."""

    def __init__(self, server: WholeServer, token: str, name: str = "site") -> None:
        self.server = server
        self.token = token
        self.name = name
        self.basic = "Basic " + base64.b64encode(f"{name}:{token}".encode()).decode()

    def exchange(self, head: str, body: bytes = b"") -> tuple[int, dict[str, str], bytes]:
        """Status, headers by lower-case name, and body of the answer to raw bytes."""
        with socket.create_connection(("127.0.0.1", self.server.http_port), 20) as connection:
            connection.sendall(head.encode("latin-1") + b"\r\n" + body)
            answer = b""
            while b"\r\n\r\n" not in answer:
                answer += connection.recv(65536)
            raw_head, _, rest = answer.partition(b"\r\n\r\n")
            lines = raw_head.decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
            while len(rest) < int(headers.get("content-length", 0)):
                rest += connection.recv(65536)
        return int(lines[0].split()[1]), headers, rest

    def post(self, body: bytes, *more: str, path: str = "/ctp/trial", kind: str = "application/x-mirc"):
        """A request as CTP's exporter makes it; `more` are header lines, and replace those of the same name."""
        lines = [
            f"Content-Type: {kind}", f"Authorization: {self.basic}", "User-Agent: Java/1.8.0_352", "Host: archive:8080",
            f"Accept: {ACCEPT}", "Connection: keep-alive", f"Content-Length: {len(body)}",
        ]  # fmt: skip
        for line in more:
            lines = [each for each in lines if not each.startswith(line.partition(":")[0] + ":")]
            lines += [line] if line.partition(":")[2].strip() else []
        return self.exchange("\r\n".join([f"POST {path} HTTP/1.1", *lines, ""]), body)

    def stream(self, path: str, kind: str, megabytes: int, *, chunked: bool) -> bytes:
        """The answer to a body of zeros from a client that sends all of it before it reads, as Java does."""
        piece = bytes(1 << 20)
        framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {megabytes << 20}"
        lines = [f"POST {path} HTTP/1.1", "Host: a", f"Content-Type: {kind}", f"Authorization: {self.basic}", framing]
        with socket.create_connection(("127.0.0.1", self.server.http_port), 20) as connection:
            connection.sendall("\r\n".join([*lines, "", ""]).encode())
            for _ in range(megabytes):
                connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
            connection.sendall(b"0\r\n\r\n" if chunked else b"")
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def stow(self, body: bytes, boundary: str = "-_b1", kind: str = "application/dicom"):
        """As CTP's DicomSTOWRSExportService sends one object: unquoted type, no DICOM in Accept."""
        part = f"--{boundary}\r\nContent-Type: {kind}\r\n"
        part += 'Content-Disposition: form-data; name="stowrs"; filename="1.dcm"\r\n\r\n'
        whole = part.encode() + body + f"\r\n--{boundary}--\r\n".encode()
        path = "/dicom-web/studies?collection=trial"
        return self.post(whole, path=path, kind=f"multipart/related; type=application/dicom; boundary={boundary}")

    def verify(self, *uids: str) -> dict[str, str]:
        """Digests by UID, as the verifier says them."""
        head = f"GET /ctp/trial?uids={';'.join(uids)} HTTP/1.1\r\nHost: a\r\nRSNA: {self.name}:{self.token}\r\n"
        status, _headers, body = self.exchange(head)
        assert status == 200
        assert re.fullmatch(rb'<result>(<file uid="[\d.]+" date="\d{13}" digest="[0-9a-f]+"/>)*</result>', body)
        return dict(re.findall(r'uid="([\d.]+)" date="\d+" digest="([0-9a-f]+)"', body.decode()))


def is_ok(answer: tuple[int, dict[str, str], bytes]) -> bool:
    """Whether CTP's exporter takes the answer for success: 2xx and a body of exactly ``OK``."""
    status, headers, body = answer
    return (status, headers["content-type"], headers["content-length"], body) == (
        200,
        "text/plain;charset=UTF-8",
        "2",
        b"OK",
    )
