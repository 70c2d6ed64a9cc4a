"""Storage commitment, push model: N-ACTION in, N-EVENT-REPORT out. PS3.4 Annex J.

A request becomes a job at once, with what it asks sealed in the vault, so that the answer survives a restart. The
association that asked gets the answer if it is still there when all has been dealt with; else a job calls the sender.
"""

import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pacs.curation import commitment
from pacs.curation.commitment import Reference
from pacs.dicom.elements import DataSet, Element
from pacs.dicom.fileformat import text_of
from pacs.dicom.syntaxes import EXPLICIT_LE, encoding_of
from pacs.dicom.writing import encode
from pacs.dimse.identifier import read_identifier
from pacs.dimse.link import Link
from pacs.dimse.messages import (
    ACTION_TYPE,
    AFFECTED_SOP_CLASS,
    AFFECTED_SOP_UID,
    COMMAND_FIELD,
    DATA_SET_TYPE,
    EVENT_TYPE,
    MESSAGE_ID,
    REQUESTED_SOP_CLASS,
    REQUESTED_SOP_UID,
    STATUS,
    Field,
    Message,
    Value,
    response_to,
)
from pacs.dimse.request import is_uid
from pacs.dimse.status import (
    INVALID_ARGUMENT,
    MISSING_ATTRIBUTE,
    NO_SUCH_ACTION,
    NO_SUCH_CLASS,
    NO_SUCH_INSTANCE,
    NOT_AUTHORISED,
    PROCESSING_FAILURE,
    SUCCESS,
    Status,
    status_of,
)
from pacs.dimse.upper_layer import PeerGoneError
from pacs.errors import NotAllowed, PacsError
from pacs.registry.routing import route

if TYPE_CHECKING:
    from pacs.archive import Archive
    from pacs.dimse.session import Session

log = logging.getLogger("pacs.commit")
COMMIT = "commit"
PUSH_MODEL, PUSH_INSTANCE = "1.2.840.10008.1.20.1", "1.2.840.10008.1.20.1.1"
TRANSACTION, REFERENCES, FAILED = 0x00081195, 0x00081199, 0x00081198
SOP_CLASS, SOP_UID, FAILURE_REASON = 0x00081150, 0x00081155, 0x00081197
REQUEST_COMMITMENT, ALL_SAFE, SOME_FAILED = 1, 1, 2
SAME_ASSOCIATION_S = 15.0
"""How long the association that asked may wait for its answer; from then on the job calls the sender."""
ANSWER_S = 30.0
SOON_S = 6.0  # for the answer of a sender that asked on this association: the job must not call it meanwhile
MOST_REFERENCES = 100_000


@dataclass(slots=True)
class Asked:
    """A request. All of it identifies: it holds the UIDs that the sender knows."""

    transaction: str
    references: list[Reference]
    collection_ids: list[int]
    asked_at_ms: int
    is_repeated: bool = False

    def as_json(self) -> dict[str, Any]:
        """For sealing."""
        pairs = [[each.sop_class_uid, each.sop_uid] for each in self.references]
        return {
            "transaction": self.transaction,
            "references": pairs,
            "collections": self.collection_ids,
            "at": self.asked_at_ms,
            "repeated": self.is_repeated,
        }

    @classmethod
    def from_json(cls, content: Any) -> "Asked":
        """What `as_json` gave."""
        references = [Reference(*pair) for pair in content["references"]]
        return cls(content["transaction"], references, content["collections"], content["at"], content["repeated"])


@dataclass(slots=True)
class Pending:
    """Requests of one association that it may still be told about."""

    jobs: dict[int, tuple[Asked, int, float]] = field(default_factory=dict)  # context id, deadline

    def add(self, job_id: int, asked: Asked, context_id: int) -> None:
        """Wait for the answer to a request."""
        self.jobs[job_id] = (asked, context_id, time.monotonic() + SAME_ASSOCIATION_S - SOON_S - 1.0)


def leave_to_jobs(session: "Session") -> None:
    """The association is over: what it was not told of, the sender is called for at once."""
    if session.commitments.jobs:
        session.archive.parts.jobs.hasten(session.commitments.jobs)


def on_n_action(session: "Session", message: Message) -> None:
    """Take a request for storage commitment. Raises only `PeerGoneError`."""
    command = message.command
    extra: dict[int, Value] = {AFFECTED_SOP_CLASS: PUSH_MODEL, AFFECTED_SOP_UID: PUSH_INSTANCE}
    extra[ACTION_TYPE] = command.number(ACTION_TYPE)
    try:
        status = _check(session, message) or _take(session, message)
    except PacsError as error:
        status = status_of(error)
    except Exception as error:
        log.exception("N-ACTION failed", extra={"association": session.caller.association})
        status = status_of(error)
    session.send_message(message.context_id, response_to(command, status.code, status.values() | extra))
    log.info(
        "commitment asked",
        extra={
            "association": session.caller.association,
            "peer": session.caller.aet,
            "service": "commit",
            "status": f"{status.code:04X}",
        },
    )


def _check(session: "Session", message: Message) -> Status | None:
    """What is wrong with a request before its data set is read. PS3.7 10.1.4.1.10."""
    command = message.command
    if command.text(REQUESTED_SOP_CLASS) != PUSH_MODEL:
        return Status(NO_SUCH_CLASS, "no such SOP class")
    if command.text(REQUESTED_SOP_UID) != PUSH_INSTANCE:
        return Status(NO_SUCH_INSTANCE, "the push model has one well-known instance")
    if command.number(ACTION_TYPE) != REQUEST_COMMITMENT:
        return Status(NO_SUCH_ACTION, "the push model has action type 1 alone")
    if not session.caller.may("commit"):
        return Status(NOT_AUTHORISED, "this AE title may not ask for storage commitment")
    return None


