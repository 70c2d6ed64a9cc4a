"""Dates as the functions of CTP's scripts move them. A value that cannot be moved becomes empty there."""

import re
from datetime import date, timedelta

from pacs.deid.ctp.digests import decimal_md5

_PLAIN, _DASHED = 8, 10
_ZONE = re.compile(r"[+-]\d{4}$")
_WHOLE = re.compile(r"[0-9]{8}")
_NO_DATE, _FIRST_YEAR, _SPAN_DAYS = "20000101", 1900, 3652  # of RSNA Anonymizer
_AMERICAN = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")


def moved(value: str, days: int, *, strict: bool) -> str | None:
    """One value moved by days, what follows the date kept; None when it is no date.

    In `strict` a zone at the end makes it none, as in CTP; else it stays. PS3.5 6.2, DT.
    """
    if strict and is_zoned(value):
        return None
    day = day_of(value)
    if day is None:
        return None
    try:
        day += timedelta(days=days)
    except OverflowError:
        return None
    return written(day, value)


def is_zoned(value: str) -> bool:
    """Whether a date time ends in a zone, which CTP takes for a fault. PS3.5 6.2, DT."""
    return len(value) > _PLAIN and not _is_dashed(value) and _ZONE.search(value) is not None


def written(day: date, like: str) -> str:
    """A day in place of the one that a value begins with, what follows that kept."""
    if _is_dashed(like):
        return f"{day.year:04}-{day.month:02}-{day.day:02}{like[_DASHED:]}"
    return plain(day) + like[_PLAIN:]


def later(value: str, patient_id: str) -> str:
    """A date as RSNA Anonymizer moves it: later, by days that follow from the patient's id; else the first of 2000."""
    try:
        day = date(int(value[:4]), int(value[4:6]), int(value[6:])) if _WHOLE.fullmatch(value) else None
        if day is None or day.year < _FIRST_YEAR or not patient_id:
            return _NO_DATE
        return plain(day + timedelta(days=int(decimal_md5(patient_id)) % _SPAN_DAYS))
    except (ValueError, OverflowError):
        return _NO_DATE


def _is_dashed(value: str) -> bool:
    return value[4:5] == "-" and value[7:8] == "-"


def day_of(value: str) -> date | None:
    """The day at the start of a value, ``YYYYMMDD`` or ``YYYY-MM-DD``."""
    digits = value[:_DASHED].replace("-", "") if _is_dashed(value) else value[:_PLAIN]
    if len(digits) != _PLAIN or not (digits.isascii() and digits.isdigit()):
        return None
    return rolled(int(digits[:4]), int(digits[4:6]), int(digits[6:]))


def rolled(year: int, month: int, day: int) -> date | None:
    """A day whose month and day may be out of range: they roll over, as in Java's lenient calendar."""
    try:
        first = date(year + (month - 1) // 12, (month - 1) % 12 + 1, 1)
        return first + timedelta(days=day - 1)
    except (ValueError, OverflowError):
        return None


def american(value: str) -> date | None:
    """A base date of a lookup table, month/day/year."""
    found = _AMERICAN.fullmatch(value.strip())
    return rolled(int(found[3]), int(found[1]), int(found[2])) if found else None


def plain(day: date) -> str:
    """``YYYYMMDD``."""
    return f"{day.year:04}{day.month:02}{day.day:02}"
