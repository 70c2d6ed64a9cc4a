"""Filters read as RSNA CTP reads them, oddities and all, for collections whose profile is a script in mode strict.

CTP takes a script that it cannot read for false, and so a term that is malformed or asks an unknown method; an unknown
element is empty. Of several ``!`` in a row the last one counts, the others turn what was said before: ``!!A`` is false
for a true A. Whoever takes such a filter should warn: `Filter.fault` says what `pacs.deid.filters` finds wrong.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache

from pacs.deid.filters import (
    LITTLE_ENDIAN,
    MAX_CHARACTERS,
    METHODS,
    NO_META,
    Filter,
    Seen,
    element_value,
    judged,
    read_filter,
)
from pacs.dicom.elements import DataSet
from pacs.dicom.syntaxes import Encoding
from pacs.errors import ProfileError

Term = Callable[[Seen], bool]
Token = str | Term
_MOST_DEEP = 100
_BLANK = re.compile(r"(?:\s|//[^\n]*(?:\n|\Z))*+")
_STRENGTH = {"(": 0, "+": 1, "*": 2, "!": 3}


class FilterAsCtp(Filter):
    """A filter as CTP evaluates it. `fault` is "" for one that is well formed."""

    def __init__(self, text: str, name: str, line: int) -> None:
        self.text = text
        self.name = name
        self.line = line
        self.fault = ""
        self.well_formed: Filter | None = None
        try:
            self.well_formed = read_filter(text, name, line)
        except ProfileError as error:
            self.fault = str(error)
        self.tokens: list[Token] = []
        try:
            self.tokens = _Reading(text, name).whole()
        except _MalformedError:
            self.fault = self.fault or f"{name}, line {line}: CTP does not read it so"

    def passes(self, data_set: DataSet, encoding: Encoding = LITTLE_ENDIAN, meta: DataSet = NO_META) -> bool:
        """Whether CTP lets an object pass; see `Filter`."""
        return _answer(self.tokens, Seen(data_set, meta, encoding))

    def failing(self, data_set: DataSet, encoding: Encoding = LITTLE_ENDIAN, meta: DataSet = NO_META) -> str:
        """The first condition that an object does not meet; "" when it passes."""
        if self.passes(data_set, encoding, meta):
            return ""
        if self.fault:
            return "it is malformed, which CTP takes for false"
        found = self.well_formed.failing(data_set, encoding, meta) if self.well_formed is not None else ""
        return found or "as CTP reads several ! in a row"

    def refuses_plainly(self, data_set: DataSet, encoding: Encoding = LITTLE_ENDIAN, meta: DataSet = NO_META) -> bool:
        """Whether an object does not pass, and would not if the filter were read as it stands either."""
        if self.fault or self.passes(data_set, encoding, meta):
            return False
        return self.well_formed is not None and not self.well_formed.passes(data_set, encoding, meta)


@lru_cache(maxsize=64)
def filter_as_ctp(text: str, name: str = "filter", line: int = 1) -> FilterAsCtp:
    """A filter as CTP reads it; its `fault` says what is malformed. Raises `ProfileError` for one that is too long."""
    if len(text) > MAX_CHARACTERS:
        raise ProfileError(f"{name}: a filter has at most {MAX_CHARACTERS} characters")
    return FilterAsCtp(text, name, line)


def filter_of(text: str, name: str = "filter", line: int = 1, *, as_ctp: bool = False) -> Filter:
    """A filter, as CTP reads it where that is wanted. Raises `ProfileError`; see `read_filter`."""
    return filter_as_ctp(text, name, line) if as_ctp else read_filter(text, name, line)


class _MalformedError(Exception):
    """CTP cannot read it."""


class _Reading:
    """The operands and operators of one filter, operators behind what they stand for."""

    def __init__(self, text: str, name: str) -> None:
        self.text = text
        self.name = name
        self.at = 0
        self.terms = 0
        self.found: list[Token] = []
        self.operators = ["("]
        self.next: Token | None = self.token()

    def whole(self) -> list[Token]:
        self.expression()
        if self.next is not None:
            raise _MalformedError
        return self.found

    def take(self) -> Token | None:
        taken, self.next = self.next, self.token()
        return taken

    def expression(self) -> None:
        self.operand()
        while self.next in ("+", "*"):
            self.push()
            self.operand()
        while self.operators[-1] != "(":
            self.found.append(self.operators.pop())

    def operand(self) -> None:
        while self.next == "!":
            self.push()
        if self.next == "(" and len(self.operators) <= _MOST_DEEP:
            self.take()
            self.operators.append("(")
            self.expression()
            if self.next != ")":
                raise _MalformedError
            self.take()
            self.operators.pop()
        elif callable(self.next):
            self.found.append(self.next)
            self.take()
        else:
            raise _MalformedError

    def push(self) -> None:
        """An operator waits for its operand; those before it that are as strong are said first."""
        operator = str(self.take())
        while _STRENGTH[self.operators[-1]] >= _STRENGTH[operator]:
            self.found.append(self.operators.pop())
        self.operators.append(operator)

    # -- from characters -----------------------------------------------------------------------------------------------

    def token(self) -> Token | None:
        """The next operator, parenthesis or term; None at the end. What is none of these cannot be read."""
        blank = _BLANK.match(self.text, self.at)
        self.at = blank.end() if blank is not None else self.at
        if self.at >= len(self.text):
            return None
        first = self.text[self.at]
        if first == "[" or first.isalpha():
            return self.term()
        self.at += 1
        return first

    def field(self, end: str) -> str:
        """The text up to a character outside quotes, or to the end."""
        start, is_quoted = self.at, False
        while self.at < len(self.text):
            letter = self.text[self.at]
            self.at += 1
            is_quoted ^= letter == '"'
            if letter == end and not is_quoted:
                return self.text[start : self.at - 1].strip()
        return self.text[start:].strip()

    def term(self) -> Term:
        element = self.field(".")
        if element in ("true", "false"):
            return lambda _seen: element == "true"
        method, text = self.field("("), self.field(")")
        self.terms += 1
        if method not in METHODS or len(text) < 2 or not (text[0] == text[-1] == '"'):
            return lambda _seen: False
        judge = judged(METHODS[method], f"{self.name}: condition {self.terms}, {element}.{method},")
        value: Callable[[Seen], str] = lambda _seen: ""  # noqa: E731 - of an element that nobody knows
        with suppress(ProfileError):
            value = element_value(element)

        def holds(seen: Seen) -> bool:
            try:
                return judge(value(seen), text[1:-1])
            except re.error:
                return False

        return holds


def _answer(tokens: list[Token], seen: Seen) -> bool:
    """What the operands and operators come to, from the last one backwards; an operand that is missing is false."""
    waiting: list[tuple[str, bool | None]] = []  # operators, and what the first operand of two came to
    for token in reversed(tokens):
        if isinstance(token, str):
            waiting.append((token, None))
            continue
        answer = _settled(waiting, token(seen))
        if answer is not None:
            return answer
    while waiting:
        answer = _settled(waiting, False)
        if answer is not None:
            return answer
    return False


def _settled(waiting: list[tuple[str, bool | None]], value: bool) -> bool | None:
    """The answer, when no operator waits for more; else None."""
    while waiting:
        operator, first = waiting.pop()
        if operator == "!":
            value = not value
        elif first is None:
            waiting.append((operator, value))
            return None
        else:
            value = (first or value) if operator == "+" else (first and value)
    return value
