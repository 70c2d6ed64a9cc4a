"""The de-identifier: a data set, a profile and keys in, a new data set and a report out. PS3.15 E.1.1.

It decides by tag and VR and decodes only what a rule must read. Elements that no rule touches go into the result as the
same objects, pixel data among them, so their bytes are the original's. The walk is iterative: depth costs no stack.

PatientName gets the new patient id, not an empty value: Table E.1-1 says Z, which allows a non-empty dummy, and people
read names first, so the name must not differ from the id that query and display group by.
"""

from collections.abc import Callable, Mapping
from functools import cached_property

from pacs.deid import private
from pacs.deid.actions import PATIENT_ID, PATIENT_NAME, Action, Decision, decision_of
from pacs.deid.cleaning import as_utf8
from pacs.deid.ctp.outcomes import METHOD_CODES, Kind, add_method_codes
from pacs.deid.ctp.patterns import one_object
from pacs.deid.ctp.result import strictly, uids_left
from pacs.deid.element_actions import TELLING_VRS, Actions, Level
from pacs.deid.keys import CollectionKeys
from pacs.deid.marks import mark, write_ctp_block, write_event
from pacs.deid.profiles import Profile, Rule
from pacs.deid.profiles.rules import code_of
from pacs.deid.result import Change, Context, Result
from pacs.deid.structured import NOTHING, has_positions, treatment, treatment_within_dummy
from pacs.dicom.dictionary import vr_of
from pacs.dicom.elements import DataSet, Element, holds_items, parse_items
from pacs.dicom.syntaxes import Encoding
from pacs.dicom.values import SPECIFIC_CHARACTER_SET, charset_of, first_text
from pacs.errors import Refused

SOP_INSTANCE, STUDY, SERIES = 0x00080018, 0x0020000D, 0x0020000E
# How a safe private element is treated by its VR; all others stay as they are.
_SAFE_VRS = {"LO": "known", "SH": "known", "ST": "known", "LT": "known", "UT": "known", "UC": "known", "PN": "Z"}
_SAFE_VRS |= {"UI": "U", "DA": "shift", "DT": "shift", "AE": "known", "UR": "known", "UN": "known", "AS": "K"}


