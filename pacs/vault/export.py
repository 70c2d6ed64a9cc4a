"""The crosswalk as CSV, for those who may: ``uids.csv`` and ``patients.csv``."""

import csv
import os
from collections.abc import Iterable
from pathlib import Path

from pacs.errors import BadRequest
from pacs.model import CrosswalkRow

UID_COLUMNS = ("kind", "old", "new")
PATIENT_COLUMNS = ("old_id", "new_id", "old_name", "new_name", "date_shift_days")


_TABLES = {"uids.csv": UID_COLUMNS, "patients.csv": PATIENT_COLUMNS}


def check_crosswalk(folder: Path) -> None:
    """Raise `BadRequest` when the folder has files of these names to which no rows can be added."""
    for name, columns in _TABLES.items():
        _read(folder / name, columns)


def write_crosswalk(folder: Path, rows: Iterable[CrosswalkRow], *, add: bool = False) -> dict[str, int]:
    """Write both tables (0600, the folder 0700 when it is new), each pair once; returns rows by file.

    Cells that a spreadsheet would run as a formula are written with an apostrophe in front of them, as OWASP advises;
    identifiers that begin so do not occur in practice. Raises `BadRequest` when a file is there already, unless rows
    are to be added to it.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    uids: dict[tuple[str, ...], None] = {}
    patients: dict[tuple[str, ...], None] = {}
    for row in rows:
        if row.kind == "patient":
            extra = row.extra
            new_name = extra.get("new_name", row.new)
            patients[row.old, row.new, extra.get("name", ""), new_name, extra.get("date_shift_days", "")] = None
        elif row.kind not in ("doubt", "accession"):
            uids[row.kind, row.old, row.new] = None
    for (name, columns), content in zip(_TABLES.items(), (uids, patients), strict=True):
        written = (tuple(map(_harmless, row)) for row in content)
        if add:
            fresh = folder / f".{name}.new"
            fresh.unlink(missing_ok=True)  # of a run that was killed
            _write(fresh, columns, dict.fromkeys([*_read(folder / name, columns), *written]))
            fresh.replace(folder / name)
        else:
            _write(folder / name, columns, written)
    return {"uids.csv": len(uids), "patients.csv": len(patients)}


def _read(file: Path, columns: tuple[str, ...]) -> list[tuple[str, ...]]:
    """The rows of a table that an earlier run wrote; none when there is no file. Raises `BadRequest`."""
    if not file.exists():
        return []
    with file.open(encoding="utf-8", newline="") as source:
        try:
            rows = [tuple(row) for row in csv.reader(source)]
        except (csv.Error, UnicodeDecodeError):
            rows = []
    if rows[:1] != [columns]:
        raise BadRequest(f"{file} is no table of a crosswalk")
    return rows[1:]


def _write(file: Path, columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise BadRequest(f"{file} exists already") from None
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as sink:
        writer = csv.writer(sink)
        writer.writerow(columns)
        writer.writerows(rows)


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell[:1] in ("=", "@", "+") or (cell[:1] == "-" and not cell[1:].isdigit()) else cell
