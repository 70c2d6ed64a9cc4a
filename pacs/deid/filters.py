"""Filters as RSNA CTP writes them: conditions on elements, combined; is an object one that passes?

Terms are ``Element.method("text")`` and the constants ``true.`` and ``false.``; ``!`` goes before ``*`` (and), that
before ``+`` (or); there are parentheses, and ``//`` begins a comment. An element is a keyword (of today or of CTP's
older dictionary), ``[gggg,eeee]``, ``[gggg[OWNER]ee]``, or a path ``Sequence::Element`` through first items. One that
is missing reads as "", several values are joined by backslashes. What CTP would take for false because it is malformed
is a fault.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from pacs.deid.ctp.names import nearest, tag_named
from pacs.deid.ctp.patterns import TookTooLong, fits_whole, java_pattern
from pacs.deid.ctp.scope import private_tag, text_of_element
from pacs.dicom.elements import DataSet
from pacs.dicom.syntaxes import EXPLICIT_LE, Encoding, encoding_of
from pacs.dicom.values import charset_of
from pacs.errors import ProfileError

MAX_CHARACTERS = 1 << 16
_MOST_DEEP = 100
_META_GROUP = 0x0007
LITTLE_ENDIAN = encoding_of(EXPLICIT_LE)
NO_META = DataSet()
# Names of older dictionaries that such files use.
_OLDER_NAMES = {"SoftwareVersion": "SoftwareVersions", "ManufacturersModelName": "ManufacturerModelName"}
_BRACKETS = r'\[[^\[\]"\n]*(?:\[[^\]"\n]*\][^\]"\n]*)?\]'
_TOKEN = re.compile(rf'\s*(?:(//[^\n]*)|("[^"\n]*")|([!*+()])|(true\.|false\.)|((?:{_BRACKETS}|[^\s"!*+()])+)|("))')
_PLAIN_TAG = re.compile(r"\[?([0-9A-Fa-f]{4}),?([0-9A-Fa-f]{4})\]?")
_PRIVATE_TAG = re.compile(r"\[([0-9A-Fa-f]{4})\[([^\]]+)\]([0-9A-Fa-f]{2})\]")
_NOT_OF_NUMBERS = re.compile(r"[^0-9.]")


class Seen(NamedTuple):
    """What a filter looks at."""

    data_set: DataSet
    meta: DataSet
    encoding: Encoding


class _Condition(NamedTuple):
    """A question about an object, how to name it (without its text), and the parts that must all hold."""

    holds: Callable[[Seen], bool]
    name: str
    parts: tuple["_Condition", ...] = ()


class Filter:
    """A filter that was read. `name` and `line` say where it stands, `text` is as it was written.

    `fault` says what is malformed in one that is taken nevertheless, which `pacs.deid.filters_as_ctp` does.
    Its questions raise `TookTooLong` when a regular expression comes to no end, naming element and condition.
    """

    fault = ""

    def __init__(self, text: str, name: str, line: int, condition: _Condition) -> None:
        self.text = text
        self.name = name
        self.line = line
        self._condition = condition

    def passes(self, data_set: DataSet, encoding: Encoding = LITTLE_ENDIAN, meta: DataSet = NO_META) -> bool:
        """Whether an object passes. `encoding` is how it was read, `meta` its file meta information."""
        return self._condition.holds(Seen(data_set, meta, encoding))

    def failing(self, data_set: DataSet, encoding: Encoding = LITTLE_ENDIAN, meta: DataSet = NO_META) -> str:
        """The first condition that an object does not meet, by element and method; "" when it passes."""
        seen = Seen(data_set, meta, encoding)
        if self._condition.holds(seen):
            return ""
        parts = self._condition.parts or (self._condition,)
        return next((each.name for each in parts if not each.holds(seen)), "")

    def refuses_plainly(self, data_set: DataSet, encoding: Encoding = LITTLE_ENDIAN, meta: DataSet = NO_META) -> bool:
        """Whether an object does not pass, beyond doubt of how the filter is meant: so it may be dropped."""
        return not self.passes(data_set, encoding, meta)


@lru_cache(maxsize=64)
def read_filter(text: str, name: str = "filter", line: int = 1) -> Filter:
    """A filter; `line` is where its text begins in the file `name`.

    Raises `ProfileError` with line and fault: nothing but comments, an unknown element or method, a missing operator,
    quote or parenthesis.
    """
    if len(text) > MAX_CHARACTERS:
        raise ProfileError(f"{name}: a filter has at most {MAX_CHARACTERS} characters")
    return Filter(text, name, line, _Reading(text, name, line).whole())


def _number(text: str) -> float:
    """Digits and dots as a number. Raises ValueError."""
    return float(_NOT_OF_NUMBERS.sub("", text))


def _is_less(value: str, text: str) -> bool:
    try:
        return _number(value) < _number(text)
    except ValueError:
        return False


def _is_greater(value: str, text: str) -> bool:
    return _is_less(text, value)


METHODS: dict[str, Callable[[str, str], bool]] = {
    "equals": lambda value, text: value == text,
    "equalsIgnoreCase": lambda value, text: value.lower() == text.lower(),
    "matches": lambda value, text: fits_whole(text, value),
    "contains": lambda value, text: text in value,
    "containsIgnoreCase": lambda value, text: text.lower() in value.lower(),
    "startsWith": lambda value, text: value.startswith(text),
    "startsWithIgnoreCase": lambda value, text: value.lower().startswith(text.lower()),
    "endsWith": lambda value, text: value.endswith(text),
    "endsWithIgnoreCase": lambda value, text: value.lower().endswith(text.lower()),
    "isLessThan": _is_less,
    "isGreaterThan": _is_greater,
}


class _Token(NamedTuple):
    text: str
    line: int


_NO_WORD = frozenset(('"', "!", "*", "+", "(", ")", ""))


def _joined(tokens: list[_Token]) -> list[_Token]:
    """Tokens in which blanks around a dot part nothing: ``Modality . equals``."""
    found: list[_Token] = []
    for token in tokens:
        last = found[-1].text if found else ""
        are_words = not {token.text[:1], last[:1]} & _NO_WORD and last not in ("true.", "false.")
        if are_words and (last.endswith(".") or token.text.startswith(".")):
            found[-1] = _Token(last + token.text, found[-1].line)
        else:
            found.append(token)
    return found


class _Reading:
    """One filter, read by recursive descent."""

    def __init__(self, text: str, name: str, first_line: int) -> None:
        self.name = name
        self.first_line = first_line
        self.tokens = [
            _Token(match.group().strip(), first_line + text.count("\n", 0, match.start(match.lastindex or 0)))
            for match in _TOKEN.finditer(text)
            if match.group(1) is None
        ]
        self.tokens = _joined(self.tokens)
        self.next = 0
        self.terms = 0
        self.depth = 0

    def whole(self) -> _Condition:
        condition = self.any_of()
        if self.next < len(self.tokens):
            raise self.fault("an operator (+, * or !) is missing before this")
        return condition

    def fault(self, what: str) -> ProfileError:
        token = self.tokens[min(self.next, len(self.tokens) - 1)] if self.tokens else _Token("", self.first_line)
        near = f" (near {token.text[:60]!r})" if token.text else ""
        return ProfileError(f"{self.name}, line {token.line}: {what}{near}")

    def peek(self) -> str:
        return self.tokens[self.next].text if self.next < len(self.tokens) else ""

    def take(self, wanted: str) -> bool:
        if self.peek() != wanted:
            return False
        self.next += 1
        return True

    def any_of(self) -> _Condition:
        parts = [self.all_of()]
        while self.take("+"):
            parts.append(self.all_of())
        if len(parts) == 1:
            return parts[0]
        name = " or ".join(dict.fromkeys(each.name for each in parts))
        return _Condition(lambda seen: any(each.holds(seen) for each in parts), name)

    def all_of(self) -> _Condition:
        parts = [self.one()]
        while self.take("*"):
            parts.append(self.one())
        if len(parts) == 1:
            return parts[0]
        name = " and ".join(dict.fromkeys(each.name for each in parts))
        return _Condition(lambda seen: all(each.holds(seen) for each in parts), name, tuple(parts))

    def one(self) -> _Condition:
        self.depth += 1
        if self.depth > _MOST_DEEP:
            raise self.fault(f"conditions stand within each other more than {_MOST_DEEP} deep")
        found = self.single()
        self.depth -= 1
        return found

    def single(self) -> _Condition:
        if self.take("!"):
            inner = self.one()
            return _Condition(lambda seen: not inner.holds(seen), f"not {inner.name}")
        if self.take("("):
            inner = self.any_of()
            if not self.take(")"):
                raise self.fault("a closing parenthesis is missing")
            return inner
        if self.peek() in ("true.", "false."):
            answer = self.peek() == "true."
            self.next += 1
            return _Condition(lambda _seen: answer, "true." if answer else "false.")
        return self.term()

    def term(self) -> _Condition:
        name = self.peek()
        where, dot, method = name.rpartition(".")
        if not dot:
            raise self.fault('a term Element.method("text") is wanted here')
        if method not in METHODS:
            raise self.fault(f"there is no method {method[:40]!r}; there are {', '.join(sorted(METHODS))}")
        try:
            value = element_value(where)
        except ProfileError as error:
            raise self.fault(str(error)) from None
        self.next += 1
        argument = self.peek() if self.take("(") else ""
        if not (argument.startswith('"') and argument.endswith('"') and len(argument) > 1):
            raise self.fault("the text of a method stands in parentheses and double quotes")
        self.next += 1
        if not self.take(")"):
            raise self.fault("a closing parenthesis is missing")
        text, self.terms = argument[1:-1], self.terms + 1
        if method == "matches":
            try:
                java_pattern(text)
            except re.error:
                raise self.fault("this regular expression cannot be read") from None
        judge = judged(METHODS[method], f"{self.name}: condition {self.terms}, {name},")
        return _Condition(lambda seen: judge(value(seen), text), name)


def judged(judge: Callable[[str, str], bool], where: str) -> Callable[[str, str], bool]:
    """A method that says where it stands when its regular expression takes too long."""

    def in_time(value: str, text: str) -> bool:
        try:
            return judge(value, text)
        except TookTooLong:
            raise TookTooLong(where) from None

    return in_time if judge is METHODS["matches"] else judge


def element_value(where: str) -> Callable[[Seen], str]:
    """The value that an element has in an object, as text; empty without it. Raises `ProfileError` for no element."""
    *sequences, last = where.split("::")
    path = [_tag(part) for part in sequences]
    private = _PRIVATE_TAG.fullmatch(last)
    if private is not None:
        group, owner, low = int(private[1], 16), private[2], int(private[3], 16)
        return lambda seen: _value(seen, path, lambda item: private_tag(item, group, owner, low))
    tag = _tag(last)
    return lambda seen: _value(seen, path, lambda _item: tag)


def _tag(part: str) -> int:
    plain = _PLAIN_TAG.fullmatch(part)
    if plain is not None:
        return int(plain[1] + plain[2], 16)
    found = tag_named(_OLDER_NAMES.get(part, part))
    if found is None:
        raise ProfileError(f"no element is called {part[:60]!r}{nearest(part)}")
    return found


def _value(seen: Seen, path: list[int], tag_in: Callable[[DataSet], int | None]) -> str:
    data_set, charset = seen.data_set, charset_of(seen.data_set)
    for tag in path:
        sequence = data_set.get(tag)
        if sequence is None or not sequence.items:
            return ""
        data_set = sequence.items[0]
        charset = charset_of(data_set, charset)
    last = tag_in(data_set)
    if last is None:
        return ""
    if last >> 16 <= _META_GROUP and not path:
        data_set = seen.meta
    element = data_set.get(last)
    if element is None or element.items is not None:
        return ""
    text = text_of_element(element, charset, seen.encoding)
    return "\\".join(value.strip(" \0") for value in text.split("\\"))
