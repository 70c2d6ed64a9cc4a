"""How the web server gets along with slow clients: they wait by themselves, and those that all but stop are let go.

A thread that waits for its client's network gives its place to work to another request. So few requests work at a
time, which keeps memory flat, while many may be under way; and a client below the least rate cannot stay for ever.

Why not more of gunicorn's threads alone (2026-11): each would work, and keep a database connection, at the same time.
Why no asynchronous server: every library in use is synchronous, and a proxy in front is not always there.
"""

import errno
import logging
import select
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from secrets import token_hex
from typing import Any

import orjson
from gunicorn.http import errors
from gunicorn.workers.gthread import ThreadWorker

from pacs.cli.draining import Drain, Pace
from pacs.config import HttpSettings
from pacs.db import close_thread
from pacs.heap import Surplus

log = logging.getLogger("pacs.http")
MOST_HEAD_BYTES = 1 << 20  # request line and headers: ten thousand UIDs in a query are 0.7 MB
HEADER_FIELDS, HEADER_BYTES = 100, 16384
_SHORT = struct.pack("ll", 0, 20_000)  # timeval: so little waiting is not worth giving the place away
_SHORT_BYTES = 8192  # an answer's head and ends of its parts need no system call of their own
_STAY_S = 0.1  # a viewer's next request comes within this, and then no other thread has to be woken
_CLOSED_AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER: forget what was not sent
_READ, _WRITE = select.POLLIN, select.POLLOUT


class TooSlow(Exception):
    """The head of a request did not come in time."""


class ClientSocket(socket.socket):
    """A connection to a client. While it waits inside `transfer`, another thread may work."""

    def __init__(self, accepted: socket.socket, pace: Pace) -> None:
        super().__init__(fileno=accepted.detach())
        self.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _SHORT)
        self._pace = pace
        self._places: threading.Semaphore | None = None
        self._head_until: float | None = None
        self._head_bytes = self._moved = 0
        self._waited_s = 0.0
        self._held = b""
        self._ended = self._is_slow = self._has_line = False
        self.is_answered = False

    def begin_head(self) -> None:
        """A request's head follows, which must come within a window."""
        self.is_answered = self._has_line = False
        self._head_until, self._head_bytes = time.monotonic() + self._pace.window_s, 0

    def end_head(self) -> None:
        """What follows is read without limits of ours."""
        self._head_until = None

    @contextmanager
    def transfer(self, places: threading.Semaphore) -> Iterator[None]:
        """Within this a thread has a place to work, except while it waits for the client."""
        self.end_head()
        self._moved, self._waited_s = 0, 0.0
        places.acquire()
        self._places = places
        try:
            yield
            self._send_held()
            self.is_answered = True
        finally:
            self._held = b""
            self._places = None
            places.release()

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Read; b"" also for a client that is too slow. Raises `TooSlow` for a head that takes too long."""
        if self._ended or self._is_slow:
            return b""
        if self._head_until is not None:
            return self._recv_head(size, flags)
        if self._places is None:
            return super().recv(size, flags)
        try:
            found = super().recv(size, flags | socket.MSG_DONTWAIT)
        except BlockingIOError:
            if not self._wait(_READ):
                self._is_slow = True  # whoever reads asks several times before it believes that there is no more
                return b""
            found = super().recv(size, flags)
        self._moved += len(found)
        return found

    def _recv_head(self, size: int, flags: int) -> bytes:
        left_s = (self._head_until or 0.0) - time.monotonic()
        if left_s <= 0:
            raise TooSlow
        try:
            found = super().recv(size, flags | socket.MSG_DONTWAIT)
        except BlockingIOError:
            if not _ready(self, _READ, left_s):
                raise TooSlow from None
            found = super().recv(size, flags)
        self._head_bytes += len(found)
        if self._head_bytes > MOST_HEAD_BYTES and self._has_line:
            raise errors.LimitRequestHeaders("the headers are too long")
        if self._head_bytes > MOST_HEAD_BYTES:
            raise errors.LimitRequestLine(self._head_bytes, MOST_HEAD_BYTES)
        self._has_line = self._has_line or b"\n" in found
        return found

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Write everything; what is short goes with what follows. Raises ConnectionResetError for a slow client."""
        if self._places is None:
            super().sendall(data, flags)
        elif len(self._held) + len(data) < _SHORT_BYTES:
            self._held += data
        else:
            self._send([memoryview(self._held), memoryview(data).cast("B")])

    def _send(self, pieces: list[memoryview]) -> None:
        self._held = b""
        while pieces:
            try:
                sent = self.sendmsg(pieces)  # it waits for `_SHORT` at most
            except BlockingIOError:
                if not self._wait(_WRITE):
                    self.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _CLOSED_AT_ONCE)
                    self._ended = True
                    raise ConnectionResetError(errno.ECONNRESET, "too slow") from None
                continue
            self._moved += sent
            while pieces and sent >= len(pieces[0]):
                sent -= len(pieces.pop(0))
            if sent:
                pieces[0] = pieces[0][sent:]

    def _send_held(self) -> None:
        if self._held:
            self._send([memoryview(self._held)])

    def _wait(self, event: int) -> bool:
        """Wait until the client is ready, without a place; False when it is below the least rate."""
        assert self._places is not None
        self._places.release()
        started = time.monotonic()
        try:
            is_ready = _ready(self, event, max(self._pace.window_s - self._waited_s, 0.0))
        finally:
            self._waited_s += time.monotonic() - started
            self._places.acquire()
        if self._waited_s < self._pace.window_s:
            return is_ready
        keeps_up = self._moved >= self._pace.least_bytes
        self._moved, self._waited_s = 0, 0.0
        if not keeps_up:
            log.info("a client was too slow")
        return keeps_up

    def end(self, drain: Drain) -> None:
        """No more of it is read here; what the client still sends, `drain` reads."""
        if not self._ended:
            self._ended = True
            drain.take(self)


