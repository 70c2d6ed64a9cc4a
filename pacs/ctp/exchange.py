"""One HTTP connection to a service of RSNA CTP, as a client: its headers, its credentials, its reading of replies."""

import base64
import ssl
from enum import Enum, auto
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from types import TracebackType
from typing import BinaryIO
from urllib.parse import urlsplit

from pacs.errors import PacsError
from pacs.vault.remotes import Remote

MEDIA_TYPE = "application/x-mirc"
TIMEOUT_S = 60.0
_BLOCK_BYTES = 1 << 18
_MOST_DRAINED = 1 << 16  # of a reply that says more than OK


class AwayError(PacsError):
    """The service cannot be reached, or breaks off: later it may not."""


class Reply(Enum):
    """What CTP's exporter takes a reply for."""

    OK = auto()
    FAIL = auto()
    RETRY = auto()
    STOP = auto()


def reply_of(status: int, body: bytes) -> Reply:
    """How a reply is read: by its status, and with 2xx by its body, which is ``OK`` and nothing else."""
    if 200 <= status < 300:
        return Reply.OK if body == b"OK" else Reply.FAIL
    if status in (401, 403):
        return Reply.STOP
    return Reply.RETRY if status == 404 else Reply.FAIL


class Exchange:
    """Requests to one service, over one connection while both sides keep it."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote
        parts = urlsplit(remote.url)
        self._path = parts.path or "/"
        host = parts.hostname or ""
        if parts.scheme == "https":
            context = ssl.create_default_context()
            self._connection: HTTPConnection = HTTPSConnection(
                host, parts.port, timeout=TIMEOUT_S, context=context, blocksize=_BLOCK_BYTES
            )
        else:
            self._connection = HTTPConnection(host, parts.port, timeout=TIMEOUT_S, blocksize=_BLOCK_BYTES)

    def __enter__(self) -> "Exchange":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def post(self, file: Path, digest: str = "") -> Reply:
        """Send one file; what the service says. `digest` goes into the header of that name. Raises `AwayError`."""
        headers = {"Content-Type": MEDIA_TYPE, "Content-Length": str(file.stat().st_size)}
        if digest:
            headers["Digest"] = digest
        with file.open("rb") as body:
            response = self._request("POST", headers, body)
        try:
            text = response.read(3)
            if len(response.read(_MOST_DRAINED)) == _MOST_DRAINED:
                self._connection.close()  # whatever else it says is not waited for
        except (OSError, HTTPException) as error:
            raise self._away(error) from None
        return reply_of(response.status, text)

    def get(self) -> HTTPResponse:
        """Ask for what is next; read the response to its end before the next request. Raises `AwayError`."""
        return self._request("GET", {}, None)

    def _request(self, method: str, headers: dict[str, str], body: BinaryIO | None) -> HTTPResponse:
        try:
            self._connection.request(method, self._path, body, headers | self._credentials())
            return self._connection.getresponse()
        except (OSError, HTTPException) as error:
            raise self._away(error) from None

    def _away(self, error: Exception) -> AwayError:
        self._connection.close()
        return AwayError(f"the service cannot be reached, or breaks off ({type(error).__name__})")

    def _credentials(self) -> dict[str, str]:
        """Basic, and CTP's own header with the same, as its exporter sends both."""
        if not self._remote.user:
            return {}
        pair = f"{self._remote.user}:{self._remote.password}"
        encoded = pair.encode()
        return {"Authorization": f"Basic {base64.b64encode(encoded).decode()}", "RSNA": encoded.decode("latin-1")}
