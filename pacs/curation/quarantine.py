"""Objects that are held or quarantined: list, show, retry, export, discard."""

import os
import shutil
from pathlib import Path

from pacs.archive import Archive
from pacs.db.tables.audit import Receipt
from pacs.errors import BadRequest, NotFound
from pacs.model import State

WAITING_FOR_PEOPLE = (State.HELD, State.QUARANTINED)


def listed(archive: Archive) -> list[Receipt]:
    """Receipts of everything held or quarantined, oldest first."""
    return archive.parts.receipts.in_states(*WAITING_FOR_PEOPLE)


def one(archive: Archive, intake_id: str) -> Receipt:
    """The receipt of one held or quarantined object. Raises `NotFound`."""
    for receipt in archive.parts.receipts.find(intake_id=intake_id):
        if State(receipt.state) in WAITING_FOR_PEOPLE:
            return receipt
    raise NotFound("nothing is held or quarantined under that intake id")


def retry(archive: Archive, intake_id: str, actor: str) -> None:
    """Put an object back in line, as after its profile or mapping has changed. Raises `NotFound`."""
    one(archive, intake_id)
    archive.retry(intake_id, actor)


def export(archive: Archive, intake_id: str, folder: Path, actor: str) -> Path:
    """Copy an original, identified as it is, to a folder of the operator's (file mode 0600); returns the file."""
    one(archive, intake_id)
    try:
        entry = archive.parts.spool.quarantined(intake_id)
    except KeyError:
        raise NotFound("the original is not in the quarantine any more") from None
    target = folder / f"{intake_id}.dcm"
    if target.exists():
        raise BadRequest(f"{target} exists already")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    archive.parts.trail.add(actor, "export original", intake_id)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as sink, entry.path.open("rb") as source:
        shutil.copyfileobj(source, sink, 1024**2)
    return target


def discard(archive: Archive, intake_id: str, actor: str) -> None:
    """Give an object up: its original is deleted, its receipt says dropped. Raises `NotFound`."""
    one(archive, intake_id)
    with archive.parts.database.atomic():
        archive.parts.receipts.change(intake_id, State.DROPPED, "discarded from the quarantine")
        archive.parts.trail.add(actor, "discard", intake_id)
    try:
        archive.parts.spool.finish(archive.parts.spool.quarantined(intake_id))
    except KeyError:
        return


def put_back_orphans(archive: Archive) -> int:
    """Put originals without a receipt back in line (a retry that was cut off); returns how many."""
    entries = {entry.intake_id: entry for entry in archive.parts.spool.all_quarantined()}
    count = 0
    ids = sorted(entries)
    for start in range(0, len(ids), 400):
        chunk = ids[start : start + 400]
        known = archive.parts.receipts.states(chunk)
        for intake_id in chunk:
            if intake_id not in known:
                archive.parts.spool.put_back(entries[intake_id])
                count += 1
            elif known[intake_id] not in WAITING_FOR_PEOPLE:
                archive.parts.spool.finish(entries[intake_id])
    return count
