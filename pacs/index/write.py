"""Writing publications in the caller's transaction: duplicates judged, parents made, aggregates brought up to date.

A row's parents are found or made by their identity (collection, UID). What an object says of its patient, study and
series is taken from the first object that says it; a replacement may correct it.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from peewee import Database

from pacs.db.connection import execute
from pacs.index.aggregates import bring_up_to_date
from pacs.index.columns import columns_of
from pacs.index.packing import packed_frames, packed_json
from pacs.index.sql import Dialect, Value, one_of
from pacs.model import Duplicates, Level, Publication, State

_LOCK = 0x7061_6373  # first half of the advisory lock's key: "pacs"


@dataclass(frozen=True, slots=True)
class Written:
    """What became of one publication. `replaced_digest` is a blob that this revision took the place of."""

    state: State
    revision: int
    reason: str = ""
    replaced_digest: str | None = None


@dataclass(slots=True)
class _Known:
    """An instance row, as far as judging a duplicate needs it."""

    id: int
    series_id: int
    digest: str
    md5: str
    size: int
    revision: int


@dataclass(slots=True)
class _Row:
    """A patient, study or series as it stands in the database."""

    table: str
    id: int
    columns: dict[str, Value]
    filled_from: Mapping[str, Value] | None = None


# What is never filled in or corrected: identity, and what the archive itself decides.
_KEYS = {
    "patient": ("patient_id", "patient_id_match"),
    "study": ("study_uid",),
    "series": ("series_uid", "study_id", "released", "last_stored_ms"),
}
_NAMES = {
    "patient": tuple(columns_of(Level.PATIENT, {})),
    "study": tuple(columns_of(Level.STUDY, {})),
    "series": (*columns_of(Level.SERIES, {}), "released", "last_stored_ms"),
}


class Writer:
    """One batch. Use once."""

    def __init__(self, database: Database, policies: Mapping[int, Duplicates], now_ms: int | None = None) -> None:
        self.database, self.policies = database, policies
        self.dialect = Dialect(database)
        self.now_ms = int(time.time() * 1000) if now_ms is None else now_ms
        self.known: dict[tuple[int, str], _Known] = {}
        self.buried: set[tuple[int, str]] = set()
        self.parents: dict[tuple[object, ...], _Row] = {}
        self.touched: set[int] = set()

    def write(self, batch: Sequence[Publication]) -> list[Written]:
        """Write all of a batch, in order; the same instance twice in it is judged as if it came later."""
        if not batch:
            return []
        lock_collections(self.database, {item.collection_id for item in batch})
        self.read_known(batch)
        written = [self.write_one(item) for item in batch]
        bring_up_to_date(self.database, self.touched)
        return written

    def run(self, text: str, values: Sequence[Value]) -> Any:
        return execute(self.database, self.dialect.finished(text), values)

    def read_known(self, batch: Sequence[Publication]) -> None:
        uids = one_of("sop_uid", sorted({item.sop_uid for item in batch}))
        text = "SELECT collection_id, sop_uid, id, series_id, blob_digest, received_md5, received_bytes, revision"
        for row in self.run(f"{text} FROM instance WHERE {uids.text}", uids.values):
            self.known[row[0], row[1]] = _Known(*row[2:])
        hmacs = one_of("original_hmac", sorted({item.original_hmac for item in batch}))
        self.buried = set(
            self.run(f"SELECT collection_id, original_hmac FROM tombstone WHERE {hmacs.text}", hmacs.values)
        )

    def write_one(self, item: Publication) -> Written:
        if (item.collection_id, item.original_hmac) in self.buried:
            return Written(State.DROPPED, 0, "The object was removed from the collection and does not come back.")
        known = self.known.get((item.collection_id, item.sop_uid))
        if known is None:
            return self.insert(item)
        same_received = (known.md5, known.size) == (item.received_md5, item.received_bytes)
        if same_received or known.digest == item.blob_digest:
            return Written(State.DUPLICATE, known.revision, "The same object is in the collection already.")
        return self.judge(item, known)

    def judge(self, item: Publication, known: _Known) -> Written:
        """Other content under a known SOP Instance UID: the collection's policy."""
        match self.policies.get(item.collection_id, Duplicates.KEEP_FIRST):
            case Duplicates.REPLACE:
                return self.replace(item, known)
            case Duplicates.QUARANTINE:
                reason = "The SOP Instance UID is in the collection already, with other content."
                return Written(State.QUARANTINED, known.revision, reason)
            case _:
                reason = "The SOP Instance UID is in the collection already, with other content; the first is kept."
                return Written(State.DUPLICATE, known.revision, reason)

    def insert(self, item: Publication) -> Written:
        series_id = self.series_of(item, correct=False)
        columns = self.instance_columns(item, series_id) | {"revision": 1}
        row_id = self.insert_row("instance", columns)
        self.run(
            "INSERT INTO instance_metadata (instance_id, json, frames) VALUES (?, ?, ?)",
            (row_id, packed_json(item.metadata_json), packed_frames(item.frames)),
        )
        self.remember(item, row_id, series_id, 1)
        return Written(State.PUBLISHED, 1)

    def replace(self, item: Publication, known: _Known) -> Written:
        """A new revision under the same UIDs; the old blob is named, for the sweep."""
        series_id = self.series_of(item, correct=True)
        revision = known.revision + 1
        self.update_row("instance", known.id, self.instance_columns(item, series_id) | {"revision": revision})
        self.run(
            "UPDATE instance_metadata SET json = ?, frames = ? WHERE instance_id = ?",
            (packed_json(item.metadata_json), packed_frames(item.frames), known.id),
        )
        self.touched.add(known.series_id)
        replaced = known.digest
        self.remember(item, known.id, series_id, revision)
        return Written(State.PUBLISHED, revision, replaced_digest=replaced)

    def remember(self, item: Publication, row_id: int, series_id: int, revision: int) -> None:
        self.touched.add(series_id)
        self.known[item.collection_id, item.sop_uid] = _Known(
            row_id, series_id, item.blob_digest, item.received_md5, item.received_bytes, revision
        )

    def instance_columns(self, item: Publication, series_id: int) -> dict[str, Value]:
        return dict(columns_of(Level.INSTANCE, item.attributes)) | {
            "series_id": series_id,
            "collection_id": item.collection_id,
            "sop_uid": item.sop_uid,
            "sop_class_uid": item.sop_class_uid,
            "transfer_syntax_uid": item.transfer_syntax_uid,
            "frame_count": len(item.frames),
            "size_bytes": item.size_bytes,
            "blob_digest": item.blob_digest,
            "received_md5": item.received_md5,
            "received_bytes": item.received_bytes,
            "original_hmac": item.original_hmac,
            "intake_id": item.intake_id,
            "profile_version": item.profile_version,
            "key_id": item.key_id,
            "stored_ms": self.now_ms,
            "flags": " ".join(sorted(item.flags)),
        }

    def series_of(self, item: Publication, *, correct: bool) -> int:
        """The series row, with its parents; made when it is new. Unreleased objects take the series into review."""
        study = self.study_of(item, correct=correct)
        columns = columns_of(Level.SERIES, item.attributes)
        key: dict[str, Value] = {"series_uid": item.series_uid, "study_id": study}
        row = self.row("series", key)
        if row is None:
            own: dict[str, Value] = {"released": item.released, "last_stored_ms": self.now_ms}
            return self.make("series", ("series_uid", "study_id"), item, {**columns, **key, **own})
        self.fill(row, columns, correct=correct)
        held = row.columns["released"] and not item.released
        if held or row.columns["last_stored_ms"] != self.now_ms:
            news = {"last_stored_ms": self.now_ms, "released": bool(row.columns["released"]) and item.released}
            row.columns.update(news)
            self.update_row("series", row.id, news)
        return row.id

    def study_of(self, item: Publication, *, correct: bool) -> int:
        """A study stays with the patient that it came with first."""
        patient_columns = columns_of(Level.PATIENT, item.attributes)
        study_columns = columns_of(Level.STUDY, item.attributes)
        patient_id = patient_columns["patient_id"]
        study_key: dict[str, Value] = {"study_uid": item.study_uid, "collection_id": item.collection_id}
        patient_key: dict[str, Value] = {"patient_id": patient_id, "collection_id": item.collection_id}
        study, patient = self.row("study", study_key), self.row("patient", patient_key)
        if patient is not None:
            self.fill(patient, patient_columns, correct=correct)
        if study is not None:
            self.fill(study, study_columns, correct=correct)
            return study.id
        owner = patient.id if patient else self.make("patient", ("patient_id", "collection_id"), item, patient_columns)
        own: dict[str, Value] = {"study_uid": item.study_uid, "patient_id": owner}
        return self.make("study", ("study_uid", "collection_id"), item, {**study_columns, **own})

    def row(self, table: str, key: Mapping[str, Value]) -> "_Row | None":
        """A parent's row, read once a batch."""
        identity = (table, *key.values())
        found = self.parents.get(identity)
        if found is None:
            names = _NAMES[table]
            where = " AND ".join(f"{name} = ?" for name in key)
            text = f"SELECT id, {', '.join(names)} FROM {table} WHERE {where}"
            row = self.run(text, tuple(key.values())).fetchone()
            if row is None:
                return None
            found = self.parents[identity] = _Row(table, int(row[0]), dict(zip(names, row[1:], strict=True)))
        return found

    def make(self, table: str, key: tuple[str, ...], item: Publication, known: Mapping[str, Value]) -> int:
        columns = _with_zeros(table, known) | {"collection_id": item.collection_id}
        row_id = self.insert_row(table, columns)
        self.parents[(table, *(columns[name] for name in key))] = _Row(table, row_id, columns)
        return row_id

    def fill(self, row: "_Row", columns: Mapping[str, Value], *, correct: bool) -> None:
        """Take over what the row does not say yet; on a correction, what the new object says otherwise."""
        if columns is row.filled_from and not correct:  # as the object before said it
            return
        row.filled_from = columns
        changed = {
            name: value
            for name, value in columns.items()
            if name not in _KEYS[row.table]
            and value not in ("", None)
            and value != row.columns[name]
            and (correct or row.columns[name] in ("", None))
        }
        if changed:
            row.columns.update(changed)
            self.update_row(row.table, row.id, changed)

    def insert_row(self, table: str, columns: Mapping[str, Value]) -> int:
        marks = ", ".join("?" * len(columns))
        text = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks}) RETURNING id"
        return int(self.run(text, tuple(columns.values())).fetchone()[0])

    def update_row(self, table: str, row_id: int, columns: Mapping[str, Value]) -> None:
        names = ", ".join(f"{name} = ?" for name in columns)
        self.run(f"UPDATE {table} SET {names} WHERE id = ?", (*columns.values(), row_id))


