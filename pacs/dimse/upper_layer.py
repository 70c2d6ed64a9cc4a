"""pynetdicom's upper layer, run by one thread per association. PS3.8 section 9.

pynetdicom gives the PDUs, the state machine and the negotiation. What differs from its own `Association`: it runs two
threads that poll each other every millisecond and read sockets in 4 KiB pieces; here the association's own thread
blocks in the kernel, takes whole PDUs, and P-DATA goes straight to the `MessageReader`. Idle associations cost nothing.
Half a PDU holds nobody up: what there is of it is kept, and the rest read when it comes.
"""

import contextlib
import socket
import struct
import time
from collections import deque
from collections.abc import Iterable
from typing import Any, cast

from pynetdicom.association import Association
from pynetdicom.dul import DULServiceProvider
from pynetdicom.pdu import A_ABORT_RQ, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import A_ABORT, A_ASSOCIATE, A_P_ABORT, A_RELEASE, _PDUPrimitiveType
from pynetdicom.transport import T_CONNECT, AssociationSocket

from pacs.dicom.elements import Buffer
from pacs.dimse.messages import Field, Message, Value, encode_command, pdus
from pacs.dimse.reception import MessageReader
from pacs.dimse.request import tidy
from pacs.dimse.stream import Stream
from pacs.errors import NotDicom, PacsError

ASSOCIATE_RQ, P_DATA_TF = 1, 4
HEADER_BYTES = 6
CONTROL_PDU_BYTES = 1 << 20  # an A-ASSOCIATE with 128 contexts of 60 transfer syntaxes has 0.3 MB
SLACK = 16  # senders that count a PDU's header into the maximum length are taken
MOST_UNREAD = 16  # messages a peer may send ahead, though no asynchronous operations were negotiated
UNLIMITED_PDU_BYTES = 1 << 18  # what we send to a peer that announces no limit
PATIENCE_S = 1.0  # how long a peer may take to read our last PDU and close


class PeerGoneError(PacsError):
    """The association ended while a service was at work."""


class UpperLayer(DULServiceProvider):
    """The upper layer service provider of a `Link`: never a thread of its own, stepped by who needs something."""

    link: "Link"

    def __init__(self, link: "Link") -> None:
        super().__init__(link)
        self.link = link
        self.header = bytearray(HEADER_BYTES)
        self.taken_bytes = 0  # how much of the PDU in hand has come, its header included
        self.begun_at = 0.0

    def start(self) -> None:
        """Be ready; a thread is not started. The connection's first event is acted on."""
        self.link._dul_ready.set()
        self.settle()

    def is_alive(self) -> bool:
        """Whether the connection can still be used."""
        return not self._kill_thread

    def settle(self) -> None:
        """Act on everything that waits: primitives of the user, then events of the connection."""
        while not self._kill_thread:
            if self.event_queue.empty() and not self._process_recv_primitive():
                return
            self.state_machine.do_action(self.event_queue.get_nowait())

    def send_pdu(self, primitive: _PDUPrimitiveType) -> None:
        """Send at once what the primitive stands for."""
        super().send_pdu(primitive)
        self.settle()

    def receive_pdu(self, wait: bool = False, timeout: float | None = None) -> Any:
        """The next primitive for the user; with `wait`, up to `timeout` seconds are spent on getting one."""
        deadline = time.monotonic() + (timeout if timeout is not None else 3600.0)
        while wait and self.to_user_queue.empty() and self.is_alive():
            left = deadline - time.monotonic()
            if left <= 0:
                break
            self.step(left)
        return super().receive_pdu(wait=False)

    def step(self, timeout_s: float) -> bool:
        """Wait for one PDU, take it and act on it. False when none was whole in time, or the connection is gone."""
        stream = self.link.stream
        if stream is None or not self.is_alive():
            return False
        until, left = time.monotonic() + timeout_s, timeout_s
        while stream.is_readable(left):
            if self.read_on(stream, patient=timeout_s > 0):
                self.act()
                return True
            left = until - time.monotonic()
            if left <= 0:
                break
        if self.taken_bytes and time.monotonic() - self.begun_at > stream.timeout_s:
            self.link.abort_as_provider()
        return False

    def act(self) -> None:
        """Act on a PDU that came."""
        try:
            self.settle()
        except Exception:  # noqa: BLE001 # values that pynetdicom has no place for, such as an abort from source 50
            self.link.abort_as_provider()

    @property
    def raw_socket(self) -> socket.socket | None:
        """The TCP or TLS socket, None once closed."""
        return self.socket.socket if self.socket else None

    def read_on(self, stream: Stream, *, patient: bool) -> bool:
        """Read on in a PDU. True when there is something to act on: it was whole, or wrong, or the connection ended.

        Impossible types and lengths are answered with A-ABORT by the state machine. PS3.8 9.3.
        """
        try:
            if not self.taken_bytes:
                self.begun_at = time.monotonic()
            if self.taken_bytes < HEADER_BYTES:
                self.taken_bytes += stream.read_into(memoryview(self.header)[self.taken_bytes :], patient=patient)
                if self.taken_bytes < HEADER_BYTES:
                    return False
                if not self.is_possible():
                    self.refuse()
                    return True
                self.acknowledge()
            kind, length = struct.unpack(">BxI", self.header)
            body = memoryview(self.link.buffer)[:length]
            start = self.taken_bytes - HEADER_BYTES
            if start < length:
                self.taken_bytes += stream.read_into(body[start:], patient=patient)
        except OSError:
            self.event_queue.put("Evt17")
            return True
        if self.taken_bytes < HEADER_BYTES + length:
            return False
        self.link.bytes_in += self.taken_bytes
        self.taken_bytes = 0
        self.take_pdu(kind, body)
        return True

    def is_possible(self) -> bool:
        """Whether the header is one of a PDU that we take; then there is room for its body."""
        kind, length = struct.unpack(">BxI", self.header)
        if not 1 <= kind <= 7 or length > (self.link.pdu_bytes + SLACK if kind == P_DATA_TF else CONTROL_PDU_BYTES):
            return False
        if length > len(self.link.buffer):
            self.link.buffer = bytearray(length)
        return True

    def take_pdu(self, kind: int, body: memoryview) -> None:
        """Take a PDU, or put the event that answers one that cannot be read."""
        try:
            if kind == P_DATA_TF and self.state_machine.current_state == "Sta6":
                self.link.take(body)
            else:
                self.take_control_pdu(kind, body)
        except Exception:  # noqa: BLE001 # a PDU that cannot be read, whatever pynetdicom raises for it: A-ABORT
            self.refuse()

    def acknowledge(self) -> None:
        """Acknowledge now what has come. DCMTK writes a PDU's header and body apart, and with Nagle on (its default)
        the body waits for our acknowledgement, which TCP would hold back for 40 ms.
        """
        sock = self.raw_socket
        if sock is not None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def refuse(self) -> None:
        """Answer garbage with A-ABORT, source 2 also before the association where PS3.8 Table 9-10 leaves it at 0."""
        if self.state_machine.current_state == "Sta2":
            self.link.abort_as_provider()
        else:
            self.event_queue.put("Evt19")

    def take_control_pdu(self, kind: int, body: memoryview) -> None:
        """Decode a PDU of the association itself and put its event."""
        content = tidy(bytes(body)) if kind == ASSOCIATE_RQ else body
        pdu, event = self._decode_pdu(bytearray(struct.pack(">BxI", kind, len(content)) + content))
        if isinstance(pdu, A_ASSOCIATE_RQ) and pdu.protocol_version & 1:
            pdu.protocol_version = 1  # only bit 0 counts, PS3.8 9.3.2; pynetdicom compares the whole field
        if kind == P_DATA_TF:
            raise NotDicom("P-DATA outside an established association")
        self._recv_pdu.put(pdu)
        self.event_queue.put(event)


