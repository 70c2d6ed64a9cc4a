"""What became of accepted objects: counts, and the story of one. From receipts and the spool, never the vault."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from itertools import islice

from pacs.archive import Archive
from pacs.db import snapshot
from pacs.db.tables.audit import Receipt
from pacs.model import Grant, Level, Principal, PrincipalKind, Role, State, StatusCounts
from pacs.query import Exact, Match, Query

_EVERYTHING = Principal(PrincipalKind.USER, "", (Grant(Role.ADMIN),))


def status_counts(archive: Archive) -> StatusCounts:
    """All accepted objects by what became of them; the sum is everything ever accepted, at any time.

    An entry whose receipt is committed but which still stands in the spool counts by its receipt alone.
    """
    waiting = 0
    with archive.parts.spool.way_back.closed():
        # Spool first: what moves on while we count has its receipt by the moment of which receipts are read.
        in_spool = iter(archive.parts.spool.entries())
        with snapshot(archive.parts.database):
            while chunk := [entry.intake_id for entry in islice(in_spool, 400)]:
                waiting += len(chunk) - len(archive.parts.receipts.states(chunk))
            counts = archive.parts.receipts.counts()
    return StatusCounts(waiting, **{state.value: counts.get(state, 0) for state in State})


def status_json(archive: Archive) -> dict[str, int]:
    """The counts by name."""
    return asdict(status_counts(archive))


def sender_counts(archive: Archive) -> list[tuple[str, str, str, int]]:
    """Sender, study (new UID), state and count of all accepted objects; what waits has no study yet."""
    waiting: Counter[str] = Counter()
    with archive.parts.spool.way_back.closed():
        entries = {entry.intake_id: entry for entry in archive.parts.spool.entries()}
        every = iter(entries)
        with snapshot(archive.parts.database):
            while chunk := list(islice(every, 400)):
                for intake_id in set(chunk) - archive.parts.receipts.states(chunk).keys():
                    envelope = archive.envelope(entries[intake_id].envelope_id)
                    waiting[envelope.sender if envelope else ""] += 1
            decided = archive.parts.receipts.summary()
    return [(sender, "", "waiting", count) for sender, count in sorted(waiting.items())] + [*decided]


def trace(archive: Archive, identifier: str) -> list[Receipt]:
    """Receipts of an instance, series, study or patient, by its original or new identifier; or of an intake id.

    Original UIDs of instances and studies are mapped forward with each key; those of series and patients, and accession
    numbers, are known once something of theirs is published.
    """
    collections = archive.registry.snapshot().collections.values()
    hmacs = {archive.keys_of(each).receipt_hmac(identifier) for each in collections}
    new_uids, patients = {identifier}, {identifier}
    for each in collections:
        key = archive.sealing_key_of(each)
        new_uids |= {archive.parts.crosswalk.new_of(each.id, key, kind, identifier) for kind in ("series", "accession")}
        patients.add(archive.parts.crosswalk.new_of(each.id, key, "patient", identifier))
    new_uids |= _studies_of(archive, patients - {""})
    return archive.parts.receipts.find(intake_id=identifier, new_uids=sorted(new_uids - {""}), hmacs=sorted(hmacs))


def _studies_of(archive: Archive, patient_ids: set[str]) -> set[str]:
    """New UIDs of the studies of patients, by their new ids."""
    query = Query(Level.STUDY, (Match("PatientID", Exact(tuple(sorted(patient_ids)))),))
    return {str(row["StudyInstanceUID"]) for row in archive.find(query, _EVERYTHING)}


def is_waiting(archive: Archive, identifier: str) -> bool:
    """Whether an intake id stands in the spool still."""
    return any(entry.intake_id == identifier for entry in archive.parts.spool.entries())


def removed_since(archive: Archive, receipts: list[Receipt]) -> set[str]:
    """Intake ids of what was published and is no more: in the trash, or deleted for good."""
    published = [each for each in receipts if each.state == State.PUBLISHED.value]
    buried = archive.parts.trash.buried(sorted({each.original_hmac for each in published}))
    return {each.intake_id for each in published if (each.collection_id, each.original_hmac) in buried}


def receipt_facts(archive: Archive, receipts: list[Receipt]) -> Iterator[dict[str, object]]:
    """Receipts as plain values for JSON, with the collection's name; `removed` is what was published and is no more."""
    collections = archive.registry.snapshot().collections
    removed = removed_since(archive, receipts)
    for receipt in receipts:
        collection = collections.get(receipt.collection_id)
        yield {
            "intake_id": receipt.intake_id,
            "state": receipt.state,
            "removed": receipt.intake_id in removed,
            "reason": receipt.reason,
            "collection": collection.name if collection else "",
            "door": receipt.door,
            "sender": receipt.sender,
            "sop_class_uid": receipt.sop_class_uid,
            "size_bytes": receipt.size_bytes,
            "md5": receipt.md5,
            "new_study_uid": receipt.new_study_uid,
            "new_sop_uid": receipt.new_sop_uid,
            "received_at": receipt.received_at.isoformat(),
            "ended_at": receipt.ended_at.isoformat(),
            "findings": receipt.findings,
            "notes": receipt.notes,
        }
