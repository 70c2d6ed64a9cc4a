"""What becomes of a content item: structured reports, acquisition context, annotations. PS3.15 E.3.4, PS3.3 C.17.3.

Table E.3.4-1 names 214 concepts; what it does not name is treated by its value type: persons get a dummy, dates follow
the patient's shift, text is cleaned fully, UIDs and references are mapped, codes and measurements stay.

References (IMAGE, COMPOSITE, WAVEFORM, UIDREF) stay and are mapped one to one, also where the table says X: a report
without what it speaks of is no longer one, and a mapped UID says no more than the object's own.

Why dummies (2026-11): content items are named by their position in the tree (ReferencedContentItemIdentifier, PS3.3
C.17.3.2.5), so where such a reference stands, nothing may be removed; see `has_positions`.
"""

import json
from collections.abc import Collection, Mapping
from functools import cache, lru_cache
from importlib.resources import files
from typing import NamedTuple

from pacs.dicom.elements import DataSet
from pacs.dicom.values import DEFAULT, Charset, first_text, parse_number

TABLE = "PS3.15 Table E.3.4-1"
_BY_TYPE = "PS3.15 E.3.4"
VALUE_TYPE, CONCEPT, CONTENT, POSITION = 0x0040A040, 0x0040A043, 0x0040A730, 0x0040DB73
CODE_VALUES = (0x00080100, 0x00080119, 0x00080120)
SCHEME, MEANING = 0x00080102, 0x00080104
MEASURED, NUMBER, UNITS = 0x0040A300, 0x0040A30A, 0x004008EA
REFERENCES = 0x00081199
UNFORMATTED = 0x00700006
# Where each value type has its value. PS3.3 Table C.17.3-7.
VALUE_OF = {
    "TEXT": 0x0040A160,
    "PNAME": 0x0040A123,
    "DATETIME": 0x0040A120,
    "DATE": 0x0040A121,
    "TIME": 0x0040A122,
    "UIDREF": 0x0040A124,
    "CODE": 0x0040A168,
    "NUM": MEASURED,
    "IMAGE": REFERENCES,
    "COMPOSITE": REFERENCES,
    "WAVEFORM": REFERENCES,
    "TABLE": 0x0040A808,
}
_REFERRING = frozenset(("IMAGE", "COMPOSITE", "WAVEFORM"))
_OLDEST = 89
_PER_YEAR = {"a": 1.0, "mo": 12.0, "wk": 52.18, "d": 365.25}


class Treatment(NamedTuple):
    """What becomes of an item: removed, or the action word for elements of its own; and why."""

    remove: bool
    actions: Mapping[int, str]
    reason: str
    source: str


OLD_AGE = Treatment(False, {MEASURED: "empty"}, "an age over 89", _BY_TYPE)
NOTHING = Treatment(False, {}, "", "")


class _Row(NamedTuple):
    meaning: str
    basic: str
    options: Mapping[str, str]


@cache
def _table() -> dict[tuple[str, str, str], _Row]:
    """Rows by (scheme, code, value type), and by ("", meaning, value type) for a site's own codes of the same thing."""
    content = json.loads((files("pacs.deid") / "data" / "content_items.json").read_text(encoding="utf-8"))
    table: dict[tuple[str, str, str], _Row] = {}
    for scheme, code, meaning, kind, basic, options in content["rows"]:
        row = _Row(meaning, basic, options)
        table[scheme, code, kind] = row
        table.setdefault(("", meaning.lower(), kind), row)
    return table


def treatment(item: DataSet, charset: Charset, options: Collection[str], *, may_remove: bool = True) -> Treatment:
    """What the profile's options make of a content item; its children are items of their own.

    Parameters
    ----------
    item : DataSet
        An item of ContentSequence, AcquisitionContextSequence, or another sequence of PS3.3 10.2 content items.
    charset : Charset
        Of the item.
    options : Collection of str
        Options of PS3.15 E.3 that the profile has, by the names of `data/ps315_e1.json`.
    may_remove : bool
        False when the tree names items by position (`has_positions`): the item stays, with a dummy value.
    """
    kind = _kind(item)
    scheme, code, meaning = _concept(item, charset)
    found = _treatment(kind, scheme, code, meaning, frozenset(options))
    if kind == "NUM" and not found.remove and _is_old_age(item, scheme, code):
        return OLD_AGE
    if found.remove and not may_remove:
        return found._replace(remove=False)
    return found


def treatment_within_dummy(item: DataSet) -> Treatment:
    """What becomes of a measured value within a sequence that gets dummy values: all stay but ages over 89."""
    if MEASURED not in item:
        return NOTHING
    scheme, code, _meaning = _concept(item, DEFAULT)
    return OLD_AGE if _is_old_age(item, scheme, code) else NOTHING