class ConnectedSocket(AssociationSocket):
    """A socket that was connected before the association began."""

    def connect(self, primitive: T_CONNECT) -> None:
        """Say that the connection is there."""
        primitive.result = "Evt2"
        self.provider_queue.put(primitive)
        self._ready.set()

    def send(self, bytestream: bytes) -> None:
        """Send a PDU of the association itself."""
        link = cast("Link", self.assoc)
        try:
            if link.stream is not None:
                link.stream.send([bytestream])
        except OSError:
            link.dul.event_queue.put("Evt17")

    def close(self) -> None:
        """Close, as the state machine asks for it."""
        link = cast("Link", self.assoc)
        stream, link.stream = link.stream, None
        super().close()
        if stream is not None:
            stream.sock.close()  # pynetdicom leaves it open when the peer has reset the connection


class Link(Association):
    """An association of either role that its own thread drives, with DIMSE messages in and out.

    Messages wait in `inbox`, cancelled message ids in `cancelled`. Not for use by more than one thread.
    """

    dul: UpperLayer

    def __init__(self, *args: object, pdu_bytes: int, reader: MessageReader) -> None:
        super().__init__(*args)  # type: ignore[arg-type] # (ae, mode), as pynetdicom's
        self.dul = UpperLayer(self)
        self.acse_timeout = self._acse_timeout  # the setters of both hand the value to the new provider
        self.network_timeout = self._network_timeout
        self.pdu_bytes = pdu_bytes
        self.reader = reader
        self.buffer = bytearray(4096)
        self.inbox: deque[Message] = deque()
        self.cancelled: set[int] = set()
        self.stream: Stream | None = None
        self.bytes_in = 0

    def attach(self, sock: socket.socket, timeout_s: float) -> None:
        """Use a connected socket. `timeout_s` as of `Stream`."""
        self.stream = Stream(sock, timeout_s)
        self.set_socket(ConnectedSocket(self, client_socket=sock))
        if self.is_requestor:  # the event of an incoming connection, which ours is not
            self.dul.event_queue.get_nowait()

    @property
    def is_usable(self) -> bool:
        """Whether messages can be exchanged: established, and no abort or release has come."""
        return self.is_established and self.dul.is_alive() and self.dul.to_user_queue.empty()

    @property
    def send_limit_bytes(self) -> int:
        """The most that the peer takes in one PDU; it announces 0 for no limit. PS3.8 D.1."""
        announced = (self.acceptor if self.is_requestor else self.requestor).maximum_length or 0
        return min(announced, UNLIMITED_PDU_BYTES) if announced >= 16 else UNLIMITED_PDU_BYTES

    def take(self, body: memoryview) -> None:
        """Read the PDVs of one P-DATA-TF. Raises `NotDicom` for what must be answered with A-ABORT."""
        for message in self.reader.read(body, self._accepted_cx):
            if message.command.field == Field.C_CANCEL_RQ:
                self.cancelled.add(message.command.number(0x0120))
            else:
                self.inbox.append(message)
        if len(self.inbox) > MOST_UNREAD or len(self.cancelled) > MOST_UNREAD:
            raise NotDicom("more requests than were answered")

    def receive(self, timeout_s: float) -> Message | None:
        """The next message, waiting up to `timeout_s` for a PDU. None when no whole one is there yet."""
        if not self.inbox and self.is_usable:
            self.dul.step(timeout_s)
        return self.inbox.popleft() if self.inbox else None

    def is_cancelled(self, message_id: int) -> bool:
        """Whether a C-CANCEL for the request has come. Raises `PeerGoneError` when the association has ended."""
        while self.is_usable and len(self.inbox) < MOST_UNREAD and self.dul.step(0):
            pass
        if not self.is_usable:
            raise PeerGoneError("the association ended")
        return message_id in self.cancelled

    def send_message(self, context_id: int, command: dict[int, Value], data: Buffer | None = None) -> None:
        """Send a command set and, when there is one, its data set, with one call to the kernel."""
        limit = self.send_limit_bytes
        pieces = list(pdus(context_id, encode_command(command), limit, is_command=True))
        if data is not None:
            pieces.extend(pdus(context_id, data, limit, is_command=False))
        self.send_pieces(pieces)

    def send_pieces(self, pieces: Iterable[Buffer]) -> None:
        """Send bytes in order. Raises `PeerGoneError` when the peer is gone or does not take them in time."""
        if self.stream is None or not self.is_usable:
            raise PeerGoneError("the association ended")
        try:
            self.stream.send(pieces)
        except OSError as error:
            self.dul.event_queue.put("Evt17")
            self.dul.settle()
            raise PeerGoneError("the peer does not take what we send") from error

    def end_of_association(self) -> str:
        """How the association ended, acting on it: ``released``, ``aborted``, or empty while it goes on."""
        primitive: object = self.dul.peek_next_pdu()
        if primitive is None:
            return "aborted" if self.dul._kill_thread else ""
        self.dul.receive_pdu()
        if isinstance(primitive, A_RELEASE):
            self.acse.send_release(is_response=True)
            self.is_released = True
        else:
            self.is_aborted = isinstance(primitive, A_ABORT | A_P_ABORT)
        self.kill()
        return "released" if self.is_released else "aborted"

    def release(self) -> None:
        """Ask for release and wait for the answer, then close. PS3.8 7.2."""
        if self.is_usable:
            self.acse.negotiate_release()
        self.close()

    def _abort_blocking(self, block: bool = True) -> None:
        """Send A-ABORT and end; never blocks, whatever pynetdicom asks for."""
        if self.dul.is_alive() and not self._sent_abort:
            self._sent_abort = True
            with contextlib.suppress(Exception):  # the connection may be in any state
                self.acse.send_abort(0x00)
        self.is_aborted = True
        self.kill()

    def abort_as_provider(self) -> None:
        """Send A-ABORT with source 2 (service provider), outside the state machine, and end."""
        sock = self.dul.raw_socket
        if sock is not None and not self.is_released:
            pdu = A_ABORT_RQ()
            pdu.source, pdu.reason_diagnostic = 2, 0
            with contextlib.suppress(OSError):  # at once or not at all: the peer may have stopped reading
                sock.setblocking(False)
                sock.send(pdu.encode())
        self.is_aborted = True
        self.kill()

    def kill(self) -> None:
        """End without a further PDU."""
        self._kill = True
        self.is_established = False
        self.dul._kill_thread = True

    def close(self) -> None:
        """Close the connection so that our last PDU still reaches the peer, and drop a half-received message."""
        self.kill()
        self.reader.discard()
        stream, self.stream = self.stream, None
        if stream is None:
            return
        with contextlib.suppress(OSError, ValueError):
            if self.is_rejected or self.is_released:  # it is the peer that closes then: Sta13, PS3.8 9.2.3
                stream.drain(PATIENCE_S)
            stream.sock.shutdown(socket.SHUT_WR)
            stream.drain(PATIENCE_S)
        with contextlib.suppress(OSError):
            stream.sock.close()
        if self.dul.socket is not None:
            self.dul.socket.socket = None


__all__ = ["A_ASSOCIATE", "Link", "PeerGoneError", "UpperLayer"]
