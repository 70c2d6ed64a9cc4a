"""What became of the objects of one store request, for whoever sent it and for curators. Not of the standard."""

import re
from collections import Counter
from collections.abc import Iterator

from flask import Blueprint, Response

from pacs.archive import Archive
from pacs.auth import is_curator_of
from pacs.curation.status import removed_since
from pacs.db.tables.audit import Receipt
from pacs.dicomweb.door import caller, door
from pacs.dicomweb.reply import json_reply
from pacs.errors import NotFound
from pacs.model import Principal, PrincipalKind

blueprint = Blueprint("submissions", __name__)
_STORE_REQUEST = re.compile(r"w-[0-9a-f]{24}")  # the id that STOW-RS gives its envelopes


@blueprint.get("/submissions/<number>")
def show_submission(number: str) -> Response:
    """States by intake id and new UIDs. Somebody else's looks like one that never was."""
    archive, principal = door().archive, caller()
    if not _STORE_REQUEST.fullmatch(number) or principal.kind is not PrincipalKind.USER:
        raise _absent()
    # Spool first: what moves on while we look has its receipt by the time that receipts are read.
    waiting = {each.intake_id: each for each in archive.parts.spool.entries() if each.envelope_id == number}
    receipts = archive.parts.receipts.of_envelope(number)
    for receipt in receipts:
        waiting.pop(receipt.intake_id, None)
    rows = list(_waiting_rows(archive, principal, number, {key: each.collection_id for key, each in waiting.items()}))
    mine = [each for each in receipts if _sees(principal, each.sender, each.collection_id)]
    removed = removed_since(archive, mine)
    rows += [_row(archive, principal, each) | _gone(each.intake_id in removed) for each in mine]
    if not rows:
        raise _absent()
    content = {"id": number, "states": Counter(row["state"] for row in rows), "objects": rows}
    reply = json_reply(content, media_type="application/json")
    reply.headers["Cache-Control"] = "no-store"
    return reply


def _absent() -> NotFound:
    return NotFound("there is no such submission")


def _sees(principal: Principal, sender: str, collection_id: int) -> bool:
    return principal.name == sender or is_curator_of(principal, collection_id)


def _waiting_rows(
    archive: Archive, principal: Principal, number: str, waiting: dict[str, int]
) -> Iterator[dict[str, object]]:
    envelope = archive.envelope(number)
    sender = envelope.principal if envelope else ""
    for intake_id, collection_id in sorted(waiting.items()):
        if _sees(principal, sender, collection_id):
            yield {"intake_id": intake_id, "collection": _name(archive, collection_id), "state": "waiting"}


def _row(archive: Archive, principal: Principal, receipt: Receipt) -> dict[str, object]:
    """A receipt; new UIDs only for those who may know them."""
    row: dict[str, object] = {
        "intake_id": receipt.intake_id,
        "collection": _name(archive, receipt.collection_id),
        "state": receipt.state,
        "reason": receipt.reason,
    }
    collection = archive.registry.snapshot().collections.get(receipt.collection_id)
    if (collection is not None and collection.tell_senders) or is_curator_of(principal, receipt.collection_id):
        row["study_uid"], row["series_uid"] = receipt.new_study_uid, receipt.new_series_uid
        row["sop_uid"] = receipt.new_sop_uid
    return row


def _gone(removed: bool) -> dict[str, object]:
    """What a receipt does not know: that the object was published, and is no more."""
    return {"state": "removed", "reason": "It was removed from the collection."} if removed else {}


def _name(archive: Archive, collection_id: int) -> str:
    collection = archive.registry.snapshot().collections.get(collection_id)
    return collection.name if collection else ""
