"""Pictures before and after for curators. They identify: what is made here stays inside the wall, or with a curator."""

import mmap
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from pacs.archive import Archive
from pacs.db.tables.audit import Receipt
from pacs.deid import load_profile
from pacs.deid.pixels.preview import preview
from pacs.dicom.fileformat import stored_syntax
from pacs.errors import BadRequest, NotAcceptable, NotFound
from pacs.model import CollectionInfo, State
from pacs.pipeline.contexts import context_of
from pacs.pipeline.stages import OBJECT_STAGES, fold
from pacs.pipeline.work import Work


def preview_of(work: Work) -> bytes | None:
    """A PNG of an object whose pixels were cleaned, or that is held for them; None for all others.

    Shown is the first frame that was read. None too where the pixels cannot be decoded.
    """
    outcome = work.pixels
    if outcome is None or work.start is None or not (outcome.regions or outcome.suspects or outcome.quarantine):
        return None
    syntax = stored_syntax(work.start.transfer_syntax_uid)
    try:
        return preview(work.original, syntax, outcome, outcome.frames[0] if outcome.frames else 0)
    except NotAcceptable:
        return None


def write_preview(work: Work, folder: Path) -> str:
    """Write `preview_of` into a folder, named by the new SOP Instance UID; returns the file's name, or ""."""
    picture = preview_of(work)
    if picture is None or work.result is None:
        return ""
    name = f"{work.result.sop_uid}.png"
    write_private(folder / name, picture)
    return name


def write_private(file: Path, content: bytes) -> None:
    """Write a file that nobody else may read; an old one is replaced."""
    temporary = file.with_name(f".{os.getpid()}-{file.name}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as sink:
        sink.write(content)
    temporary.replace(file)


def export_preview(archive: Archive, collection: CollectionInfo, identifier: str, file: Path, actor: str) -> None:
    """Write the picture of one object of a collection, by its new SOP Instance UID or its intake id.

    The original is cleaned once more for it, with the collection's rules of today. Raises `NotFound` when there is no
    such object or its original is gone, `BadRequest` when the file exists or there is nothing to see.
    """
    if file.exists():
        raise BadRequest("the file exists already")
    found = archive.parts.receipts.find(intake_id=identifier, new_uids=[identifier])
    receipt = next(
        (r for r in found if r.collection_id == collection.id and identifier in (r.intake_id, r.new_sop_uid)), None
    )
    if receipt is None:
        raise NotFound("the collection has no such object")
    archive.parts.trail.add(actor, "preview of pixels", identifier)
    with _original(archive, collection, receipt) as (content, scratch):
        picture = _cleaned_again(archive, collection, receipt, content, scratch)
    if picture is None:
        raise BadRequest("nothing was blanked in its pixels, or they cannot be shown")
    write_private(file, picture)


def _cleaned_again(
    archive: Archive, collection: CollectionInfo, receipt: Receipt, content: mmap.mmap, scratch: Path
) -> bytes | None:
    keys, envelope = archive.keys_of(collection), archive.envelope(receipt.envelope_id)
    work = Work(
        file=content,
        collection=collection,
        profile=load_profile(collection.profile, archive.parts.profiles),
        keys=keys,
        context=context_of(archive, collection, envelope, keys),
        scratch=scratch,
        envelope=envelope,
    )
    fold(work, OBJECT_STAGES)
    return preview_of(work)


@contextmanager
def _original(archive: Archive, collection: CollectionInfo, receipt: Receipt) -> Iterator[tuple[mmap.mmap, Path]]:
    """An original's bytes, from the vault or the quarantine, and a folder inside the wall for the while."""
    vault = archive.parts.originals.folder
    vault.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=vault, prefix=".preview-") as folder, ExitStack() as stack:
        try:
            if State(receipt.state) in (State.HELD, State.QUARANTINED):
                path = archive.parts.spool.quarantined(receipt.intake_id).path
                opened: IO[bytes] = stack.enter_context(path.open("rb"))
            else:
                key = archive.sealing_key_of(collection)
                opened = stack.enter_context(tempfile.TemporaryFile(dir=folder))
                opened.writelines(archive.parts.originals.read(collection.id, receipt.intake_id, key))
                opened.flush()
        except (KeyError, FileNotFoundError):
            raise NotFound("its original is not kept any more, so there is nothing to compare with") from None
        yield mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ), Path(folder)
