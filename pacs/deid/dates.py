"""Moving dates by a number of days: DA, DT, and counts of seconds. Forms and precision stay. PS3.5 6.2, PS3.15 E.3.6.

A year or a month alone is moved as its first day and cut to the same precision. Times of day and zone offsets stay, so
intervals are exact.
"""

import re
import struct
from datetime import date, timedelta

from pacs.dicom.elements import Element
from pacs.dicom.values import text_of

_DA = re.compile(r"(\d{4})(?:([.\-/]?)(\d{2})(?:\2(\d{2}))?)?")
_DT = re.compile(r"(\d{4}(?:\d{2}(?:\d{2})?)?)((?:\d{2}(?:\d{2}(?:\d{2}(?:\.\d{1,6})?)?)?)?(?:[+-]\d{4})?)")
_INTEGERS = {"SL": "i", "UL": "I", "SV": "q", "UV": "Q"}
_DAY_S = 86400
_YEARS = range(1850, 2151)  # others are placeholders such as 99991231, or mistakes


def shift_day(day: date, days: int) -> date | None:
    """A day moved; None when the calendar has no such day."""
    try:
        return day + timedelta(days=days)
    except OverflowError:
        return None


def shift_da(value: str, days: int) -> str | None:
    """One DA value moved, in its own form (``YYYYMMDD``, ``YYYY.MM.DD``, ``YYYYMM``, ``YYYY``).

    None when it is no date, or the result would be out of the calendar.
    """
    found = _DA.fullmatch(value)
    if found is None:
        return None
    year, mark, month, day = found.groups()
    try:
        if int(year) not in _YEARS:
            return None
        moved = shift_day(date(int(year), int(month or 1), int(day or 1)), days)
    except ValueError:
        return None
    if moved is None:
        return None
    parts = [f"{moved.year:04d}", f"{moved.month:02d}", f"{moved.day:02d}"]
    return (mark or "").join(parts[: 1 + bool(month) + bool(day)])


def shift_dt(value: str, days: int) -> str | None:
    """One DT value with its date part moved; time, fraction and zone as they were. None as for `shift_da`."""
    found = _DT.fullmatch(value)
    if found is None:
        return None
    moved = shift_da(found[1], days)
    return None if moved is None else moved + found[2]


def shift_value(element: Element, days: int) -> bytes | None:
    """All values of a DA or DT element moved; None when one of them cannot be.

    A range (``20200101-20200131``), which only queries may have, counts as no date.
    """
    out = []
    for value in text_of(element).split("\\"):
        plain = value.strip(" \0")
        moved = "" if not plain else _shift_any(plain, days)
        if moved is None:
            return None
        out.append(moved)
    return "\\".join(out).encode("ascii", "replace")


def _shift_any(value: str, days: int) -> str | None:
    """A DA holds a DT, or the reverse, often enough in the field."""
    return shift_da(value, days) or shift_dt(value, days)


def shift_epoch(element: Element, days: int, *, little_endian: bool) -> bytes | None:
    """Seconds since 1970, as number or text, moved; None when the element holds no such number."""
    code = _INTEGERS.get(element.vr)
    raw = bytes(element.value)
    if code is not None or (element.vr in ("UN", "OB") and len(raw) == 4):
        pattern = ("<" if little_endian or element.vr == "UN" else ">") + (code or "i")
        size = struct.calcsize(pattern)
        if not raw or len(raw) % size:
            return None
        try:
            return b"".join(
                struct.pack(pattern, number + days * _DAY_S) for (number,) in struct.iter_unpack(pattern, raw)
            )
        except struct.error:
            return None
    text = text_of(element).strip()
    if not re.fullmatch(r"-?\d{1,15}(\.\d+)?", text):
        return None
    whole, dot, fraction = text.partition(".")
    return f"{int(whole) + days * _DAY_S}{dot}{fraction}".encode()
