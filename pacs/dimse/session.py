"""One association with a peer that called us, from its first byte to its last."""

import contextlib
import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Event
from typing import TYPE_CHECKING

from pynetdicom.pdu_primitives import A_ASSOCIATE

from pacs.auth.peers import Call, UnknownPeer, UnknownUser, identify_caller
from pacs.db.connection import close_thread
from pacs.dimse.caller import Caller
from pacs.dimse.commitment import Pending, leave_to_jobs, on_n_action, tell_on_same_association
from pacs.dimse.find import on_c_find
from pacs.dimse.link import LEAST_PDU_BYTES, Link
from pacs.dimse.messages import AFFECTED_SOP_CLASS, MESSAGE_ID, RESPONSE, Field, Message, Value, response_to
from pacs.dimse.negotiation import (
    CALLED_AET_UNKNOWN,
    CALLING_AET_UNKNOWN,
    FIND_CLASSES,
    GET_CLASSES,
    LOCAL_LIMIT_EXCEEDED,
    MOVE_CLASSES,
    NO_REASON_GIVEN,
    PLAIN,
    QUERY_CLASSES,
    STORAGE_COMMITMENT,
    TEMPORARY_CONGESTION,
    VERIFICATION,
    Acceptor,
    Matching,
    Rejection,
    is_storage,
)
from pacs.dimse.options import ScpOptions
from pacs.dimse.reception import MessageReader
from pacs.dimse.request import NO_TITLE
from pacs.dimse.requestor import application_entity
from pacs.dimse.retrieve import on_c_get, on_c_move
from pacs.dimse.slots import Slots
from pacs.dimse.status import NOT_AUTHORISED, SOP_CLASS_NOT_SUPPORTED, SUCCESS, UNRECOGNISED_OPERATION, Status
from pacs.dimse.store import StoreService
from pacs.dimse.tls import fingerprint
from pacs.dimse.upper_layer import PeerGoneError
from pacs.model import DEFAULT_RULES, Principal

if TYPE_CHECKING:
    from pacs.archive import Archive

log = logging.getLogger("pacs.association")
TICK_S = 0.5  # how soon a stop, or the idle timeout, is noticed on a silent association
USERNAME_AND_PASSCODE = 2


@dataclass(frozen=True, slots=True)
class Door:
    """What all associations of a process share: places, and who knows users by name and token."""

    slots: Slots
    user_of: Callable[[str, str], Principal | None]


def _nothing() -> None:
    """There is no place to give back."""


