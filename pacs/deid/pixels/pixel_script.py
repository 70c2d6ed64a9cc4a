"""Pixel scripts as RSNA CTP reads them: `{ filter }` names a device, each `( x, y, w, h )` after it a rectangle.

A filter is made of terms `Element.method("text")` with `!` before `*` before `+`, and parentheses. Rectangles
include their right and bottom edges. Other text is comment. Faults are told with their line, where CTP would skip
them silently.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from pacs.deid.pixels.signatures import Rectangle, Signature
from pacs.dicom.dictionary import tag_of
from pacs.dicom.elements import DataSet
from pacs.dicom.values import text_of
from pacs.errors import ProfileError

Test = Callable[[DataSet], bool]
# Names of older dictionaries that such files use.
_OLDER_NAMES = {"SoftwareVersion": "SoftwareVersions", "ManufacturersModelName": "ManufacturerModelName"}
_TOKEN = re.compile(r'\s*(?:(//[^\n]*)|("[^"\n]*")|([!*+()])|(true\.|false\.)|([^\s"!*+()]+))')
_RECTANGLE = re.compile(r"\(\s*(-?\d+)\s*,\s*(-?\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*\)")
_PLAIN_TAG = re.compile(r"\[?([0-9A-Fa-f]{4}),?([0-9A-Fa-f]{4})\]?")
_PRIVATE_TAG = re.compile(r"\[([0-9A-Fa-f]{4})\[([^\]]+)\]([0-9A-Fa-f]{2})\]")
_NUMBER = re.compile(r"\d+(?:\.\d*)?|\.\d+")


def _is_number(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None


def _compare(less: bool) -> Callable[[str, str], bool]:
    def method(value: str, text: str) -> bool:
        if not (_is_number(value) and _is_number(text)):
            return False
        return float(value) < float(text) if less else float(value) > float(text)

    return method


_METHODS: dict[str, Callable[[str, str], bool]] = {
    "equals": lambda value, text: value == text,
    "equalsIgnoreCase": lambda value, text: value.lower() == text.lower(),
    "matches": lambda value, text: re.fullmatch(text, value) is not None,
    "contains": lambda value, text: text in value,
    "containsIgnoreCase": lambda value, text: text.lower() in value.lower(),
    "startsWith": lambda value, text: value.startswith(text),
    "startsWithIgnoreCase": lambda value, text: value.lower().startswith(text.lower()),
    "endsWith": lambda value, text: value.endswith(text),
    "endsWithIgnoreCase": lambda value, text: value.lower().endswith(text.lower()),
    "isLessThan": _compare(less=True),
    "isGreaterThan": _compare(less=False),
}


def pixel_script(text: str, name: str = "script") -> tuple[Signature, ...]:
    """The signatures of a script, named after `name` and their line. Raises `ProfileError` with line and fault."""
    found = []
    position = text.find("{")
    while position >= 0:
        line = _line_of(text, position)
        end = text.find("}", position)
        if end < 0:
            raise ProfileError(f"{name}, line {line}: the filter that starts here has no closing brace")
        test = _Filter(text[position + 1 : end], name, line).whole()
        position = text.find("{", end)
        rest = text[end + 1 : position if position >= 0 else len(text)]
        rectangles = tuple(_rectangle(match) for match in _RECTANGLE.finditer(rest))
        if not rectangles:
            raise ProfileError(f"{name}, line {line}: no rectangle (x, y, width, height) follows this filter")
        found.append(Signature(f"{name} line {line}", test, rectangles))
    if not found:
        raise ProfileError(f"{name}, line 1: no filter {{ ... }} in the whole file")
    return tuple(found)


def _line_of(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def _rectangle(match: re.Match[str]) -> Rectangle:
    left, top, width, height = (int(number) for number in match.groups())
    return Rectangle(left, top, width + 1, height + 1)  # its edges belong to it


class _Token(NamedTuple):
    text: str
    line: int


class _Filter:
    """One filter, read by recursive descent."""

    def __init__(self, text: str, name: str, first_line: int) -> None:
        self.name = name
        self.first_line = first_line
        self.tokens = [
            _Token(match.group().strip(), first_line + _line_of(text, match.start(match.lastindex or 0)) - 1)
            for match in _TOKEN.finditer(text)
            if match.group(1) is None
        ]
        self.next = 0

    def whole(self) -> Test:
        """The filter as a question about an object."""
        test = self.any_of()
        if self.next < len(self.tokens):
            raise self.fault("an operator (+, * or !) is missing before this")
        return test

    def fault(self, what: str) -> ProfileError:
        token = self.tokens[min(self.next, len(self.tokens) - 1)] if self.tokens else _Token("", self.first_line)
        near = f" (near {token.text!r})" if token.text else ""
        return ProfileError(f"{self.name}, line {token.line}: {what}{near}")

    def peek(self) -> str:
        return self.tokens[self.next].text if self.next < len(self.tokens) else ""

    def take(self, wanted: str) -> bool:
        if self.peek() != wanted:
            return False
        self.next += 1
        return True

    def any_of(self) -> Test:
        tests = [self.all_of()]
        while self.take("+"):
            tests.append(self.all_of())
        return tests[0] if len(tests) == 1 else lambda data_set: any(test(data_set) for test in tests)

    def all_of(self) -> Test:
        tests = [self.one()]
        while self.take("*"):
            tests.append(self.one())
        return tests[0] if len(tests) == 1 else lambda data_set: all(test(data_set) for test in tests)

    def one(self) -> Test:
        if self.take("!"):
            test = self.one()
            return lambda data_set: not test(data_set)
        if self.take("("):
            inner = self.any_of()
            if not self.take(")"):
                raise self.fault("a closing parenthesis is missing")
            return inner
        if self.peek() in ("true.", "false."):
            answer = self.peek() == "true."
            self.next += 1
            return lambda _data_set: answer
        return self.term()

    def term(self) -> Test:
        where, dot, method = self.peek().rpartition(".")
        if not dot:
            raise self.fault('a term Element.method("text") is wanted here')
        if method not in _METHODS:
            raise self.fault(f"there is no method {method!r}; there are {', '.join(sorted(_METHODS))}")
        value = self.element(where)
        self.next += 1
        argument = self.peek() if self.take("(") else ""
        if not (argument.startswith('"') and argument.endswith('"') and len(argument) > 1):
            raise self.fault("the text of a method stands in parentheses and double quotes")
        self.next += 1
        if not self.take(")"):
            raise self.fault("a closing parenthesis is missing")
        text, judge = argument[1:-1], _METHODS[method]
        if method == "matches":
            try:
                re.compile(text)
            except re.error:
                raise self.fault("this regular expression cannot be read") from None
        return lambda data_set: judge(value(data_set), text)

    def element(self, where: str) -> Callable[[DataSet], str]:
        """The value that an element has in an object, as text; empty without it."""
        private = _PRIVATE_TAG.fullmatch(where)
        if private is not None:
            group, owner, low = int(private[1], 16), private[2], int(private[3], 16)
            return lambda data_set: _private_value(data_set, group, owner, low)
        tags = [self.tag(part) for part in where.split("::")]
        return lambda data_set: _value(data_set, tags)

    def tag(self, part: str) -> int:
        plain = _PLAIN_TAG.fullmatch(part)
        if plain is not None:
            return int(plain[1] + plain[2], 16)
        try:
            return tag_of(_OLDER_NAMES.get(part, part))
        except KeyError:
            raise self.fault(f"no element is called {part!r}") from None


def _value(data_set: DataSet, tags: list[int]) -> str:
    for tag in tags[:-1]:
        sequence = data_set.get(tag)
        if sequence is None or not sequence.items:
            return ""
        data_set = sequence.items[0]
    element = data_set.get(tags[-1])
    if element is None or element.items is not None:
        return ""
    if element.vr in ("US", "SS"):
        return "\\".join(str(number) for number in _numbers(bytes(element.value), element.vr))
    return "\\".join(value.strip(" \0") for value in text_of(element).split("\\"))


def _numbers(raw: bytes, vr: str) -> list[int]:
    """Numbers as a filter sees them; scripts compare sizes such as Rows."""
    return [int.from_bytes(raw[at : at + 2], "little", signed=vr == "SS") for at in range(0, len(raw) - 1, 2)]


def _private_value(data_set: DataSet, group: int, owner: str, low: int) -> str:
    for block in range(0x10, 0x100):
        creator = data_set.get(group << 16 | block)
        if creator is not None and text_of(creator).strip(" \0") == owner:
            return _value(data_set, [group << 16 | block << 8 | low])
    return ""
