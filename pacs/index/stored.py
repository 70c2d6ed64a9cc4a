"""Attributes that are no columns: named by keywords and tags, found in the stored DICOM JSON.

A name is a path of keywords (``OtherPatientIDsSequence.PatientID``); an attribute without a keyword, as private ones,
goes by its tag (``00091001``).
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from pacs.dicom.dictionary import KEYWORD_OF, is_private, tag_of, vr_of
from pacs.dicom.levels import level_of
from pacs.errors import BadQuery
from pacs.index.attributes import ATTRIBUTES, Attribute, Kind
from pacs.model import Level
from pacs.query import Entry

_TAG = re.compile(r"[0-9A-Fa-f]{8}")
_NOT_OF_DATA_SETS = (0x0000, 0x0002, 0x0004, 0xFFFE)
_BY_NAME = {keyword.lower(): keyword for tag, keyword in KEYWORD_OF.items() if tag >> 16 not in _NOT_OF_DATA_SETS}
_KINDS = {
    "UI": Kind.UID,
    "PN": Kind.NAME,
    "DA": Kind.DATE,
    "TM": Kind.TIME,
    "DT": Kind.DATETIME,
    **dict.fromkeys(("IS", "DS", "US", "SS", "UL", "SL", "SV", "UV", "FL", "FD"), Kind.NUMBER),
}
Tree = dict[str, "Tree"]  # JSON keys of attributes; an empty one means all that is inside


@lru_cache(maxsize=4096)
def canonical(name: str) -> str | None:
    """The name of an attribute given by keywords, in any case, or tags; None when there can be none of that name."""
    parts = [_part(part.strip()) for part in name.split(".")]
    if not all(parts) or not all(_may_be_sequence(part) for part in parts[:-1]):
        return None
    return ".".join(parts)


def _part(part: str) -> str:
    if not _TAG.fullmatch(part):
        return _BY_NAME.get(part.lower(), "")
    tag = int(part, 16)
    if tag >> 16 in _NOT_OF_DATA_SETS or not tag & 0xFFFF:
        return ""
    if tag in KEYWORD_OF:
        return KEYWORD_OF[tag]
    return part.upper() if is_private(tag) or vr_of(tag) != "UN" else ""


def _may_be_sequence(part: str) -> bool:
    return vr_of(int(part, 16) if _TAG.fullmatch(part) else tag_of(part)) in ("SQ", "UN")


@lru_cache(maxsize=4096)
def keys_of(name: str) -> tuple[str, ...]:
    """The JSON keys of a canonical name, from the outside."""
    return tuple(part if _TAG.fullmatch(part) else f"{tag_of(part):08X}" for part in name.split("."))


@lru_cache(maxsize=4096)
def vr_of_name(name: str) -> str:
    """VR of a canonical name by PS3.6; UN when only the object knows."""
    return vr_of(int(keys_of(name)[-1], 16))


@lru_cache(maxsize=4096)
def attribute_of(name: str) -> Attribute:
    """The column of a canonical name, or an attribute without a column. Raises `BadQuery` when there is none."""
    found = ATTRIBUTES.get(name)
    if found is not None:
        return found
    try:
        kind = _KINDS.get(vr_of_name(name), Kind.CODE)
    except KeyError:
        raise BadQuery("a key names no attribute") from None
    return Attribute(name, level_of(name.partition(".")[0]), "", kind)


def is_stored(name: str) -> bool:
    """Whether a canonical name is no column."""
    return name not in ATTRIBUTES


def tree_of(names: Iterable[str]) -> Tree:
    """What to take out of a data set. A sequence that is named as a whole comes whole."""
    tree: Tree = {}
    for name in sorted(names, key=lambda each: -each.count(".")):
        branch = tree
        keys = keys_of(name)
        for key in keys[:-1]:
            branch = branch.setdefault(key, {})
        branch[keys[-1]] = {}
    return tree


def picked(data_set: Mapping[str, Entry], tree: Tree) -> dict[str, Entry]:
    """What the tree names of a data set; what is absent comes empty, if its VR is known."""
    found: dict[str, Entry] = {}
    for key, inner in tree.items():
        entry = data_set.get(key)
        if entry is None:
            if (vr := vr_of(int(key, 16))) != "UN":
                found[key] = {"vr": vr}
        elif inner and entry.get("Value") and entry["vr"] == "SQ":
            found[key] = {"vr": "SQ", "Value": [picked(item, inner) for item in entry["Value"]]}
        else:
            found[key] = entry
    return found


def of_levels(data_set: Mapping[str, Entry], levels: frozenset[Level]) -> dict[str, Entry]:
    """The attributes of a data set that tell of these levels."""
    return {key: entry for key, entry in data_set.items() if _level_of_key(key) in levels}


@lru_cache(maxsize=8192)
def _level_of_key(key: str) -> Level:
    return level_of(KEYWORD_OF.get(int(key, 16), ""))
