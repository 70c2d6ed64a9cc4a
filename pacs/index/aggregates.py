"""Counters, sizes, modalities and SOP classes of series, studies and patients, computed from the level below.

Always recomputed for what a batch touched, never added to: so they are exact after any sequence of changes.
Rows that have nothing left below them are deleted.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any

from peewee import Database

from pacs.db.connection import execute
from pacs.index.sql import Dialect, Value, one_of


def bring_up_to_date(database: Database, series_ids: Collection[int]) -> None:
    """Recompute the aggregates of these series and of the studies and patients above them."""
    work = _Work(database)
    for chunk in _chunks(sorted(series_ids)):
        studies = work.series(chunk)
        patients = work.studies(sorted(studies))
        work.patients(sorted(patients))


def _chunks(numbers: list[int], size: int = 500) -> Iterable[list[int]]:
    return (numbers[start : start + size] for start in range(0, len(numbers), size))


class _Work:
    def __init__(self, database: Database) -> None:
        self.database, self.dialect = database, Dialect(database)

    def run(self, text: str, values: tuple[Value, ...]) -> Any:
        return execute(self.database, self.dialect.finished(text), values)

    def of(self, column: str, numbers: list[int], select: str, table: str, group: str) -> list[Any]:
        """Aggregates of children by the parent's id."""
        where = one_of(column, numbers)
        text = f"SELECT {column}, {select} FROM {table} WHERE {where.text} GROUP BY {column}{group}"
        return list(self.run(text, where.values).fetchall())

    def series(self, numbers: list[int]) -> set[int]:
        """Returns the ids of the studies they belong to."""
        where = one_of("id", numbers)
        studies = {int(row[0]) for row in self.run(f"SELECT study_id FROM series WHERE {where.text}", where.values)}
        rows = self.of("series_id", numbers, "sop_class_uid, count(*), sum(size_bytes)", "instance", ", sop_class_uid")
        classes: dict[int, list[tuple[str, int, int]]] = defaultdict(list)
        for series_id, sop_class, count, size in rows:
            classes[series_id].append((sop_class, int(count), int(size)))
        for number in numbers:
            found = classes.get(number)
            if not found:
                self.run("DELETE FROM series WHERE id = ?", (number,))
                continue
            names = "\\".join(sorted(name for name, _, _ in found))
            totals = (sum(count for _, count, _ in found), sum(size for _, _, size in found))
            self.run(
                "UPDATE series SET sop_classes = ?, instance_count = ?, size_bytes = ? WHERE id = ?",
                (names, *totals, number),
            )
        return studies

    def studies(self, numbers: list[int]) -> set[int]:
        """Returns the ids of the patients they belong to."""
        where = one_of("id", numbers)
        patients = {int(row[0]) for row in self.run(f"SELECT patient_id FROM study WHERE {where.text}", where.values)}
        where = one_of("study_id", numbers)
        columns = "study_id, released, modality, sop_classes, instance_count, size_bytes"
        below: dict[int, list[Any]] = defaultdict(list)
        for row in self.run(f"SELECT {columns} FROM series WHERE {where.text}", where.values):
            below[row[0]].append(row[1:])
        for number in numbers:
            rows = below.get(number)
            if not rows:
                self.run("DELETE FROM study WHERE id = ?", (number,))
                continue
            released = [row for row in rows if row[0]]
            self.run(_STUDY, (*_of_series(rows), *_of_series(released), number))
        return patients

    def patients(self, numbers: list[int]) -> None:
        columns = ("series_count", "instance_count", "size_bytes")
        sums = ", ".join(f"sum({prefix}{name})" for prefix in ("", "released_") for name in columns)
        seen = "sum(CASE WHEN released_series_count > 0 THEN 1 ELSE 0 END)"
        rows = {row[0]: row[1:] for row in self.of("patient_id", numbers, f"count(*), {seen}, {sums}", "study", "")}
        for number in numbers:
            if number in rows:
                self.run(_PATIENT, (*(int(value) for value in rows[number]), number))
            else:
                self.run("DELETE FROM patient WHERE id = ?", (number,))


_STUDY = (
    "UPDATE study SET series_count = ?, instance_count = ?, size_bytes = ?, modalities = ?, sop_classes = ?,"
    " released_series_count = ?, released_instance_count = ?, released_size_bytes = ?, released_modalities = ?,"
    " released_sop_classes = ? WHERE id = ?"
)
_PATIENT = (
    "UPDATE patient SET study_count = ?, released_study_count = ?, series_count = ?, instance_count = ?,"
    " size_bytes = ?, released_series_count = ?, released_instance_count = ?, released_size_bytes = ? WHERE id = ?"
)


def _of_series(rows: list[Any]) -> tuple[int, int, int, str, str]:
    """Series count, instance count, bytes, modalities, SOP classes of some series."""
    modalities = sorted({row[1] for row in rows if row[1]})
    classes = sorted({name for row in rows for name in row[2].split("\\") if name})
    return (
        len(rows),
        sum(row[3] for row in rows),
        sum(row[4] for row in rows),
        "\\".join(modalities),
        "\\".join(classes),
    )