def deidentify(
    data_set: DataSet,
    encoding: Encoding,
    profile: Profile,
    keys: CollectionKeys,
    context: Context | None = None,
    meta: DataSet | None = None,
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
        Site, collection and its mapping table. The issuer of the patient id in the object wins over the site.
    meta : DataSet
        The file meta information that it came with; only expressions of CTP scripts look into it.

    Returns
    -------
    Result
        Write a fresh file meta for it from `sop_class_uid` and `sop_uid`; nothing of the old one may be copied.

    Raises
    ------
    Unmapped
        When the collection has a mapping table, and no row for this patient.
    MissingKey
        When a CTP script looks up what its table does not have.
    """
    context, meta = context or Context(), meta or DataSet()
    with one_object():
        if profile.strict is not None:
            return strictly(profile, profile.strict, data_set, encoding, meta, context)
        return _Deidentifier(data_set, encoding, profile, keys.under(profile), context, meta).run()


class _Deidentifier(Actions):
    def run(self) -> Result:
        target = DataSet()
        self.waiting.append(Level(self.source, target))
        while self.waiting:
            self.walk(self.waiting.pop())
        level = Level(self.source, target, charset=charset_of(self.source))
        self.write(PATIENT_ID, "LO", self.identity.patient_id, level)
        if self.table.top[PATIENT_NAME].action is Action.PSEUDONYM:  # also where the name was missing or empty
            self.write(PATIENT_NAME, "PN", self.identity.patient_name, level)
        for tag, value in self.settled.items():
            target.put(tag, vr_of(tag), value)
        self.insert(level)
        applied = frozenset(self.applied)
        mark(target, self.profile, applied)
        if self.profile.settings.ctp_block == "yes":
            write_ctp_block(target, self.context)
        if self.identity.row is not None:
            write_event(target, self.identity.row, self.encoding)
        if self.profile.expressions:
            uids_left(target)
        if self.cleaner.needs_utf8:
            as_utf8(target, self.cleaner.utf8)
        return Result(
            target,
            tuple(self.report),
            self.identity.patient_id,
            self.identity.patient_name,
            first_text(target, STUDY),
            first_text(target, SERIES),
            first_text(target, SOP_INSTANCE),
            self.sop_class_uid,
            self.identity.shift_days,
            self.uids.new,
            applied,
            dict(self.unknown_private),
            tuple(self.cleaner.doubts),
        )

    def insert(self, level: Level) -> None:
        """Elements that a CTP script writes into objects that lack them, and its method codes."""
        target = level.target
        for tag, rule in self.profile.expressions.inserted:
            if tag in target and tag != METHOD_CODES:
                continue
            vr = vr_of(tag)
            outcome = self.script.says(rule, tag, vr)
            if outcome.kind is Kind.SET and tag == METHOD_CODES:
                add_method_codes(target, outcome.value)
            elif outcome.kind is Kind.SET and vr != "SQ":
                self.write(tag, vr, outcome.value, level)
            elif outcome.kind is Kind.EMPTY:
                target[tag] = Element(tag, "SH" if vr == "UN" else vr, b"", [] if vr == "SQ" else None)

    @cached_property
    def may_remove_items(self) -> bool:
        """Whether content items may go: not where others are named by their position in the tree."""
        return not has_positions(self.source)

    # -- walking -------------------------------------------------------------------------------------------------------

    def walk(self, level: Level) -> None:
        """Decide every element of one data set or item; items below wait their turn."""
        if SPECIFIC_CHARACTER_SET in level.source:
            level = level._replace(charset=charset_of(level.source, level.charset))
        target = level.target
        look_up = self.look_up(level)
        creators: Mapping[int, str] | None = None
        for tag, element in level.source.items():
            if tag & 0x10000:
                creators = private.creators_of(level.source, level.charset) if creators is None else creators
                self.private(element, level, creators)
                continue
            decision = look_up(tag) or self.table.other(tag)
            action = decision.action
            if action is Action.BY_TYPE:
                decision = self.table.by_type(decision, f"{level.tags}{tag:08X}")
                action = decision.action
            if action is Action.REMOVE:
                self.remove(element, decision, level)
            elif element.value or element.items:
                if decision.option:
                    self.applied.add(decision.option)
                if (
                    action is Action.KEEP
                    and element.items is None
                    and not level.dummy
                    and (decision.any_vr or element.vr not in TELLING_VRS)
                ):
                    target[tag] = element
                else:
                    self.treat(element, decision, level)
            else:  # empty already, and stays so: it says nothing
                target[tag] = element

    def look_up(self, level: Level) -> Callable[[int], Decision | None]:
        """The decision by tag in one level: its own, those of its path, then those of the table."""
        usual = self.table.nested.get if level.tags else self.table.top.get
        paths = self.table.path_rules(level.signature)
        local = level.local
        if paths is None and not local:
            return usual

        def found(tag: int) -> Decision | None:
            by_path = paths.decision(f"{tag:08X}", tag) if paths is not None else None
            return by_path or (local.get(tag) if local else None) or usual(tag)

        return found

    def enter(
        self, element: Element, level: Level, *, dummy: bool = False, content: bool = False, step: str = ""
    ) -> None:
        """Keep a sequence; its items are walked with the same rules. `content`: items of a content tree."""
        items: list[DataSet] = []
        tag = element.tag
        tags = f"{level.tags}{tag:08X}."
        step = step or f"{tag:08X}"
        signature = f"{level.signature}/{step}" if level.signature else step
        for number, source in enumerate(element.items or ()):
            path = f"{level.path}{tag:08X}[{number}]."
            how = NOTHING
            if content:
                charset = charset_of(source, level.charset)
                how = treatment(source, charset, self.profile.options, may_remove=self.may_remove_items)
            elif dummy:
                how = treatment_within_dummy(source)
            if how.remove:
                self.report.append(Change(path[:-1], "X", Rule(step, "X", how.reason, how.source)))
                continue
            local = {
                each: decision_of(rule_of_item(each, word, how.reason, how.source), 0)
                for each, word in how.actions.items()
            }
            target = DataSet()
            items.append(target)
            self.waiting.append(Level(source, target, path, tags, signature, level.charset, dummy, local))
        level.target[tag] = Element(tag, "SQ", b"", items)

    # -- private elements ----------------------------------------------------------------------------------------------

    def private(self, element: Element, level: Level, creators: Mapping[int, str]) -> None:
        """Keep a private element that is known to be safe, with its creator; all others go. PS3.15 E.3.10."""
        tag = element.tag
        if tag in creators:  # goes along with the first element of its block that stays
            return
        found = None if level.dummy else private.known(tag, element.vr, creators, level.signature, self.profile)
        if found is None or found.rule.code == "X":
            creator = creators.get(private.creator_tag_of(tag) or 0, "")
            if found is None:
                self.unknown_private[private.shown_creator(creator, self.profile)] += 1
            rule = private.UNKNOWN if found is None else found.rule
            self.report.append(Change(f"{level.path}{tag:08X}", "X", rule))
            return
        element = decoded(element, found.vr)
        level.target.setdefault(found.creator_tag, level.source[found.creator_tag])
        if not element.value and not element.items:
            level.target[tag] = element
            return
        self.applied.add("retain_safe_private")
        if element.items is not None:
            step = found.signature.rpartition("/")[2]
            self.enter(element, level, step=step)
            return
        code = found.rule.code
        if code in ("known", "content"):
            code = _SAFE_VRS.get(element.vr, "K")
        if code in ("shift", "epoch") and self.shift_in_text() is None:
            code = "X"
        rule = found.rule
        decision = decision_of(Rule(rule.match, code, rule.reason, rule.source, value=rule.value), 0)
        self.treat(element, decision, level)
        if tag not in level.target and not any(
            each >> 8 == tag >> 8 for each in level.target if each != found.creator_tag
        ):
            level.target.pop(found.creator_tag, None)


def decoded(element: Element, vr: str | None) -> Element:
    """A private element that travelled as UN, with the VR that it is known to have. PS3.5 6.2.2."""
    if element.items is not None:
        return element
    if holds_items(element.value):
        try:
            return Element(element.tag, "SQ", b"", parse_items(element.value))
        except Refused:
            return element
    return Element(element.tag, vr, element.value) if element.vr == "UN" and vr and vr != "SQ" else element


def rule_of_item(tag: int, word: str, reason: str, source: str) -> Rule:
    """A rule for one element of a content item."""
    return Rule(f"{tag:08X}", code_of(word), reason, source, "clean_structured_content")
