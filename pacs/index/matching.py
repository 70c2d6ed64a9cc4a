"""How text is made comparable before it reaches SQL. PS3.4 C.2.2.2, PS3.5 6.2.

Nothing here or in SQL depends on a locale: case is folded and accents are stripped here, SQL compares code points.
"""

import re
import unicodedata
from functools import lru_cache

MATCH_LENGTH = 400  # characters kept of a match key: above any conformant LO or PN, below what a B-tree key may hold
_WORDS = re.compile(r"[\s^=,\-]+")


@lru_cache(maxsize=4096)
def folded(text: str) -> str:
    """Case-folded, without accents and other marks, runs of spaces as one, ends trimmed."""
    if text.isascii():
        plain = text.lower()
    else:
        split = unicodedata.normalize("NFKD", text)
        kept = "".join(c for c in split if not unicodedata.combining(c))
        plain = unicodedata.normalize("NFC", kept).casefold()
    return " ".join(plain.replace("\0", " ").split())[:MATCH_LENGTH]


def name_groups(text: str) -> list[str]:
    """The component groups of a PN, folded, without trailing ``^`` and spaces; empty groups stay. PS3.5 6.2.1.2."""
    groups = [_components(group) for group in text.split("=")]
    while len(groups) > 1 and not groups[-1]:
        groups.pop()
    return groups


def _components(group: str) -> str:
    return "^".join(part.strip() for part in folded(group).split("^")).rstrip("^ ")


def name_keys(text: str) -> tuple[str, str | None]:
    """What a name is stored as: its first group, and ``=a=b=`` of all groups when there is more than one."""
    groups = name_groups(text)
    if len(groups) == 1:
        return groups[0], None
    return groups[0], "=" + "=".join(groups)[: MATCH_LENGTH * 2] + "="


def folded_pattern(pattern: str) -> str:
    """A wildcard pattern folded as the text it is held against; ``*`` and ``?`` stay, ``**`` is ``*``."""
    return re.sub(r"\*+", "*", folded(pattern))


def pattern_groups(pattern: str) -> list[str]:
    """The patterns of a name's component groups; one that is empty lets its group be anything. PS3.5 6.2.1.2."""
    groups = pattern.rstrip("= ").split("=")
    return [each or "*" for each in groups] if len(groups) > 1 else groups


def words_of(text: str) -> list[str]:
    """The words of a folded name."""
    return [word for word in _WORDS.split(folded(text)) if word]


def literal_prefix(pattern: str) -> str:
    """What stands before the first wildcard."""
    return re.split(r"[*?]", pattern, maxsplit=1)[0]


def longest_literal(pattern: str) -> int:
    """Length of the longest run without a wildcard; trigrams help from 3 on."""
    return max(len(run) for run in re.split(r"[*?]", pattern))


def after_prefix(prefix: str) -> str:
    """An upper bound, exclusive, of all strings that start with `prefix`, in code point order."""
    return prefix + "\U0010ffff"
