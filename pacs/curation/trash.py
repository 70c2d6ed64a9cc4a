"""The trash of collections: what is in it, bringing back, and emptying it before its time."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

from pacs.archive import Archive
from pacs.auth import is_curator_of
from pacs.errors import NotFound
from pacs.index import TrashEntry
from pacs.model import Principal

_DAY_MS = 86_400_000


def listed(archive: Archive, principal: Principal | None = None, collection: str = "") -> list[TrashEntry]:
    """What can be restored, oldest first: of the collections that a principal curates (None: of all), or of one.

    Raises `NotFound` for a collection that does not exist, or that the principal does not curate.
    """
    snapshot = archive.registry.snapshot()
    ids = [each for each in snapshot.order if principal is None or is_curator_of(principal, each)]
    if collection:
        ids = [each for each in ids if snapshot.collections[each].name == collection]
        if not ids:
            raise NotFound("there is no such collection")
    return archive.parts.trash.entries(ids)


def one(archive: Archive, number: int, principal: Principal | None = None) -> TrashEntry:
    """An entry. Raises `NotFound` when there is none, or when the principal does not curate its collection."""
    for entry in listed(archive, principal):
        if entry.id == number:
            return entry
    raise NotFound("there is no such entry in the trash")


def facts(archive: Archive, entries: list[TrashEntry]) -> Iterator[dict[str, object]]:
    """Entries as plain values for JSON, with the collection's name and the time when they can be restored no more."""
    collections = archive.registry.snapshot().collections
    keep_ms = archive.parts.trash.keep_days * _DAY_MS
    for entry in entries:
        yield {
            "id": entry.id,
            "collection": collections[entry.collection_id].name,
            "study_uid": entry.study_uid,
            "series_uid": entry.series_uid,
            "sop_uid": entry.sop_uid,
            "instances": entry.instance_count,
            "size_bytes": entry.size_bytes,
            "removed_by": entry.removed_by,
            "reason": entry.reason,
            "removed_at": _iso(entry.removed_ms),
            "kept_until": _iso(entry.removed_ms + keep_ms),
        }


def empty(archive: Archive, entries: list[TrashEntry], actor: str) -> int:
    """Delete entries for good; returns how many instances went."""
    for entry in entries:
        archive.purge(entry, actor)
    return sum(entry.instance_count for entry in entries)


def older_than(entries: list[TrashEntry], days: float) -> list[TrashEntry]:
    """Those that were removed so many days ago or earlier."""
    limit = time.time() * 1000 - days * _DAY_MS
    return [entry for entry in entries if entry.removed_ms <= limit]


def _iso(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds")
