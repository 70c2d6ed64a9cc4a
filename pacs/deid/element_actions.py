"""What is done to one element: a method for each action. The engine decides which, and walks. PS3.15 Table E.1-1a."""

import struct
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import cached_property
from typing import NamedTuple

from pacs.deid import dates
from pacs.deid.actions import KEPT, PATIENT_ID, PATIENT_NAME, Action, Decision, decisions
from pacs.deid.cleaning import ElementCleaner
from pacs.deid.contents import ContentCleaner
from pacs.deid.ctp.outcomes import METHOD_CODES, Kind, value_of, vr_for
from pacs.deid.ctp.safe import ScriptedObject
from pacs.deid.ctp.scope import Quarantined
from pacs.deid.dummies import (
    DOCUMENT_LENGTH,
    DOCUMENT_TYPE,
    ENCAPSULATED_DOCUMENT,
    dummy_document,
    dummy_value,
    written_vr,
)
from pacs.deid.identity import PatientIdentity
from pacs.deid.keys import CollectionKeys
from pacs.deid.profiles import Profile, Rule
from pacs.deid.result import Change, Context
from pacs.deid.text import Evidence
from pacs.dicom.dictionary import vr_of
from pacs.dicom.elements import DataSet, Element, holds_items
from pacs.dicom.syntaxes import Encoding
from pacs.dicom.values import CHARSET_VRS, DEFAULT, Charset, first_text, text_of, values_of

SOP_CLASS = 0x00080016
# VRs that alone make an unlisted element suspect when the object has them against PS3.6.
TELLING_VRS = frozenset(("UI", "DA", "DT", "AE", "UR", "UN", "AS")) | CHARSET_VRS
_UNREADABLE = Rule("SQ", "X", "a sequence whose items cannot be read, so nothing in it can be checked", "PS3.15 E.1.1")


class Level(NamedTuple):
    """One data set or item that waits to be walked.

    `signature`: the sequences around it, private ones by creator. `dummy`: the content of a sequence whose code is D.
    `local`: decisions that hold for this item alone.
    """

    source: DataSet
    target: DataSet
    path: str = ""
    tags: str = ""
    signature: str = ""
    charset: Charset = DEFAULT
    dummy: bool = False
    local: Mapping[int, Decision] | None = None


class UidMap:
    """The new UIDs of one object, each made once; `new` has those that changed."""

    def __init__(self, keys: CollectionKeys) -> None:
        self.keys = keys
        self.new: dict[str, str] = {}

    def map(self, uid: str) -> str:
        """The new UID for an old one: the same where the profile retains UIDs."""
        new = self.new.get(uid)
        if new is None:
            new = self.keys.map_uid(uid)
            if new != uid:
                self.new[uid] = new
        return new

    def told(self, before: Sequence[str], after: Sequence[str]) -> None:
        """UIDs that a script has made of others."""
        self.new.update((old, new) for old, new in zip(before, after, strict=False) if old != new)


