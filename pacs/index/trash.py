"""What was removed and can be restored: rows of the index, out of sight of every search.

An entry is one removal. It holds the rows as they were, so that nothing in the index has to know of the trash: what is
in it is gone there, counters included, and a tombstone keeps a re-send away. All methods that write run inside the
caller's transaction.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from peewee import Database

from pacs.db.connection import execute
from pacs.db.tables.index import Instance, Patient, Series, Study
from pacs.errors import Conflict, NotFound
from pacs.index.aggregates import bring_up_to_date
from pacs.index.index import Index
from pacs.index.sql import Dialect, Sql, Value, joined, one_of
from pacs.index.write import lock_collections
from pacs.model import InstanceKey

_CHUNK = 500  # instances in one statement
_DAY_MS = 86_400_000
Columns = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TrashEntry:
    """One removal. UIDs are new ones; series and SOP are empty where all of them went. Times: ms since 1970 in UTC."""

    id: int
    collection_id: int
    study_uid: str
    series_uid: str
    sop_uid: str
    instance_count: int
    size_bytes: int
    removed_by: str
    reason: str
    removed_ms: int
    doomed: bool


class Trash:
    """The trash of one database. `keep_days`: how long what is in it can be restored."""

    def __init__(self, database: Database, index: Index, keep_days: int) -> None:
        self.keep_days = keep_days
        self._database = database
        self._index = index
        self._dialect = Dialect(database)

    def _run(self, text: str, values: Sequence[Value | bytes] = ()) -> Any:
        return execute(self._database, self._dialect.finished(text), tuple(values))

    # -- in ------------------------------------------------------------------------------------------------------------

    def put(self, key: InstanceKey, collection_id: int, removed_by: str, reason: str) -> TrashEntry:
        """Take a study, series or instance of a collection out of the index. Raises `NotFound` when it is gone."""
        lock_collections(self._database, {collection_id})
        where = joined("AND", [Sql("instance.collection_id = ?", (collection_id,)), *_under(key)])
        found = self._run(f"{_IDS} WHERE {where.text} ORDER BY instance.id", where.values).fetchall()
        if not found:
            raise NotFound("there is no such study, series or instance")
        ids, series_ids = [row[0] for row in found], sorted({row[1] for row in found})
        columns: Columns = {
            "collection_id": collection_id,
            "study_uid": key.study_uid,
            "series_uid": key.series_uid or "",
            "sop_uid": key.sop_uid or "",
            "instance_count": len(ids),
            "size_bytes": sum(int(row[2]) for row in found),
            "removed_by": removed_by,
            "reason": reason,
            "removed_ms": int(time.time() * 1000),
            "doomed": False,
        }
        number = self._insert("trash", columns | {"parents": orjson.dumps(self._above(series_ids)).decode()})
        for start in range(0, len(ids), _CHUNK):
            self._copy(number, collection_id, ids[start : start + _CHUNK])
        self._index.remove(key, collection_id)
        return TrashEntry(number, **columns)

    def _above(self, series_ids: Sequence[int]) -> dict[str, list[Columns]]:
        """The rows of these series, their studies and patients."""
        series = self._rows("series", _SERIES, one_of("id", list(series_ids)))
        studies = self._rows("study", _STUDY, one_of("id", sorted({row["study_id"] for row in series})))
        patients = self._rows("patient", _PATIENT, one_of("id", sorted({row["patient_id"] for row in studies})))
        return {"patient": patients, "study": studies, "series": series}

    def _rows(self, table: str, names: Sequence[str], where: Sql) -> list[Columns]:
        found = self._run(f"SELECT {_quoted(names)} FROM {table} WHERE {where.text} ORDER BY id", where.values)
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def _copy(self, number: int, collection_id: int, ids: Sequence[int]) -> None:
        some = one_of("instance_id", ids)
        text = f"SELECT instance_id, json, frames FROM instance_metadata WHERE {some.text}"
        metadata = {row[0]: (bytes(row[1]), bytes(row[2])) for row in self._run(text, some.values).fetchall()}
        for row in self._rows("instance", _INSTANCE, one_of("id", ids)):
            json, frames = metadata.get(row["id"], (b"", b""))
            self._run(
                "INSERT INTO trashed_instance (trash_id, collection_id, blob_digest, intake_id, columns, json, frames)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (number, collection_id, row["blob_digest"], row["intake_id"], orjson.dumps(row).decode(), json, frames),
            )

    def _insert(self, table: str, columns: Columns) -> int:
        marks = ", ".join("?" * len(columns))
        text = f"INSERT INTO {table} ({_quoted(list(columns))}) VALUES ({marks}) RETURNING id"
        return int(self._run(text, tuple(columns.values())).fetchone()[0])

    # -- back ----------------------------------------------------------------------------------------------------------

    def restore(self, entry: TrashEntry) -> int:
        """Bring the rows back as they were; returns how many instances. Raises `NotFound`, `Conflict`.

        A series that was in review when it was removed takes its series into review again.
        """
        lock_collections(self._database, {entry.collection_id})
        text = "SELECT parents FROM trash WHERE id = ? AND doomed = ?"
        row = self._run(text, (entry.id, False)).fetchone()
        if row is None:
            raise NotFound("there is no such entry in the trash")
        series_ids = self._parents_back(orjson.loads(row[0]))
        count, after = 0, 0
        while rows := self._run(_TRASHED, (entry.id, after, _CHUNK)).fetchall():
            after = rows[-1][0]
            count += len(rows)
            self._instances_back(rows, series_ids)
        self._run("DELETE FROM trashed_instance WHERE trash_id = ?", (entry.id,))
        self._run("DELETE FROM trash WHERE id = ?", (entry.id,))
        bring_up_to_date(self._database, set(series_ids.values()))
        return count

    def _parents_back(self, above: dict[str, list[Columns]]) -> dict[int, int]:
        """Parents that are there still are taken, others made; returns the series' ids by those that they had."""
        patients = {row["id"]: self._parent("patient", row, "patient_id", "collection_id") for row in above["patient"]}
        studies: dict[int, int] = {}
        for row in above["study"]:
            old = row["id"]
            studies[old] = self._parent("study", row | {"patient_id": patients[row["patient_id"]]}, *_STUDY_KEY)
        found: dict[int, int] = {}
        for row in above["series"]:
            found[row["id"]] = self._parent("series", row | {"study_id": studies[row["study_id"]]}, *_SERIES_KEY)
            if not row["released"]:
                self._run("UPDATE series SET released = ? WHERE id = ?", (False, found[row["id"]]))
        return found

    def _parent(self, table: str, columns: Columns, *key: str) -> int:
        where = " AND ".join(f"{name} = ?" for name in key)
        row = self._run(f"SELECT id FROM {table} WHERE {where}", tuple(columns[name] for name in key)).fetchone()
        return int(row[0]) if row is not None else self._insert(table, columns)

    def _instances_back(self, rows: Sequence[Any], series_ids: dict[int, int]) -> None:
        instances: list[Columns] = [orjson.loads(row[1]) for row in rows]
        collection_id = instances[0]["collection_id"]
        there = one_of("sop_uid", [each["sop_uid"] for each in instances])
        text = f"SELECT id FROM instance WHERE collection_id = ? AND {there.text} LIMIT 1"
        if self._run(text, (collection_id, *there.values)).fetchone() is not None:
            raise Conflict("the collection has one of these objects again")
        for row, columns in zip(rows, instances, strict=True):
            number = self._insert("instance", columns | {"series_id": series_ids[columns["series_id"]]})
            self._run(
                "INSERT INTO instance_metadata (instance_id, json, frames) VALUES (?, ?, ?)",
                (number, bytes(row[2]), bytes(row[3])),
            )
        buried = one_of("original_hmac", [each["original_hmac"] for each in instances])
        self._run(f"DELETE FROM tombstone WHERE collection_id = ? AND {buried.text}", (collection_id, *buried.values))

    # -- out -----------------------------------------------------------------------------------------------------------

    def doom(self, entry: TrashEntry) -> bool:
        """From now on the entry cannot be restored: its files go. False when it is not there any more."""
        lock_collections(self._database, {entry.collection_id})
        return bool(self._run("UPDATE trash SET doomed = ? WHERE id = ?", (True, entry.id)).rowcount)

    def files(self, entry: TrashEntry) -> list[tuple[str, str]]:
        """Blob digest and intake id of each instance of an entry."""
        text = "SELECT blob_digest, intake_id FROM trashed_instance WHERE trash_id = ? ORDER BY id"
        return [(row[0], row[1]) for row in self._run(text, (entry.id,)).fetchall()]

    def needed(self, digests: Sequence[str]) -> set[str]:
        """Which of these blobs a row of the index, or an entry that can be restored, refers to."""
        found = self._index.referenced(digests)
        for start in range(0, len(digests), _CHUNK):
            some = one_of("blob_digest", digests[start : start + _CHUNK])
            text = f"SELECT DISTINCT blob_digest FROM trashed_instance {_OF_TRASH} WHERE doomed = ? AND {some.text}"
            found |= {row[0] for row in self._run(text, (False, *some.values)).fetchall()}
        return found

    def forget(self, entry: TrashEntry) -> None:
        """Delete the rows of an entry whose files are gone. Its tombstones stay."""
        self._run("DELETE FROM trashed_instance WHERE trash_id = ?", (entry.id,))
        self._run("DELETE FROM trash WHERE id = ?", (entry.id,))

    # -- reading -------------------------------------------------------------------------------------------------------

    def entries(self, collection_ids: Sequence[int] | None = None) -> list[TrashEntry]:
        """What is in the trash of some collections (None: of all), the oldest first."""
        where = Sql("doomed = ?", (False,))
        if collection_ids is not None:
            where = joined("AND", [where, one_of("collection_id", sorted(collection_ids))])
        return self._entries(where)

    def buried(self, hmacs: Sequence[str]) -> set[tuple[int, str]]:
        """Which of these objects, by the keyed digest of their original UID, were removed: with the collection's id."""
        found: set[tuple[int, str]] = set()
        for start in range(0, len(hmacs), _CHUNK):
            some = one_of("original_hmac", hmacs[start : start + _CHUNK])
            rows = self._run(f"SELECT collection_id, original_hmac FROM tombstone WHERE {some.text}", some.values)
            found |= {(row[0], row[1]) for row in rows.fetchall()}
        return found

    def buried_count(self) -> int:
        """How many published objects were removed since, in the trash or for good."""
        return int(self._run("SELECT COUNT(*) FROM tombstone").fetchone()[0])

    def past(self) -> list[TrashEntry]:
        """What cannot be restored any more: its time is over, or its files were being deleted when a process died."""
        limit = int(time.time() * 1000) - self.keep_days * _DAY_MS
        return self._entries(Sql("(removed_ms < ? OR doomed = ?)", (limit, True)))

    def _entries(self, where: Sql) -> list[TrashEntry]:
        found = self._run(f"SELECT {', '.join(_ENTRY)} FROM trash WHERE {where.text} ORDER BY id", where.values)
        rows: list[Columns] = [dict(zip(_ENTRY, row, strict=True)) for row in found.fetchall()]
        return [TrashEntry(**row | {"doomed": bool(row["doomed"])}) for row in rows]

    def blobs(self) -> Iterator[tuple[int, str]]:
        """Collection id and digest of every instance in the trash."""
        text = "SELECT trashed_instance.collection_id, blob_digest FROM trashed_instance"
        return ((row[0], row[1]) for row in self._run(text).fetchall())


def _names(model: Any) -> tuple[str, ...]:
    return tuple(each.column_name for each in model._meta.sorted_fields)


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)  # some are words of SQL: rows, columns


_PATIENT, _STUDY, _SERIES, _INSTANCE = _names(Patient), _names(Study), _names(Series), _names(Instance)
_STUDY_KEY, _SERIES_KEY = ("study_uid", "collection_id"), ("series_uid", "study_id")
_ENTRY = tuple(TrashEntry.__slots__)
_OF_TRASH = "JOIN trash ON trash.id = trashed_instance.trash_id"
_TRASHED = "SELECT id, columns, json, frames FROM trashed_instance WHERE trash_id = ? AND id > ? ORDER BY id LIMIT ?"
_IDS = (
    "SELECT instance.id, instance.series_id, instance.size_bytes FROM instance"
    " JOIN series ON series.id = instance.series_id JOIN study ON study.id = series.study_id"
)


def _under(key: InstanceKey) -> list[Sql]:
    pairs = (("study.study_uid", key.study_uid), ("series.series_uid", key.series_uid), ("sop_uid", key.sop_uid))
    return [Sql(f"{column} = ?", (value,)) for column, value in pairs if value is not None]