class Session(Link):
    """The acceptor's side of one association: negotiates, then answers requests until it ends."""

    caller: Caller
    acse: Acceptor

    def __init__(self, archive: "Archive", options: ScpOptions, door: "Door", stop: Event) -> None:
        ae = application_entity(options.aet)
        super().__init__(ae, "acceptor", pdu_bytes=options.pdu_bytes, reader=MessageReader(archive.incoming))
        self.archive = archive
        self.options = options
        self.door = door
        self.stop = stop
        self.give_back: Callable[[], None] = _nothing
        self.rejection: Rejection | None = None
        self.acse = Acceptor(self)
        self.acse.judge = self.judge
        self.acse.accepts_private_classes = options.accepts_private_classes
        self.acceptor.maximum_length = options.pdu_bytes
        self.acceptor.implementation_class_uid = ae.implementation_class_uid
        self.acceptor.implementation_version_name = ae.implementation_version_name
        self.store: StoreService | None = None
        self.commitments = Pending()
        self.stop_deadline = 0.0

    # -- its life ------------------------------------------------------------------------------------------------------

    def run_reactor(self) -> None:
        """The association's thread."""
        started = time.monotonic()
        outcome = "failed"
        try:
            outcome = self.associate() and self.serve()
        except PeerGoneError:
            outcome = "aborted"
        except Exception:
            log.exception("association failed")
            self.abort_as_provider()
        finally:
            with contextlib.suppress(Exception):
                self.write_log_line(outcome, time.monotonic() - started)
            self.reader.discard()
            self.give_back()
            self.close()
            with contextlib.suppress(Exception):
                leave_to_jobs(self)
            with contextlib.suppress(Exception):
                close_thread(self.archive.parts.database)

    def associate(self) -> str:
        """Negotiate. Empty when there was no association."""
        until = time.monotonic() + self.options.acse_timeout_s
        stream = self.stream
        assert stream is not None
        try:
            stream.shake_hands(until)
        except (OSError, ValueError):  # too slow, a plain client, or one that we do not trust
            return ""
        self.dul.start()
        request = self.dul.receive_pdu(wait=True, timeout=until - time.monotonic())
        if not isinstance(request, A_ASSOCIATE):
            return ""
        self.requestor.primitive = request
        self.acse.negotiate_association()
        stream.limit(self.options.transfer_timeout_s)
        return "established" if self.is_established else ""

    def judge(self, request: A_ASSOCIATE) -> Rejection | None:
        """Whether the association is refused, and how. PS3.8 9.3.4."""
        self.rejection = self._judge(request)
        return self.rejection

    def _judge(self, request: A_ASSOCIATE) -> Rejection | None:
        options, snapshot = self.options, self.archive.registry.snapshot()
        aet, called = (request.calling_ae_title or "").strip(), (request.called_ae_title or "").strip()
        titles = {options.aet} | {each.called_aet for each in snapshot.collections.values() if each.called_aet}
        if called == NO_TITLE or (options.check_called_aet and called not in titles):
            return CALLED_AET_UNKNOWN
        takes_nothing = 0 < (self.requestor.maximum_length or 0) < LEAST_PDU_BYTES
        if aet == NO_TITLE or takes_nothing:
            return CALLING_AET_UNKNOWN if aet == NO_TITLE else NO_REASON_GIVEN
        address = self.requestor.address_info.address if self.requestor.address_info else ""
        call = Call(aet, address, fingerprint(self.dul.raw_socket), self.user_identity())
        try:
            found = identify_caller(call, snapshot.peers, options.policy, self.door.user_of)
        except UnknownPeer:
            return CALLING_AET_UNKNOWN
        except UnknownUser:
            return NO_REASON_GIVEN
        rules = found.peer.rules if found.peer is not None else DEFAULT_RULES
        self.caller = Caller(uuid.uuid4().hex, aet, called, address, found.principal, found.peer, rules)
        self.acse.rules, self.acse.accepted_identity = rules, found.as_user
        return self._take_place(found.peer.aet if found.peer is not None else aet)

    def _take_place(self, known_as: str) -> Rejection | None:
        """Take a place among all associations, and those of the peer: by its certificate it may have any title."""
        if self.stop.is_set():
            return TEMPORARY_CONGESTION
        give_back = self.door.slots.take(known_as, self.caller.rules.max_associations)
        if give_back is None:
            return LOCAL_LIMIT_EXCEEDED
        self.give_back = give_back
        return None

    def user_identity(self) -> tuple[str, str] | None:
        """User name and passcode that came with the request; other kinds of identity prove nothing to us."""
        item = self.requestor.user_identity
        if item is None or item.user_identity_type != USERNAME_AND_PASSCODE:
            return None
        return (item.primary_field or b"").decode("utf-8", "replace"), (item.secondary_field or b"").decode(
            "utf-8", "replace"
        )

    def matching(self, sop_class_uid: str) -> Matching:
        """How keys match: as negotiated, and relational also by a rule of the peer. PS3.4 C.5.1.1."""
        found = self.acse.matching.get(sop_class_uid, PLAIN)
        return replace(found, relational=True) if self.caller.rules.relational else found

    def serve(self) -> str:
        """Answer requests until the association ends; how it ended."""
        last_bytes, last_heard = self.bytes_in, time.monotonic()
        while True:
            message = self.receive(TICK_S)
            if message is not None:
                self.answer(message)
                last_heard = time.monotonic()
                continue
            if self.commitments.jobs and self.is_usable:
                tell_on_same_association(self)
            ended = self.end_of_association()
            if ended:
                return ended
            if self.bytes_in != last_bytes:
                last_bytes, last_heard = self.bytes_in, time.monotonic()
            if time.monotonic() - last_heard > self.options.idle_timeout_s:
                self.abort_as_provider()
                return "idle"
            if self.must_stop():
                self.abort_as_provider()
                return "stopped"

    def must_stop(self) -> bool:
        """Whether the process stops and nothing is in hand, or what is in hand has had its time."""
        if not self.stop.is_set():
            return False
        now = time.monotonic()
        self.stop_deadline = self.stop_deadline or now + self.options.stop_within_s
        return self.reader.is_between_messages or now > self.stop_deadline

    # -- its requests --------------------------------------------------------------------------------------------------

    def answer(self, message: Message) -> None:
        """Serve one request. Responses to nothing that we asked are ignored."""
        self.caller.counts.messages += 1
        field = message.command.field
        if field & RESPONSE:
            return
        service = SERVICES.get(field)
        fault = self.fault_of(message) if service else NOT_OFFERED
        if service is None or fault is not None:
            self.store_nothing(message)
            self.respond(message, fault or NOT_OFFERED)
            return
        self.in_hand = message.command.number(MESSAGE_ID)
        try:
            service(self, message)
        finally:
            self.cancelled.discard(self.in_hand)
            self.in_hand = None

    def fault_of(self, message: Message) -> Status | None:
        """Why a request may not come in its presentation context. PS3.7 9.1, PS3.4 C.6."""
        field, context = message.command.field, self._accepted_cx[message.context_id]
        context_class = str(context.abstract_syntax)
        if not (is_storage(context_class) if field == Field.C_STORE_RQ else context_class in CLASSES_OF[field]):
            return OTHER_SERVICE
        if context_class in QUERY_CLASSES and message.command.text(AFFECTED_SOP_CLASS) != context_class:
            return OTHER_CLASS
        return None if context.as_scp else WRONG_ROLE

    def store_nothing(self, message: Message) -> None:
        """Drop the object of a request that is not served."""
        if message.file is not None:
            message.file.unlink(missing_ok=True)

    def respond(self, message: Message, status: Status, extra: dict[int, Value] | None = None) -> None:
        """Send a response without data set."""
        values = response_to(message.command, status.code, status.values() | (extra or {}))
        self.send_message(message.context_id, values)

    def write_log_line(self, outcome: str, seconds: float) -> None:
        """One line for every association; for a connection that never became one, what was wrong."""
        address = self.requestor.address_info
        facts: dict[str, object] = {
            "door": "dimse",
            "address": address.address if address else "",
            "state": outcome or ("rejected" if self.rejection else "no association"),
            "duration_ms": round(seconds * 1000, 1),
        }
        if self.rejection is not None:
            facts["reason"] = f"{self.rejection.result}/{self.rejection.source}/{self.rejection.reason}"
        caller = getattr(self, "caller", None)
        if caller is not None:
            counts = caller.counts
            facts |= {"association": caller.association, "peer": caller.aet, "called_aet": caller.called_aet}
            facts |= {"principal": caller.principal.name, "objects": counts.stored, "refused": counts.refused}
            facts |= {"rows": counts.rows, "completed": counts.sent, "failed": counts.send_failures}
        log.info("association", extra=facts)