_COUNTERS = {
    "patient": ("study_count", "series_count", "instance_count", "size_bytes"),
    "study": ("series_count", "instance_count", "size_bytes"),
    "series": ("instance_count", "size_bytes"),
}


def _with_zeros(table: str, columns: Mapping[str, Value]) -> dict[str, Value]:
    """The columns of a new row, with counters at zero; the aggregates are set when the batch is in."""
    counters = _COUNTERS[table]
    new: dict[str, Value] = dict(columns) | dict.fromkeys(counters, 0)
    if table == "series":
        return new | {"sop_classes": "", "flags": "", "examined_ms": 0}
    new |= dict.fromkeys((f"released_{name}" for name in counters), 0)
    if table == "study":
        lists = ("modalities", "sop_classes", "released_modalities", "released_sop_classes")
        new |= dict.fromkeys(lists, "")
    return new


def lock_collections(database: Database, collection_ids: set[int]) -> None:
    """Begin a change of what searches of these collections find.

    On PostgreSQL it lets one transaction at a time write to a collection, as SQLite does for the whole index: so
    aggregates are always computed from what is committed, and two writers never wait for each other in a circle.
    """
    dialect = Dialect(database)
    for number in sorted(collection_ids):
        if not dialect.sqlite:
            execute(database, "SELECT pg_advisory_xact_lock(%s, %s)", (_LOCK, number))
        execute(database, dialect.finished(_CHANGED), (number,))


_CHANGED = (
    "INSERT INTO collection_change (collection_id, number) VALUES (?, 1)"
    " ON CONFLICT (collection_id) DO UPDATE SET number = collection_change.number + 1"
)
