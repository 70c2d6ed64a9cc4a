"""Lookup tables of CTP's scripts: Java properties, or CSV with a column of keys and one of values."""

import csv
import io

from pacs.deid.ctp.script import properties
from pacs.errors import BadRequest

MAX_ENTRIES = 1_000_000
_COLUMNS = 2


def read_lookup(text: str, *, is_csv: bool, default_type: str = "") -> dict[str, str]:
    """Entries by ``keytype/value``, ends trimmed.

    A CSV's keys may leave out their type: then it is `default_type`. Raises `BadRequest` naming the line, never a
    value: a key without a type, a key that stands twice with different values, a line of other than two columns.
    """
    entries = _csv(text) if is_csv else properties(text)
    found: dict[str, str] = {}
    for line, key, value in entries:
        kind, slash, rest = key.strip().partition("/")
        if not slash and default_type:
            kind, rest = default_type, key.strip()
        if not kind or not rest:
            raise BadRequest(f"lookup table, line {line}: a key is written as type/value")
        name = f"{kind.strip()}/{rest.strip()}"
        if found.setdefault(name, value.strip()) != value.strip():
            raise BadRequest(f"lookup table, line {line}: this key stands twice, with different values")
    if len(found) > MAX_ENTRIES:
        raise BadRequest(f"a lookup table has at most {MAX_ENTRIES} entries")
    return found


def _csv(text: str) -> list[tuple[int, str, str]]:
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    found = []
    try:
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            if len(row) != _COLUMNS:
                raise BadRequest(f"lookup table, line {reader.line_num}: two columns are wanted, key and value")
            found.append((reader.line_num, row[0], row[1]))
    except csv.Error as error:
        raise BadRequest(f"lookup table, line {reader.line_num}: {error}") from None
    return found
