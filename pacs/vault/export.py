"""The crosswalk as CSV, for those who may: ``uids.csv`` and ``patients.csv``."""

import csv
import os
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from pacs.errors import BadRequest
from pacs.model import CrosswalkRow

UID_COLUMNS = ("kind", "old", "new")
PATIENT_COLUMNS = ("old_id", "new_id", "old_name", "new_name", "date_shift_days")


def write_crosswalk(folder: Path, rows: Iterable[CrosswalkRow], *, replace: bool = False) -> dict[str, int]:
    """Write both tables (0600, the folder 0700 when it is new), each pair once; returns rows by file.

    Cells that a spreadsheet would run as a formula are written with an apostrophe in front of them, as OWASP advises;
    identifiers that begin so do not occur in practice. Raises `BadRequest` when a file is there already, unless it is
    to be replaced.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    uids: dict[tuple[str, ...], None] = {}
    patients: dict[tuple[str, ...], None] = {}
    for row in rows:
        if row.kind == "patient":
            extra = row.extra
            new_name = extra.get("new_name", row.new)
            patients[row.old, row.new, extra.get("name", ""), new_name, extra.get("date_shift_days", "")] = None
        elif row.kind != "doubt":
            uids[row.kind, row.old, row.new] = None
    for name, columns, content in (("uids.csv", UID_COLUMNS, uids), ("patients.csv", PATIENT_COLUMNS, patients)):
        if replace:
            (folder / name).unlink(missing_ok=True)
        _write(folder / name, columns, content)
    return {"uids.csv": len(uids), "patients.csv": len(patients)}


def _write(file: Path, columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    with ExitStack() as stack:
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise BadRequest(f"{file} exists already") from None
        sink = stack.enter_context(os.fdopen(descriptor, "w", encoding="utf-8", newline=""))
        writer = csv.writer(sink)
        writer.writerow(columns)
        writer.writerows([_harmless(cell) for cell in row] for row in rows)


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell[:1] in ("=", "@", "+") or (cell[:1] == "-" and not cell[1:].isdigit()) else cell
