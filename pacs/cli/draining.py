"""Ends of connections: a client that was answered early still sends, and reads its answer only when it has sent all.

RSNA CTP's exporter does so, as every client of Java that streams its body. A connection that is closed while bytes of
it wait is reset, and then the client never sees the answer. So we end our side, read and throw away. RFC 9112 9.6.

One thread of a process does it for all connections, so that none of them holds a thread that could answer others.
"""

import logging
import os
import selectors
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue

log = logging.getLogger("pacs.http")
MOST_S = 3600.0  # 2 GB over a line of 5 Mbit/s: what sites send in one body, over what they have
MOST_BYTES = 64 << 30  # eight times the largest body that is taken unless set otherwise
_PIECE_BYTES = 256 << 10
_LOOK_S = 1.0


@dataclass(frozen=True, slots=True)
class Pace:
    """What a client must keep up: so many bytes in each window of waiting; and the head of a request within one."""

    window_s: float
    least_rate: int

    @property
    def least_bytes(self) -> float:
        """How many bytes must move in a window."""
        return self.least_rate * self.window_s


@dataclass(slots=True)
class _End:
    """One connection, with the monotonic times up to which it may go on and by which it must have moved enough."""

    connection: socket.socket
    until: float
    window_until: float
    in_window: int = 0
    in_all: int = 0


class Drain:
    """Reads what clients still send after their answer, as long as they keep up `pace`.

    It ends a connection after `MOST_S` or `MOST_BYTES`, and the oldest one when there are more than `most`.
    """

    def __init__(self, pace: Pace, most: int) -> None:
        self._pace, self._most = pace, most
        self._came = SimpleQueue[socket.socket]()
        self._ears, self._bell = socket.socketpair()
        self._bell.setblocking(False)  # one that is rung already need not be rung again
        self._ends: dict[int, _End] = {}
        self._buffer = bytearray(_PIECE_BYTES)
        self._next_look = time.monotonic() + _LOOK_S
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._ears, selectors.EVENT_READ)
        threading.Thread(target=self._run, name="drain", daemon=True).start()

    @property
    def connections(self) -> int:
        """How many it reads from."""
        return len(self._ends)

    def take(self, connection: socket.socket) -> None:
        """End our side and read on, in the background; the caller closes its own descriptor when it likes."""
        with suppress(OSError):
            connection.shutdown(socket.SHUT_WR)
            self._came.put(socket.socket(fileno=os.dup(connection.fileno())))
            self._bell.send(b"!")

    def _run(self) -> None:
        while True:
            try:
                self._turn()
            except Exception:  # a border: without this thread every client would wait for its own end
                log.exception("connections are not read to their end")
                time.sleep(_LOOK_S)

    def _turn(self) -> None:
        for key, _events in self._selector.select(_LOOK_S):
            if key.fileobj is self._ears:
                self._ears.recv(4096)
                self._begin()
            else:
                self._read(key.fd)
        if (now := time.monotonic()) >= self._next_look:
            self._end_slow(now)
            self._next_look = now + _LOOK_S

    def _begin(self) -> None:
        with suppress(Empty):
            while True:
                connection, now = self._came.get_nowait(), time.monotonic()
                number = connection.fileno()
                self._ends[number] = _End(connection, now + MOST_S, now + self._pace.window_s)
                self._selector.register(number, selectors.EVENT_READ)
                while len(self._ends) > self._most:
                    self._close(next(iter(self._ends)))

    def _read(self, number: int) -> None:
        end = self._ends.get(number)
        if end is None:  # ended in this same round, for one that came
            return
        try:
            # whoever gave the connection may make it block: the flag is of the connection, not of our descriptor
            found = end.connection.recv_into(self._buffer, 0, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            found = 0
        end.in_window += found
        end.in_all += found
        if not found or end.in_all > MOST_BYTES:
            self._close(number)

    def _end_slow(self, now: float) -> None:
        for number, end in list(self._ends.items()):
            if now >= end.until or (now >= end.window_until and end.in_window < self._pace.least_bytes):
                self._close(number)
            elif now >= end.window_until:
                end.window_until, end.in_window = now + self._pace.window_s, 0

    def _close(self, number: int) -> None:
        end = self._ends.pop(number)
        self._selector.unregister(number)
        end.connection.close()
