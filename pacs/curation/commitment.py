"""Whether objects are safe with us: the archive's side of storage commitment. PS3.4 Annex J.

Senders name objects by the UIDs that they sent; the new ones count too. Originals are mapped forward by the key of the
collection and met with receipts, so nobody opens the vault for it.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pacs.archive import Archive
from pacs.model import CollectionInfo, Level, Scope, State
from pacs.query import Exact, Match, Query

OFF, PUBLISHED, KEPT = "off", "published", "kept"
NO_SUCH_OBJECT, PROCESSING_FAILURE, CLASS_CONFLICT, DUPLICATE_TRANSACTION = 0x0112, 0x0110, 0x0119, 0x0131
_CHUNK = 200


@dataclass(frozen=True, slots=True)
class Reference:
    """One object of a request, by SOP Class and Instance UID as the sender knows them."""

    sop_class_uid: str
    sop_uid: str


def now_ms() -> int:
    """Milliseconds that compare with intake ids."""
    return time.time_ns() // 1_000_000


def is_drained(archive: Archive, before_ms: int) -> bool:
    """Whether everything that was accepted before then has been dealt with."""
    limit = f"{before_ms + 1:012x}"
    return not any(entry.intake_id[:12] < limit for entry in archive.parts.spool.entries())


def committing(archive: Archive, collection_ids: Iterable[int]) -> list[CollectionInfo]:
    """Those of the collections that commit storage at all."""
    collections = archive.registry.snapshot().collections
    found = [collections[each] for each in collection_ids if each in collections]
    return [each for each in found if each.commitment != OFF]


def judge(archive: Archive, collections: Sequence[CollectionInfo], asked: Sequence[Reference]) -> dict[Reference, int]:
    """The Failure Reason (PS3.3 C.14.1.1) of every reference to what is not safe.

    Safe is what is published; held or quarantined, where the collection's policy is ``kept`` and the original is there.
    An object that several collections get must be safe in all of those that it came to.
    """
    reasons: dict[Reference, int] = {}
    for start in range(0, len(asked), _CHUNK):
        some = asked[start : start + _CHUNK]
        verdicts: dict[Reference, list[int]] = {each: [] for each in some}
        for collection in collections:
            for reference, reason in _judge_in(archive, collection, some).items():
                verdicts[reference].append(reason)
        for reference, found in verdicts.items():
            worst = max(found) if found else NO_SUCH_OBJECT
            if worst:
                reasons[reference] = worst
    return reasons


def _judge_in(archive: Archive, collection: CollectionInfo, asked: Sequence[Reference]) -> dict[Reference, int]:
    """What a collection says of those objects that came to it: 0, or a Failure Reason."""
    keys = archive.keys_of(collection)
    lookups: dict[str, set[Reference]] = {}  # one object may be asked for under several classes
    for each in asked:
        lookups.setdefault(keys.receipt_hmac(each.sop_uid), set()).add(each)
    stored = _stored(archive, collection, {keys.map_uid(each.sop_uid) for each in asked} | {e.sop_uid for e in asked})
    found: dict[Reference, int] = {}
    for receipt in archive.parts.receipts.find(hmacs=list(lookups)):
        if receipt.collection_id != collection.id:
            continue
        for reference in lookups.get(receipt.original_hmac, ()):
            reason = _reason(archive, collection, receipt, keys.map_uid(reference.sop_uid) in stored)
            if receipt.sop_class_uid and receipt.sop_class_uid != reference.sop_class_uid:
                reason = CLASS_CONFLICT
            # The same object may have been sent twice: safe once is safe.
            found[reference] = min(reason, found.get(reference, reason))
    for reference in asked:
        if reference.sop_uid in stored:  # by its new UID
            found[reference] = 0 if stored[reference.sop_uid] == reference.sop_class_uid else CLASS_CONFLICT
    return found


def _reason(archive: Archive, collection: CollectionInfo, receipt: object, is_stored: bool) -> int:
    state, intake_id = State(getattr(receipt, "state", "")), str(getattr(receipt, "intake_id", ""))
    if state in (State.PUBLISHED, State.DUPLICATE):
        return 0 if is_stored else NO_SUCH_OBJECT
    if state in (State.HELD, State.QUARANTINED) and collection.commitment == KEPT:
        try:
            archive.parts.spool.quarantined(intake_id)
        except KeyError:
            return NO_SUCH_OBJECT
        return 0
    return PROCESSING_FAILURE


def _stored(archive: Archive, collection: CollectionInfo, uids: Iterable[str]) -> Mapping[str, str]:
    """SOP class by SOP Instance UID of what the index has."""
    query = Query(
        Level.INSTANCE,
        (Match("SOPInstanceUID", Exact(tuple(sorted(uids)))),),
        returned=frozenset(("SOPInstanceUID", "SOPClassUID")),
    )
    rows = archive.parts.index.search(query, Scope(everything=frozenset((collection.id,))))
    return {str(row["SOPInstanceUID"]): str(row["SOPClassUID"]) for row in rows}
