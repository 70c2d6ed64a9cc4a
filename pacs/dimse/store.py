"""C-STORE: one object to the spool, and success only once it is durable there. PS3.4 B.2."""

import logging
import time
from typing import TYPE_CHECKING

from pacs.auth.scope import may_store
from pacs.dimse.caller import Caller
from pacs.dimse.messages import AFFECTED_SOP_CLASS, AFFECTED_SOP_UID, Message
from pacs.dimse.status import SUCCESS, Status, status_of
from pacs.errors import MissingUid, NotAllowed, NotDicom, PacsError, Unsupported
from pacs.model import Accepted, Door, Envelope
from pacs.registry.routing import route
from pacs.spool import Expected

if TYPE_CHECKING:
    from pacs.archive import Archive

log = logging.getLogger("pacs.object")


class StoreService:
    """What the C-STOREs of one association share: the envelope, with the collections that the objects go to."""

    def __init__(self, archive: "Archive", caller: Caller, node: str) -> None:
        self.archive = archive
        self.caller = caller
        self.node = node
        self._envelope: Envelope | None = None

    def envelope(self) -> Envelope:
        """Decided at the first object and kept. Raises `NotAllowed` or `NotFound` when nothing takes this sender's."""
        if self._envelope is None:
            caller, snapshot = self.caller, self.archive.registry.snapshot()
            if not caller.may("store"):
                raise NotAllowed("this AE title may not store")
            routed = route(snapshot, called_aet=caller.called_aet, peer=caller.peer, principal=caller.principal)
            collections = tuple(each for each in routed if may_store(caller.principal, snapshot.collections[each]))
            if not collections:
                raise NotAllowed("no collection takes objects from this sender")
            sites = {snapshot.collections[each].site for each in collections}
            self._envelope = Envelope(
                id=caller.association,
                door=Door.DIMSE,
                node=self.node,
                peer=caller.aet,
                called_aet=caller.called_aet,
                address=caller.address,
                principal=caller.principal.name,
                site=sites.pop() if len(sites) == 1 else "",
                collection_ids=collections,
                opened_at=caller.opened_at,
                sender_site=caller.principal.site,
            )
        return self._envelope

    def on_c_store(self, message: Message, context_class: str) -> Status:
        """Take one object. Never raises, and never leaves its temporary file behind.

        `context_class` is the SOP class that its presentation context was accepted for.

        Success (0000H) is also the answer when de-identification changes the object: what the sender keeps is not
        what the archive publishes, but that is no coercion (B000H) of the sender's object.
        """
        started = time.monotonic()
        accepted = None
        try:
            accepted = self.receive(message, context_class)
            status = Status(SUCCESS)
        except PacsError as error:
            status = status_of(error)
        except Exception as error:
            log.exception("C-STORE failed", extra={"envelope": self.caller.association})
            status = status_of(error)
        finally:
            if message.file is not None:
                message.file.unlink(missing_ok=True)
        self.account(status, accepted, message.size_bytes, time.monotonic() - started)
        return status

    def receive(self, message: Message, context_class: str) -> Accepted:
        """Hand the file to the archive. Raises what it raises, and OSError when the disk did not take the object."""
        if message.failure is not None:
            raise message.failure
        if message.file is None:
            raise NotDicom("the request has no data set")
        command = message.command
        sop_class_uid, sop_uid = command.text(AFFECTED_SOP_CLASS), command.text(AFFECTED_SOP_UID)
        if not sop_class_uid or not sop_uid:
            raise MissingUid("the request names no SOP class or instance", 0x00000002 if sop_uid else 0x00001000)
        if sop_class_uid != context_class:
            raise Unsupported("the SOP class is not the one of the presentation context", AFFECTED_SOP_CLASS)
        return self.archive.receive(message.file, self.envelope(), Expected(sop_class_uid, sop_uid))

    def account(self, status: Status, accepted: Accepted | None, size_bytes: int, seconds: float) -> None:
        """One log line an object, by intake id; nothing of the object's own is in it."""
        counts = self.caller.counts
        counts.stored += accepted is not None
        counts.refused += accepted is None
        facts = {
            "door": "dimse",
            "envelope": self.caller.association,
            "peer": self.caller.aet,
            "status": f"{status.code:04X}",
            "bytes": size_bytes,
            "duration_ms": round(seconds * 1000, 1),
        }
        if accepted is None:
            log.warning("object refused", extra=facts | {"reason": status.comment})
        else:
            log.info("object accepted", extra=facts | {"intake": accepted.intake_ids})
