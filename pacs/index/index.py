"""`Index`: everything that other packages ask of the index."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from peewee import Database

from pacs.db.connection import execute
from pacs.errors import BadQuery
from pacs.index.aggregates import bring_up_to_date
from pacs.index.packing import unpacked_frames, unpacked_json, unpacked_pieces
from pacs.index.search import Found, stream
from pacs.index.sql import Dialect, Sql, Value, joined, one_of
from pacs.index.statement import visible_series
from pacs.index.totals import Totals
from pacs.index.write import Writer, Written, lock_collections
from pacs.model import DescribedInstance, Duplicates, InstanceKey, PixelFrame, Publication, Scope, StoredInstance
from pacs.query import Exact, Query

_MOST_KEYS = 100  # more than there are attributes to match; databases bound the depth of a statement
_MOST_VALUES = 30_000  # below the parameters that SQLite takes in a statement
Place = Callable[[int, str], tuple[str, str]]
_CHUNK = 500  # ids in one statement


def _nowhere(_collection_id: int, _digest: str) -> tuple[str, str]:
    return "", ""


@dataclass(frozen=True, slots=True)
class SettledSeries:
    """A series that the series stages should look at. `last_stored_ms` goes back to `Index.examined`."""

    id: int
    collection_id: int
    study_uid: str
    series_uid: str
    last_stored_ms: int
    flags: tuple[str, ...]


class Index:
    """The index in one database. It remembers totals and nothing else; any number may be made, in any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._totals = Totals()
        self._dialect = Dialect(database)

    def _run(self, text: str, values: Sequence[Value] = ()) -> Any:
        return execute(self._database, self._dialect.finished(text), tuple(values))

    # -- writing: the caller's transaction is around each of these ------------------------------------------------

    def write(
        self, batch: Sequence[Publication], policies: Mapping[int, Duplicates], *, now_ms: int | None = None
    ) -> list[Written]:
        """Store a batch; one answer for each publication, in order. Nothing is written for duplicates and the like.

        `policies` say by collection id what other content under a known SOP Instance UID means (default: keep first).
        `now_ms` is the time of storing, milliseconds since 1970 in UTC. Writing the same batch again gives duplicates.
        """
        return Writer(self._database, policies, now_ms).write(batch)

    def release(self, collection_id: int, series_uids: Iterable[str] | None, *, released: bool) -> int:
        """Show or hide series of a collection (None: all); returns how many changed."""
        lock_collections(self._database, {collection_id})
        where = [Sql("collection_id = ?", (collection_id,)), Sql("released = ?", (not released,))]
        if series_uids is not None:
            where.append(one_of("series_uid", sorted(series_uids)))
        which = joined("AND", where)
        changed = [row[0] for row in self._run(f"SELECT id FROM series WHERE {which.text}", which.values).fetchall()]
        for start in range(0, len(changed), _CHUNK):
            some = one_of("id", changed[start : start + _CHUNK])
            self._run(f"UPDATE series SET released = ? WHERE {some.text}", (released, *some.values))
        bring_up_to_date(self._database, changed)
        return len(changed)

    def remove(self, key: InstanceKey, collection_id: int, *, bury: bool = True) -> list[str]:
        """Delete a study, series or instance of a collection; returns the digests that no row refers to any more.

        With `bury` a re-send of these objects does not bring them back (tombstones by the keyed original UID).
        """
        lock_collections(self._database, {collection_id})
        where = joined("AND", [Sql("instance.collection_id = ?", (collection_id,)), *_key(key)])
        rows = self._run(
            "SELECT instance.id, instance.series_id, instance.blob_digest, instance.original_hmac FROM instance"
            " JOIN series ON series.id = instance.series_id JOIN study ON study.id = series.study_id"
            f" WHERE {where.text}",
            where.values,
        ).fetchall()
        for start in range(0, len(rows), _CHUNK):
            some = one_of("id", [row[0] for row in rows[start : start + _CHUNK]])
            meta = one_of("instance_id", some.values)
            self._run(f"DELETE FROM instance_metadata WHERE {meta.text}", meta.values)
            self._run(f"DELETE FROM instance WHERE {some.text}", some.values)
        if bury:
            for row in rows:
                self.bury(collection_id, row[3])
        bring_up_to_date(self._database, {row[1] for row in rows})
        digests = {row[2] for row in rows}
        return sorted(digests - self.referenced(digests))

    def bury(self, collection_id: int, original_hmac: str) -> None:
        """Never publish this object (again) in the collection."""
        self._run(
            "INSERT INTO tombstone (collection_id, original_hmac, buried_ms) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            (collection_id, original_hmac, int(time.time() * 1000)),
        )

    def flagged(self, collection_id: int) -> list[tuple[str, str]]:
        """Series UIDs of a collection with the flags that series stages put on them."""
        text = "SELECT series_uid, flags FROM series WHERE collection_id = ? AND flags <> '' ORDER BY series_uid"
        return [(row[0], row[1]) for row in self._run(text, (collection_id,)).fetchall()]

    def set_flags(self, series_id: int, flags: Iterable[str]) -> None:
        """Replace the flags that series stages put on a series."""
        self._run("UPDATE series SET flags = ? WHERE id = ?", (" ".join(sorted(set(flags))), series_id))

    def examined(self, series: SettledSeries) -> bool:
        """Remember that the series stages ran; False when the series has got more objects since it was handed out."""
        text = "UPDATE series SET examined_ms = ? WHERE id = ? AND last_stored_ms = ?"
        changed = self._run(text, (series.last_stored_ms + 1, series.id, series.last_stored_ms)).rowcount
        return bool(changed)

    # -- reading ------------------------------------------------------------------------------------------------------

    def search(self, query: Query, scope: Scope, order: Sequence[int] = ()) -> Found:
        """Rows at the query's level that the scope sees. Raises BadQuery.

        `query.collection` is the caller's to resolve into `scope`, since names of collections are not known here.
        `order` are collections that share keys, so that the same study may stand in several: it is found in the first
        visible one of them only. Leave it out when no two share keys.
        """
        if len(query.matches) > _MOST_KEYS:
            raise BadQuery(f"a query has at most {_MOST_KEYS} keys")
        if (
            sum(len(each.condition.values) for each in query.matches if isinstance(each.condition, Exact))
            > _MOST_VALUES
        ):
            raise BadQuery(f"a query has at most {_MOST_VALUES} values")
        return Found(self._database, query, scope, order, self._totals)

    def open(
        self, key: InstanceKey, scope: Scope, order: Sequence[int] = (), place: Place = _nowhere
    ) -> list[StoredInstance]:
        """The instances under a key that the scope sees, by series and instance number; empty when there are none.

        `order` are collection ids, most wanted first: a study UID that stands in several collections answers from the
        first. `place` says by collection id and digest what the collection is called and where the blob stands.
        """
        return [_stored(row, place) for row in self._rows(_STORED, key, scope, order)]

    def describe(self, key: InstanceKey, scope: Scope, order: Sequence[int] = ()) -> list[DescribedInstance]:
        """As `open`, no more of each than its metadata needs: this is asked for by the hundred."""
        return [DescribedInstance(*row) for row in self._rows(_DESCRIBED, key, scope, order)]

    def _rows(self, select: str, key: InstanceKey, scope: Scope, order: Sequence[int]) -> list[tuple[Any, ...]]:
        """Rows of one collection; their second column is its id."""
        where = joined("AND", [*_key(key), visible_series(scope, self._dialect)])
        found: list[tuple[Any, ...]]
        found = self._run(f"{select} WHERE {where.text} ORDER BY {_STORED_ORDER}", where.values).fetchall()
        collections = {row[1] for row in found}
        if len(collections) > 1:
            rank = {number: place for place, number in enumerate(order)}
            first = min(collections, key=lambda number: (rank.get(number, len(rank)), number))
            found = [row for row in found if row[1] == first]
        return found

    def metadata(self, ids: Sequence[int]) -> Iterator[bytes]:
        """DICOM JSON objects of these instances, in the order asked for; ids that are gone are left out."""
        return (unpacked_json(packed) for packed in self._packed(ids) if packed is not None)

    def metadata_pieces(self, ids: Sequence[int]) -> Iterator[Sequence[bytes]]:
        """As `metadata`, each cut where `BULK_PLACEHOLDER` stands, which is left out; no pieces of one that is gone."""
        return unpacked_pieces(self._packed(ids))

    def _packed(self, ids: Sequence[int]) -> Iterator[bytes | None]:
        for start in range(0, len(ids), _CHUNK):
            some = ids[start : start + _CHUNK]
            where = one_of("instance_id", some)
            rows = dict(self._run(f"SELECT instance_id, json FROM instance_metadata WHERE {where.text}", where.values))
            yield from map(rows.get, some)

    def frames(self, instance_id: int) -> tuple[PixelFrame, ...]:
        """Where the frames stand in the blob; none for an object without pixel data."""
        row = self._run("SELECT frames FROM instance_metadata WHERE instance_id = ?", (instance_id,)).fetchone()
        return unpacked_frames(row[0]) if row else ()

    def settled(self, before: datetime, limit: int = 100) -> list[SettledSeries]:
        """Series that got nothing since `before` (with its zone) and were not examined since they last did."""
        rows = self._run(
            "SELECT series.id, series.collection_id, study.study_uid, series.series_uid, series.last_stored_ms,"
            " series.flags FROM series JOIN study ON study.id = series.study_id WHERE series.last_stored_ms < ?"
            " AND series.examined_ms <= series.last_stored_ms ORDER BY series.last_stored_ms, series.id LIMIT ?",
            (int(before.timestamp() * 1000), limit),
        ).fetchall()
        return [SettledSeries(row[0], row[1], row[2], row[3], row[4], tuple(row[5].split())) for row in rows]

    def is_released(self, collection_id: int, series_uid: str) -> bool:
        """Whether a collection has the series and shows it to its readers."""
        where = "collection_id = ? AND series_uid = ? AND released = ?"
        return bool(self._run(f"SELECT 1 FROM series WHERE {where}", (collection_id, series_uid, True)).fetchone())

    def hidden(self, collection_id: int) -> list[str]:
        """The series of a collection that are not released."""
        text = "SELECT series_uid FROM series WHERE collection_id = ? AND released = ? ORDER BY id"
        return [row[0] for row in self._run(text, (collection_id, False)).fetchall()]

    def unexamined(self, collection_id: int) -> set[str]:
        """The series of a collection that series stages have yet to look at since they last got an object."""
        text = "SELECT series_uid FROM series WHERE collection_id = ? AND examined_ms <= last_stored_ms"
        return {row[0] for row in self._run(text, (collection_id,)).fetchall()}

    def referenced(self, digests: Iterable[str]) -> set[str]:
        """Which of these blobs some row refers to."""
        wanted, found = sorted(digests), set()
        for start in range(0, len(wanted), _CHUNK):
            where = one_of("blob_digest", wanted[start : start + _CHUNK])
            rows = self._run(f"SELECT DISTINCT blob_digest FROM instance WHERE {where.text}", where.values)
            found |= {row[0] for row in rows.fetchall()}
        return found

    def blobs(self) -> Iterator[tuple[int, str]]:
        """Collection id and digest of every instance, in digest order, for a check against the files."""
        text = "SELECT collection_id, blob_digest FROM instance ORDER BY blob_digest"
        return ((row[0], row[1]) for row in stream(self._database, text, ()))


