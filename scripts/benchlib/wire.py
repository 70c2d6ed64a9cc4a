"""A raw upper layer: one socket, `struct`, no thread. Fast enough that what is measured is the server."""

import socket
import struct
import time
from collections.abc import Iterable, Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
VERIFICATION = "1.2.840.10008.1.1"
FIND, MOVE, GET = (f"1.2.840.10008.5.1.4.1.2.2.{n}" for n in (1, 2, 3))


def _item(kind: int, body: bytes) -> bytes:
    return struct.pack(">BxH", kind, len(body)) + body


def _uid(value: str) -> bytes:
    return value.encode() + b"\0" * (len(value) % 2)


def command(values: dict[int, int | str]) -> bytes:
    """A command set."""
    parts = []
    for tag in sorted(values):
        value = values[tag]
        body = struct.pack("<H", value) if isinstance(value, int) else _uid(value)
        parts.append(struct.pack("<HHI", 0, tag, len(body)) + body)
    whole = b"".join(parts)
    return struct.pack("<HHII", 0, 0, 4, len(whole)) + whole


def element(tag: int, vr: str, value: str) -> bytes:
    """A short explicit element of an identifier."""
    body = value.encode()
    body += (b"\0" if vr == "UI" else b" ") * (len(body) % 2)
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr.encode(), len(body)) + body


class Raw:
    """An association as requestor. `contexts`: abstract syntaxes, each proposed with Explicit VR Little Endian."""

    def __init__(
        self, port: int, called: str, contexts: Sequence[str], *, calling: str = "BENCH", scp: Sequence[str] = ()
    ) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), 20)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        self.message_id = 0
        body = struct.pack(">HH16s16s32x", 1, 0, called.ljust(16).encode(), calling.ljust(16).encode())
        body += _item(0x10, b"1.2.840.10008.3.1.1.1")
        for number, abstract in enumerate(contexts):
            syntaxes = _item(0x30, abstract.encode()) + _item(0x40, EXPLICIT.encode())
            body += _item(0x20, struct.pack(">Bxxx", 2 * number + 1) + syntaxes)
        user = _item(0x51, struct.pack(">I", 131072)) + _item(0x52, b"1.2.826.0.1.3680043.10.1999.1")
        for uid in scp:
            user += _item(0x54, struct.pack(">H", len(uid)) + uid.encode() + b"\0\1")
        body += _item(0x50, user)
        self.sock.sendall(struct.pack(">BxI", 1, len(body)) + body)
        kind, answer = self.pdu()
        if kind != 2:
            raise ConnectionError(f"association refused: {kind} {answer[:4].hex()}")
        at = answer.find(b"\x51\x00\x00\x04")
        self.limit = struct.unpack(">I", answer[at + 4 : at + 8])[0] or 1 << 20

    def exactly(self, size: int) -> bytearray:
        """Read so many bytes."""
        data = bytearray(size)
        view = memoryview(data)
        while view:
            count = self.sock.recv_into(view)
            if not count:
                raise ConnectionError("closed")
            view = view[count:]
        return data

    def pdu(self) -> tuple[int, bytearray]:
        """Read one PDU."""
        kind, length = struct.unpack(">BxI", self.exactly(6))
        return kind, self.exactly(length)

    def send(self, context_id: int, data: Iterable[bytes], *, is_command: bool) -> None:
        """Send a command or data set."""
        whole = memoryview(b"".join(data))
        room = min(self.limit, 131072) - 6
        out = []
        for start in range(0, max(1, len(whole)), room):
            piece = whole[start : start + room]
            control = int(is_command) | (2 if start + room >= len(whole) else 0)
            out += [struct.pack(">BxIIBB", 4, len(piece) + 6, len(piece) + 2, context_id, control), piece]
        for start in range(0, len(out), 64):
            self.send_all(out[start : start + 64])

    def send_all(self, pieces: list[Any]) -> None:
        """Gathered sending."""
        pieces = [memoryview(each) for each in pieces]
        while pieces:
            sent = self.sock.sendmsg(pieces)
            while pieces and sent >= len(pieces[0]):
                sent -= len(pieces.pop(0))
            if pieces:
                pieces[0] = pieces[0][sent:]

    def message(self) -> tuple[int, dict[int, bytes], int]:
        """Read one message: context, command, bytes of its data set (which are dropped)."""
        values: dict[int, bytes] = {}
        raw, size = b"", 0
        while True:
            kind, body = self.pdu()
            if kind != 4:
                raise ConnectionError(f"PDU {kind}")
            at = 0
            while at < len(body):
                length, context_id, control = struct.unpack_from(">IBB", body, at)
                piece = body[at + 6 : at + 4 + length]
                at += 4 + length
                if not control & 1:
                    size += len(piece)
                    if control & 2:
                        return context_id, values, size
                    continue
                raw += piece
                if control & 2:
                    values = _parsed(raw)
                    if values[0x0800] == b"\x01\x01":
                        return context_id, values, 0

    def request(self, field: int, sop_class: str, data: Iterable[bytes] | None, context_id: int, **more: str) -> None:
        """Send a request."""
        self.message_id = self.message_id % 65535 + 1
        values: dict[int, int | str] = {2: sop_class, 0x0100: field, 0x0110: self.message_id, 0x0700: 0}
        values[0x0800] = 0x0101 if data is None else 1
        values |= {int(key[1:], 16): value for key, value in more.items()}
        self.send(context_id, [command(values)], is_command=True)
        if data is not None:
            self.send(context_id, data, is_command=False)

    def store(self, sop_class: str, sop_uid: str, pieces: Iterable[bytes], context_id: int = 1) -> int:
        """One C-STORE; the status."""
        self.request(1, sop_class, pieces, context_id, x1000=sop_uid)
        return status_of(self.message()[1])

    def echo(self, context_id: int = 1) -> int:
        """One C-ECHO; the status."""
        self.request(0x30, VERIFICATION, None, context_id)
        return status_of(self.message()[1])

    def find(self, identifier: bytes, context_id: int = 1) -> int:
        """One C-FIND; how many matches."""
        self.request(0x20, FIND, [identifier], context_id)
        rows = 0
        while status_of(self.message()[1]) in (0xFF00, 0xFF01):
            rows += 1
        return rows

    def move(self, identifier: bytes, destination: str, context_id: int = 1) -> int:
        """One C-MOVE; how many completed."""
        self.request(0x21, MOVE, [identifier], context_id, x0600=destination)
        while True:
            values = self.message()[1]
            if status_of(values) != 0xFF00:
                return int.from_bytes(values.get(0x1021, b"\0\0"), "little")

    def get(self, identifier: bytes, context_id: int = 1) -> int:
        """One C-GET; how many objects came."""
        self.request(0x10, GET, [identifier], context_id)
        count = 0
        while True:
            where, values, _size = self.message()
            if values[0x0100] == b"\x01\x00":
                count += 1
                self.answer(where, values)
            elif status_of(values) != 0xFF00:
                return count

    def answer(self, context_id: int, request: dict[int, bytes]) -> None:
        """Accept an object."""
        text = {tag: request[tag].decode().strip("\0 ") for tag in (2, 0x1000)}
        number = int.from_bytes(request[0x0110], "little")
        reply: dict[int, int | str] = {0x0100: 0x8001, 0x0120: number, 0x0800: 0x0101, 0x0900: 0, **text}
        self.send(context_id, [command(reply)], is_command=True)

    def release(self) -> None:
        """End the association."""
        self.sock.sendall(bytes.fromhex("05000000000400000000"))
        self.pdu()
        self.sock.close()