def _echo(session: Session, message: Message) -> None:
    allowed = session.caller.may("echo")
    session.respond(message, Status(SUCCESS) if allowed else Status(NOT_AUTHORISED, "this AE title may not verify"))


def _store(session: Session, message: Message) -> None:
    if session.store is None:
        session.store = StoreService(session.archive, session.caller, session.options.node)
    context_class = str(session._accepted_cx[message.context_id].abstract_syntax)
    session.respond(message, session.store.on_c_store(message, context_class))


NOT_OFFERED = Status(UNRECOGNISED_OPERATION, "this archive does not offer the service")
OTHER_SERVICE = Status(SOP_CLASS_NOT_SUPPORTED, "the presentation context is of another service")
OTHER_CLASS = Status(SOP_CLASS_NOT_SUPPORTED, "the SOP class is not that of the presentation context")
WRONG_ROLE = Status(SOP_CLASS_NOT_SUPPORTED, "the caller gave up the role of the user in this context")
Service = Callable[[Session, Message], None]
SERVICES: dict[int, Service] = {
    Field.C_ECHO_RQ: _echo,
    Field.C_STORE_RQ: _store,
    Field.C_FIND_RQ: on_c_find,
    Field.C_GET_RQ: on_c_get,
    Field.C_MOVE_RQ: on_c_move,
    Field.N_ACTION_RQ: on_n_action,
}
CLASSES_OF: dict[int, frozenset[str]] = {
    Field.C_ECHO_RQ: frozenset((VERIFICATION,)),
    Field.C_FIND_RQ: FIND_CLASSES,
    Field.C_GET_RQ: GET_CLASSES,
    Field.C_MOVE_RQ: MOVE_CLASSES,
    Field.N_ACTION_RQ: frozenset((STORAGE_COMMITMENT,)),
}
"""The SOP classes whose presentation contexts may carry a service; C-STORE has all of storage. PS3.7 9.1."""
__all__ = ["Session", "Slots"]
