"""A collection's mapping table: which new id, name and date shift a patient gets. CSV in, checked rows out."""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from pacs.deid.dates import shift_day
from pacs.deid.keys import CollectionKeys
from pacs.dicom.values import parse_da
from pacs.errors import BadRequest, RuleError
from pacs.model import PatientRow

COLUMNS = (
    "from_patient_id",
    "to_patient_id",
    "to_patient_name",
    "collection_name",
    "site_name",
    "batch_number",
    "date_shift",
    "diagnosis_date",
    "baseline_date",
)
MAX_ROWS = 1_000_000
MAX_SHIFT_DAYS = 36_525
_MAX_ID = 64
_FORMULA = ("=", "+", "-", "@")  # a spreadsheet would run it


@dataclass(frozen=True, slots=True)
class MappingRow:
    """One line of a table as uploaded. `from_patient_id` and `diagnosis_date` identify: they never leave the wall."""

    line: int
    from_patient_id: str = field(repr=False)
    to_patient_id: str = ""
    to_patient_name: str = ""
    collection_name: str = ""
    site_name: str = ""
    batch_number: str = ""
    date_shift: int | None = None
    diagnosis_date: date | None = field(default=None, repr=False)
    baseline_date: date | None = None

    def target(self) -> tuple[str, str, int | None, date | None, date | None]:
        """What two lines for one patient must agree in."""
        return (self.to_patient_id, self.to_patient_name, self.date_shift, self.diagnosis_date, self.baseline_date)

    def patient(self, keyed_shift_days: int) -> PatientRow:
        """The row as the de-identifier uses it. With both dates, the diagnosis is moved to the baseline date."""
        shift, event_date, event = self.date_shift, "", ""
        if self.diagnosis_date and self.baseline_date:
            shift = (self.baseline_date - self.diagnosis_date).days
        if self.diagnosis_date:
            moved = shift_day(self.diagnosis_date, keyed_shift_days if shift is None else shift)
            event_date, event = (f"{moved:%Y%m%d}", "DIAGNOSIS") if moved else ("", "")
        elif self.baseline_date and shift is not None:
            moved = shift_day(self.baseline_date, shift)
            event_date, event = (f"{moved:%Y%m%d}", "BASELINE") if moved else ("", "")
        if event and shift is None:
            shift = keyed_shift_days
        return PatientRow(
            self.to_patient_id, self.to_patient_name, shift, event_date, event, self.site_name, self.batch_number
        )


def mapped_row(row: MappingRow, keys: CollectionKeys) -> PatientRow:
    """An uploaded row as the de-identifier uses it."""
    return row.patient(mapped_shift_days(keys, row.to_patient_id, None))


def mapped_shift_days(keys: CollectionKeys, patient_id: str, shift_days: int | None) -> int:
    """The shift of a mapped patient: the table's, else keyed by the new id, so that two old ids of one agree."""
    return keys.date_shift_days("mapping table", patient_id) if shift_days is None else shift_days


def read_mapping(text: str) -> list[MappingRow]:
    """Rows of a CSV with a header of `COLUMNS` (from and to_patient_id at least).

    Raises `BadRequest` naming the line, never a value: a column missing or unknown, a patient listed twice, two targets
    for one patient, one target with two shifts, a shift and dates both given, a value that is no date or number.
    """
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    try:
        names = [(name or "").strip().lower() for name in reader.fieldnames or ()]
        _check_header(names)
        rows = [_row(reader.line_num, names, raw) for raw in reader if any(raw.values())]
    except csv.Error as error:
        raise BadRequest(f"mapping table, line {reader.line_num}: {error}") from None
    if len(rows) > MAX_ROWS:
        raise BadRequest(f"a mapping table has at most {MAX_ROWS} rows")
    check_rows(rows)
    return rows