def _parsed(raw: bytes) -> dict[int, bytes]:
    values, at = {}, 0
    while at < len(raw):
        _group, tag, length = struct.unpack_from("<HHI", raw, at)
        values[tag] = bytes(raw[at + 8 : at + 8 + length])
        at += 8 + length
    return values


def status_of(values: dict[int, bytes]) -> int:
    """The status of a response."""
    return int.from_bytes(values[0x0900], "little")


class Receiver(Raw):
    """The other end of a C-MOVE: accepts everything and drops it. Runs until the connection ends."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.limit = 131072
        _kind, request = self.pdu()
        body = bytes(request[:68]) + _item(0x10, b"1.2.840.10008.3.1.1.1")
        at = 68
        while at < len(request):
            kind, length = struct.unpack_from(">BxH", request, at)
            item = request[at + 4 : at + 4 + length]
            at += 4 + length
            if kind == 0x20:
                body += _item(0x21, bytes((item[0], 0, 0, 0)) + _item(0x40, _first_syntax(item[4:])))
        user = _item(0x51, struct.pack(">I", 131072)) + _item(0x52, b"1.2.826.0.1.3680043.10.1999.1")
        body += _item(0x50, user)
        sock.sendall(struct.pack(">BxI", 2, len(body)) + body)

    def run(self) -> None:
        """Answer until released."""
        while True:
            try:
                where, values, _size = self.message()
            except ConnectionError:
                self.sock.sendall(bytes.fromhex("06000000000400000000"))
                self.sock.close()
                return
            self.answer(where, values)


def _first_syntax(items: bytes) -> bytes:
    at = 0
    while at < len(items):
        kind, length = struct.unpack_from(">BxH", items, at)
        if kind == 0x40:
            return bytes(items[at + 4 : at + 4 + length])
        at += 4 + length
    return IMPLICIT.encode()


def receive_forever(port: int) -> None:
    """A null receiver; the body of a process."""
    listener = socket.create_server(("127.0.0.1", port))
    while True:
        sock, _address = listener.accept()
        Receiver(sock).run()


def send_in_parallel(port: int, called: str, shares: Sequence[Sequence[Any]], sop_class: str) -> dict[str, Any]:
    """Store each share over an association of its own, one process each, started together.

    Returns seconds from the common start to the last response, latencies in seconds, and statuses that were not 0.
    """
    context = get_context("fork")
    workers = []
    for share in shares:
        ours, theirs = context.Pipe()
        process = context.Process(target=_send_share, args=(theirs, port, called, share, sop_class))
        process.start()
        theirs.close()  # so that the death of a sender is seen
        workers.append((process, ours))
    for _process, pipe in workers:
        pipe.recv()
    started = time.monotonic()
    for _process, pipe in workers:
        pipe.send("go")
    results = [pipe.recv() for _process, pipe in workers]
    ended = time.monotonic()
    for process, _pipe in workers:
        process.join()
    return {
        "seconds": ended - started,
        "latencies": sorted(each for result in results for each in result[0]),
        "refused": [each for result in results for each in result[1]],
    }


def _send_share(pipe: Connection, port: int, called: str, share: Sequence[Any], sop_class: str) -> None:
    link = Raw(port, called, [sop_class])
    pipe.send("ready")
    pipe.recv()
    latencies, refused = [], []
    for each in share:
        started = time.monotonic()
        status = link.store(sop_class, each.sop_uid, (each.header, each.pixels))
        latencies.append(time.monotonic() - started)
        if status:
            refused.append(status)
    pipe.send((latencies, refused))
    link.release()