_DESCRIBED = (
    "SELECT instance.id, instance.collection_id, study.study_uid, series.series_uid, instance.sop_uid,"
    " instance.blob_digest, instance.revision FROM instance"
    " JOIN series ON series.id = instance.series_id JOIN study ON study.id = series.study_id"
)
_STORED = (
    "SELECT instance.id, instance.collection_id, patient.patient_id, study.study_uid, series.series_uid,"
    " instance.sop_uid, instance.sop_class_uid, instance.transfer_syntax_uid, instance.frame_count,"
    " instance.size_bytes, instance.blob_digest, instance.revision FROM instance"
    " JOIN series ON series.id = instance.series_id JOIN study ON study.id = series.study_id"
    " JOIN patient ON patient.id = study.patient_id"
)
_DIGEST = 8  # its place after the two ids
_STORED_ORDER = "series.series_number, series.id, instance.instance_number, instance.id"


def _stored(row: tuple[Any, ...], place: Place) -> StoredInstance:
    number, collection_id, *facts = row
    name, file = place(collection_id, facts[_DIGEST])
    return StoredInstance._make((number, collection_id, name, *facts, file))


def _key(key: InstanceKey) -> list[Sql]:
    found = [Sql("study.study_uid = ?", (key.study_uid,))]
    if key.series_uid is not None:
        found.append(Sql("series.series_uid = ?", (key.series_uid,)))
    if key.sop_uid is not None:
        found.append(Sql("instance.sop_uid = ?", (key.sop_uid,)))
    return found
