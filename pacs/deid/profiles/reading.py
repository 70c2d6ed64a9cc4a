"""Reading a profile's TOML; every fault is named with its line, its key and the nearest valid word."""

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pacs.deid.ctp.script import PrivateName
from pacs.deid.profiles.fitting import misfit
from pacs.deid.profiles.rules import ACTIONS, Rule, RuleSet, canonical_match, code_of
from pacs.deid.profiles.settings import CHOICES
from pacs.deid.profiles.table import OPTIONS
from pacs.errors import ProfileError

TOP_KEYS = ("title", "prose", "source", "base", "script", "options", "settings", "params", "rule")
RULE_KEYS = ("match", "action", "reason", "source", "option", "value")
_QUOTED = re.compile(r"'([^']*)'")
_TEXTS = ("title", "prose", "source", "base", "script")


@dataclass(frozen=True, slots=True)
class ProfileFile:
    """What one file says, checked; `base` is the profile that it builds on, "" for the table alone."""

    name: str
    title: str
    prose: str
    base: str
    options: tuple[str, ...]
    settings: Mapping[str, str]
    rules: RuleSet = field(repr=False)
    script: str = ""  # a CTP script whose rules lie between the base and these
    params: Mapping[str, str] = field(default_factory=dict, repr=False)  # of expressions
    names: Mapping[str, PrivateName] = field(default_factory=dict, repr=False)  # of private elements, in expressions
    is_script: bool = False
    fault: str = ""  # why the script cannot be followed but strictly


