"""Regular expressions of CTP's scripts and filters, which are Java's, as Python reads them, within a time limit.

Their authors are operators, their values come from anywhere: an expression that backtracks without end must not stop
the line. `regex` gives up after a time, which `re` cannot.
"""

import re
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache

import regex

from pacs.errors import RuleError

LONGEST_S = 3.0  # that an expression may take for one value
LONGEST_IN_ALL_S = 30.0  # that all of them may take for one object: a sequence may have ten thousand items
_left_s: ContextVar[float] = ContextVar("left_s")
# Java's classes of US-ASCII, as they stand within brackets. `L` and the like mean letters of any script.
_CLASSES = {
    "Lower": "a-z",
    "Upper": "A-Z",
    "ASCII": "\\x00-\\x7f",
    "Alpha": "a-zA-Z",
    "Digit": "0-9",
    "Alnum": "a-zA-Z0-9",
    "Punct": "!-/:-@\\[-`{-~",
    "Graph": "!-~",
    "Print": " -~",
    "Blank": " \\t",
    "Cntrl": "\\x00-\\x1f\\x7f",
    "XDigit": "0-9a-fA-F",
    "Space": "\\s",
}
_LETTERS = frozenset(("L", "IsL", "IsAlphabetic"))
_ANY_LETTER = "(?u:[^\\W\\d_])"
_PIECE = re.compile(
    r"\\Q(?P<quoted>.*?)(?:\\E|\Z)|\\(?P<not>[pP])\{(?P<named>\w+)\}|\\k<(?P<back>\w+)>|\\(?P<end>[zZ])|\\."
    r"|\(\?<(?P<group>[A-Za-z]\w*)>|(?P<bracket>[\[\]])|(?P<brace>\{)(?!\d*,?\d*\})",
    re.DOTALL,
)
_TOO_LONG = 10_000
_MOST_STEPS = 100_000  # `regex` writes repeats out: a thousand of a thousand of a thousand take all memory there is
_STEP = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{(?P<least>\d+)(?:,\d*)?\}|.", re.DOTALL)


class TookTooLong(RuleError):
    """An expression did not come to an end in time; the message names no value."""

    def __init__(self, where: str = "a regular expression", seconds: float = LONGEST_S) -> None:
        super().__init__(f"{where} took longer than {seconds:g} s")


@contextmanager
def one_object() -> Iterator[None]:
    """Within this, expressions take `LONGEST_IN_ALL_S` at most, all together; then `TookTooLong`."""
    token = _left_s.set(LONGEST_IN_ALL_S)
    try:
        yield
    finally:
        _left_s.reset(token)


@contextmanager
def _in_time() -> Iterator[float]:
    """How long the next expression may take."""
    left_s = _left_s.get(None)
    if left_s is not None and left_s <= 0:
        raise TookTooLong("the regular expressions for one object, all together,", LONGEST_IN_ALL_S)
    started = time.perf_counter()
    try:
        yield LONGEST_S
    except TimeoutError:
        raise TookTooLong from None
    finally:
        if left_s is not None:
            _left_s.set(left_s - (time.perf_counter() - started))


class _Translation:
    def __init__(self) -> None:
        self.depth = 0  # within brackets

    def piece(self, found: re.Match[str]) -> str:
        if found["quoted"] is not None:
            return re.escape(found["quoted"])
        if found["named"]:
            return self.named(found["named"], is_not=found["not"] == "P")
        if found["back"]:
            return f"(?P={found['back']})"
        if found["end"]:
            return "\\Z" if found["end"] == "z" else "(?=\\n?\\Z)"
        if found["group"] and not self.depth:
            return f"(?P<{found['group']}>"
        return self.letter(found)

    def letter(self, found: re.Match[str]) -> str:
        """Letters that `re` takes as they stand, and `regex` for fuzziness or a class within a class."""
        if found["brace"] or (found[0] == "[" and self.depth):
            return f"\\{found[0]}"
        if found["bracket"]:
            self.depth = 1 if found[0] == "[" else 0
        return found[0]

    def named(self, name: str, *, is_not: bool) -> str:
        if name in _LETTERS and not (self.depth or is_not):
            return _ANY_LETTER
        if name not in _CLASSES or (self.depth and is_not):
            raise re.error(f"the class {name} is not known here")
        return _CLASSES[name] if self.depth else f"[{'^' if is_not else ''}{_CLASSES[name]}]"


def _steps(translated: str) -> int:
    """How many steps an expression has, its repeats written out as often as they must be there."""
    counts, last = [0], 0
    for found in _STEP.finditer(translated):
        if found[0] == "(":
            counts.append(0)
        elif found[0] == ")" and len(counts) > 1:
            last = counts.pop() + 1
            counts[-1] += last
        elif found["least"]:
            more = max(int(found["least"]), 1)
            counts[-1] += last * (more - 1)
            last *= more
        else:
            last = 1
            counts[-1] += 1
    return sum(counts)


@lru_cache(maxsize=512)
def java_pattern(text: str) -> regex.Pattern[str]:
    """A regular expression of Java's; its classes such as ``\\d`` mean US-ASCII. Raises `re.error`.

    Use it by `fits_whole` and `replaced`, which end in time.
    """
    if len(text) > _TOO_LONG:
        raise re.error("the expression is too long")
    translated = _PIECE.sub(_Translation().piece, text)
    try:
        with warnings.catch_warnings():  # of what sets may mean one day
            warnings.simplefilter("ignore")
            re.compile(translated, re.ASCII)  # `regex` takes more, with other meanings
            if _steps(translated) > _MOST_STEPS:
                raise re.error("the expression is too large")
            return regex.compile(translated, regex.ASCII | regex.VERSION0)
    except regex.error as error:
        raise re.error(str(error)) from None
    except (OverflowError, RecursionError):
        raise re.error("the expression is too large") from None


def fits_whole(text: str, value: str) -> bool:
    """Whether a whole value fits the expression, as Java's `matches` asks. Raises `re.error` and `TookTooLong`."""
    with _in_time() as longest_s:
        return java_pattern(text).fullmatch(value, timeout=longest_s) is not None


def replaced(text: str, template: str, value: str) -> str:
    """A value in which all that fits the expression is replaced, as Java's `replaceAll` does: ``$2`` is a group.

    Raises `re.error` and `TookTooLong`.
    """
    try:
        with _in_time() as longest_s:
            return java_pattern(text).sub(_python_template(template), value, timeout=longest_s)
    except regex.error as error:
        raise re.error(str(error)) from None


def _python_template(java: str) -> str:
    r"""A replacement of Java's `replaceAll` as Python reads it: ``$2`` is ``\g<2>``."""
    return re.sub(r"\$(\d)|\$\{(\w+)\}|\\(.)|(\\)", _template_part, java)


def _template_part(found: re.Match[str]) -> str:
    if found[1] or found[2]:
        return rf"\g<{found[1] or found[2]}>"
    return "\\\\" if (found[3] or "\\") == "\\" else found[3]
