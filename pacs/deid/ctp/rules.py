"""A CTP script compiled into the project's rules, for mode `safe`: one rule for each element that the script names.

What the script does not name is left to the profile that it is laid over. Deviations from CTP stand in docs/ctp.md.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from pacs.deid.ctp.digests import rsna_root
from pacs.deid.ctp.expressions import Call, Expression, Names, parse_expression
from pacs.deid.ctp.outcomes import METHOD_CODES
from pacs.deid.ctp.script import ElementRule, PrivateName, Script
from pacs.deid.profiles.fitting import misfit
from pacs.deid.profiles.rules import Rule, RuleSet, canonical_match, is_pattern, private_key
from pacs.errors import ProfileError

# What pixels and text need to be read: a script may keep these, other rules for them are not followed.
_NEEDED = frozenset(
    (
        "00080005",
        "00080016",
        "00280002",
        "00280004",
        "00280010",
        "00280011",
        "00280100",
        "00280101",
        "00280102",
        "00280103",
    )
)
_PIXELS = frozenset(("7FE00008", "7FE00009", "7FE00010"))
_CODES = {"keep": "K", "remove": "X", "empty": "Z", "process": "K"}
_GROUPS = {"overlays": "60XXXXXX", "curves": "50XXXXXX"}
_ALWAYS = "@always()"


def rules_of_script(script: Script) -> RuleSet:
    """The enabled rules of a script. Raises `ProfileError` for one that would leave the patient's name or id."""
    fault = fault_of(script)
    if fault:
        raise ProfileError(fault)
    return compiled(script)


def fault_of(script: Script) -> str:
    """Why a script cannot be followed in mode `safe`: its first rule that would leave the patient's name or id."""
    for tag, rule in sorted(script.rules.items()):
        code, value = code_of_expression(rule.expression, rule.text)
        wrong = misfit(Rule(f"{tag:08X}", code, "", "", value=value)) if code == "K" else None
        if wrong is not None:
            return f"{script.name}, line {rule.line}: {wrong}; mode strict follows it"
    return ""


def compiled(script: Script) -> RuleSet:
    """The enabled rules of a script, those that mode `safe` refuses among them."""
    rules = [_rule(f"{tag:08X}", rule, script) for tag, rule in sorted(script.rules.items())]
    rules += [_rule(_private(name), rule, script) for name, rule in sorted(script.private.items())]
    for what, pattern in _GROUPS.items():
        if what in script.removals:
            rules.append(Rule(pattern, "X", f"the script removes all {what}", script.name))
    return RuleSet(script.name, tuple(rule for rule in rules if rule is not None))


def strict_rules(script: Script) -> list[Rule]:
    """What a script says when it is all that is done, for people to read. Raises nothing."""
    name = script.name
    told = [(f"{tag:08X}", rule) for tag, rule in script.rules.items()]
    told += [(_private(owner), rule) for owner, rule in script.private.items()]
    rules = []
    for match, rule in told:
        code, value = code_of_expression(rule.expression, rule.text)
        reason = f"{rule.name or match}: {rule.text or 'emptied'}"
        rules.append(Rule(match, code, reason, f"{name}, line {rule.line}", value=value))
    rules += [Rule(f"{group:04X}XXXX", "K", f"group {group:04X} is kept", name) for group in script.keep_groups]
    gone = script.removals
    all_go = "unspecifiedelements" in gone
    if "overlays" in gone:
        rules.append(Rule(_GROUPS["overlays"], "X", "all overlays go", name))
    if "curves" in gone:  # which by itself deletes nothing in CTP
        rules.append(Rule(_GROUPS["curves"], "X" if all_go else "K", "curves go with elements without a rule", name))
    private = "X" if all_go or "privategroups" in gone else "K"
    why = (
        "private elements go, but for those that are known to be safe" if script.keep_safe_private else "without a rule"
    )
    rules.append(Rule("private", private, why if private == "X" else "without a rule they stay", name))
    spared = ", but for what CTP keeps by itself" if script.keeps_by_itself else ""
    reason = f"elements without a rule go{spared}" if all_go else "elements without a rule stay"
    return [*rules, Rule("XXXXXXXX", "X" if all_go else "K", reason, name)]