def read_profile(text: str, name: str) -> ProfileFile:
    """A profile file's content. Raises `ProfileError` naming line and key of the first fault."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"{name}: {error}") from error
    return _Reader(text, name, content).read()


class _Reader:
    def __init__(self, text: str, name: str, content: Mapping[str, Any]) -> None:
        self.lines = text.splitlines()
        self.name = name
        self.content = content
        self.lines_of_match: dict[str, int] = {}

    def read(self) -> ProfileFile:
        content = self.content
        self.check_keys(content, TOP_KEYS, lambda key: self.line_of(key, 0))
        for key in _TEXTS:
            text = content.get(key, "")
            if not isinstance(text, str):
                self.fail(self.line_of(key, 0), key, "must be a text")
            if not text.replace("\n", " ").replace("\t", " ").isprintable():
                self.fail(self.line_of(key, 0), key, "holds control characters")
        title = content.get("title", "")
        if not title:
            self.fail(1, "title", "is missing")
        source = content.get("source") or f"profile {self.name}"
        rules = self.table_list(content.get("rule", []))
        return ProfileFile(
            self.name,
            title,
            content.get("prose", "").strip(),
            content.get("base", "basic" if self.name != "basic" else ""),
            self.options(content.get("options", [])),
            self.settings(content.get("settings", {})),
            RuleSet(
                title, tuple(rule for number, each in enumerate(rules) for rule in self.rule(number, each, source))
            ),
            content.get("script", ""),
            self.params(content.get("params", {})),
        )

    def params(self, params: Any) -> dict[str, str]:
        if not isinstance(params, dict) or not all(isinstance(each, str) for each in params.values()):
            self.fail(self.line_of("params", 0), "params", "must be a table of texts, [params]")
        return dict(params)

    def table_list(self, rules: Any) -> list[Mapping[str, Any]]:
        if not isinstance(rules, list) or not all(isinstance(each, dict) for each in rules):
            self.fail(self.line_of("rule", 0), "rule", "must be written as [[rule]]")
        return list(rules)

    def options(self, options: Any) -> tuple[str, ...]:
        line = self.line_of("options", 0)
        if not isinstance(options, list) or not all(isinstance(each, str) for each in options):
            self.fail(line, "options", "must be a list of texts")
        for option in options:
            if option not in OPTIONS:
                self.fail(self.line_with(option, line), "options", f"{option!r} is no option", (option, OPTIONS))
        return tuple(option for option in OPTIONS if option in options)

    def settings(self, settings: Any) -> dict[str, str]:
        if not isinstance(settings, dict):
            self.fail(self.line_of("settings", 0), "settings", "must be a table, [settings]")
        start = self.line_with("[settings]", 1)
        self.check_keys(settings, tuple(CHOICES), lambda key: self.line_of(key, start - 1))
        for key, value in settings.items():
            if value not in CHOICES[key]:
                line = self.line_of(key, start - 1)
                self.fail(line, key, f"{value!r} is no choice", (str(value), CHOICES[key]))
        return dict(settings)

    def rule(self, number: int, entry: Mapping[str, Any], source: str) -> Iterable[Rule]:
        start = self.start_of_rule(number)
        self.check_keys(entry, RULE_KEYS, lambda key: self.line_of(key, start))
        for key in ("match", "action", "reason"):
            if not entry.get(key):
                self.fail(start, key, "is missing")
        for key in ("reason", "source", "value"):
            if not isinstance(entry.get(key, ""), str):
                self.fail(self.line_of(key, start), key, "must be a text")
        option = entry.get("option", "")
        if option and option not in OPTIONS:
            self.fail(self.line_of("option", start), "option", f"{option!r} is no option", (str(option), OPTIONS))
        code = self.code(entry, start)
        texts = (entry["reason"], entry.get("source", source), option, entry.get("value", ""))
        for match in entry["match"] if isinstance(entry["match"], list) else [entry["match"]]:
            rule = Rule(self.match(match, start), code, *texts)
            self.check_rule(rule, match, start)
            yield rule

    def code(self, entry: Mapping[str, Any], start: int) -> str:
        word = entry["action"]
        try:
            code = code_of(word)
        except (KeyError, TypeError):
            self.fail(self.line_of("action", start), "action", f"{word!r} is no action", (str(word), ACTIONS))
            raise
        if code in ("set", "ctp") and "value" not in entry:
            self.fail(self.line_of("action", start), "value", "is missing: what is the element set to?")
        if code not in ("set", "ctp") and "value" in entry:
            self.fail(self.line_of("value", start), "value", "belongs to the actions set and ctp only")
        return code

    def check_rule(self, rule: Rule, match: str, start: int) -> None:
        """A rule must fit what it matches, and be the only one for it in its file."""
        wrong = misfit(rule)
        if wrong:
            self.fail(self.line_of("action", start), "action", wrong)
        line = self.line_of("match", start)
        first = self.lines_of_match.setdefault(rule.match, line)
        if first != line:
            self.fail(line, "match", f"{match!r} has a rule already, in line {first}")

    def match(self, match: Any, start: int) -> str:
        line = self.line_of("match", start)
        if not isinstance(match, str):
            self.fail(line, "match", "must be a text or a list of texts")
        try:
            return canonical_match(match)
        except ProfileError as error:
            wrong = _QUOTED.match(str(error))  # of a path, the step at fault
            near = (wrong[1] if wrong else match, _keywords())
            return str(self.fail(self.line_with(match, line), "match", str(error), near))

    def check_keys(self, table: Mapping[str, Any], known: tuple[str, ...], line: Any) -> None:
        for key in table:
            if key not in known:
                self.fail(line(key), key, "is no key here", (key, known))

    def fail(self, line: int, key: str, what: str, near: tuple[str, Iterable[str]] | None = None) -> Any:
        hint = ""
        if near is not None:
            close = difflib.get_close_matches(near[0], list(near[1]), 1, 0.5)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            if not close and not isinstance(near[1], frozenset):
                hint = f"; known are {', '.join(near[1])}"
        raise ProfileError(f"{self.name}, line {line}, key {key!r}: {what}{hint}")

    def start_of_rule(self, number: int) -> int:
        """The line of the n-th ``[[rule]]``, from 1."""
        found = [n for n, line in enumerate(self.lines, 1) if re.match(r"\s*\[\[\s*rule\s*\]\]", line)]
        return found[number] if number < len(found) else 1

    def line_of(self, key: str, after: int) -> int:
        """The first line after `after` that sets a key."""
        pattern = re.compile(rf"\s*\[*[\"']?{re.escape(key)}[\"']?\s*[=\]]")
        return next((n for n, line in enumerate(self.lines, 1) if n > after and pattern.match(line)), max(after, 1))

    def line_with(self, word: str, after: int) -> int:
        """The first line from `after` on that has a word."""
        return next((n for n, line in enumerate(self.lines, 1) if n >= after and word in line), max(after, 1))


def _keywords() -> frozenset[str]:
    from pacs.dicom.dictionary import KEYWORD_OF  # noqa: PLC0415 - only a fault needs the 5,000 names

    return frozenset(KEYWORD_OF.values())