def has_positions(data_set: DataSet) -> bool:
    """Whether a content tree names items by their position, so that removing one would shift what others mean."""
    waiting = [data_set]
    while waiting:
        level = waiting.pop()
        if POSITION in level:
            return True
        content = level.get(CONTENT)
        if content is not None and content.items:
            waiting += content.items
    return False


def _kind(item: DataSet) -> str:
    """The value type, by what the item holds where it does not say (as in protocol context items)."""
    said = first_text(item, VALUE_TYPE).upper()
    if said in VALUE_OF or said in ("CONTAINER", "SCOORD", "SCOORD3D", "TCOORD"):
        return said
    return next((kind for kind, tag in VALUE_OF.items() if tag in item), "NUM" if NUMBER in item else said)


def _concept(item: DataSet, charset: Charset) -> tuple[str, str, str]:
    """Scheme, code and meaning of the item's concept name; empty strings for an item without one."""
    sequence = item.get(CONCEPT)
    if sequence is None or not sequence.items:
        return "", "", ""
    name = sequence.items[0]
    code = next((text for tag in CODE_VALUES if (text := first_text(name, tag, charset))), "")
    return first_text(name, SCHEME, charset), code, first_text(name, MEANING, charset).lower()


@lru_cache(maxsize=8192)
def _treatment(kind: str, scheme: str, code: str, meaning: str, options: frozenset[str]) -> Treatment:
    table = _table()
    row = table.get((scheme, code, kind)) or table.get(("", meaning, kind))
    if row is None:
        return Treatment(False, _by_kind(kind, options), f"content items of type {kind or 'unknown'}", _BY_TYPE)
    word = _listed(kind, row, options)
    reason = f"{row.meaning} ({kind})"
    tag = VALUE_OF.get(kind)
    if word in ("X", "X/D"):
        dummy = {tag: "empty" if kind == "NUM" else "dummy"} if tag is not None else {}
        return Treatment(word == "X", dummy, reason, TABLE)
    return Treatment(False, {tag: word} if tag is not None and word != "keep" else {}, reason, TABLE)


def _listed(kind: str, row: _Row, options: frozenset[str]) -> str:
    """X, X/D, or the action word for the item's value: an option's K before its C before the Basic Profile."""
    if kind in _REFERRING:
        return "keep"  # its UIDs are mapped by their own rules
    codes = {row.options[option] for option in row.options if option in options}
    if kind == "UIDREF":
        return "keep" if "K" in codes else "map_uid"
    if "K" in codes:
        return "known" if kind == "TEXT" else "keep"
    if "C" in codes:
        return "text" if kind == "TEXT" else "keep" if kind == "TIME" else "shift"
    if row.meaning in ("Subject Name", "Subject ID"):
        return "pseudonym"
    return "dummy" if row.basic == "D" else row.basic


def _by_kind(kind: str, options: frozenset[str]) -> dict[int, str]:
    """Actions for an item that the table does not name."""
    full, modified = "retain_longitudinal_full_dates" in options, "retain_longitudinal_modified_dates" in options
    dates = "keep" if full else "shift" if modified else "dummy"
    actions = {
        "TEXT": "text",
        "PNAME": "dummy",
        "UIDREF": "keep" if "retain_uids" in options else "map_uid",
        "DATE": dates,
        "DATETIME": dates,
        "TIME": "keep" if full or modified else "dummy",
    }
    if kind in actions:
        return {VALUE_OF[kind]: actions[kind]}
    if kind in VALUE_OF or kind in ("CONTAINER", "SCOORD", "SCOORD3D", "TCOORD"):
        return {}
    # An item of no known type: whatever it holds is treated as its own type would be.
    return {VALUE_OF[each]: word for each, word in actions.items()} | {UNFORMATTED: "text"}


def _is_old_age(item: DataSet, scheme: str, code: str) -> bool:
    """Whether a measured value is an age of more than 89 years. PS3.16 concepts Subject Age, Age."""
    if (scheme, code) not in (("DCM", "121033"), ("SCT", "424144002"), ("SRT", "F-8703B"), ("LN", "30525-0")):
        return False
    measured = item.get(MEASURED)
    for value in (measured.items or ()) if measured is not None else ():
        number = parse_number(first_text(value, NUMBER))
        units = value.get(UNITS)
        unit = first_text(units.items[0], CODE_VALUES[0]) if units is not None and units.items else "a"
        if number is None or number / _PER_YEAR.get(unit, 1.0) > _OLDEST:
            return True
    return False
