"""C-STORE sub-operations of a retrieve: sending stored instances over an association. PS3.4 C.4.2.1, C.4.3.1."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain

from pynetdicom.presentation import PresentationContext

from pacs.dicom.elements import Buffer
from pacs.dicom.syntaxes import EXPLICIT_LE, IMPLICIT_LE
from pacs.dimse.blob import data_set_as, passing
from pacs.dimse.link import Link
from pacs.dimse.messages import (
    AFFECTED_SOP_CLASS,
    AFFECTED_SOP_UID,
    COMMAND_FIELD,
    COMPLETED,
    DATA_SET_TYPE,
    FAILED,
    MESSAGE_ID,
    PRIORITY,
    REMAINING,
    STATUS,
    WARNING,
    Field,
    Value,
    encode_command,
    pdus,
)
from pacs.dimse.requestor import proposed
from pacs.dimse.status import (
    CANCEL,
    SUBOPERATIONS_WITH_FAILURES,
    SUCCESS,
    UNABLE_TO_PERFORM_SUBOPERATIONS,
)
from pacs.dimse.upper_layer import PeerGoneError
from pacs.errors import NotAcceptable
from pacs.model import StoredInstance

log = logging.getLogger("pacs.retrieve")
MAX_CONTEXTS = 128
MAX_COUNTER = 65535  # counters are US
WITH_DATA_SET = 0x0001
AWAIT_S = 0.25
WARNINGS = frozenset((0x0001, 0x0107, 0x0116))


@dataclass(slots=True)
class Tally:
    """What became of the sub-operations so far. `remaining + completed + failed + warning` is always the total."""

    remaining: int
    completed: int = 0
    failed: int = 0
    warning: int = 0
    failed_uids: list[str] = field(default_factory=list)

    def add(self, instance: StoredInstance, status: int | None) -> None:
        """Count one. None: it could not be sent."""
        self.remaining -= 1
        if status == SUCCESS:
            self.completed += 1
        elif status is not None and (status >> 12 == 0xB or status in WARNINGS):
            self.warning += 1
        else:
            self.failed += 1
            self.failed_uids.append(instance.sop_uid)

    def values(self, *, with_remaining: bool) -> dict[int, Value]:
        """The counters of a response. PS3.4 C.4.2.1.5 to 8: Remaining only while it goes on, or when cancelled."""
        numbers = {COMPLETED: self.completed, FAILED: self.failed, WARNING: self.warning}
        if with_remaining:
            numbers[REMAINING] = self.remaining
        return {tag: min(number, MAX_COUNTER) for tag, number in numbers.items()}

    def final_status(self) -> int:
        """The status of the last response. PS3.4 C.4.2.1.4."""
        if self.remaining:
            return CANCEL
        if not self.failed and not self.warning:
            return SUCCESS
        return SUBOPERATIONS_WITH_FAILURES if self.completed or self.warning else UNABLE_TO_PERFORM_SUBOPERATIONS


def batches(instances: Iterable[StoredInstance]) -> Iterator[list[StoredInstance]]:
    """Instances in order, cut so that the contexts of each batch fit one association."""
    batch: list[StoredInstance] = []
    pairs: set[tuple[str, str]] = set()
    classes: set[str] = set()
    for instance in instances:
        new_pairs = pairs | {(instance.sop_class_uid, instance.transfer_syntax_uid)}
        new_classes = classes | {instance.sop_class_uid}
        if len(new_pairs) + len(new_classes) > MAX_CONTEXTS:
            yield batch
            batch, new_pairs, new_classes = [], {next(iter(new_pairs - pairs))}, {instance.sop_class_uid}
        batch.append(instance)
        pairs, classes = new_pairs, new_classes
    if batch:
        yield batch


def contexts_for(batch: Iterable[StoredInstance]) -> list[PresentationContext]:
    """Per SOP class the stored transfer syntax alone in one context, and what every receiver knows in another."""
    pairs = dict.fromkeys((each.sop_class_uid, each.transfer_syntax_uid) for each in batch)
    classes = dict.fromkeys(sop_class for sop_class, _syntax in pairs)
    stored = [proposed(sop_class, [syntax]) for sop_class, syntax in pairs]
    return stored + [proposed(sop_class, [EXPLICIT_LE, IMPLICIT_LE]) for sop_class in classes]


class Sender:
    """Sends instances over one association, one after the other.

    `tick` is called a few times a second while a response is awaited; what it raises ends the sending.
    """

    def __init__(
        self, link: Link, originator: Mapping[int, Value], tick: Callable[[], None], patience_s: float
    ) -> None:
        self.link = link
        self.originator = originator
        self.tick = tick
        self.patience_s = patience_s
        self.message_id = 0
        self.by_class: dict[str, dict[str, int]] = {}
        for context_id, context in link._accepted_cx.items():
            if context.as_scu or (link.is_requestor and context.as_scp is None):
                syntaxes = self.by_class.setdefault(str(context.abstract_syntax), {})
                syntaxes.setdefault(str(context.transfer_syntax[0]), context_id)

    def send(self, instance: StoredInstance) -> int | None:
        """The receiver's status; None when the instance cannot be sent. Raises `PeerGoneError`."""
        syntaxes = self.by_class.get(instance.sop_class_uid, {})
        for wanted in (instance.transfer_syntax_uid, EXPLICIT_LE, IMPLICIT_LE):
            if wanted not in syntaxes:
                continue
            try:
                data = data_set_as(instance, wanted)
            except NotAcceptable:
                continue
            except Exception:  # whatever a decoder or the disk raises: one object fails, not the retrieve
                log.exception("instance not sent", extra={"sop_class": instance.sop_class_uid})
                return None
            return self.transfer(instance, syntaxes[wanted], data)
        return None

    def transfer(self, instance: StoredInstance, context_id: int, data: Buffer) -> int:
        """One C-STORE; the receiver's status."""
        self.message_id = self.message_id % 65535 + 1
        command: dict[int, Value] = {
            AFFECTED_SOP_CLASS: instance.sop_class_uid,
            COMMAND_FIELD: Field.C_STORE_RQ,
            MESSAGE_ID: self.message_id,
            PRIORITY: 0,
            DATA_SET_TYPE: WITH_DATA_SET,
            AFFECTED_SOP_UID: instance.sop_uid,
            **self.originator,
        }
        limit = self.link.send_limit_bytes
        parts = pdus(context_id, data, limit, is_command=False)
        self.link.send_pieces(
            chain(pdus(context_id, encode_command(command), limit, is_command=True), passing(parts, data))
        )
        return self.response()

    def response(self) -> int:
        """Wait for the answer to the last message. Raises `PeerGoneError` when there is none in time: by A-ABORT."""
        deadline = time.monotonic() + self.patience_s
        while True:
            answer = self.link.receive_response(Field.C_STORE_RSP, self.message_id, AWAIT_S)
            if answer is not None:
                return answer.number(STATUS, 0x0110)
            if not self.link.is_usable:
                raise PeerGoneError("the receiver ended the association")
            if time.monotonic() > deadline:
                self.link.abort()
                raise PeerGoneError("the receiver does not answer in time")
            self.tick()
