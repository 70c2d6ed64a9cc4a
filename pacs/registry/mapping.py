"""Mapping tables of patients: rows by keyed digest of the sender's id."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from peewee import Database

from pacs.db.tables.registry import Collection, Mapping, RegistryState
from pacs.errors import BadRequest
from pacs.model import PatientRow

_CHUNK = 40


class DigestedRow(NamedTuple):
    """A row of an uploaded table, the sender's id as digest. `line` is where it stood."""

    line: int
    from_hmac: str
    row: PatientRow


class MappingTables:
    """The tables of all collections."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, collection_id: int, from_hmac: str, site: str = "") -> PatientRow | None:
        """The row for a patient: this site's (or issuer's), else the only one there is; None when there is none."""
        rows = list(Mapping.select().where((Mapping.collection == collection_id) & (Mapping.from_hmac == from_hmac)))
        fitting = [row for row in rows if row.site == site] or (rows if len(rows) == 1 else [])
        return _patient_row(fitting[0]) if fitting else None

    def has_row(self, collection_id: int, from_hmac: str) -> bool:
        """Whether the table names a patient, for any site."""
        where = (Mapping.collection == collection_id) & (Mapping.from_hmac == from_hmac)
        return bool(Mapping.select().where(where).exists())

    def add(self, collection_id: int, rows: Iterable[DigestedRow]) -> int:
        """Add rows; those that are there already, alike, are left. Returns how many are new.

        Raises `BadRequest` for a patient who has another target already, or a target with another shift.
        """
        every = list(rows)
        with self._database.atomic():
            fresh = [each for each in every if not self._is_there(collection_id, each)]
            content = [_columns(collection_id, each) for each in fresh]
            for start in range(0, len(content), _CHUNK):
                Mapping.insert_many(content[start : start + _CHUNK]).execute()
            Collection.update(mapped=True).where(Collection.id == collection_id).execute()
            self._changed()
        return len(fresh)

    def _is_there(self, collection_id: int, new: DigestedRow) -> bool:
        mine = Mapping.collection == collection_id
        same = Mapping.get_or_none(mine & (Mapping.from_hmac == new.from_hmac) & (Mapping.site == new.row.site))
        if same is not None:
            if _patient_row(same)._replace(batch="") != new.row._replace(batch=""):
                raise BadRequest(f"mapping table, line {new.line}: the patient has another target already")
            return True
        target = Mapping.get_or_none(mine & (Mapping.to_patient_id == new.row.patient_id))
        if target is not None and target.date_shift_days != new.row.shift_days:
            raise BadRequest(f"mapping table, line {new.line}: its to_patient_id has another date shift already")
        return False

    def clear(self, collection_id: int) -> int:
        """Remove a collection's table: patients get keyed ids again. Returns how many rows went."""
        with self._database.atomic():
            count = int(Mapping.delete().where(Mapping.collection == collection_id).execute())
            Collection.update(mapped=False).where(Collection.id == collection_id).execute()
            self._changed()
        return count

    def rows(self, collection_id: int) -> list[PatientRow]:
        """All rows of a collection, by new id; the senders' ids are not in them."""
        found: Any = Mapping.select().where(Mapping.collection == collection_id).order_by(Mapping.to_patient_id)
        return [_patient_row(row) for row in found]

    def _changed(self) -> None:
        if not RegistryState.update(revision=RegistryState.revision + 1).execute():
            RegistryState.create(revision=1)


def _columns(collection_id: int, new: DigestedRow) -> dict[str, Any]:
    row = new.row
    return {
        "collection": collection_id,
        "from_hmac": new.from_hmac,
        "to_patient_id": row.patient_id,
        "to_patient_name": row.patient_name,
        "site": row.site,
        "batch": row.batch,
        "date_shift_days": row.shift_days,
        "event_date": row.event_date,
        "event": row.event,
    }


def _patient_row(row: Any) -> PatientRow:
    return PatientRow(
        row.to_patient_id, row.to_patient_name, row.date_shift_days, row.event_date, row.event, row.site, row.batch
    )
