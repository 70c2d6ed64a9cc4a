"""A rule, and the grammar of what it matches and does. PS3.15 E.1 and Table E.1-1a."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from pydicom.datadict import tag_for_keyword

from pacs.dicom.dictionary import KNOWN_VRS
from pacs.errors import ProfileError

# What a rule may do, as profiles write it. Letters and compounds are those of Table E.1-1a.
ACTION_WORDS = {
    "X": "remove",
    "Z": "empty",
    "D": "dummy",
    "K": "keep",
    "U": "map_uid",
    "X/Z": "remove or empty, by type",
    "X/D": "remove or dummy, by type",
    "Z/D": "empty or dummy, by type",
    "X/Z/D": "remove, empty or dummy, by type",
    "X/Z/U*": "keep the references, UIDs mapped",
    "shift": "shift the date",
    "epoch": "shift the date (seconds since 1970)",
    "text": "clean the text (full)",
    "known": "clean the text (known values)",
    "content": "clean the content tree",
    "age": "cut ages over 89 to 090Y",
    "set": "set to a value",
    "safe": "keep what is known to be safe",
    "P": "pseudonym",
    "alias": "replace by a keyed name",
    "ctp": "evaluate an expression of RSNA CTP",
}
CODES = frozenset(ACTION_WORDS)
_CODE_OF = {word: code for code, word in ACTION_WORDS.items() if " " not in word} | {code: code for code in CODES}
_CODE_OF["enter"] = "K"  # a sequence that is kept is entered
ACTIONS = tuple(sorted(_CODE_OF))
# Keys of a rule that hold for some actions only.
PRIVATE, UNKNOWN = "private", "unknown"
_TAG = re.compile(r"\(?([0-9A-Fa-fXx]{4}),?([0-9A-Fa-fXx]{4})\)?")
_PRIVATE_TAG = re.compile(r'\(?([0-9A-Fa-f]{4}),"([^"]+)",(?:xx)?([0-9A-Fa-f]{2})\)?')
_STEP = re.compile(r'\(?[0-9A-Fa-f]{4},"[^"]+",(?:xx)?[0-9A-Fa-f]{2}\)?|[^.]+')


@dataclass(frozen=True, slots=True)
class Rule:
    """What happens to one attribute, why, and who says so.

    `match` is canonical (see `canonical_match`); `code` one of `ACTION_WORDS`. `option` is the option of PS3.15 E.3
    that brought the rule; `value` is what the action `set` sets.
    """

    match: str
    code: str
    reason: str
    source: str
    option: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Rules of one source, in any order."""

    title: str
    rules: tuple[Rule, ...]


def code_of(action: str) -> str:
    """The code of an action as profiles write it. Raises KeyError for an unknown one."""
    return _CODE_OF[action]


@lru_cache(maxsize=8192)
def canonical_match(match: str) -> str:
    """The one spelling of what a rule matches. Raises `ProfileError` when it is nothing that can be matched.

    - ``00100010``, ``(0010,0010)`` or ``PatientName``: a tag; X stands for any digit: ``60XX3000``
    - ``vr:PN``: public elements that no tag rule names, by VR; ``unknown``: public tags that PS3.6 does not have
    - ``private``: all private elements; ``private:CREATOR``: those of a creator;
      ``0019,"CREATOR",24``: one, by group, creator and low byte wherever its block sits
    - ``RequestAttributesSequence.*``: all within a sequence, at any depth; ``Sequence.Element``: one in its items
    """
    text = match.strip()
    if text in (PRIVATE, UNKNOWN):
        return text
    if text.startswith("vr:"):
        if text[3:] not in KNOWN_VRS:
            raise ProfileError(f"{text[3:]!r} is no VR")
        return text
    if text.startswith("private:"):
        return f"private:{creator_key(text[8:])}"
    steps = _STEP.findall(text)
    if len(steps) > 1:
        last = "*" if steps[-1] == "*" else _one(steps[-1])
        return ".".join([*(_one(step) for step in steps[:-1]), last])
    return _one(text)


def _one(text: str) -> str:
    found = _PRIVATE_TAG.fullmatch(text)
    if found is not None:
        if not int(found[1], 16) & 1:
            raise ProfileError(f"{text!r} has a private creator, but its group is even")
        return private_key(int(found[1], 16), found[2], int(found[3], 16))
    found = _TAG.fullmatch(text)
    if found is not None:
        return (found[1] + found[2]).upper()
    tag = tag_for_keyword(text) if text else None
    if tag is None:
        raise ProfileError(f"{text!r} is no tag, keyword, pattern, vr:XX, private or unknown")
    return f"{tag:08X}"


def creator_key(creator: str) -> str:
    """A private creator as it is compared: blanks at the ends and letter case do not count."""
    return " ".join(creator.split()).upper()


def private_key(group: int, creator: str, low: int) -> str:
    """How a private element is named whatever block its creator reserved. PS3.5 7.8.1."""
    return f'{group:04X},"{creator_key(creator)}",{low:02X}'


def is_private_key(match: str) -> bool:
    """Whether a canonical match names one private element, outside a path."""
    return '"' in match and not match.endswith(".*") and _PRIVATE_TAG.fullmatch(match) is not None


def is_path(match: str) -> bool:
    """Whether a canonical match is a path within sequences."""
    return not match.startswith("private:") and len(_STEP.findall(match)) > 1


def steps_of(match: str) -> tuple[str, ...]:
    """The steps of a canonical path."""
    return tuple(_STEP.findall(match))


def is_pattern(match: str) -> bool:
    """Whether a canonical match is a tag or a tag with X for any digit."""
    return len(match) == 8 and set(match) <= set("0123456789ABCDEFX")


def rule_set(title: str, source: str, rows: Iterable[tuple[str, str, str]], option: str = "") -> RuleSet:
    """A rule set of (match, code, reason) rows."""
    return RuleSet(title, tuple(Rule(canonical_match(m), code, reason, source, option) for m, code, reason in rows))
