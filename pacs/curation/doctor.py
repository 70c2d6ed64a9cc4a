"""Comparing the index with blobs, spool and quarantine."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pacs.archive import Archive
from pacs.curation.quarantine import put_back_orphans
from pacs.spool import recover, sweep_incoming


@dataclass(frozen=True, slots=True)
class Complaint:
    """Something that is not as it should be; `fix` mends it, when it can be mended."""

    text: str
    fix: Callable[[], object] | None = None


def examine(archive: Archive, blob_grace_s: float) -> Iterator[Complaint]:
    """Everything that is wrong, one complaint each."""
    parts = archive.parts
    indexed = set(parts.index.blobs()) | set(parts.trash.blobs())
    for collection_id, digest in indexed:
        if not parts.blobs.path(collection_id, digest).exists():
            yield Complaint(f"collection {collection_id}: the index names blob {digest[:16]}.. that is not there")
    for collection_id, digest, path in parts.blobs.all():
        if (collection_id, digest) not in indexed and time.time() - path.stat().st_mtime > blob_grace_s:
            yield Complaint(f"collection {collection_id}: blob {digest[:16]}.. has no row", path.unlink)
    broken = parts.trail.broken_at()
    if broken is not None:
        yield Complaint(f"the audit trail does not hold from event {broken} on")


def tidy(archive: Archive, blob_grace_s: float) -> int:
    """What every start does: take back dead workers' entries, remove half-written files, put orphans back in line."""
    spool = archive.parts.spool
    return recover(spool) + sweep_incoming(spool) + archive.parts.blobs.sweep(blob_grace_s) + put_back_orphans(archive)
