"""Lookup tables of CTP scripts by collection, sealed, in a SQLite file of their own inside the wall.

A key is an original value, so it is kept as keyed digest alone: nobody can list keys, and the pipeline finds its entry.
"""

from collections.abc import Iterable
from pathlib import Path
from secrets import token_bytes
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from peewee import SqliteDatabase, fn

from pacs.db.connection import execute
from pacs.db.tables.vault import LOOKUP_TABLES, SealedEntry
from pacs.errors import Conflict

_CHUNK = 200


class LookupEntry(NamedTuple):
    """An entry to keep: the type of its key, the keyed digest of type and key, and the value."""

    kind: str
    digest: str
    value: str


class Lookups:
    """The lookup tables of all collections."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._database = SqliteDatabase(
            str(file), pragmas={"journal_mode": "wal", "synchronous": "full", "busy_timeout": 30000}
        )
        self._ready = False

    def _open(self) -> None:
        """Bind and create the table once; lazily, so that a forked process opens its own connection."""
        if not self._ready:
            self._database.bind(LOOKUP_TABLES)
            self._database.create_tables(LOOKUP_TABLES, safe=True)
            self._ready = True

    def replace(self, collection_id: int, key: bytes, entries: Iterable[LookupEntry]) -> int:
        """Make these the whole table of a collection; returns how many they are."""
        self._open()
        rows = [_sealed(collection_id, key, each) for each in entries]
        with self._database.atomic("IMMEDIATE"):
            SealedEntry.delete().where(SealedEntry.collection_id == collection_id).execute()
            _insert(rows)
        return len(rows)

    def add(self, collection_id: int, key: bytes, entries: Iterable[LookupEntry]) -> int:
        """Add entries; those that are there already, alike, are left. Returns how many are new.

        Raises `Conflict`, and adds nothing, when a key has another value already.
        """
        self._open()
        rows = []
        with self._database.atomic("IMMEDIATE"):
            for each in entries:
                known = self.find(collection_id, key, each.digest)
                if known is None:
                    rows.append(_sealed(collection_id, key, each))
                elif known != each.value:
                    raise Conflict(
                        f"a key of type {each.kind} has another value already; replace the table to change it"
                    )
            _insert(rows)
        return len(rows)

    def find(self, collection_id: int, key: bytes, digest: str) -> str | None:
        """The value of an entry; None when there is none."""
        self._open()
        # Plain SQL: building the query costs several times what running it does, and every object asks.
        text = "SELECT sealed FROM sealed_entry WHERE collection_id = ? AND lookup = ?"
        row = execute(self._database, text, (collection_id, digest)).fetchone()
        if row is None:
            return None
        blob = bytes(row[0])
        try:
            return AESGCM(key).decrypt(blob[:12], blob[12:], digest.encode()).decode()
        except InvalidTag:
            raise OSError("a lookup table in the vault was sealed with another key, or is damaged") from None

    def has(self, collection_id: int, digest: str) -> bool:
        """Whether there is an entry."""
        self._open()
        where = (SealedEntry.collection_id == collection_id) & (SealedEntry.lookup == digest)
        return bool(SealedEntry.select().where(where).exists())

    def counts(self, collection_id: int) -> dict[str, int]:
        """How many entries there are of each type of key."""
        self._open()
        rows: Any = (
            SealedEntry.select(SealedEntry.kind, fn.COUNT(SealedEntry.kind))
            .where(SealedEntry.collection_id == collection_id)
            .group_by(SealedEntry.kind)
            .order_by(SealedEntry.kind)
        )
        return dict(rows.tuples())

    def close(self) -> None:
        """Close this thread's connection."""
        if not self._database.is_closed():
            self._database.close()


def _insert(rows: list[dict[str, object]]) -> None:
    for start in range(0, len(rows), _CHUNK):
        SealedEntry.insert_many(rows[start : start + _CHUNK]).execute()


def _sealed(collection_id: int, key: bytes, entry: LookupEntry) -> dict[str, object]:
    nonce = token_bytes(12)
    content = nonce + AESGCM(key).encrypt(nonce, entry.value.encode(), entry.digest.encode())
    return {"collection_id": collection_id, "kind": entry.kind, "lookup": entry.digest, "sealed": content}
