"""A reverse proxy that shows a server below a path of its own, as operators set one up."""

import http.client
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

_OWN = frozenset(("connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"))


@contextmanager
def below(path: str, port: int) -> Iterator[str]:
    """The base address of a proxy that passes on what stands below `path`, and answers 404 to all else."""

    class Passing(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._pass("GET", None)

        def do_POST(self) -> None:
            self._pass("POST", self.rfile.read(int(self.headers["Content-Length"])))

        def _pass(self, method: str, body: bytes | None) -> None:
            if not self.path.startswith(f"{path}/"):
                self._answer(404, [], b"")
                return
            headers = dict(self.headers) | {"X-Forwarded-Prefix": path, "X-Forwarded-For": "127.0.0.1"}
            there = http.client.HTTPConnection("127.0.0.1", port)
            there.request(method, self.path.removeprefix(path), body, headers)
            reply = there.getresponse()
            with suppress(BrokenPipeError, ConnectionResetError):  # browsers leave pages that are still loading
                self._answer(reply.status, reply.getheaders(), reply.read())
            there.close()

        def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers:
                if name.lower() not in _OWN:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Passing)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{path}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
