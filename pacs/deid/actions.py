"""Which action a rule's code means for one attribute of one IOD. PS3.15 Table E.1-1a, note 2 and E.1.1."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache, lru_cache

from pacs.deid.profiles import Profile, Rule, data_file
from pacs.dicom.dictionary import VR_OF

PATIENT_NAME, PATIENT_ID = 0x00100010, 0x00100020
_COMPOUND = frozenset(("X/Z", "X/D", "Z/D", "X/Z/D"))


class Action(Enum):
    """What is done. The value is the letter that reports show."""

    KEEP = "K"
    REMOVE = "X"
    EMPTY = "Z"
    DUMMY = "D"
    MAP_UIDS = "U"
    PSEUDONYM = "P"
    REFERENCES = "U*"
    BY_TYPE = "?"


@dataclass(frozen=True, slots=True)
class Decision:
    """An action and the rule behind it. `rule` is None where no rule names the element: it is kept."""

    action: Action
    rule: Rule | None
    any_vr: bool = True  # False: an unlisted element that is kept only while its VR in the object is harmless


GROUP_LENGTH = Rule("XXXX0000", "X", "a group's length is no longer true", "PS3.5 7.2")
KEPT = Decision(Action.KEEP, None, any_vr=False)


class _Types:
    """Attribute types by SOP class and path, from `data/attribute_types.json`."""

    def __init__(self) -> None:
        content = json.loads(data_file("attribute_types.json"))
        paths = content["paths"]
        self.classes: Mapping[str, str] = content["classes"]
        self.tables = {iod: dict(paths[number] for number in numbers) for iod, numbers in content["iods"].items()}


@cache
def _types() -> _Types:
    return _Types()


@lru_cache(maxsize=65536)
def type_of(sop_class_uid: str, path: str) -> str | None:
    """The attribute's type (1, 1C, 2, 2C, 3) at a path of tags such as ``00081140.0008002A``.

    None for an unknown SOP class. An attribute that the IOD does not have is of type 3 (a Standard Extended SOP
    Class may add it, PS3.4 B.4.1); below a sequence that the tables do not reach, its nearest parent decides.
    """
    types = _types()
    iod = types.classes.get(sop_class_uid)
    if iod is None:
        return None
    table: dict[str, str] = types.tables[iod]
    if path in table:
        return table[path]
    if "." not in path:
        return "3"
    tail = path[-18:] if path.count(".") > 1 else "." + path
    return min((kind for known, kind in table.items() if ("." + known).endswith(tail)), default="3")


def resolve(code: str, kind: str | None) -> Action:
    """The action of a compound code for an attribute type; None (unknown IOD) keeps an object of any IOD valid.

    Z allows a dummy value too (Table E.1-1a), so X/Z for a type 1 attribute gives one.
    """
    if kind is None:
        return Action.DUMMY if "D" in code else Action.EMPTY
    if kind.startswith("1"):
        return Action.DUMMY
    if kind.startswith("2"):
        return Action.EMPTY if "Z" in code else Action.DUMMY
    return Action.REMOVE if "X" in code else Action.EMPTY


_SIMPLE = {"X": Action.REMOVE, "Z": Action.EMPTY, "D": Action.DUMMY, "U": Action.MAP_UIDS, "K": Action.KEEP}


def decision_of(rule: Rule | None, tag: int) -> Decision:
    """The decision for an attribute; compound codes stay open (`BY_TYPE`) until its place is known."""
    if rule is None:
        return KEPT
    if tag in (PATIENT_ID, PATIENT_NAME) and rule.code in ("Z", "D", "Z/D"):
        return Decision(Action.PSEUDONYM, rule)
    if rule.code == "X/Z/U*":  # the references stay, mapped: U* allows it and nothing else keeps them useful
        return Decision(Action.REFERENCES, rule)
    if rule.code in _COMPOUND:
        return Decision(Action.BY_TYPE, rule)
    if rule.code == "D" and VR_OF.get(tag) == "UI":  # a keyed UID is the only dummy that keeps references whole
        return Decision(Action.MAP_UIDS, rule)
    return Decision(_SIMPLE[rule.code], rule)


_bases: dict[str, dict[int, Decision]] = {}


def _base(profile: Profile) -> dict[int, Decision]:
    """Every public tag of PS3.6 and of the profile with its decision, compound codes open."""
    if profile.version not in _bases:
        tags = (tag for tag in [*VR_OF, *profile.exact] if not tag & 0x10000)
        _bases[profile.version] = {tag: decision_of(profile.rule_of(tag), tag) for tag in tags}
    return _bases[profile.version]


class Table:
    """All public tags of PS3.6 with their decision for one SOP class: one look-up per element."""

    def __init__(self, profile: Profile, sop_class_uid: str) -> None:
        self.profile = profile
        self.sop_class_uid = sop_class_uid
        self.nested = _base(profile)
        opened = [tag for tag, decision in self.nested.items() if decision.action is Action.BY_TYPE]
        self.top = self.nested | {tag: self.by_type(self.nested[tag], f"{tag:08X}") for tag in opened}
        self.private = Decision(_SIMPLE[profile.private.code], profile.private)
        self.group_length = Decision(Action.REMOVE, GROUP_LENGTH)

    def other(self, tag: int) -> Decision:
        """The decision for a tag that is not in the look-up: private, repeating group or unknown."""
        if tag & 0x10000:
            return self.private
        if tag & 0xFFFF == 0:
            return self.group_length
        return decision_of(self.profile.rule_of(tag), tag)

    def by_type(self, decision: Decision, path: str) -> Decision:
        """Settle an open compound code at a path of tags within nested items."""
        assert decision.rule is not None
        return Decision(resolve(decision.rule.code, type_of(self.sop_class_uid, path)), decision.rule)

    def by_found_vr(self, vr: str) -> Decision:
        """The decision for an unlisted element that carries another VR in the object than PS3.6 gives it."""
        rule = self.profile.by_vr.get(vr)
        return KEPT if rule is None else Decision(_SIMPLE[rule.code], rule)


_tables: dict[tuple[str, str], Table] = {}


def decisions(profile: Profile, sop_class_uid: str) -> Table:
    """The table of a profile for a SOP class, made once per profile version; unknown SOP classes share one."""
    key = (profile.version, sop_class_uid if sop_class_uid in _types().classes else "")
    if key not in _tables:
        _tables[key] = Table(profile, key[1])
    return _tables[key]