class Actions(ABC):
    """The state of one de-identification and its actions.

    Nothing that it holds may point back to it: with no cycle an object's memory is free, and warm for the next object,
    as soon as it is done; else all of some hundred objects waited for the garbage collector.
    """

    def __init__(
        self,
        data_set: DataSet,
        encoding: Encoding,
        profile: Profile,
        keys: CollectionKeys,
        context: Context,
        meta: DataSet,
    ) -> None:
        self.source = data_set
        self.encoding = encoding
        self.profile = profile
        self.keys = keys
        self.context = context
        self.sop_class_uid = first_text(data_set, SOP_CLASS)
        self.table = decisions(profile, self.sop_class_uid)
        self.uids = UidMap(keys)
        self.report: list[Change] = []
        self.waiting: list[Level] = []
        self.settled: dict[int, bytes] = {}  # values that follow from a dummy, set at the end
        self.applied: set[str] = set()
        self.unknown_private: Counter[str] = Counter()
        self.contents = ContentCleaner(keys)
        self.meta = meta
        self.identity = PatientIdentity(data_set, keys, context)
        if profile.expressions:
            self.identity.follow(self.script)
        evidence = Evidence(
            data_set, self.uids.map, self.shift_in_text(), context.names, context.words, self.table.stays
        )
        self.cleaner = ElementCleaner(evidence, self.table)

    @cached_property
    def script(self) -> ScriptedObject:
        """The expressions of the profile's CTP script."""
        profile = self.profile
        return ScriptedObject(
            profile.expressions, profile.exact, self.source, self.meta, self.encoding, self.context.outside
        )

    def treat(self, element: Element, decision: Decision, level: Level) -> None:
        """Do to an element what was decided."""
        _METHODS[decision.action](self, element, decision, level)

    @abstractmethod
    def enter(
        self, element: Element, level: Level, *, dummy: bool = False, content: bool = False, step: str = ""
    ) -> None:
        """Keep a sequence; its items are walked with the same rules. `content`: items of a content tree."""

    def shift_in_text(self) -> Callable[[date], date | None] | None:
        """What becomes of dates within text: moved, left alone, or (None) removed, as the profile treats dates."""
        if "retain_longitudinal_modified_dates" in self.profile.options:
            days = self.identity.shift_days
            return lambda day: dates.shift_day(day, days)
        if "retain_longitudinal_full_dates" in self.profile.options:
            return lambda day: day
        return None

    def note(self, level: Level, tag: int, decision: Decision) -> None:
        rule = decision.rule
        assert rule is not None
        self.report.append(Change(f"{level.path}{tag:08X}", decision.action._value_, rule))  # _value_: no descriptor

    def remove(self, element: Element, decision: Decision, level: Level) -> None:
        if decision.option and (element.value or element.items):
            self.applied.add(decision.option)
        self.note(level, element.tag, decision)

    def keep(self, element: Element, decision: Decision, level: Level) -> None:
        """Keep an element that needs a closer look: a sequence, a telling VR, or the content of a dummy sequence."""
        tag = element.tag
        if element.items is not None:
            self.enter(element, level, dummy=level.dummy)
            return
        if (element.vr == "UN" and vr_of(tag) == "SQ") or holds_items(element.value):
            self.note(level, tag, Decision(Action.REMOVE, _UNREADABLE))
            return
        if not decision.any_vr and element.vr in TELLING_VRS:
            decision = self.table.by_found_vr(element.vr)
            if decision is not KEPT:
                if decision.option:
                    self.applied.add(decision.option)
                self.treat(element, decision, level)
                return
        if level.dummy:
            kept, rule = self.contents.clean(element, level.source), self.contents.rule
        else:
            kept, rule = self.cleaner.kept_text(element, level.source, level.charset, level.path, level.tags)
        level.target[tag] = kept
        if kept is not element:
            self.report.append(Change(f"{level.path}{tag:08X}", rule.code, rule))

    def empty(self, element: Element, decision: Decision, level: Level) -> None:
        vr = written_vr(element)
        level.target[element.tag] = Element(element.tag, vr, b"", [] if vr == "SQ" else None)
        self.note(level, element.tag, decision)

    def dummy(self, element: Element, decision: Decision, level: Level) -> None:
        """A dummy value. A sequence keeps its items, cleaned of all text: their structure is what the IOD wants."""
        tag, vr = element.tag, written_vr(element)
        self.note(level, tag, decision)
        if element.items is not None:
            self.enter(element, level, dummy=True)
        elif tag == ENCAPSULATED_DOCUMENT:
            self.replace_document(level)
        elif vr == "SQ":  # bytes that are no items, so nothing in them can be checked
            level.target[tag] = Element(tag, "SQ", b"", [DataSet()])
        else:
            level.target.put(tag, vr, dummy_value(element, self.keys))

    def replace_document(self, level: Level) -> None:
        """An empty document of the same type, and its length. PS3.3 C.24.2."""
        document = dummy_document(first_text(level.source, DOCUMENT_TYPE).lower())
        level.target.put(ENCAPSULATED_DOCUMENT, "OB", document)
        if DOCUMENT_LENGTH in level.source:
            order = "<" if self.encoding.little_endian else ">"
            self.settled[DOCUMENT_LENGTH] = struct.pack(order + "I", len(document))

    def map_uids(self, element: Element, decision: Decision, level: Level) -> None:
        tag = element.tag
        if element.items is not None:
            self.enter(element, level, dummy=level.dummy)
            return
        old = text_of(element).strip(" \0")
        new = "\\".join(self.uids.map(uid.strip(" \0")) for uid in old.split("\\"))
        if new == old:
            level.target[tag] = element
            return
        level.target.put(tag, "UI", new.encode())
        self.note(level, tag, decision)

    def references(self, element: Element, decision: Decision, level: Level) -> None:
        """A sequence of references: UIDs are mapped, codes and numbers stay, what was typed goes."""
        if element.items is None:
            level.target[element.tag] = Element(element.tag, "SQ", b"", [])
        else:
            self.enter(element, level, dummy=True)
        self.note(level, element.tag, decision)

    def pseudonym(self, element: Element, decision: Decision, level: Level) -> None:
        """The new patient id, for id and name alike; an item that names another patient gets that one's."""
        patient = self.identity
        if PATIENT_ID in level.source and level.path:
            value = patient.pseudonym_of(level.source, level.charset, element.tag)
        else:
            value = patient.patient_name if element.tag == PATIENT_NAME else patient.patient_id
        self.write(element.tag, written_vr(element), value, level)
        self.note(level, element.tag, decision)

    def shift(self, element: Element, decision: Decision, level: Level) -> None:
        """A date moved by the patient's days; one that cannot be moved goes."""
        if element.items is not None:
            self.enter(element, level, dummy=level.dummy)
            return
        if decision.action is Action.EPOCH:
            moved = dates.shift_epoch(element, self.identity.shift_days, little_endian=self.encoding.little_endian)
        else:
            moved = dates.shift_value(element, self.identity.shift_days)
        if moved is None:
            self.give_up(element, decision, level)
            return
        level.target.put(element.tag, element.vr, moved)
        self.note(level, element.tag, decision)

    def give_up(self, element: Element, decision: Decision, level: Level) -> None:
        """What becomes of a value that could not be treated as its rule says."""
        other = self.table.removal(decision, f"{level.tags}{element.tag:08X}")
        self.treat(element, other, level)

    def text(self, element: Element, decision: Decision, level: Level) -> None:
        """Text cleaned, fully or of known values only."""
        if element.items is not None:
            self.enter(element, level, dummy=level.dummy)
            return
        full = decision.action is Action.TEXT
        cleaned = self.cleaner.text(element, level.charset, f"{level.path}{element.tag:08X}", level.tags, full=full)
        self.put_cleaned(cleaned, element, decision, level)

    def content(self, element: Element, decision: Decision, level: Level) -> None:
        """The items of a content tree: structure, codes, numbers and references stay, what was written is cleaned."""
        if element.items is None:
            self.empty(element, decision, level)
        else:
            self.enter(element, level, content=True)

    def age(self, element: Element, decision: Decision, level: Level) -> None:
        self.put_cleaned(self.cleaner.age(element), element, decision, level)

    def put_cleaned(self, cleaned: Element | None, element: Element, decision: Decision, level: Level) -> None:
        """What the cleaner made of an element: nothing that may stay, the same one, or another."""
        if cleaned is None:
            self.give_up(element, decision, level)
            return
        level.target[element.tag] = cleaned
        if cleaned is not element:
            self.note(level, element.tag, decision)

    def alias(self, element: Element, decision: Decision, level: Level) -> None:
        """A keyed name of at most 16 characters for each value: what is told apart stays apart."""
        names = [name.strip(" \0") for name in text_of(element, level.charset).split("\\")]
        kind = written_vr(element)
        new = "\\".join(f"{kind}-{self.keys.identifier(kind, name)}"[:16] if name else "" for name in names)
        level.target.put(element.tag, kind, new.encode())
        self.note(level, element.tag, decision)

    def set_value(self, element: Element, decision: Decision, level: Level) -> None:
        assert decision.rule is not None
        self.write(element.tag, written_vr(element), decision.rule.value, level)
        self.note(level, element.tag, decision)

    def scripted(self, element: Element, decision: Decision, level: Level) -> None:
        """What an expression of a CTP script says. Sequences are entered whenever they stay."""
        rule, tag = decision.rule, element.tag
        assert rule is not None
        is_sequence = element.items is not None or element.vr == "SQ"
        outcome = self.script.says(rule, tag, "SQ" if is_sequence else element.vr, level.source)
        if tag == METHOD_CODES or outcome.kind in (Kind.KEEP, Kind.PROCESS):
            self.keep(element, Decision(Action.KEEP, rule), level)
        elif outcome.kind is Kind.REMOVE:
            self.remove(element, decision, level)
        elif outcome.kind is Kind.EMPTY:
            self.empty(element, decision, level)
        elif is_sequence:
            raise Quarantined("the script writes text into a sequence")
        else:
            self.write(tag, written_vr(element), outcome.value, level)
            self.note(level, tag, decision)
            if element.vr == "UI":
                self.uids.told(values_of(element), outcome.value.split("\\"))

    def write(self, tag: int, vr: str, text: str, level: Level) -> None:
        """Put a text into an element; where the object's character set cannot hold it, the object becomes UTF-8."""
        vr = vr_for(tag, text) if vr == "UN" else vr
        value = value_of(text, vr, level.charset, self.encoding)
        if tag in level.target:  # whose id another element may get
            self.cleaner.utf8.discard(id(level.target[tag]))
        level.target.put(tag, vr, value.raw)
        if value.is_utf8:
            self.cleaner.needs_utf8 = True
            self.cleaner.utf8.add(id(level.target[tag]))


_METHODS: Mapping[Action, Callable[[Actions, Element, Decision, Level], None]] = {
    Action.KEEP: Actions.keep,
    Action.REMOVE: Actions.remove,
    Action.EMPTY: Actions.empty,
    Action.DUMMY: Actions.dummy,
    Action.MAP_UIDS: Actions.map_uids,
    Action.PSEUDONYM: Actions.pseudonym,
    Action.REFERENCES: Actions.references,
    Action.SHIFT: Actions.shift,
    Action.EPOCH: Actions.shift,
    Action.TEXT: Actions.text,
    Action.KNOWN: Actions.text,
    Action.CONTENT: Actions.content,
    Action.AGE: Actions.age,
    Action.SET: Actions.set_value,
    Action.ALIAS: Actions.alias,
    Action.SCRIPT: Actions.scripted,
}