def _private(name: PrivateName) -> str:
    return canonical_match(private_key(*name))


def _rule(match: str, rule: ElementRule, script: Script) -> Rule | None:
    code, value = code_of_expression(rule.expression, rule.text)
    where = f"{script.name}, line {rule.line}"
    if match in _NEEDED | _PIXELS and code != "K":
        return None
    found = Rule(match, code, f"{rule.name or match}: {rule.text or 'emptied'}", where, value=value)
    if (
        misfit(found) is not None or match == f"{METHOD_CODES:08X}"
    ):  # CTP does not ask what fits; the engine will as it writes
        return Rule(match, "ctp", found.reason, where, value=rule.text)
    return found


def code_of_expression(expression: Expression, text: str) -> tuple[str, str]:
    """The code of a rule that says the same, and its value; `ctp` and the expression when no other code does."""
    if len(expression) == 1 and isinstance(expression[0], Call) and expression[0].name in _CODES:
        return _CODES[expression[0].name], ""
    if not expression:
        return "Z", ""
    if all(isinstance(part, str) for part in expression):
        return "set", "".join(part for part in expression if isinstance(part, str))
    return "ctp", text


def inserts(rule: Rule) -> bool:
    """Whether a rule puts its element into objects that lack it."""
    return rule.code == "ctp" and rule.value.startswith(_ALWAYS)


def uid_root(expression: Expression, params: Mapping[str, str]) -> str:
    """The root below which a rule for UIDs hashes them with CTP's function; "" when it does something else."""
    if len(expression) != 1 or not isinstance(expression[0], Call):
        return ""
    call = expression[0]
    if call.name == "rsnauid" and call.elements[2][0].is_this:
        return rsna_root(_param(call.arg(0), params), _param(call.arg(1), params))
    if call.name != "hashuid" or 2 in call.elements or not call.elements[1][0].is_this:
        return ""
    return _param(call.arg(0), params)


def _param(arg: str, params: Mapping[str, str]) -> str:
    return params.get(arg[1:], "") if arg[:1] in ("@", "$") else arg


@dataclass(frozen=True)
class Expressions:
    """The expressions of a profile's rules, by rule text, with the parameters that they use."""

    params: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, PrivateName] = field(default_factory=dict)  # of private elements
    by_text: Mapping[str, Expression] = field(default_factory=dict)
    inserted: tuple[tuple[int, Rule], ...] = ()
    uid_root: str = ""

    def __bool__(self) -> bool:
        return bool(self.by_text)


_SOP_INSTANCE = "00080018"


def expressions_of(rules: Iterable[Rule], params: Mapping[str, str], private: Mapping[str, PrivateName]) -> Expressions:
    """Read the expressions of all rules with the action `ctp`. `private` names private elements.

    Raises `ProfileError`.
    """
    scripted = [rule for rule in rules if rule.code == "ctp"]
    names = Names(private, frozenset(params))
    by_text = {rule.value: parse_expression(rule.value, names, rule.source) for rule in scripted}
    inserted = tuple(
        (int(rule.match, 16), rule)
        for rule in scripted
        if is_pattern(rule.match) and "X" not in rule.match and (inserts(rule) or int(rule.match, 16) == METHOD_CODES)
    )
    root = next((uid_root(by_text[rule.value], params) for rule in scripted if rule.match == _SOP_INSTANCE), "")
    return Expressions(params, private, by_text, inserted, root)


def default_key_type(expressions: Expressions) -> str:
    """The type that keys of a lookup table have when they name none: the only one that the script looks up by.

    ``ptid`` when it has several, or none.
    """
    found = {
        call.arg(1).strip() for each in expressions.by_text.values() for call in _calls(each) if call.name == "lookup"
    }
    return found.pop() if len(found) == 1 else "ptid"


def _calls(expression: Expression) -> Iterator[Call]:
    for part in expression:
        if isinstance(part, Call):
            yield part
            for block in part.blocks:
                yield from _calls(block)
