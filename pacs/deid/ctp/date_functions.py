"""Those functions of CTP's anonymizer scripts that make a date of another one; see `functions`."""

import re

from pacs.deid.ctp import days
from pacs.deid.ctp.arguments import REMOVE, lookup_key, text_of, whole
from pacs.deid.ctp.digests import decimal_md5
from pacs.deid.ctp.expressions import Call
from pacs.deid.ctp.expressions import Element as Reference
from pacs.deid.ctp.scope import Quarantined, Scope

_DAYS = re.compile(r"[+-]?[0-9]{1,9}")


def hashdate(call: Call, scope: Scope) -> str:
    """A date moved back by days that follow from the digest of another element."""
    value = text_of(call, scope)
    if value is None:
        return REMOVE
    other = text_of(call, scope, 1)
    if other is None:
        return REMOVE
    shift = int(decimal_md5(other)[-4:]) % 3650
    return _shifted(value, -shift or -1, scope)


def incrementdate(call: Call, scope: Scope) -> str:
    """A date moved by a number of days, or by those of the lookup table."""
    value = text_of(call, scope)
    if value is None:
        return REMOVE
    if len(call.args) > 2:
        key_type = scope.param(call.arg(2)) or ""
        amount = scope.outside.found(key_type, lookup_key(text_of(call, scope, 1) or ""))
        if amount is None and not scope.strict:
            raise scope.outside.missing(key_type, lookup_key(text_of(call, scope, 1) or ""))
    else:
        amount = scope.param(call.arg(1))
    amount = (amount or "") if scope.strict else (amount or "").strip()
    return _shifted(value, int(amount), scope) if _DAYS.fullmatch(amount) else _no_date(scope)


def _shifted(value: str, amount: int, scope: Scope) -> str:
    """Each value of an element moved; when one cannot be, the element becomes empty."""
    moved = [days.moved(each.strip(), amount, strict=scope.strict) for each in value.split("\\")]
    return _no_date(scope) if None in moved else "\\".join(each or "" for each in moved)


def _no_date(scope: Scope) -> str:
    """A date that cannot be moved. CTP empties it; `safe` mode gives the object to a person."""
    if scope.strict:
        return "@empty()"
    raise Quarantined("a date of it cannot be moved as the script says")


def modifydate(call: Call, scope: Scope) -> str:
    """A date with another year, month or day."""
    value = text_of(call, scope)
    if value is None:
        return REMOVE
    given = [scope.param(call.arg(number)) for number in (1, 2, 3)]
    if None in given and scope.strict:
        return _no_date(scope)
    wanted = [whole(each, -1) for each in given]
    changed = [_modified(each.strip(), wanted, strict=scope.strict) for each in value.split("\\")]
    return _no_date(scope) if None in changed else "\\".join(each or "" for each in changed)


def _modified(value: str, wanted: list[int], *, strict: bool) -> str | None:
    """One value with other year, month and day, each below 0 as it is; None when it is no date."""
    day = days.day_of(value)
    if day is None or (strict and days.is_zoned(value)):
        return None
    have = (day.year, day.month, day.day)
    changed = days.rolled(*(old if new < 0 else new for new, old in zip(wanted, have, strict=True)))
    return None if changed is None else days.written(changed, value)


def dateinterval(call: Call, scope: Scope) -> str:
    """The days since the date that the lookup table has for the object, or a date so many days after another."""
    day = days.day_of(text_of(call, scope) or "")
    key_type = scope.param(call.arg(1)) or ""
    reference = call.elements[2][0]._replace(at_root=True) if 2 in call.elements else Reference(at_root=True)
    key = lookup_key(scope.text(reference) or "")
    entry = scope.outside.found(key_type, key)
    if entry is None:
        raise scope.outside.missing(key_type, key)
    base = days.american(entry)
    if day is None or base is None:
        raise Quarantined("an interval between dates of it cannot be counted")
    interval = day - base
    if len(call.args) < 4:
        return str(interval.days)
    origin = days.day_of(scope.needed(call.arg(3)))
    if origin is None:
        raise Quarantined("the origin that the script gives for intervals is no date")
    return days.plain(origin + interval)


def rsnadate(call: Call, scope: Scope) -> str:
    """A date as RSNA Anonymizer moves it, by the value of another element."""
    value = text_of(call, scope)
    if value is None:
        return REMOVE
    return "\\".join(days.later(each.strip(), text_of(call, scope, 1) or "") for each in value.split("\\"))
