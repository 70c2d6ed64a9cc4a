"""pynetdicom's upper layer, run by one thread per association. PS3.8 section 9.

pynetdicom gives the PDUs, the state machine and the negotiation. What differs from its own `Association`: it runs two
threads that poll each other every millisecond and read sockets in 4 KiB pieces; here the association's own thread
blocks in the kernel, takes whole PDUs, and P-DATA goes straight to the `MessageReader`. Idle associations cost nothing.
Half a PDU holds nobody up: what there is of it is kept, and the rest read when it comes.
"""

import socket
import struct
import time
from typing import TYPE_CHECKING, Any, cast

from pynetdicom.dul import DULServiceProvider
from pynetdicom.pdu import A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import _PDUPrimitiveType
from pynetdicom.transport import T_CONNECT, AssociationSocket

from pacs.dimse.request import tidy
from pacs.dimse.stream import Stream
from pacs.errors import NotDicom, PacsError

if TYPE_CHECKING:
    from pacs.dimse.link import Link

ASSOCIATE_RQ, P_DATA_TF, ABORT = 1, 4, 7
HEADER_BYTES = 6
CONTROL_PDU_BYTES = 1 << 20  # an A-ASSOCIATE with 128 contexts of 60 transfer syntaxes has 0.3 MB
SLACK = 16  # senders that count a PDU's header into the maximum length are taken


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
        if self.state_machine.current_state == "Sta2" and kind not in (ASSOCIATE_RQ, ABORT):
            raise NotDicom("a PDU of an association before there is one")
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