def _ready(waiting: socket.socket, event: int, seconds: float) -> bool:
    poller = select.poll()
    poller.register(waiting, event)
    return bool(poller.poll(seconds * 1000))


class PatientWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's threaded worker with our connections: more threads than places to work."""

    wsgi: Any

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        settings: HttpSettings = self.app.installation.settings.http
        self._pace = Pace(settings.slow_after_s, settings.least_rate)
        self._places = threading.BoundedSemaphore(settings.threads)
        self._stays = threading.BoundedSemaphore(2 * settings.threads)
        self._most_keepers, self._keepers, self._lock = 2 * settings.threads, set[int](), threading.Lock()

    def init_process(self) -> None:
        """Begin to work, in the process that does."""
        self._drain = Drain(self._pace, self.worker_connections)
        self._surplus = Surplus()
        super().init_process()

    def notify(self) -> None:
        """Tell that this process lives, about once a second; what it need not keep it lets go."""
        super().notify()
        self._surplus.let_go()

    def load_wsgi(self) -> None:
        """Load the app, whose ``Connection: close`` counts."""
        super().load_wsgi()
        self.wsgi = _closing(self.wsgi)

    def enqueue_req(self, conn: Any) -> None:
        """Hand a connection to a thread."""
        if not isinstance(conn.sock, ClientSocket):
            conn.sock = ClientSocket(conn.sock, self._pace)
        super().enqueue_req(conn)

    def handle(self, conn: Any) -> Any:
        """Requests of a connection, in a thread, as long as one follows the other closely.

        What follows an answer is read here too, not where connections are accepted.
        """
        while True:
            conn.sock.begin_head()
            try:
                found = super().handle(conn)
            finally:
                conn.sock.end_head()
            if found is False:
                conn.sock.end(self._drain)
            if found is not True or not self._another_follows(conn):
                return found

    def _another_follows(self, conn: Any) -> bool:
        """Whether the next request comes shortly. Few threads wait for that at a time: others must find one, too."""
        if not self.alive or not self._stays.acquire(blocking=False):
            return False
        try:
            return bool(conn.parser.unreader.buf.getvalue()) or _ready(conn.sock, _READ, _STAY_S)
        finally:
            self._stays.release()

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Answer a request whose head has come."""
        try:
            with conn.sock.transfer(self._places):
                return super().handle_request(req, conn)
        finally:
            self._let_go()

    def _let_go(self) -> None:
        """Close this thread's database connection, unless it is one of the first threads that had any."""
        me = threading.get_ident()
        with self._lock:
            if len(self._keepers) < self._most_keepers:
                self._keepers.add(me)
            keeps = me in self._keepers
        if not keeps:
            close_thread(self.app.installation.archive.parts.database)

    def murder_keepalived(self, force: bool = False) -> None:
        """Close idle connections that are old; all of them when there is no room for new ones."""
        super().murder_keepalived(force or self.nr_conns >= self.worker_connections)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Tell an error of HTTP itself as all others: short JSON that repeats nothing.

        A body that turns out to be none after its request was answered closes the connection without another word.
        """
        if client.is_answered:
            return
        status, name, sentence = _problem_of(exc)
        if status == 500:
            log.error("request failed", exc_info=exc)
        else:
            log.info("request refused", extra={"status": status})
        with suppress(OSError):
            client.sendall(_answer(status, name, sentence))


def _closing(app: Any) -> Any:
    """The same app; gunicorn leaves ``Connection`` out of an app's answer, says keep-alive and then closes it."""

    def answer(environ: Any, start_response: Any) -> Any:
        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            if ("Connection", "close") in headers:
                start_response.__self__.force_close()  # of gunicorn's Response
            return start_response(status, headers, exc_info)

        return app(environ, start)

    return answer


_Problem = tuple[int, str, str]
_PROBLEMS: tuple[tuple[type[BaseException], _Problem], ...] = (
    (TooSlow, (408, "Request Timeout", "The request did not come in time.")),
    (errors.LimitRequestLine, (414, "URI Too Long", "The address is longer than this server takes.")),
    (errors.LimitRequestHeaders, (431, "Request Header Fields Too Large", "The headers are too large.")),
    (errors.ExpectationFailed, (417, "Expectation Failed", "The server does not know this expectation.")),
    (errors.UnsupportedTransferCoding, (501, "Not Implemented", "The server does not know this transfer coding.")),
    (errors.ConfigurationProblem, (500, "Internal Server Error", "The server failed.")),
    (errors.ParseException, (400, "Bad Request", "This is no HTTP request.")),
)


def _problem_of(error: BaseException) -> _Problem:
    for kind, found in _PROBLEMS:
        if isinstance(error, kind):
            return found
    return 500, "Internal Server Error", "The server failed; the operator can find this in its log."


def _answer(status: int, name: str, sentence: str) -> bytes:
    body = orjson.dumps({"error": sentence})
    head = (
        f"HTTP/1.1 {status} {name}\r\nConnection: close\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nAccess-Control-Allow-Origin: *\r\nX-Content-Type-Options: nosniff\r\n"
        f"Cross-Origin-Resource-Policy: cross-origin\r\nX-Request-Id: {token_hex(8)}\r\n\r\n"
    )
    return head.encode("ascii") + body
