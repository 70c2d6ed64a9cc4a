"""Regular expressions of CTP's scripts and filters, which are Java's, as Python reads them."""

import re
from functools import lru_cache

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
    r"|\(\?<(?P<group>[A-Za-z]\w*)>|(?P<bracket>[\[\]])",
    re.DOTALL,
)
_TOO_LONG = 10_000


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
        if found["bracket"]:
            self.depth = 1 if found["bracket"] == "[" else 0
        return found[0]

    def named(self, name: str, *, is_not: bool) -> str:
        if name in _LETTERS and not (self.depth or is_not):
            return _ANY_LETTER
        if name not in _CLASSES or (self.depth and is_not):
            raise re.error(f"the class {name} is not known here")
        return _CLASSES[name] if self.depth else f"[{'^' if is_not else ''}{_CLASSES[name]}]"


@lru_cache(maxsize=512)
def java_pattern(text: str) -> re.Pattern[str]:
    """A regular expression of Java's; its classes such as ``\\d`` mean US-ASCII. Raises `re.error`."""
    if len(text) > _TOO_LONG:
        raise re.error("the expression is too long")
    try:
        return re.compile(_PIECE.sub(_Translation().piece, text), re.ASCII)
    except (OverflowError, RecursionError):
        raise re.error("the expression is too large") from None


def fits_whole(text: str, value: str) -> bool:
    """Whether a whole value fits the expression, as Java's `matches` asks. Raises `re.error`."""
    return java_pattern(text).fullmatch(value) is not None
