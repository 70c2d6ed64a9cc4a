"""Date times with and without a zone, held against each other. PS3.5 6.2 (DT), PS3.4 C.2.2.2.5."""

import calendar
import re
from collections.abc import Callable
from datetime import datetime, timedelta

from pacs.index.attributes import Attribute, Kind
from pacs.index.conditions import DATETIME_ENDS, datetime_value, padded
from pacs.index.stored import attribute_of
from pacs.query import AnyOf, Condition, Exact, Match, Range

_ZONE = re.compile(r"[+-][0-9]{4}\Z")
_LOCAL = "%Y%m%d%H%M%S.%f"


def names_zone(match: Match) -> bool:
    """Whether a key is a date time with a zone, for which a column of local times will not do."""
    return attribute_of(match.keyword).kind is Kind.DATETIME and any(map(_zone_of, _values(match.condition)))


def _values(condition: Condition) -> tuple[str, ...]:
    match condition:
        case AnyOf(conditions):
            return tuple(value for each in conditions for value in _values(each))
        case Exact(values):
            return values
        case Range(low, high):
            return (low or "", high or "")
        case _:
            return ()


def _zone_of(value: str) -> str:
    found = _ZONE.search(value.strip())
    return found[0] if found else ""


def within(attribute: Attribute, low: str | None, high: str | None) -> Callable[[str], bool]:
    """Whether a stored date time lies between two, short ones meaning all that begins so. Raises `BadQuery`.

    Where both have a zone, instants are compared; else what the clocks showed.
    """
    zeros, nines = DATETIME_ENDS
    least = _moment(attribute, low, zeros) if low else None
    most = _moment(attribute, high, nines) if high else None
    return lambda value: _fits(_moment(attribute, value, zeros), least, most)


def same(attribute: Attribute, wanted: str) -> Callable[[str], bool]:
    """Whether a stored date time is this one, in any form and zone. Raises `BadQuery`."""
    zeros = DATETIME_ENDS[0]
    moment = _moment(attribute, wanted, zeros)
    return lambda value: _fits(_moment(attribute, value, zeros), moment, moment)


_Moment = tuple[str, str]  # what the clock showed, 21 characters, and the same in UTC; empty without a zone


def _moment(attribute: Attribute, text: str, model: str) -> _Moment:
    local, zone = padded(datetime_value(attribute, text), model), _zone_of(text)
    return local, _in_utc(local, zone) if zone else ""


def _in_utc(local: str, zone: str) -> str:
    year, month = int(local[:4]), int(local[4:6])
    if not (1 <= year <= 9999 and 1 <= month <= 12):
        return ""
    day = min(int(local[6:8]), calendar.monthrange(year, month)[1])  # an end filled up from a month is its last day
    second = min(int(local[12:14]), 59)  # leap seconds
    offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:]))
    try:
        moment = datetime.strptime(f"{local[:6]}{day:02}{local[8:12]}{second:02}{local[14:]}", _LOCAL)  # noqa: DTZ007 - it becomes UTC
        shifted = moment + offset if zone[0] == "-" else moment - offset
    except (ValueError, OverflowError):
        return ""
    return f"{shifted.year:04}{shifted.strftime('%m%d%H%M%S.%f')}"


def _fits(found: _Moment, least: _Moment | None, most: _Moment | None) -> bool:
    return (least is None or _not_after(least, found)) and (most is None or _not_after(found, most))


def _not_after(one: _Moment, other: _Moment) -> bool:
    return one[1] <= other[1] if one[1] and other[1] else one[0] <= other[0]
