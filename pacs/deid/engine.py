"""The de-identifier: a data set, a profile and keys in, a new data set and a report out. PS3.15 E.1.1.

It decides by tag and VR and decodes only what a rule must read. Elements that no rule touches go into the result as the
same objects, pixel data among them, so their bytes are the original's. The walk is iterative: depth costs no stack.

PatientName gets the new patient id, not an empty value: Table E.1-1 says Z, which allows a non-empty dummy, and people
read names first, so the name must not differ from the id that query and display group by.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from pacs.deid import own_values
from pacs.deid.actions import KEPT, PATIENT_ID, Action, Decision, decisions, type_of
from pacs.deid.contents import CODED, PUBLIC_SCHEMES, SCHEME, ContentCleaner
from pacs.deid.dummies import (
    DOCUMENT_LENGTH,
    DOCUMENT_TYPE,
    ENCAPSULATED_DOCUMENT,
    WORD,
    dummy_document,
    dummy_value,
    written_vr,
)
from pacs.deid.keys import CollectionKeys
from pacs.deid.marks import mark
from pacs.deid.own_values import TEXT_VRS
from pacs.deid.profiles import Profile, Rule
from pacs.dicom.dictionary import vr_of
from pacs.dicom.elements import DataSet, Element, holds_items
from pacs.dicom.syntaxes import Encoding
from pacs.dicom.values import DEFAULT, SPECIFIC_CHARACTER_SET, Charset, charset_of, first_text, text_of

ISSUER = 0x00100021
SOP_CLASS, SOP_INSTANCE, STUDY, SERIES = 0x00080016, 0x00080018, 0x0020000D, 0x0020000E
# VRs that alone make an unlisted element suspect when the object has them against PS3.6.
_TELLING_VRS = frozenset(("PN", "UI", "DA", "DT", "AE", "UR", "UN")) | TEXT_VRS
_UNREADABLE = Rule("SQ", "X", "a sequence whose items cannot be read, so nothing in it can be checked", "PS3.15 E.1.1")


@dataclass(frozen=True, slots=True)
class Context:
    """What is known besides the object: the sender's site (issuer of its patient ids), and the collection's name."""

    site: str = ""
    collection: str = ""


class Change(NamedTuple):
    """One element that was removed or changed. `path` is like ``00081140[0].00081155``; no value is ever in it."""

    path: str
    action: str
    rule: Rule


@dataclass(frozen=True, slots=True)
class Result:
    """A de-identified object. All UIDs and ids are new ones, except the keys of `uid_map` (old to new; vault only)."""

    data_set: DataSet = field(repr=False)
    report: tuple[Change, ...]
    patient_id: str
    study_uid: str
    series_uid: str
    sop_uid: str
    sop_class_uid: str
    date_shift_days: int
    uid_map: Mapping[str, str] = field(repr=False)


def deidentify(
    data_set: DataSet, encoding: Encoding, profile: Profile, keys: CollectionKeys, context: Context | None = None
) -> Result:
    """De-identify one object.

    Parameters
    ----------
    data_set : DataSet
        The object without file meta information; never changed.
    encoding : Encoding
        How it was read; the result's values have the same byte order.
    profile : Profile
        Rules, from `load_profile`.
    keys : CollectionKeys
        Of the collection that the object goes to.
    context : Context
        Site and collection. The issuer of the patient id in the object wins over the site.

    Returns
    -------
    Result
        Write a fresh file meta for it from `sop_class_uid` and `sop_uid`; nothing of the old one may be copied.
    """
    return _Deidentifier(data_set, encoding, profile, keys, context or Context()).run()


class _Level(NamedTuple):
    """One data set or item that waits to be walked. `dummy`: the content of a sequence whose code is D."""

    source: DataSet
    target: DataSet
    path: str
    tags: str
    charset: Charset
    dummy: bool


class _Deidentifier:
    def __init__(
        self, data_set: DataSet, encoding: Encoding, profile: Profile, keys: CollectionKeys, context: Context
    ) -> None:
        self.source = data_set
        self.encoding = encoding
        self.profile = profile
        self.keys = keys
        self.context = context
        self.sop_class_uid = first_text(data_set, SOP_CLASS)
        self.table = decisions(profile, self.sop_class_uid)
        self.uids: dict[str, str] = {}
        self.report: list[Change] = []
        self.waiting: list[_Level] = []
        self.settled: dict[int, bytes] = {}  # values that follow from a dummy, set at the end
        self.contents = ContentCleaner(keys)
        self.own = own_values.OwnValues(data_set, self.map_uid)
        self.study_uid = first_text(data_set, STUDY)
        self.patient_id = self.pseudonym_of(data_set, charset_of(data_set))
        self.handlers = {
            Action.EMPTY: self.empty,
            Action.DUMMY: self.dummy,
            Action.MAP_UIDS: self.map_uids,
            Action.PSEUDONYM: self.pseudonym,
            Action.REFERENCES: self.references,
        }

    def run(self) -> Result:
        target = DataSet()
        self.waiting.append(_Level(self.source, target, "", "", DEFAULT, dummy=False))
        while self.waiting:
            self.walk(self.waiting.pop())
        target.put(PATIENT_ID, "LO", self.patient_id.encode())
        for tag, value in self.settled.items():
            target.put(tag, vr_of(tag), value)
        mark(target, self.profile)
        issuer, patient_id = self.identity_of(self.source, charset_of(self.source))
        return Result(
            target,
            tuple(self.report),
            self.patient_id,
            first_text(target, STUDY),
            first_text(target, SERIES),
            first_text(target, SOP_INSTANCE),
            self.sop_class_uid,
            self.keys.date_shift_days(issuer, patient_id, self.study_uid),
            self.uids,
        )

    def walk(self, level: _Level) -> None:
        """Decide every element of one data set or item; items below wait their turn."""
        if SPECIFIC_CHARACTER_SET in level.source:
            level = level._replace(charset=charset_of(level.source, level.charset))
        target = level.target
        look_up = self.table.nested.get if level.tags else self.table.top.get
        for tag, element in level.source.items():
            decision = look_up(tag) or self.table.other(tag)
            action = decision.action
            if action is Action.KEEP:
                if element.items is None and not level.dummy and (decision.any_vr or element.vr not in _TELLING_VRS):
                    target[tag] = element
                else:
                    self.keep(element, decision, level)
                continue
            if action is Action.BY_TYPE:
                decision = self.table.by_type(decision, f"{level.tags}{tag:08X}")
                action = decision.action
            if action is Action.REMOVE:
                self.note(level, tag, decision)
            elif element.value or element.items:
                self.handlers[action](element, decision, level)
            else:  # empty already, and stays so: it says nothing
                target[tag] = element

    def note(self, level: _Level, tag: int, decision: Decision) -> None:
        rule = decision.rule
        assert rule is not None
        self.report.append(Change(f"{level.path}{tag:08X}", decision.action._value_, rule))  # _value_: no descriptor

    def keep(self, element: Element, decision: Decision, level: _Level) -> None:
        """Keep an element that needs a closer look: a sequence, a telling VR, or the content of a dummy sequence."""
        tag = element.tag
        if element.items is not None:
            self.enter(element, level, dummy=level.dummy)
            return
        if (element.vr == "UN" and vr_of(tag) == "SQ") or holds_items(element.value):
            self.note(level, tag, Decision(Action.REMOVE, _UNREADABLE))
            return
        if not decision.any_vr and element.vr in _TELLING_VRS:
            decision = self.table.by_found_vr(element.vr)
            if decision is not KEPT:
                if decision.action is Action.REMOVE:
                    self.note(level, tag, decision)
                else:
                    self.handlers[decision.action](element, decision, level)
                return
        if level.dummy:
            kept = self.contents.clean(element, level.source)
            rule = self.contents.rule
        else:
            kept = self.clean_text(element, level) if element.vr in TEXT_VRS and element.value else element
            rule = own_values.RULE
        level.target[tag] = kept
        if kept is not element:
            self.report.append(Change(f"{level.path}{tag:08X}", rule.code, rule))

    def clean_text(self, element: Element, level: _Level) -> Element:
        """A kept text without the object's own identifying values; codes of public schemes are no such text."""
        tag = element.tag
        if tag in CODED and first_text(level.source, SCHEME) in PUBLIC_SCHEMES:
            return element
        value = own_values.cleaned(element, level.charset, self.own)
        if value is None:
            return element
        if not value and (type_of(self.sop_class_uid, f"{level.tags}{tag:08X}") or "1").startswith("1"):
            value = WORD
        out = DataSet()
        out.put(tag, element.vr, value)
        return out[tag]

    def enter(self, element: Element, level: _Level, *, dummy: bool) -> None:
        """Keep a sequence; its items are walked with the same rules."""
        items = [DataSet() for _ in element.items or ()]
        level.target[element.tag] = Element(element.tag, "SQ", b"", items)
        tags = f"{level.tags}{element.tag:08X}."
        for number, (source, target) in enumerate(zip(element.items or (), items, strict=True)):
            path = f"{level.path}{element.tag:08X}[{number}]."
            self.waiting.append(_Level(source, target, path, tags, level.charset, dummy))

    def empty(self, element: Element, decision: Decision, level: _Level) -> None:
        vr = written_vr(element)
        level.target[element.tag] = Element(element.tag, vr, b"", [] if vr == "SQ" else None)
        self.note(level, element.tag, decision)

    def dummy(self, element: Element, decision: Decision, level: _Level) -> None:
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

    def replace_document(self, level: _Level) -> None:
        """An empty document of the same type, and its length. PS3.3 C.24.2."""
        document = dummy_document(first_text(level.source, DOCUMENT_TYPE).lower())
        level.target.put(ENCAPSULATED_DOCUMENT, "OB", document)
        if DOCUMENT_LENGTH in level.source:
            order = "<" if self.encoding.little_endian else ">"
            self.settled[DOCUMENT_LENGTH] = struct.pack(order + "I", len(document))

    def map_uids(self, element: Element, decision: Decision, level: _Level) -> None:
        tag = element.tag
        if element.items is not None:
            self.enter(element, level, dummy=level.dummy)
            return
        old = text_of(element).strip(" \0")
        new = "\\".join(self.map_uid(uid.strip(" \0")) for uid in old.split("\\"))
        if new == old:
            level.target[tag] = element
            return
        level.target.put(tag, "UI", new.encode())
        self.note(level, tag, decision)

    def references(self, element: Element, decision: Decision, level: _Level) -> None:
        """A sequence of references: UIDs are mapped, codes and numbers stay, what was typed goes."""
        if element.items is None:
            level.target[element.tag] = Element(element.tag, "SQ", b"", [])
        else:
            self.enter(element, level, dummy=True)
        self.note(level, element.tag, decision)

    def map_uid(self, uid: str) -> str:
        new = self.uids.get(uid)
        if new is None:
            new = self.keys.map_uid(uid)
            if new != uid:
                self.uids[uid] = new
        return new

    def pseudonym(self, element: Element, decision: Decision, level: _Level) -> None:
        """The new patient id, for id and name alike; an item that names another patient gets that one's."""
        own = PATIENT_ID in level.source and level.path
        value = self.pseudonym_of(level.source, level.charset) if own else self.patient_id
        level.target.put(element.tag, written_vr(element), value.encode())
        self.note(level, element.tag, decision)

    def pseudonym_of(self, data_set: DataSet, charset: Charset) -> str:
        issuer, patient_id = self.identity_of(data_set, charset)
        return self.keys.pseudonym(issuer, patient_id, self.study_uid)

    def identity_of(self, data_set: DataSet, charset: Charset) -> tuple[str, str]:
        """Issuer (else the sender's site) and patient id."""
        issuer = first_text(data_set, ISSUER, charset) or self.context.site
        return issuer, first_text(data_set, PATIENT_ID, charset)
