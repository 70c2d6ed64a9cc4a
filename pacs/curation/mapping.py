"""A collection's mapping table and name list: taken in, and what waited for a row goes on."""

from collections.abc import Iterable
from pathlib import Path

from pacs.archive import Archive
from pacs.deid.mapping import mapped_row, read_mapping
from pacs.errors import BadRequest
from pacs.model import CollectionInfo
from pacs.registry.mapping import DigestedRow
from pacs.vault.export import write_crosswalk

MAX_NAMES = 1_000_000


def add_mapping(archive: Archive, collection: CollectionInfo, table: str, actor: str) -> tuple[int, int]:
    """Take in a mapping table (CSV, `deid.mapping.COLUMNS`); returns how many rows are new, and objects that go on.

    Nothing of it is taken when a line is wrong. Raises `BadRequest` naming the line, never a value.
    """
    keys = archive.keys_of(collection)
    rows = []
    for row in read_mapping(table):
        if row.collection_name not in ("", collection.name):
            raise BadRequest(f"mapping table, line {row.line}: it is for another collection")
        rows.append(DigestedRow(row.line, keys.patient_hmac(row.from_patient_id), mapped_row(row, keys)))
    if not rows:
        raise BadRequest("the mapping table has no rows")
    with archive.parts.database.atomic():
        count = archive.parts.mapping.add(collection.id, rows)
        archive.parts.trail.add(actor, "mapping table", collection.name, f"{count} rows added")
    return count, archive.resume_mapped(collection.id)


def clear_mapping(archive: Archive, collection: CollectionInfo, actor: str) -> int:
    """Remove the table; what comes from now on gets keyed ids. Returns how many rows went."""
    with archive.parts.database.atomic():
        count = archive.parts.mapping.clear(collection.id)
        archive.parts.trail.add(actor, "mapping table removed", collection.name, f"{count} rows")
    return count


def set_names(archive: Archive, collection: CollectionInfo, names: Iterable[str], actor: str) -> str:
    """Replace the collection's list of names for cleaning text; returns its version. An empty list ends it."""
    every = tuple(sorted({name.strip() for name in names if name.strip()}))
    if len(every) > MAX_NAMES or any(len(name) > 256 for name in every):
        raise BadRequest("a name list has at most 1,000,000 names of at most 256 characters")
    version = archive.parts.names.save(collection.id, every, archive.sealing_key_of(collection)) if every else ""
    archive.registry.set_collection(collection.name, {"names_version": version})
    archive.parts.trail.add(actor, "name list", collection.name, f"{len(every)} names, version {version or 'none'}")
    return version


def export_crosswalk(archive: Archive, collection: CollectionInfo, folder: Path, actor: str) -> dict[str, int]:
    """Write ``uids.csv`` and ``patients.csv`` of a collection into a folder (files 0600); returns rows by file.

    Identified: the caller is who may. Raises `BadRequest` when a file is there already.
    """
    archive.parts.trail.add(actor, "export crosswalk", collection.name)  # not where to: a path may name people
    rows = archive.parts.crosswalk.rows(collection.id, archive.sealing_key_of(collection))
    return write_crosswalk(folder, rows)
