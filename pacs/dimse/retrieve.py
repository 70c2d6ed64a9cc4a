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
from pacs.dimse.moving import Mover
from pacs.dimse.status import (
    CANCEL,
    DESTINATION_UNKNOWN,
    NOT_AUTHORISED,
    PENDING,
    UNABLE_TO_PERFORM_SUBOPERATIONS,
    Status,
    status_of,
)
from pacs.dimse.suboperations import WITH_DATA_SET, Sender, Tally, batches
from pacs.dimse.upper_layer import PeerGoneError
from pacs.errors import PacsError
from pacs.model import PeerInfo, StoredInstance

if TYPE_CHECKING:
    from pacs.dimse.session import Session

log = logging.getLogger("pacs.retrieve")
PENDING_EVERY = 5  # objects
PENDING_S = 0.9
CANCEL_PATIENCE_S = 5.0  # how long the object under way may take after a cancel; workstations wait 10 s


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
        self.cancelled_at = 0.0
        self.trouble = ""

    def run(self) -> None:
        """Serve the request, and send its last response."""
        started = time.monotonic()
        try:
            status = self.retrieve()
        except PeerGoneError:
            self.account("aborted", time.monotonic() - started)
            raise
        except PacsError as error:
            status = status_of(error)
        except Exception as error:
            log.exception("retrieve failed", extra={"association": self.session.caller.association})
            status = status_of(error)
        self.finish(status)
        self.account(f"{status.code:04X}", time.monotonic() - started)

    def retrieve(self) -> Status:
        """Find out what to send and where to, and send it."""
        session, command = self.session, self.message.command
        if not session.caller.may(self.service):
            return Status(NOT_AUTHORISED, "this AE title may not retrieve")
        destination = self.destination() if self.service == "move" else None
        if self.service == "move" and destination is None:
            named = self.named_destination() or "without a name"
            return Status(DESTINATION_UNKNOWN, f"the move destination {named} is not configured")
        sop_class = command.text(AFFECTED_SOP_CLASS)
        instances = instances_of(
            session.archive,
            session.caller.principal,
            read_identifier(self.message.data, self.syntax, session.caller.rules.character_set),
            sop_class,
            relational=session.matching(sop_class).relational,
        )
        self.tally = Tally(len(instances))
        if destination is None:
            self.get(instances)
        else:
            self.move(instances, destination)
        code = self.tally.final_status()
        return Status(code, self.trouble if code == UNABLE_TO_PERFORM_SUBOPERATIONS else "")

    def named_destination(self) -> str:
        """The destination that was asked for, as it may stand in a comment."""
        return "".join(each for each in self.message.command.text(MOVE_DESTINATION)[:16] if each.isprintable())

    def destination(self) -> PeerInfo | None:
        """Where a C-MOVE goes; None when nobody of that AE title is known."""
        return self.session.archive.registry.snapshot().peers.get(self.message.command.text(MOVE_DESTINATION))

    def move(self, instances: Sequence[StoredInstance], destination: PeerInfo) -> None:
        """Send to a third party, a batch after the other; no association when there is nothing to send.

        Whoever asks, a destination that is bound to collections gets nothing else: that counts as failed.
        """
        instances, refused = _allowed(instances, destination)
        if refused:
            self.count(refused, None)
            self.trouble = f"{destination.aet} may not have all that was asked for"
        originator: dict[int, Value] = {
            MOVE_ORIGINATOR_AET: self.session.caller.aet,
            MOVE_ORIGINATOR_ID: self.message_id,
        }
        for batch in batches(instances):
            mover = Mover(destination, self.session.options, originator, batch)
            mover.start()
            try:
                self.follow(mover)
            finally:
                mover.finish()
            if self.cancelled_at:
                return

    def follow(self, mover: Mover) -> None:
        """Count what becomes of a batch, report, and look for a cancel, until it is over."""
        for outcome in mover.outcomes():
            if outcome is not None:
                self.count(outcome.instances, outcome.status)
                self.trouble = (outcome.trouble and f"{mover.destination.aet}: {outcome.trouble}") or self.trouble
            self.tick()
            if self.is_cancelled():
                mover.soon.set()
                if not mover.has_begun or time.monotonic() - self.cancelled_at > CANCEL_PATIENCE_S:
                    return

    def get(self, instances: Sequence[StoredInstance]) -> None:
        """Send over the association of the request itself."""
        self.trouble = "no presentation context with SCP role for what was found"
        sender = Sender(self.session, {}, self.tick, self.session.caller.rules.patience_s)
        for instance in instances:
            self.tick()
            if self.is_cancelled():
                return
            self.count((instance,), sender.send(instance))

    def count(self, instances: Sequence[StoredInstance], status: int | None) -> None:
        """Note what became of some instances."""
        for instance in instances:
            self.tally.add(instance, status)
            self.trouble = "" if status is not None else self.trouble
        self.unreported += len(instances)

    def is_cancelled(self) -> bool:
        """Whether a C-CANCEL has come. PS3.4 C.4.2.3.1."""
        if not self.cancelled_at and self.session.is_cancelled(self.message_id):
            self.cancelled_at = time.monotonic()
        return bool(self.cancelled_at)

    def tick(self) -> None:
        """Between objects, and several times a second while one is under way: report progress.

        Raises `PeerGoneError` when the requestor is gone, or the server stops.
        """
        self.is_cancelled()
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

    def account(self, status: str, seconds: float) -> None:
        """One log line a request."""
        session, tally = self.session, self.tally
        session.caller.counts.sent += tally.completed + tally.warning
        session.caller.counts.send_failures += tally.failed
        facts = {
            "association": session.caller.association,
            "peer": session.caller.aet,
            "service": self.service,
            "status": status,
            "completed": tally.completed,
            "failed": tally.failed,
            "warnings": tally.warning,
            "remaining": tally.remaining,
            "duration_ms": round(seconds * 1000, 1),
        }
        if self.service == "move" and self.destination() is not None:
            facts["destination"] = self.message.command.text(MOVE_DESTINATION)
        log.info("retrieve", extra=facts)


def _allowed(
    instances: Sequence[StoredInstance], destination: PeerInfo
) -> tuple[Sequence[StoredInstance], Sequence[StoredInstance]]:
    """What a destination may have, and what it may not."""
    bound = destination.collection_ids
    if bound is None:
        return instances, ()
    inside = [each for each in instances if each.collection_id in bound]
    return inside, [each for each in instances if each.collection_id not in bound]


__all__ = ["UNABLE_TO_PERFORM_SUBOPERATIONS", "Retrieve", "on_c_get", "on_c_move"]
