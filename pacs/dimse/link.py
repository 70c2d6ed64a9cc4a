"""An association of either role that its own thread drives: DIMSE messages in and out. PS3.7 section 6, PS3.8."""

import contextlib
import socket
from collections import deque
from collections.abc import Iterable

from pynetdicom.association import Association
from pynetdicom.pdu import A_ABORT_RQ
from pynetdicom.pdu_primitives import A_ABORT, A_P_ABORT, A_RELEASE

from pacs.dicom.elements import Buffer
from pacs.dimse.messages import (
    MESSAGE_ID,
    MESSAGE_ID_RESPONDED_TO,
    RESPONSE,
    Command,
    Field,
    Message,
    Value,
    encode_command,
    pdus,
)
from pacs.dimse.reception import MAX_IDENTIFIER_BYTES, MessageReader
from pacs.dimse.stream import Stream
from pacs.dimse.upper_layer import ConnectedSocket, PeerGoneError, UpperLayer
from pacs.errors import NotDicom

MOST_UNREAD = 16  # messages a peer may send ahead, though no asynchronous operations were negotiated
MOST_UNREAD_BYTES = 2 * MAX_IDENTIFIER_BYTES
LEAST_PDU_BYTES = 8  # a PDV's header and two bytes: who takes less takes nothing. PS3.8 D.1, 9.3.5.1
UNLIMITED_PDU_BYTES = 1 << 18  # what we send to a peer that announces no limit
PATIENCE_S = 1.0  # how long a peer may take to read our last PDU and close


class Link(Association):
    """An association of either role that its own thread drives, with DIMSE messages in and out.

    Messages wait in `inbox`. `cancelled` are ids of requests that wait, or are `in_hand`. Not for use by more than one
    thread.
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
        self.in_hand: int | None = None
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
        return max(LEAST_PDU_BYTES, min(announced or UNLIMITED_PDU_BYTES, UNLIMITED_PDU_BYTES))

    def take(self, body: memoryview) -> None:
        """Read the PDVs of one P-DATA-TF. Raises `NotDicom` for what must be answered with A-ABORT."""
        for message in self.reader.read(body, self._accepted_cx):
            if message.command.field == Field.C_CANCEL_RQ:
                self.cancel(message.command.number(MESSAGE_ID_RESPONDED_TO))
            else:
                self.inbox.append(message)
        if len(self.inbox) > MOST_UNREAD or self.unread_bytes > MOST_UNREAD_BYTES + MAX_IDENTIFIER_BYTES:
            raise NotDicom("more requests than were answered")

    def cancel(self, message_id: int) -> None:
        """Note a C-CANCEL. For a request that was answered it comes too late: a later one may have the same id."""
        if message_id == self.in_hand or any(each.command.number(MESSAGE_ID) == message_id for each in self.inbox):
            self.cancelled.add(message_id)

    @property
    def unread_bytes(self) -> int:
        """What the messages that wait take of memory."""
        return sum(len(each.data) for each in self.inbox)

    def receive(self, timeout_s: float) -> Message | None:
        """The next message, waiting up to `timeout_s` for a PDU. None when no whole one is there yet."""
        if not self.inbox and self.is_usable:
            self.dul.step(timeout_s)
        return self.inbox.popleft() if self.inbox else None

    def receive_response(self, field: Field, message_id: int, timeout_s: float) -> Command | None:
        """The response to a message of ours, waiting up to `timeout_s` for a PDU. None when it is not there yet.

        Requests that came meanwhile go on waiting, as many as may; responses to nothing are dropped.
        """
        found = self._response(field, message_id)
        if found is None and self.is_usable:
            self.dul.step(timeout_s)
            found = self._response(field, message_id)
        return found

    def _response(self, field: Field, message_id: int) -> Command | None:
        responses = [each for each in self.inbox if each.command.field & RESPONSE]
        for each in responses:
            self.inbox.remove(each)
        wanted = (field, message_id)
        return next((e.command for e in responses if (e.command.field, _responded_to(e)) == wanted), None)

    def is_cancelled(self, message_id: int, wait_s: float = 0.0) -> bool:
        """Whether a C-CANCEL for the request has come, or comes in time. Raises `PeerGoneError` at the end."""
        while self.is_usable and self.has_room() and self.dul.step(wait_s):
            wait_s = 0.0
        if not self.is_usable:
            raise PeerGoneError("the association ended")
        return message_id in self.cancelled

    def has_room(self) -> bool:
        """Whether more can be read without ending the association."""
        return len(self.inbox) < MOST_UNREAD and self.unread_bytes < MOST_UNREAD_BYTES

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
        self.inbox.clear()
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


def _responded_to(message: Message) -> int:
    return message.command.number(MESSAGE_ID_RESPONDED_TO)
