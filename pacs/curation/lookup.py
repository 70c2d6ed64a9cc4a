"""A collection's lookup table for CTP scripts: taken in, and what waited for a row goes on. Keys are never told."""

import re
from collections import Counter
from collections.abc import Mapping

from pacs.archive import Archive
from pacs.deid import load_profile
from pacs.deid.ctp.lookup import read_lookup
from pacs.deid.ctp.rules import default_key_type
from pacs.errors import BadRequest
from pacs.model import CollectionInfo
from pacs.vault.lookups import LookupEntry

MAX_BYTES = 64 << 20
_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_MAX_VALUE = 1024


def read_table(archive: Archive, collection: CollectionInfo, text: str, *, is_csv: bool) -> dict[str, str]:
    """Rows by ``type/key`` of an uploaded table. Raises `BadRequest` naming the line, or a type; never a value."""
    if not is_csv:
        return read_lookup(text, is_csv=False)
    script = load_profile(collection.profile, archive.parts.profiles).expressions
    return read_lookup(text, is_csv=True, default_type=default_key_type(script))


def replace_lookup(
    archive: Archive, collection: CollectionInfo, rows: Mapping[str, str], actor: str
) -> tuple[int, int]:
    """Make these rows the whole table; returns how many they are, and objects that go on. No rows end the table.

    Raises `BadRequest`.
    """
    entries = _entries(archive, collection, rows)
    count = archive.parts.lookups.replace(collection.id, archive.sealing_key_of(collection), entries)
    archive.parts.trail.add(actor, "lookup table", collection.name, f"replaced: {count} rows")
    return count, archive.resume_mapped(collection.id)


def add_to_lookup(archive: Archive, collection: CollectionInfo, rows: Mapping[str, str], actor: str) -> tuple[int, int]:
    """Add rows; returns how many are new, and objects that go on.

    Nothing of it is taken when one is wrong. Raises `BadRequest`; `Conflict` when a key has another value already.
    """
    entries = _entries(archive, collection, rows)
    if not entries:
        raise BadRequest("there are no rows")
    count = archive.parts.lookups.add(collection.id, archive.sealing_key_of(collection), entries)
    archive.parts.trail.add(actor, "lookup table", collection.name, f"{count} rows added")
    return count, archive.resume_mapped(collection.id)


def _entries(archive: Archive, collection: CollectionInfo, rows: Mapping[str, str]) -> list[LookupEntry]:
    keys, entries = archive.keys_of(collection), []
    for number, (name, value) in enumerate(rows.items(), 1):
        kind, _slash, key = name.partition("/")
        kind, key = kind.strip(), key.strip()
        if not _TYPE.fullmatch(kind) or not key:  # a type is shown to curators: it must be no value
            raise BadRequest(f"row {number}: a key is written as type/value; a type has letters, digits, _ . and -")
        if len(value) > _MAX_VALUE or not value.isprintable():
            raise BadRequest(f"row {number}: a value has at most {_MAX_VALUE} printable characters")
        entries.append(LookupEntry(kind, keys.lookup_hmac(kind, key), value.strip()))
    return entries


def lookup_facts(archive: Archive, collection: CollectionInfo) -> dict[str, object]:
    """How many rows the table has by the type of their keys, and how many objects wait for a key of which type."""
    waiting: Counter[str] = Counter()
    for row, count in archive.parts.receipts.waiting(collection.id).items():
        key_type, slash, _digest = row.rpartition("/")
        if slash:
            waiting[key_type] += count
    return {
        "collection": collection.name,
        "rows": archive.parts.lookups.counts(collection.id),
        "waiting": dict(sorted(waiting.items())),
    }
