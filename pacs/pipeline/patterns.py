"""Values as patterns that identify nobody: ``MRN-0042 Ö`` is ``AAA-9999 A``."""

import re
from collections import Counter

MOST_KINDS = 40
_KEPT = frozenset("-_/.^=#: ")
_LONG_RUN = re.compile(r"(A|a|9)\1{11,}")


def pattern_of(value: str) -> str:
    """Letters become A or a, digits 9, signs that part them stay, all else is ``?``; long runs are cut."""
    text = "".join(map(_shape, value[:200]))
    return _LONG_RUN.sub(lambda run: f"{run[1]}…", text)


def _shape(character: str) -> str:
    if character.isdigit():
        return "9"
    if character.isalpha():
        return "a" if character.islower() else "A"
    return character if character in _KEPT else "?"


class Kinds:
    """How often each of a few kinds was seen; beyond `MOST_KINDS` of them they are counted together."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def add(self, kind: str) -> None:
        """Count one."""
        self.counts[kind if kind in self.counts or len(self.counts) < MOST_KINDS else "others"] += 1

    def as_json(self) -> dict[str, int]:
        """By how often."""
        return dict(self.counts.most_common())
