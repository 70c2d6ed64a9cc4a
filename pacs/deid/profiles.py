"""Profiles as data: ordered rule sets flattened to one rule per tag. PS3.15 E.1 and E.2.

A rule set is Table E.1-1 (`data/ps315_e1.json`) or a TOML file like `data/beyond_e1.toml`. Later sets win; within a
set the most exact pattern wins. An option of PS3.15 E.3 is another rule set, made of its column of the table.
"""

import hashlib
import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from pacs.dicom.dictionary import KNOWN_VRS, VR_OF, vr_of
from pacs.errors import ProfileError

PROFILES = ("basic",)
CODES = frozenset(("X", "Z", "D", "K", "U", "X/Z", "X/D", "Z/D", "X/Z/D", "X/Z/U*"))
# Raised when the engine treats the same rules otherwise, so that a version names rules and treatment.
ENGINE = "1"
# Codes of PS3.16 CID 7050 by what was applied.
BASIC_CODE = ("113100", "Basic Application Confidentiality Profile")


@dataclass(frozen=True, slots=True)
class Rule:
    """What happens to one attribute, why, and who says so. `match` is a tag, a pattern, ``vr:XX`` or a word."""

    match: str
    code: str
    reason: str
    source: str


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Rules of one source, in any order."""

    title: str
    rules: tuple[Rule, ...]

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> "RuleSet":
        """The Basic column of Table E.1-1."""
        source = f"{table['standard']} {table['edition']} {table['section']}"
        rules = tuple(
            Rule("private" if tag == "PRIVATE" else tag, basic, name, source)
            for tag, name, _retired, _in_iod, basic, _options in table["rows"]
        )
        return cls(source, rules)

    @classmethod
    def from_toml(cls, text: str) -> "RuleSet":
        """A TOML rule set: `title`, `source`, and `[[rule]]` with match, code, reason. Raises `ProfileError`."""
        try:
            content = tomllib.loads(text)
            rules = tuple(
                Rule(match, entry["code"], entry["reason"], content["source"])
                for entry in content["rule"]
                for match in ([entry["match"]] if isinstance(entry["match"], str) else entry["match"])
            )
        except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
            raise ProfileError(f"a rule set does not load: {error}") from error
        for number, rule in enumerate(rules, 1):
            _check(rule, number)
        return cls(str(content["title"]), rules)


def _check(rule: Rule, number: int) -> None:
    if rule.code not in CODES:
        raise ProfileError(f"rule {number} ({rule.match}): no such code")
    if rule.match.startswith("vr:"):
        if rule.match[3:] not in KNOWN_VRS:
            raise ProfileError(f"rule {number}: no such VR")
    elif rule.match not in ("private", "unknown") and not _is_pattern(rule.match):
        raise ProfileError(f"rule {number}: {rule.match} is no tag, pattern, vr:XX, private or unknown")


def _is_pattern(match: str) -> bool:
    return len(match) == 8 and set(match) <= set("0123456789ABCDEFX")


@dataclass(frozen=True)
class Profile:
    """Flattened rules. `version` is the digest of all that decides; two profiles with one version act alike."""

    name: str
    version: str
    title: str
    options: tuple[str, ...]
    codes: tuple[tuple[str, str], ...]
    exact: Mapping[int, Rule] = field(repr=False)
    patterns: tuple[Rule, ...] = field(repr=False)
    by_vr: Mapping[str, Rule] = field(repr=False)
    private: Rule = field(repr=False)
    unknown: Rule | None = field(repr=False)

    def rule_of(self, tag: int, vr: str | None = None) -> Rule | None:
        """The one rule for a tag; None keeps it. `vr` is the VR found in the object, the dictionary's by default."""
        if tag & 0x10000:
            return self.private
        found = self.exact.get(tag) or self.pattern_of(tag)
        if found is not None:
            return found
        known = VR_OF.get(tag)
        if known is None and vr_of(tag) == "UN":
            return self.unknown
        return self.by_vr.get(known or "") or self.by_vr.get(vr or "")

    def rules(self) -> list[Rule]:
        """Every rule, in the order of what it matches."""
        every = [*self.exact.values(), *self.patterns, *self.by_vr.values(), self.private]
        every += [] if self.unknown is None else [self.unknown]
        return sorted(every, key=lambda rule: rule.match)

    def pattern_of(self, tag: int) -> Rule | None:
        """The most exact pattern that fits."""
        text = f"{tag:08X}"
        return next((rule for rule in self.patterns if _fits(rule.match, text)), None)


@lru_cache(maxsize=4096)
def _fits(pattern: str, text: str) -> bool:
    return all(p in ("X", t) for p, t in zip(pattern, text, strict=True))


def flatten(name: str, title: str, sets: Iterable[RuleSet], codes: tuple[tuple[str, str], ...]) -> Profile:
    """One profile of ordered rule sets. Raises `ProfileError` when none says what becomes of private elements."""
    by_match = {rule.match: rule for rule_set in sets for rule in rule_set.rules}
    exact = {int(match, 16): rule for match, rule in by_match.items() if _is_pattern(match) and "X" not in match}
    loose = [rule for match, rule in by_match.items() if _is_pattern(match) and "X" in match]
    private = by_match.get("private")
    if private is None:
        raise ProfileError(f"profile {name} has no rule for private elements")
    decisive = json.dumps([ENGINE, codes, sorted((rule.match, rule.code) for rule in by_match.values())])
    return Profile(
        name,
        hashlib.sha256(decisive.encode()).hexdigest()[:12],
        title,
        (),
        codes,
        exact,
        tuple(sorted(loose, key=lambda rule: rule.match.count("X"))),
        {match[3:]: rule for match, rule in by_match.items() if match.startswith("vr:")},
        private,
        by_match.get("unknown"),
    )


def data_file(name: str) -> str:
    """The text of one of the package's data files."""
    return (files("pacs.deid") / "data" / name).read_text(encoding="utf-8")


@cache
def table_e1() -> dict[str, Any]:
    """Table E.1-1 as `scripts/make-profiles` wrote it; rows are lists in the order of its `columns`."""
    content: dict[str, Any] = json.loads(data_file("ps315_e1.json"))
    return content


@cache
def load_profile(name: str) -> Profile:
    """A profile by name. Raises `ProfileError` for one that there is not."""
    if name not in PROFILES:
        raise ProfileError(f"there is no profile {name!r}; known: {', '.join(PROFILES)}")
    sets = (RuleSet.from_table(table_e1()), RuleSet.from_toml(data_file("beyond_e1.toml")))
    return flatten("basic", "PS3.15 Basic Application Level Confidentiality Profile", sets, (BASIC_CODE,))
