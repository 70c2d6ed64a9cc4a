"""The objects of one submission, which is one association or one store request, for whoever sent it and for curators.

What became of them, by intake ids and new UIDs.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pacs.archive import Archive
from pacs.audit.progress import states_by_digest
from pacs.auth import is_curator_of
from pacs.curation.reconciliation import Reconciliation, sees, sent, sum_of
from pacs.curation.status import removed_since
from pacs.db.tables.audit import Receipt
from pacs.errors import BadRequest, NotAllowed, NotFound
from pacs.model import Principal, PrincipalKind

MOST_DIGESTS = 1000
_NUMBER = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,63}")
_MD5 = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Submission:
    """A row for each object that the caller may see, and their sum."""

    number: str
    rows: tuple[dict[str, str], ...]
    total: Reconciliation

    def as_json(self) -> dict[str, object]:
        """Plain values."""
        return {"id": self.number, "states": Counter(row["state"] for row in self.rows), "objects": list(self.rows)}


def submission(archive: Archive, principal: Principal, number: str) -> Submission:
    """One submission. Raises `NotFound`; somebody else's looks like one that never was."""
    if not _NUMBER.fullmatch(number) or principal.kind is not PrincipalKind.USER:
        raise _absent()
    # Spool first: what moves on while we look has its receipt by the time that receipts are read.
    waiting = {each.intake_id: each for each in archive.parts.spool.entries() if each.envelope_id == number}
    receipts = archive.parts.receipts.of_envelope(number)
    for receipt in receipts:
        waiting.pop(receipt.intake_id, None)
    places = {key: each.collection_id for key, each in waiting.items()}
    rows = list(_waiting_rows(archive, principal, number, places))
    mine = [each for each in receipts if sees(principal, each.submitter, each.collection_id)]
    removed = removed_since(archive, mine)
    total = sum_of(archive, mine, len(rows))
    rows += [_row(archive, principal, each) | _gone(each.intake_id in removed) for each in mine]
    if not rows:
        raise _absent()
    return Submission(number, tuple(rows), total)


def _absent() -> NotFound:
    return NotFound("there is no such submission")


def _waiting_rows(
    archive: Archive, principal: Principal, number: str, waiting: dict[str, int]
) -> Iterator[dict[str, str]]:
    submitter = sent(archive.parts.spool, number).submitter if waiting else ""
    for intake_id, collection_id in sorted(waiting.items()):
        if sees(principal, submitter, collection_id):
            yield {"intake_id": intake_id, "collection": _name(archive, collection_id), "state": "waiting"}


def _row(archive: Archive, principal: Principal, receipt: Receipt) -> dict[str, str]:
    """A receipt; new UIDs only for those who may know them."""
    row = {
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


def _gone(removed: bool) -> dict[str, str]:
    """What a receipt does not know: that the object was published, and is no more."""
    return {"state": "removed", "reason": "It was removed from the collection."} if removed else {}


def _name(archive: Archive, collection_id: int) -> str:
    collection = archive.registry.snapshot().collections.get(collection_id)
    return collection.name if collection else ""


def known_digests(
    archive: Archive, principal: Principal, collection_id: int, digests: Sequence[object]
) -> list[str | None]:
    """What became of files that the caller sent into a collection, by the MD5 of each; None for one that is not here.

    ``waiting`` are those whose request said the digest (Content-MD5). Raises `NotAllowed`, `BadRequest`.
    """
    if principal.kind is not PrincipalKind.USER:
        raise NotAllowed("only who signed in has sent something")
    asked = [each for each in digests if isinstance(each, str) and _MD5.fullmatch(each)]
    if len(digests) > MOST_DIGESTS or len(asked) < len(digests):
        raise BadRequest(f"at most {MOST_DIGESTS} MD5 digests, in 32 small hexadecimal digits each")
    spool = archive.parts.spool
    waiting: set[str] = set()
    for entry in spool.entries():  # before receipts, as above
        if entry.collection_id == collection_id:
            who = sent(spool, entry.envelope_id)
            if who.content_md5 and who.submitter == principal.name:
                waiting.add(who.content_md5)
    states = states_by_digest(principal.name, collection_id, sorted(set(asked)))
    return [states[each].value if each in states else ("waiting" if each in waiting else None) for each in asked]