def _check_header(names: list[str]) -> None:
    missing = [name for name in COLUMNS[:2] if name not in names]
    if missing:
        hint = "; columns are parted by commas" if any(";" in name or "\t" in name for name in names) else ""
        raise BadRequest(f"mapping table, line 1: column {missing[0]} is missing{hint}")
    unknown = [name for name in names if name and name not in COLUMNS]
    if unknown:
        raise BadRequest(f"mapping table, line 1: {unknown[0]!r} is no column; known: {', '.join(COLUMNS)}")
    if len(set(names)) < len(names):
        raise BadRequest("mapping table, line 1: a column stands twice")


def _row(line: int, names: list[str], raw: Mapping[str, str]) -> MappingRow:
    if len(raw) > len(names):
        raise BadRequest(f"mapping table, line {line}: more values than columns")
    cells = {name: (value or "").strip() for name, value in zip(names, raw.values(), strict=True)}
    if not cells["from_patient_id"] or not cells["to_patient_id"]:
        raise BadRequest(f"mapping table, line {line}: from_patient_id and to_patient_id must not be empty")
    for name in ("to_patient_id", "to_patient_name"):
        value = cells.get(name, "")
        if len(value) > _MAX_ID or "\\" in value or not value.isascii() or not value.isprintable():
            raise BadRequest(f"mapping table, line {line}: {name} has at most 64 ASCII characters, without backslash")
        if value.startswith(_FORMULA):
            raise BadRequest(f"mapping table, line {line}: {name} must not begin like a formula (= + - @)")
    if cells["to_patient_id"] == cells["from_patient_id"]:
        raise BadRequest(f"mapping table, line {line}: to_patient_id is the patient's own id")
    shift = cells.get("date_shift", "")
    diagnosis, baseline = (_date(line, name, cells.get(name, "")) for name in ("diagnosis_date", "baseline_date"))
    if shift and (diagnosis and baseline):
        raise BadRequest(f"mapping table, line {line}: date_shift and dates are both given; one of them decides")
    return MappingRow(
        line,
        cells["from_patient_id"],
        cells["to_patient_id"],
        cells.get("to_patient_name", ""),
        cells.get("collection_name", ""),
        cells.get("site_name", ""),
        cells.get("batch_number", ""),
        _shift(line, shift),
        diagnosis,
        baseline,
    )


def _shift(line: int, text: str) -> int | None:
    if not text:
        return None
    try:
        days = int(text)
    except ValueError:
        raise BadRequest(f"mapping table, line {line}: date_shift is no whole number of days") from None
    if not days:
        raise BadRequest(f"mapping table, line {line}: a date_shift of 0 would leave the true dates")
    if abs(days) > MAX_SHIFT_DAYS:
        raise BadRequest(f"mapping table, line {line}: date_shift is beyond {MAX_SHIFT_DAYS} days")
    return days


def _date(line: int, name: str, text: str) -> date | None:
    if not text:
        return None
    try:
        found = parse_da(text.replace("/", "-") if text[:4].isdigit() else text)
        if found.digits != len("YYYYMMDD"):
            raise RuleError("a whole date is wanted")
    except RuleError:
        raise BadRequest(f"mapping table, line {line}: {name} is no date like 2020-01-31") from None
    return found.day


def check_rows(rows: Iterable[MappingRow]) -> None:
    """Raise `BadRequest` for rows that contradict each other."""
    patients: dict[tuple[str, str], MappingRow] = {}
    shifts: dict[str, MappingRow] = {}
    for row in rows:
        known = patients.setdefault((row.from_patient_id, row.site_name), row)
        if known is not row:
            what = "stands twice" if known.target() == row.target() else "has two targets"
            raise BadRequest(f"mapping table, line {row.line}: the patient of line {known.line} {what}")
        same = shifts.setdefault(row.to_patient_id, row)
        if same.target()[2:] != row.target()[2:]:
            raise BadRequest(
                f"mapping table, line {row.line}: to_patient_id of line {same.line} with another shift or dates"
            )
