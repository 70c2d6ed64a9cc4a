"""A TCP connection, plain or TLS, whose time limits hold: nothing here blocks for longer than it was given.

A plain socket blocks, with limits of the kernel's (SO_RCVTIMEO, SO_SNDTIMEO): one call takes a whole PDU where Python's
own timeouts need a poll and several reads. A TLS socket does not block and is polled: Python's ssl module takes up a
blocking one again and again, whatever the kernel's limits are.
"""

import select
import socket
import ssl
import struct
import time
from collections.abc import Iterable
from itertools import islice

from pacs.dicom.elements import Buffer

PIECES_AT_ONCE = 64  # well below IOV_MAX
SLICE_S = 0.25  # the most that one read blocks
LEAST_BYTES = 1 << 16  # who takes less within the limit, though there is more, takes too little


class Stream:
    """A connected socket. `timeout_s`: how long a peer may take next to nothing of what we send, or for one PDU."""

    def __init__(self, sock: socket.socket, timeout_s: float) -> None:
        self.sock = sock
        self.tls = sock if isinstance(sock, ssl.SSLSocket) else None
        self.poller = select.poll()
        self.poller.register(sock, select.POLLIN)
        if self.tls is not None:
            self.tls.setblocking(False)
        else:
            _set_limit(sock, socket.SO_RCVTIMEO, SLICE_S)
        self.limit(timeout_s)

    def limit(self, timeout_s: float) -> None:
        """Change `timeout_s`."""
        self.timeout_s = timeout_s
        if self.tls is None:
            _set_limit(self.sock, socket.SO_SNDTIMEO, timeout_s)

    def shake_hands(self, until: float) -> None:
        """The TLS handshake, where there is TLS, over at that monotonic time. Raises OSError, ValueError."""
        while self.tls is not None:
            try:
                self.tls.do_handshake()
                return
            except ssl.SSLWantReadError:
                self.wait(select.POLLIN, until)
            except ssl.SSLWantWriteError:
                self.wait(select.POLLOUT, until)

    def wait(self, event: int, until: float) -> None:
        """Wait until the socket is ready. Raises TimeoutError after that monotonic time."""
        poller = select.poll()
        poller.register(self.sock, event)
        if not poller.poll(max(0.0, until - time.monotonic()) * 1000) or time.monotonic() > until:
            raise TimeoutError

    def is_readable(self, timeout_s: float) -> bool:
        """Whether bytes, or the peer's end, come in within the time."""
        if self.tls is not None and self.tls.pending():
            return True
        return bool(self.poller.poll(max(0, int(timeout_s * 1000))))

    def read_into(self, view: memoryview, *, patient: bool) -> int:
        """Read what is there; how much. A patient read may wait a moment for all. Raises OSError, at the end too."""
        if self.tls is not None:
            return self._read_tls(self.tls, view)
        try:
            count = self.sock.recv_into(view, len(view), socket.MSG_WAITALL if patient else socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0
        if not count:
            raise ConnectionError
        return count

    def _read_tls(self, tls: ssl.SSLSocket, view: memoryview) -> int:
        """Read the records that are there: one has 16 KiB at most."""
        position = 0
        while position < len(view):
            try:
                count = tls.recv_into(view[position:])
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                break
            if not count and not position:
                raise ConnectionError
            if not count:
                break
            position += count
        return position

    def send(self, pieces: Iterable[Buffer]) -> None:
        """Send every piece, gathered into few system calls; a plain connection copies none. Raises OSError."""
        source = iter(pieces)
        if self.tls is not None:
            while joined := b"".join(islice(source, PIECES_AT_ONCE)):
                self._send_tls(self.tls, memoryview(joined))
            return
        while waiting := [memoryview(piece) for piece in islice(source, PIECES_AT_ONCE) if len(piece)]:
            while waiting:
                began = time.monotonic()
                sent = moved = self.sock.sendmsg(waiting)
                while waiting and sent >= len(waiting[0]):
                    sent -= len(waiting.pop(0))
                if waiting and sent:
                    waiting[0] = waiting[0][sent:]
                if waiting and moved < LEAST_BYTES and time.monotonic() - began >= self.timeout_s:
                    raise TimeoutError

    def _send_tls(self, tls: ssl.SSLSocket, view: memoryview) -> None:
        until = time.monotonic() + self.timeout_s  # for a record
        while view:
            try:
                view = view[tls.send(view) :]
                until = time.monotonic() + self.timeout_s
            except ssl.SSLWantWriteError:
                self.wait(select.POLLOUT, until)
            except ssl.SSLWantReadError:
                self.wait(select.POLLIN, until)

    def drain(self, timeout_s: float) -> None:
        """Drop what the peer still sends, for a moment: closing over unread bytes would reset the connection."""
        until = time.monotonic() + timeout_s
        while (left := until - time.monotonic()) > 0 and self.poller.poll(int(left * 1000)):
            if not socket.socket.recv(self.sock, 65536, socket.MSG_DONTWAIT):  # of TLS the bare records, unread
                return

    def cut(self) -> None:
        """End both directions, from any thread: whoever waits wakes up. Raises OSError."""
        socket.socket.shutdown(self.sock, socket.SHUT_RDWR)


def _set_limit(sock: socket.socket, option: int, timeout_s: float) -> None:
    """Most seconds that one call may block; it then fails with BlockingIOError."""
    sock.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", int(timeout_s), int(timeout_s % 1 * 1e6)))