def _take(session: "Session", message: Message) -> Status:
    """Make the request a job, durably; then success."""
    archive, caller = session.archive, session.caller
    snapshot = archive.registry.snapshot()
    try:
        routed = route(snapshot, called_aet=caller.called_aet, peer=caller.peer, principal=caller.principal)
    except NotAllowed:
        routed = ()
    collections = commitment.committing(archive, routed)
    if not collections:
        return Status(NOT_AUTHORISED, "storage commitment is off for where this sender's objects go")
    syntax = str(session._accepted_cx[message.context_id].transfer_syntax[0])
    identifier = read_identifier(message.data, syntax)
    transaction = text_of(identifier.data_set, TRANSACTION)
    items = identifier.data_set[REFERENCES].items if REFERENCES in identifier.data_set else None
    references = [Reference(text_of(each, SOP_CLASS), text_of(each, SOP_UID)) for each in items or ()]
    if not transaction or not references:
        return Status(MISSING_ATTRIBUTE, "a Transaction UID and references are needed")
    fits = len(references) <= MOST_REFERENCES and all(each.sop_uid for each in references)
    if not fits or not is_uid(transaction):
        return Status(INVALID_ARGUMENT, "the references cannot be used")
    asked = Asked(transaction, references, [each.id for each in collections], commitment.now_ms())
    lookup = archive.keys_of(collections[0]).receipt_hmac(f"{caller.aet}\\{transaction}")
    job_id = keep_request(archive, lookup, caller.aet, asked)
    session.commitments.add(job_id, asked, message.context_id)
    return Status(SUCCESS)


def keep_request(archive: "Archive", lookup: str, aet: str, asked: Asked) -> int:
    """Seal a request and queue the job that answers it, unless the association does; the job's id."""
    parts = archive.parts
    with parts.database.atomic():
        job_id = parts.jobs.add(COMMIT, {"aet": aet}, delay_s=SAME_ASSOCIATION_S)
        asked.is_repeated = not parts.jobs.note_commitment(lookup, job_id)
        parts.requests.save(job_id, asked.as_json(), request_key(archive))
    return job_id


def request_key(archive: "Archive") -> bytes:
    """What seals requests: of the newest key, as they live for days at most."""
    return archive.parts.keys.sealing_key(archive.parts.keys.newest, "requests")


def report_of(archive: "Archive", asked: Asked) -> tuple[int, DataSet] | None:
    """Event type and data set of the answer; None while something accepted before the request is not dealt with."""
    if not commitment.is_drained(archive, asked.asked_at_ms):
        return None
    if asked.is_repeated:
        failed = dict.fromkeys(asked.references, commitment.DUPLICATE_TRANSACTION)
    else:
        collections = commitment.committing(archive, asked.collection_ids)
        failed = commitment.judge(archive, collections, asked.references)
    report = DataSet()
    report.put(TRANSACTION, "UI", asked.transaction.encode())
    if failed:
        report[FAILED] = _sequence(FAILED, [_item(each, failed[each]) for each in asked.references if each in failed])
    safe = [_item(each, None) for each in asked.references if each not in failed]
    if safe:
        report[REFERENCES] = _sequence(REFERENCES, safe)
    return (SOME_FAILED if failed else ALL_SAFE), report


def _sequence(tag: int, items: list[DataSet]) -> Element:
    return Element(tag, "SQ", b"", items)


def _item(reference: Reference, reason: int | None) -> DataSet:
    item = DataSet()
    item.put(SOP_CLASS, "UI", reference.sop_class_uid.encode())
    item.put(SOP_UID, "UI", reference.sop_uid.encode())
    if reason is not None:
        item.put(FAILURE_REASON, "US", reason.to_bytes(2, "little"))
    return item


def send_report(
    link: Link, context_id: int, event: int, report: DataSet, message_id: int, patience_s: float = ANSWER_S
) -> int:
    """Send an N-EVENT-REPORT and wait for its answer; the status. Raises `PeerGoneError`."""
    syntax = str(link._accepted_cx[context_id].transfer_syntax[0])
    data = b"".join(bytes(each) for each in encode(report, encoding_of(EXPLICIT_LE), encoding_of(syntax)))
    command: dict[int, Value] = {
        AFFECTED_SOP_CLASS: PUSH_MODEL,
        COMMAND_FIELD: Field.N_EVENT_REPORT_RQ,
        MESSAGE_ID: message_id,
        DATA_SET_TYPE: 1,
        AFFECTED_SOP_UID: PUSH_INSTANCE,
        EVENT_TYPE: event,
    }
    link.send_message(context_id, command, data)
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline and link.is_usable:
        answer = link.receive_response(Field.N_EVENT_REPORT_RSP, message_id, 1.0)
        if answer is not None:
            return answer.number(STATUS, PROCESSING_FAILURE)
    raise PeerGoneError("no answer to the report")


def tell_on_same_association(session: "Session") -> None:
    """Between requests: send what can be answered now; what cannot in time is left to the job."""
    pending, jobs = session.commitments.jobs, session.archive.parts.jobs
    for job_id, (asked, context_id, deadline) in list(pending.items()):
        if time.monotonic() > deadline:
            del pending[job_id]
            continue
        found = report_of(session.archive, asked)
        if found is None:
            continue
        del pending[job_id]
        try:
            status = send_report(session, context_id, *found, message_id=job_id % 65535 + 1, patience_s=SOON_S)
        except PeerGoneError:
            pending[job_id] = (asked, context_id, deadline)
            return  # the job calls the sender
        if status == SUCCESS and jobs.settle(job_id, "told on the same association"):
            session.archive.parts.requests.forget(job_id)
