"""Which action a rule's code means for one attribute of one IOD. PS3.15 Table E.1-1a, note 2 and E.1.1."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache, lru_cache

from pacs.deid.profiles import Profile, Rule
from pacs.deid.profiles.table import data_file
from pacs.deid.text.identity import IDENTIFYING_TAGS, TELLING_TAGS
from pacs.dicom.dictionary import VR_OF

PATIENT_NAME, PATIENT_ID = 0x00100010, 0x00100020


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
    SHIFT = "shift"
    EPOCH = "epoch"
    TEXT = "text"
    KNOWN = "known"
    CONTENT = "content"
    AGE = "age"
    SET = "set"
    ALIAS = "alias"
    SCRIPT = "ctp"


@dataclass(frozen=True, slots=True)
class Decision:
    """An action and the rule behind it. `rule` is None where no rule names the element: it is kept."""

    action: Action
    rule: Rule | None
    any_vr: bool = True  # False: an unlisted element that is kept only while its VR in the object is harmless
    option: str = ""  # the option of PS3.15 E.3 that the rule belongs to: it is applied when this decision is


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


_FREE_VRS = frozenset(("LO", "SH", "ST", "LT", "UT", "UC"))
_SIMPLE = {action.value: action for action in Action} | {"P": Action.PSEUDONYM}


def is_cleaned_text(rule: Rule, tag: int) -> bool:
    """Whether a rule keeps a text that people type: a name in it costs a word, not the object. PS3.15 E.1.1."""
    return rule.code == "K" and VR_OF.get(tag) in _FREE_VRS and tag not in TELLING_TAGS


def decision_of(rule: Rule | None, tag: int) -> Decision:
    """The decision for an attribute; compound codes stay open (`BY_TYPE`) until its place is known."""
    if rule is None:
        return KEPT
    action = _SIMPLE.get(rule.code, Action.BY_TYPE)
    if tag in (PATIENT_ID, PATIENT_NAME) and rule.code in ("Z", "D", "Z/D"):
        action = Action.PSEUDONYM
    elif rule.code == "X/Z/U*":  # the references stay, mapped: U* allows it and nothing else keeps them useful
        action = Action.REFERENCES
    elif is_cleaned_text(rule, tag):
        action = Action.KNOWN
    elif rule.code == "D" and VR_OF.get(tag) == "UI":  # a keyed UID is the only dummy that keeps references whole
        action = Action.MAP_UIDS
    return Decision(action, rule, option=rule.option)


_bases: dict[str, dict[int, Decision]] = {}


def _base(profile: Profile) -> dict[int, Decision]:
    """Every public tag of PS3.6 and of the profile with its decision, compound codes open."""
    if profile.version not in _bases:
        tags = (tag for tag in [*VR_OF, *profile.exact] if not tag & 0x10000)
        _bases[profile.version] = {tag: decision_of(profile.rule_of(tag), tag) for tag in tags}
    return _bases[profile.version]


@dataclass(frozen=True, slots=True)
class PathRules:
    """Rules that hold within one place: by step (a tag, or a private key), and for all others there."""

    steps: Mapping[str, Rule]
    everything: Rule | None

    def decision(self, step: str, tag: int) -> Decision | None:
        """The decision for an element there, None when no path names it."""
        rule = self.steps.get(step) or self.everything
        return None if rule is None else decision_of(rule, tag)


def _path_rules(profile: Profile, signature: str) -> PathRules | None:
    here = signature.split("/")
    steps: dict[str, Rule] = {}
    everything: Rule | None = None
    for path, rule in profile.paths:
        around, last = list(path[:-1]), path[-1]
        ends = [n for n in range(len(here) - len(around) + 1) if here[n : n + len(around)] == around]
        if last == "*":
            everything = everything or (rule if ends else None)
        elif here[-len(around) :] == around:
            steps.setdefault(last, rule)
    return PathRules(steps, everything) if steps or everything else None


class Table:
    """All public tags of PS3.6 with their decision for one SOP class: one look-up per element."""

    def __init__(self, profile: Profile, sop_class_uid: str) -> None:
        self.profile = profile
        self.sop_class_uid = sop_class_uid
        self.nested = _base(profile)
        opened = [tag for tag, decision in self.nested.items() if decision.action is Action.BY_TYPE]
        self.top = self.nested | {tag: self.by_type(self.nested[tag], f"{tag:08X}") for tag in opened}
        kept = {
            tag for tag, decision in self.top.items() if decision.action is Action.KEEP and decision.rule is not None
        }
        self.stays = IDENTIFYING_TAGS & kept
        self.group_length = Decision(Action.REMOVE, GROUP_LENGTH)
        self._paths: dict[str, PathRules | None] = {}

    def other(self, tag: int) -> Decision:
        """The decision for a public tag that is not in the look-up: repeating group or unknown."""
        if tag & 0xFFFF == 0:
            return self.group_length
        return decision_of(self.profile.rule_of(tag), tag)

    def by_type(self, decision: Decision, path: str) -> Decision:
        """Settle an open compound code at a path of tags within nested items."""
        assert decision.rule is not None
        action = resolve(decision.rule.code, type_of(self.sop_class_uid, path))
        return Decision(action, decision.rule, option=decision.option)

    def removal(self, decision: Decision, path: str) -> Decision:
        """What becomes of a value that cannot be cleaned: it goes, as far as the attribute's type allows."""
        kind = type_of(self.sop_class_uid, path) or "3"
        return Decision(resolve("X/Z/D", kind), decision.rule, option=decision.option)

    def path_rules(self, signature: str) -> "PathRules | None":
        """Rules for elements within the sequences of a signature (steps joined by ``/``); None when there are none."""
        if not self.profile.paths or not signature:
            return None
        if signature not in self._paths:
            self._paths[signature] = _path_rules(self.profile, signature)
        return self._paths[signature]

    def by_found_vr(self, vr: str) -> Decision:
        """The decision for an unlisted element that carries another VR in the object than PS3.6 gives it."""
        rule = self.profile.by_vr.get(vr)
        return KEPT if rule is None else decision_of(rule, 0)


@cache
def _kept(version: str, name: str) -> dict[int, str]:
    rules = ((tag, decision) for tag, decision in _bases[version].items() if decision.action is Action.KEEP)
    return {tag: f"{name}: {decision.rule.reason}" for tag, decision in rules if decision.rule is not None}


def kept_by(profile: Profile) -> Mapping[int, str]:
    """Public tags that a named rule of the profile keeps, with that rule: for the second reader to excuse."""
    _base(profile)
    kept: Mapping[int, str] = _kept(profile.version, profile.name)
    return kept if profile.strict is None else {**kept, **_kept_groups(profile.name, profile.strict.keep_groups)}


# Groups about how an image was made. Others hold what people are known by, which no rule for a whole group excuses.
_TECHNICAL_GROUPS = frozenset((0x0018, 0x0028))


@lru_cache(maxsize=16)
def _kept_groups(name: str, groups: frozenset[int]) -> dict[int, str]:
    """Public tags of technical groups that a strictly applied CTP script keeps as a whole."""
    return {tag: f"{name}: group {tag >> 16:04X} is kept" for tag in VR_OF if tag >> 16 in groups & _TECHNICAL_GROUPS}


_tables: dict[tuple[str, str], Table] = {}


def decisions(profile: Profile, sop_class_uid: str) -> Table:
    """The table of a profile for a SOP class, made once per profile version; unknown SOP classes share one."""
    key = (profile.version, sop_class_uid if sop_class_uid in _types().classes else "")
    if key not in _tables:
        _tables[key] = Table(profile, key[1])
    return _tables[key]
