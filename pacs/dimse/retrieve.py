"""C-MOVE and C-GET. PS3.4 C.4.2 and C.4.3."""

import logging
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pacs.dimse.identifier import failed_list, read_identifier
from pacs.dimse.keys import instances_of
from pacs.dimse.messages import (
    AFFECTED_SOP_CLASS,
    DATA_SET_TYPE,
    MESSAGE_ID,
    MOVE_DESTINATION,
    MOVE_ORIGINATOR_AET,
    MOVE_ORIGINATOR_ID,
    Message,
    Value,
    response_to,
)
from pacs.dimse.requestor import UnreachableError, open_link
from pacs.dimse.status import (
    CANCEL,
    DESTINATION_UNKNOWN,
    NOT_AUTHORISED,
    PENDING,
    UNABLE_TO_PERFORM_SUBOPERATIONS,
    Status,
    status_of,
)
from pacs.dimse.suboperations import WITH_DATA_SET, Sender, Tally, batches, contexts_for
from pacs.dimse.upper_layer import Link, PeerGoneError
from pacs.errors import PacsError
from pacs.model import PeerInfo, StoredInstance

if TYPE_CHECKING:
    from pacs.dimse.session import Session

log = logging.getLogger("pacs.retrieve")
PENDING_EVERY = 5  # objects
PENDING_S = 1.0


class _CancelledError(PacsError):
    """The requestor sent C-CANCEL."""


def on_c_move(session: "Session", message: Message) -> None:
    """Send instances to a third party. Raises only `PeerGoneError`."""
    Retrieve(session, message, "move").run()


def on_c_get(session: "Session", message: Message) -> None:
    """Send instances back over the same association. Raises only `PeerGoneError`."""
    Retrieve(session, message, "get").run()


class Retrieve:
    """One C-MOVE or C-GET request while it is served."""

    def __init__(self, session: "Session", message: Message, service: str) -> None:
        self.session = session
        self.message = message
        self.service = service
        self.message_id = message.command.number(MESSAGE_ID)
        self.syntax = str(session._accepted_cx[message.context_id].transfer_syntax[0])
        self.tally = Tally(0)
        self.reported_at = time.monotonic()
        self.unreported = 0

    def run(self) -> None:
        """Serve the request, and send its last response."""
        started = time.monotonic()
        try:
            status = self.retrieve()
        except PeerGoneError:
            raise
        except PacsError as error:
            status = status_of(error)
        except Exception as error:
            log.exception("retrieve failed", extra={"association": self.session.caller.association})
            status = status_of(error)
        self.finish(status)
        self.account(status, time.monotonic() - started)

    def retrieve(self) -> Status:
        """Find out what to send and where to, and send it."""
        session, command = self.session, self.message.command
        if not session.caller.may(self.service):
            return Status(NOT_AUTHORISED, "this AE title may not retrieve")
        destination = self.destination() if self.service == "move" else None
        if self.service == "move" and destination is None:
            return Status(DESTINATION_UNKNOWN, "the move destination is not configured")
        sop_class = command.text(AFFECTED_SOP_CLASS)
        instances = instances_of(
            session.archive,
            session.caller.principal,
            read_identifier(self.message.data, self.syntax),
            sop_class,
            relational=session.is_relational(sop_class),
        )
        self.tally = Tally(len(instances))
        try:
            if destination is None:
                self.send_all(session, instances, {})
            else:
                self.move(instances, destination)
        except _CancelledError:
            return Status(CANCEL)
        return Status(self.tally.final_status())

    def destination(self) -> PeerInfo | None:
        """Where a C-MOVE goes; None when nobody of that AE title is known."""
        return self.session.archive.registry.snapshot().peers.get(self.message.command.text(MOVE_DESTINATION))

    def move(self, instances: Sequence[StoredInstance], destination: PeerInfo) -> None:
        """Send over as few associations as the contexts allow; none when there is nothing to send."""
        originator: dict[int, Value] = {
            MOVE_ORIGINATOR_AET: self.session.caller.aet,
            MOVE_ORIGINATOR_ID: self.message_id,
        }
        for batch in batches(instances):
            try:
                link = open_link(destination, contexts_for(batch), self.session.options)
            except UnreachableError:
                self.give_up(batch)
                continue
            try:
                self.send_all(link, batch, originator)
                link.release()
            finally:
                link.close()

    def send_all(self, link: Link, batch: Sequence[StoredInstance], originator: dict[int, Value]) -> None:
        """Send a batch over one association. When it breaks, the rest of the batch has failed."""
        sender = Sender(link, originator, self.tick, self.session.options.idle_timeout_s)
        for position, instance in enumerate(batch):
            self.tick()
            try:
                status = sender.send(instance)
            except PeerGoneError:
                if not self.session.is_usable:
                    raise
                self.give_up(batch[position:])
                return
            self.tally.add(instance, status)
            self.unreported += 1

    def give_up(self, rest: Sequence[StoredInstance]) -> None:
        """Count as failed what cannot be sent any more."""
        for instance in rest:
            self.tally.add(instance, None)

    def tick(self) -> None:
        """Between objects, and each second while one is under way: look for a cancel, and report progress."""
        if self.session.is_cancelled(self.message_id):
            raise _CancelledError("cancelled")
        if self.session.stop.is_set():
            raise PeerGoneError("the server stops")
        now = time.monotonic()
        if self.unreported >= PENDING_EVERY or now - self.reported_at >= PENDING_S:
            self.session.respond(self.message, Status(PENDING), self.tally.values(with_remaining=True))
            self.reported_at, self.unreported = now, 0

    def finish(self, status: Status) -> None:
        """The last response, with the list of what failed."""
        values = status.values()
        values |= self.tally.values(with_remaining=status.code == CANCEL)
        if not self.tally.failed_uids:
            self.session.respond(self.message, status, values)
            return
        response = response_to(self.message.command, status.code, values | {DATA_SET_TYPE: WITH_DATA_SET})
        identifier = failed_list(self.tally.failed_uids, self.syntax)
        self.session.send_message(self.message.context_id, response, identifier)

    def account(self, status: Status, seconds: float) -> None:
        """One log line a request."""
        session, tally = self.session, self.tally
        session.caller.counts.sent += tally.completed + tally.warning
        session.caller.counts.send_failures += tally.failed
        facts = {
            "association": session.caller.association,
            "peer": session.caller.aet,
            "service": self.service,
            "status": f"{status.code:04X}",
            "completed": tally.completed,
            "failed": tally.failed,
            "warnings": tally.warning,
            "remaining": tally.remaining,
            "duration_ms": round(seconds * 1000, 1),
        }
        if self.service == "move" and status.code != DESTINATION_UNKNOWN:
            facts["destination"] = self.message.command.text(MOVE_DESTINATION)
        log.info("retrieve", extra=facts)


__all__ = ["UNABLE_TO_PERFORM_SUBOPERATIONS", "Retrieve", "on_c_get", "on_c_move"]
