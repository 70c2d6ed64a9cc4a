"""A raw HTTP receiver that answers as an import service of RSNA CTP does, or as a test wants it to."""

import socket
import threading
from dataclasses import dataclass, field
from typing import BinaryIO

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain;charset=UTF-8\r\nContent-Length: 2\r\n\r\nOK"


def answer(status: int, body: bytes = b"") -> bytes:
    """A whole answer."""
    return b"HTTP/1.1 %d x\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


@dataclass
class CtpReceiver:
    """Takes requests one by one; `answers` are given in turn, then `OK`. An empty one closes without a word."""

    answers: list[bytes] = field(default_factory=list)
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    closing: bool = False  # after each answer

    def __enter__(self) -> "CtpReceiver":
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)

    @property
    def bodies(self) -> list[bytes]:
        """What was received, in order."""
        return [body for _line, _headers, body in self.requests]

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as stream:
                while self._one(connection, stream):
                    pass

    def _one(self, connection: socket.socket, stream: BinaryIO) -> bool:
        line = stream.readline().decode("latin-1").strip()
        if not line:
            return False
        headers = {}
        while text := stream.readline().decode("latin-1").strip():
            name, _, value = text.partition(":")
            headers[name.lower()] = value.strip()
        body = stream.read(int(headers.get("content-length", 0)))
        self.requests.append((line, headers, body))
        given = self.answers.pop(0) if self.answers else OK
        connection.sendall(given)
        return bool(given) and not self.closing
