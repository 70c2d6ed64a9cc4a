"""A CTP script applied as CTP does it, value for value. The order of its decisions is CTP's, its oddities too.

Mode `safe` (`pacs.deid.ctp.safe`) is what a collection uses unless told otherwise; this one is for archives that must
get what they got before.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from pacs.deid.ctp.expressions import Expression
from pacs.deid.ctp.functions import evaluate
from pacs.deid.ctp.outcomes import METHOD_CODES, Kind, NoNumber, Outcome, add_method_codes, outcome_of, value_of, vr_for
from pacs.deid.ctp.patterns import TookTooLong
from pacs.deid.ctp.scope import LAST_META_GROUP, Outside, Quarantined, Scope, private_tag, shown_tag
from pacs.deid.ctp.script import ElementRule, Script
from pacs.deid.profiles import Rule
from pacs.deid.result import Change
from pacs.deid.text.encoding import encode_with_marks
from pacs.dicom.dictionary import vr_of
from pacs.dicom.elements import PIXEL_DATA, DataSet, Element
from pacs.dicom.syntaxes import Encoding
from pacs.dicom.values import SPECIFIC_CHARACTER_SET, charset_of, text_of, values_of

IsSafe = Callable[[int, DataSet], bool]
_KEPT_TAGS = frozenset((0x00080016, 0x00080018, 0x0020000D))
_KEPT_GROUPS = frozenset((0x0002, 0x0028, 0x7FE0))
_TRAILERS = (0xFFFAFFFA, 0xFFFCFFFC)
_EMPTY_SEQUENCE = "@always()@require()"
_REMOVED = "removed by the script's rule for all such elements"


def is_overlay(tag: int) -> bool:
    """Whether an element is of an overlay group, 60xx. PS3.5 7.6."""
    return tag >> 24 == 0x60


def is_curve(tag: int) -> bool:
    """Whether an element is of a curve group, 50xx. PS3.5 7.6."""
    return tag >> 24 == 0x50


def is_passed(tag: int, rule: ElementRule) -> bool:
    """Whether an element of the root passes though it has a rule: the pixels, and all behind them that stays."""
    return tag == PIXEL_DATA or (tag > PIXEL_DATA and not rule.text.startswith("@remove()"))


def creator_of(tag: int, *places: DataSet) -> str:
    """The creator of a private element's block, in the first data set that names one. PS3.5 7.8.1."""
    block = (tag & 0xFFFF0000) | (tag >> 8 & 0xFF)
    return next((text_of(place[block]) for place in places if tag & 0x10000 and block in place), "")


def rule_for_report(script: Script, rule: ElementRule, tag: int) -> Rule:
    """How a report names a rule of a script; its text says what is done."""
    return Rule(f"{tag:08X}", "ctp", rule.text, f"{script.name}, line {rule.line}")


