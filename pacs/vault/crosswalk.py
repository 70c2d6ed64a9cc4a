"""Old and new identifiers, sealed, in a SQLite file of their own inside the wall."""

import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from secrets import token_bytes

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from peewee import SqliteDatabase

from pacs.db.tables.vault import VAULT_TABLES, SealedPair
from pacs.model import CrosswalkRow

_REMEMBERED = 50_000


class Crosswalk:
    """The crosswalk of one node. Adding a pair twice is harmless."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._database = SqliteDatabase(
            str(file), pragmas={"journal_mode": "wal", "synchronous": "full", "busy_timeout": 30000}
        )
        self._known: dict[tuple[int, str], None] = {}
        self._ready = False

    def _open(self) -> None:
        """Bind and create the tables once; lazily, so that a forked process opens its own connection."""
        if not self._ready:
            self._database.bind(VAULT_TABLES)
            self._database.create_tables(VAULT_TABLES, safe=True)
            self._ready = True

    def add(self, collection_id: int, key: bytes, rows: Iterable[CrosswalkRow]) -> None:
        """Seal and store rows; durable when this returns."""
        self._open()
        fresh = {}
        for row in rows:
            lookup = _lookup(key, row.kind, row.old or row.new)  # patients without an id are told apart too
            if (collection_id, lookup) not in self._known:
                fresh[lookup] = row
        if not fresh:
            return
        sealer = AESGCM(key)
        sealed = [
            {"collection_id": collection_id, "kind": row.kind, "lookup": lookup, "sealed": _seal(sealer, row)}
            for lookup, row in fresh.items()
        ]
        with self._database.atomic("IMMEDIATE"):
            SealedPair.insert_many(sealed).on_conflict_ignore().execute()
        self._known |= {(collection_id, lookup): None for lookup in fresh}
        while len(self._known) > _REMEMBERED:
            self._known.pop(next(iter(self._known)))

    def rows(self, collection_id: int, key: bytes) -> Iterator[CrosswalkRow]:
        """Every pair of a collection, opened. The caller audits it."""
        self._open()
        opener = AESGCM(key)
        for pair in SealedPair.select().where(SealedPair.collection_id == collection_id).iterator():
            blob = bytes(pair.sealed)
            content = json.loads(opener.decrypt(blob[:12], blob[12:], pair.kind.encode()))
            yield CrosswalkRow(pair.kind, content["old"], content["new"], content["extra"])

    def new_of(self, collection_id: int, key: bytes, kind: str, old: str) -> str:
        """What an identifier became in a collection; "" when it has none."""
        self._open()
        mine = (SealedPair.collection_id == collection_id) & (SealedPair.lookup == _lookup(key, kind, old))
        pair = SealedPair.get_or_none(mine & (SealedPair.kind == kind))
        if pair is None:
            return ""
        blob = bytes(pair.sealed)
        return str(json.loads(AESGCM(key).decrypt(blob[:12], blob[12:], kind.encode()))["new"])

    def close(self) -> None:
        """Close this thread's connection."""
        if not self._database.is_closed():
            self._database.close()


def _lookup(key: bytes, kind: str, old: str) -> str:
    return hmac.new(key, f"{kind}\0{old}".encode(), hashlib.sha256).hexdigest()


def _seal(sealer: AESGCM, row: CrosswalkRow) -> bytes:
    nonce = token_bytes(12)
    content = json.dumps({"old": row.old, "new": row.new, "extra": dict(row.extra)}).encode()
    return nonce + sealer.encrypt(nonce, content, row.kind.encode())
