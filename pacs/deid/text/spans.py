"""What was found in a text: spans, what becomes of them, and why."""

from enum import Enum
from typing import NamedTuple


class Strength(Enum):
    """How much goes. PS3.15 E.3.5: FULL removes what is in doubt, KNOWN only own values and patterns."""

    FULL = "full"
    KNOWN = "known"


class Fate(Enum):
    """What becomes of a span."""

    CUT = "cut"
    SWAP = "swap"  # for `extra`
    DATE = "date"  # shifted; `extra` is a days.Day
    UID = "uid"  # mapped


class Span(NamedTuple):
    """A part of a text, with what becomes of it."""

    start: int
    end: int
    reason: str
    fate: Fate = Fate.CUT
    in_doubt: bool = False
    extra: object = None


class Decision(NamedTuple):
    """What was decided for one token. `token` is identified data: it stays inside the wall."""

    token: str
    kept: bool
    reason: str
    in_doubt: bool = False


class Cleaned(NamedTuple):
    """A cleaned text; empty when nothing may stay. `decisions` in the order of the text."""

    text: str
    decisions: tuple[Decision, ...]