class StrictAnonymizer:
    """One object through a script. `target` and `report` hold the result after `run`."""

    def __init__(self, script: Script, outside: Outside, is_safe: IsSafe) -> None:
        self.script = script
        self.outside = outside
        self.is_safe = is_safe
        self.report: list[Change] = []
        self.waiting: list[tuple[Scope, DataSet, str]] = []  # items still to be walked: depth costs no stack
        self.rules = script.rules  # by tag, those for private elements as the object's own blocks have them

    def run(self, source: DataSet, meta: DataSet, encoding: Encoding) -> DataSet:
        """The new data set. Raises `Skipped`, `Quarantined` or `MissingKey`."""
        root = DataSet(source)
        if SPECIFIC_CHARACTER_SET not in root or not root[SPECIFIC_CHARACTER_SET].value:
            root.put(SPECIFIC_CHARACTER_SET, "CS", b"ISO_IR 100")
        self.rules = {**self.private_rules(root), **self.script.rules}
        scope = Scope(
            root, root, meta, encoding, 0, charset_of(root), self.script.params, self.outside, self.expression_of, True
        )
        target = DataSet()
        self.insert(scope, target)
        self.waiting.append((scope, target, ""))
        while self.waiting:
            self.walk(*self.waiting.pop())
        return target

    def expression_of(self, tag: int) -> Expression | None:
        """The expression of a tag's rule, if it has one."""
        rule = self.rules.get(tag)
        return None if rule is None else rule.expression

    # -- elements that the object does not have ------------------------------------------------------------------------

    def insert(self, scope: Scope, target: DataSet) -> None:
        """Elements that rules put into objects without them, at the root only."""
        for tag in self.inserting():
            rule = self.rules[tag]
            if tag in scope.root or tag >> 16 <= LAST_META_GROUP:
                continue
            if tag == METHOD_CODES and not rule.text.startswith(_EMPTY_SEQUENCE):
                self.write_codes(self.text_of(rule, scope.at(tag)), tag, target)
            elif rule.inserts:
                self.insert_one(tag, rule, scope.at(tag), target)

    def inserting(self) -> Sequence[int]:
        """Elements whose rules may put them into objects without them."""
        found = self.script.inserting
        return sorted({*found, *(self.rules.keys() - self.script.rules.keys())}) if self.script.private else found

    def insert_one(self, tag: int, rule: ElementRule, scope: Scope, target: DataSet) -> None:
        if vr_of(tag) == "SQ":
            if rule.text.startswith(_EMPTY_SEQUENCE):
                target[tag] = Element(tag, "SQ", b"", [])
            return
        text = self.text_of(rule, scope)
        if text in ("@keep()", "@remove()"):
            return
        if "@process()" in text:
            raise Quarantined(f"the script enters a sequence that is not there ({self.script.name}, line {rule.line})")
        if text.startswith(("@blank(", "@empty(")):
            text = ""
        vr = vr_for(tag, text, creator_of(tag, target, scope.item))
        with suppress(NoNumber):  # CTP inserts nothing then
            self.put(target, tag, vr, text or (" " if vr == "PN" else ""), scope)

    # -- elements that it has ------------------------------------------------------------------------------------------

    def walk(self, scope: Scope, target: DataSet, path: str) -> None:
        """Decide every element of one data set or item."""
        for tag in sorted(scope.item):
            element = scope.item[tag]
            if tag in _TRAILERS:
                return
            if not tag & 0xFFFF:  # group lengths are written anew, or left out. PS3.5 7.2
                continue
            rule = self.rules.get(tag)
            if self.is_removed(tag, rule, scope.item):
                self.report.append(Change(f"{path}{tag:08X}", "X", Rule(f"{tag:08X}", "X", _REMOVED, self.script.name)))
            elif rule is None or (not path and is_passed(tag, rule)):
                target[tag] = element
            else:
                self.apply(element, rule, scope.at(tag), target, path)

    def private_rules(self, item: DataSet) -> dict[int, ElementRule]:
        """Rules for private elements by the tags that they have in the blocks of a data set."""
        found = {}
        for (group, owner, low), rule in self.script.private.items():
            tag = private_tag(item, group, owner, low)
            if tag is not None:
                found[tag] = rule
        return found

    def is_removed(self, tag: int, rule: ElementRule | None, item: DataSet) -> bool:
        removals = self.script.removals
        is_private = bool(tag & 0x10000)
        goes = "unspecifiedelements" in removals or ("privategroups" in removals and is_private)
        if goes and rule is None and not self.is_kept(tag, item):
            return True
        return "overlays" in removals and is_overlay(tag)

    def is_kept(self, tag: int, item: DataSet) -> bool:
        """Whether an element without a rule stays whatever is removed."""
        if not self.script.keeps_by_itself:
            return False
        removals, group = self.script.removals, tag >> 16
        if group in self.script.keep_groups or group in _KEPT_GROUPS or tag in _KEPT_TAGS:
            return True
        may_stay = not (tag & 0x10000 and "privategroups" in removals)
        if may_stay and (
            (is_overlay(tag) and "overlays" not in removals) or (is_curve(tag) and "curves" not in removals)
        ):
            return True
        return self.script.keep_safe_private and bool(tag & 0x10000) and self.is_safe(tag, item)

    def apply(self, element: Element, rule: ElementRule, scope: Scope, target: DataSet, path: str) -> None:
        tag = element.tag
        text = self.text_of(rule, scope)
        if tag == METHOD_CODES:
            target[tag] = element
            self.write_codes(text, tag, target)
            return
        is_sequence = element.items is not None or element.vr == "SQ"
        outcome = outcome_of(text, "SQ" if is_sequence else element.vr)
        is_changed = outcome.kind is not Kind.KEEP
        match outcome.kind:
            case Kind.KEEP:
                target[tag] = element
            case Kind.PROCESS:
                self.process(element, scope, target, path)
            case Kind.EMPTY:
                self.empty(element, scope, target)
            case Kind.SET:
                is_changed = self.set_value(element, outcome, scope, target)
            case Kind.REMOVE:
                pass
        if is_changed:
            self.report.append(Change(f"{path}{tag:08X}", outcome.kind.value, rule_for_report(self.script, rule, tag)))

    def process(self, element: Element, scope: Scope, target: DataSet, path: str) -> None:
        """Enter a sequence: the same rules hold for its items."""
        items = []
        for number, source in enumerate(element.items or ()):
            item = DataSet()
            self.waiting.append((scope.within(source), item, f"{path}{element.tag:08X}[{number}]."))
            items.append(item)
        target[element.tag] = Element(element.tag, "SQ", b"", items)

    def empty(self, element: Element, scope: Scope, target: DataSet) -> None:
        """An element without a value. A private one gets the VR that CTP writes into it."""
        tag, vr = element.tag, element.vr
        if tag & 0x10000:
            vr = vr_for(tag, "", creator_of(tag, target, scope.item))
        is_sequence = vr == "SQ" or (element.items is not None and not tag & 0x10000)
        target[tag] = Element(tag, vr, b"", [] if is_sequence else None)

    def set_value(self, element: Element, outcome: Outcome, scope: Scope, target: DataSet) -> bool:
        """Write a value; False when the element stays as it was, which CTP leaves so when it is text for numbers."""
        tag = element.tag
        vr = element.vr
        if tag & 0x10000 or vr == "UN":
            vr = vr_for(tag, outcome.value, creator_of(tag, target, scope.item))
        try:
            self.put(target, tag, vr, outcome.value, scope)
        except NoNumber:
            target[tag] = element
            return False
        return True

    def put(self, target: DataSet, tag: int, vr: str, text: str, scope: Scope) -> None:
        try:
            value = value_of(text, vr, scope.charset, scope.encoding)
        except Quarantined:
            if not tag & 0x10000:
                raise
            vr = vr_for(tag, text)  # what the dictionary says of a private element does not fit: as text
            value = value_of(text, vr, scope.charset, scope.encoding)
        target.put(tag, vr, encode_with_marks(text, scope.charset) if value.is_utf8 else value.raw)

    def write_codes(self, text: str, tag: int, target: DataSet) -> None:
        if "@remove()" in text:
            target.pop(tag, None)
        elif text != "@keep()":
            add_method_codes(target, text, strict=True)

    def text_of(self, rule: ElementRule, scope: Scope) -> str:
        """What a rule's expression says here; anything that goes wrong in it gives the object up, as in CTP."""
        try:
            return evaluate(rule.expression, scope)
        except TookTooLong as error:
            place = f"line {rule.line}, for element {shown_tag(scope.this)}"
            raise Quarantined(f"{error} in {self.script.name}, {place}") from None
        except (re.error, ValueError, OverflowError, IndexError, RecursionError):
            raise Quarantined(f"the expression of {self.script.name}, line {rule.line} failed") from None


def changed_uids(source: DataSet, target: DataSet) -> Iterable[tuple[str, str]]:
    """Old and new UIDs of elements that both data sets have, sequences included."""
    waiting = [(source, target)]
    while waiting:
        before, after = waiting.pop()
        for tag, element in before.items():
            other = after.get(tag)
            if other is None:
                continue
            if element.items is not None and other.items is not None:
                waiting.extend(zip(element.items, other.items, strict=False))
            elif element.vr == "UI" and other.value != element.value:
                yield from zip(values_of(element), values_of(other), strict=False)
