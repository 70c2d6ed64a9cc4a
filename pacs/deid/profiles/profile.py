"""A profile: rule sets flattened to one rule per tag."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from pacs.deid.ctp import Script
from pacs.deid.ctp.rules import Expressions, expressions_of, strict_rules
from pacs.deid.profiles.private_tags import PrivateTags
from pacs.deid.profiles.rules import (
    ACTION_WORDS,
    PRIVATE,
    UNKNOWN,
    Rule,
    RuleSet,
    is_path,
    is_pattern,
    is_private_key,
    steps_of,
)
from pacs.deid.profiles.settings import ProfileSettings
from pacs.deid.profiles.table import BASIC_CODE, OPTION_CODES
from pacs.dicom.dictionary import VR_OF, vr_of
from pacs.errors import ProfileError

# Raised when the engine treats the same rules otherwise, so that a version names rules and treatment.
ENGINE = "2"


@dataclass(frozen=True)
class Profile:
    """Flattened rules. `version` is the digest of all that decides; two profiles with one version act alike."""

    name: str
    version: str
    title: str
    prose: str
    options: tuple[str, ...]
    settings: ProfileSettings
    exact: Mapping[int, Rule] = field(repr=False)
    patterns: tuple[Rule, ...] = field(repr=False)
    by_vr: Mapping[str, Rule] = field(repr=False)
    private: Rule = field(repr=False)
    unknown: Rule | None = field(repr=False)
    private_rules: Mapping[str, Rule] = field(repr=False)  # by canonical private match
    paths: tuple[tuple[tuple[str, ...], Rule], ...] = field(repr=False)  # the most exact first
    safe_private: PrivateTags = field(repr=False)
    pixel_scripts: tuple[tuple[str, str], ...] = field(repr=False)  # name and text of each, in CTP's format
    expressions: Expressions = field(default_factory=Expressions, repr=False)  # of rules with the action ctp
    strict: Script | None = field(
        default=None, repr=False
    )  # a CTP script that is applied as CTP does, and nothing else

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
        """Every rule that decides, in the order of what it matches."""
        if self.strict is not None:
            return sorted(strict_rules(self.strict), key=lambda rule: rule.match)
        every = [*self.exact.values(), *self.patterns, *self.by_vr.values(), self.private, *self.private_rules.values()]
        every += [rule for _steps, rule in self.paths]
        every += [] if self.unknown is None else [self.unknown]
        return sorted(every, key=lambda rule: rule.match)

    def pattern_of(self, tag: int) -> Rule | None:
        """The most exact pattern that fits."""
        text = f"{tag:08X}"
        return next((rule for rule in self.patterns if _fits(rule.match, text)), None)

    def codes(self, applied: Iterable[str]) -> tuple[tuple[str, str], ...]:
        """Codes of CID 7050 for the Basic Profile and those of its options that were applied."""
        found = {*applied} & {*self.options}
        return (BASIC_CODE, *(OPTION_CODES[option] for option in OPTION_CODES if option in found))


@lru_cache(maxsize=4096)
def _fits(pattern: str, text: str) -> bool:
    return all(p in ("X", t) for p, t in zip(pattern, text, strict=True))


@dataclass(frozen=True, slots=True)
class Heading:
    """What a profile says of itself, besides its rules."""

    name: str
    title: str
    prose: str = ""
    options: tuple[str, ...] = ()


def flatten(
    heading: Heading,
    sets: Iterable[RuleSet],
    settings: ProfileSettings | None = None,
    safe_private: PrivateTags | None = None,
    pixel_scripts: tuple[tuple[str, str], ...] = (),
    expressions: Expressions | None = None,
) -> Profile:
    """One profile of ordered rule sets: of two rules for the same match the later set's stays.

    Which of different matches decides is settled by exactness: a path before a tag, a tag before a pattern (the fewer
    X the better), a pattern before a VR. `expressions` has what rules with the action `ctp` use.
    Raises `ProfileError` when nothing says what becomes of private elements.
    """
    settings = settings or ProfileSettings()
    safe_private = safe_private or PrivateTags()
    expressions = Expressions() if expressions is None else expressions
    by_match = {rule.match: rule for each in sets for rule in each.rules}
    private = by_match.get(PRIVATE)
    if private is None:
        raise ProfileError(f"profile {heading.name} has no rule for private elements")
    tags = {match: rule for match, rule in by_match.items() if is_pattern(match)}
    paths = [(steps_of(match), rule) for match, rule in by_match.items() if is_path(match)]
    paths.sort(key=lambda each: (-len(each[0]), each[0][-1] == "*"))
    return Profile(
        name=heading.name,
        version=_version(
            heading,
            by_match,
            settings,
            safe_private.digest if private.code == "safe" else "",
            pixel_scripts,
            expressions.params,
        ),
        title=heading.title,
        prose=heading.prose,
        options=heading.options,
        settings=settings,
        exact={int(match, 16): rule for match, rule in tags.items() if "X" not in match},
        patterns=tuple(sorted((r for m, r in tags.items() if "X" in m), key=lambda rule: rule.match.count("X"))),
        by_vr={match[3:]: rule for match, rule in by_match.items() if match.startswith("vr:")},
        private=private,
        unknown=by_match.get(UNKNOWN),
        private_rules={m: r for m, r in by_match.items() if m.startswith("private:") or is_private_key(m)},
        paths=tuple(paths),
        safe_private=safe_private,
        pixel_scripts=pixel_scripts,
        expressions=expressions_of(by_match.values(), expressions.params, expressions.names),
    )


def _version(
    heading: Heading,
    by_match: Mapping[str, Rule],
    settings: ProfileSettings,
    private_tags: str,
    pixel_scripts: tuple[tuple[str, str], ...],
    params: Mapping[str, str],
) -> str:
    rules = sorted((rule.match, rule.code, rule.value) for rule in by_match.values())
    chosen = {name: value for name, value in settings.as_dict().items() if name != "ctp"}  # which `_strict` adds
    decisive = [ENGINE, heading.options, rules, chosen, private_tags, pixel_scripts]
    decisive += [dict(params)] if params else []
    return hashlib.sha256(json.dumps(decisive).encode()).hexdigest()[:12]


def rules_json(profile: Profile) -> str:
    """All that a version of a profile says, as JSON, for the record of versions."""
    rules = [
        {"match": r.match, "action": ACTION_WORDS[r.code], "reason": r.reason, "source": r.source, "option": r.option}
        for r in profile.rules()
    ]
    content = {"options": profile.options, "settings": profile.settings.as_dict(), "rules": rules}
    return json.dumps(content | {"private_tags": profile.safe_private.digest})
