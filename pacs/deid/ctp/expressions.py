"""The replacement expressions of RSNA CTP's anonymizer scripts, read once.

Text is literal, ``\\`` takes the next character as it stands, ``@name(arguments)`` is a call; some calls are followed
by blocks in braces, which are expressions again. An ``@`` without a parenthesis after it ends the expression. A
function or element that nobody knows is a fault here, where CTP would write it into the patient's record.
"""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from pacs.deid.ctp.names import nearest, tag_named
from pacs.deid.ctp.patterns import java_pattern
from pacs.errors import ProfileError


class PrivateStep(NamedTuple):
    """A private element. `is_named`: by the name that the script gave it, which CTP looks up in the object's blocks
    even where a sequence's item has others.
    """

    group: int
    owner: str
    low: int
    is_named: bool = False


Step = int | PrivateStep


class Element(NamedTuple):
    """An element that an argument names: its path of steps through first items, or ``this`` when there is none."""

    path: tuple[Step, ...] = ()
    at_root: bool = False

    @property
    def is_this(self) -> bool:
        """Whether it is the element that the rule stands for."""
        return not self.path


@dataclass(frozen=True, slots=True)
class Call:
    """One call. `elements` are those of its arguments that name elements, by position; `blocks` follow it.

    `written` is the text of its arguments, parentheses and all, which CTP writes where some calls fail.
    """

    name: str
    args: tuple[str, ...]
    elements: dict[int, tuple[Element, ...]]
    blocks: "tuple[Expression, ...]" = ()
    written: str = ""

    def arg(self, number: int, default: str = "") -> str:
        """An argument without its quotes."""
        return self.args[number] if number < len(self.args) else default


Expression = tuple[str | Call, ...]

# Which arguments name elements (| parts several), how many there must be, and how many blocks may follow.
_ELEMENT_AT: dict[str, tuple[int, ...]] = {
    "append": (),
    "always": (),
    "blank": (),
    "contents": (0,),
    "date": (),
    "dateinterval": (0, 2),
    "decrypt": (0,),
    "empty": (),
    "encrypt": (0,),
    "hash": (0,),
    "hashdate": (0, 1),
    "hashname": (0,),
    "hashptid": (1,),
    "hashuid": (1, 2),
    "if": (0,),
    "incrementdate": (0,),
    "initials": (0,),
    "integer": (0,),
    "keep": (),
    "lookup": (0,),
    "lowercase": (0,),
    "modifydate": (0,),
    "param": (),
    "pathelement": (0,),
    "process": (),
    "quarantine": (),
    "remove": (),
    "require": (0,),
    "round": (0,),
    "rsnaacc": (2,),
    "rsnadate": (0, 1),
    "rsnauid": (2,),
    "select": (),
    "skip": (),
    "time": (),
    "truncate": (0,),
    "uppercase": (0,),
    "value": (0,),
}
_LEAST = {
    "contents": 1, "dateinterval": 3, "decrypt": 2, "encrypt": 2, "hash": 1, "hashdate": 2, "hashname": 2,
    "hashptid": 2, "hashuid": 2, "if": 2, "incrementdate": 2, "initials": 1, "integer": 2, "lookup": 2, "lowercase": 1,
    "modifydate": 4, "param": 1, "pathelement": 2, "round": 2, "rsnaacc": 3,
    "rsnadate": 2, "rsnauid": 3, "truncate": 2, "uppercase": 1, "value": 1,
}  # fmt: skip
_BLOCKS = {"if": 2, "select": 2, "append": 1}
_HEX = re.compile(r"[(\[]?([0-9A-Fa-f]{4}),?([0-9A-Fa-f]{4})[)\]]?")
_PRIVATE = re.compile(r"[(\[]?([0-9A-Fa-f]{4}),?\[([^\]]+)\]([0-9A-Fa-f]{2})[)\]]?")
_MOST_DEEP = 50
_HALF = re.compile(r"(?:^|:)[0-9A-Fa-f]{4}$")
_CONDITIONS = ("isblank", "exists", "equals", "contains", "matches", "greaterthan")


class Names(NamedTuple):
    """What a script defines for its expressions: names of private elements, and which parameters there are."""

    private: Mapping[str, tuple[int, str, int]]
    params: frozenset[str]


def parse_expression(text: str, names: Names, where: str) -> Expression:
    """The parts of an expression. Raises `ProfileError`, beginning with `where`, for what CTP would not understand."""
    return _Parser(text, names, where).whole()


def element_named(text: str, names: Names, where: str) -> Element:
    """The element that a reference names. Raises `ProfileError` for a name that is none."""
    text = text.strip()
    at_root = text.startswith("root:")
    text = text.removeprefix("root:").strip()
    if text == "this":
        return Element(at_root=at_root)
    return Element(tuple(_step(step.strip(), names, where) for step in text.split("::")), at_root)


def _step(step: str, names: Names, where: str) -> Step:
    return _private_of(step, names) or _tag(step, where)


def _private_of(text: str, names: Names) -> PrivateStep | None:
    found = _PRIVATE.fullmatch(text)
    if found is not None:
        return PrivateStep(int(found[1], 16), found[2], int(found[3], 16))
    named = names.private.get(text)
    return PrivateStep(*named, is_named=True) if named is not None else None


def _tag(step: str, where: str) -> int:
    found = _HEX.fullmatch(step)
    if found is not None:
        return int(found[1] + found[2], 16)
    tag = tag_named(step)
    if tag is None:
        raise ProfileError(f"{where}: no element is called {step!r}{nearest(step)}")
    return tag


class _Parser:
    def __init__(self, text: str, names: Names, where: str, depth: int = 0) -> None:
        if depth > _MOST_DEEP:
            raise ProfileError(f"{where}: blocks stand within each other more than {_MOST_DEEP} deep")
        self.text = text
        self.names = names
        self.where = where
        self.depth = depth

    def whole(self) -> Expression:
        parts: list[str | Call] = []
        literal = ""
        at = 0
        while at < len(self.text):
            character = self.text[at]
            if character == "\\":
                literal += self.text[at + 1 : at + 2]
                at += 2
            elif character != "@":
                literal += character
                at += 1
            else:
                opening = self.text.find("(", at)
                if opening < 0:
                    break
                if literal:
                    parts.append(literal)
                    literal = ""
                call, at = self.call(at, opening)
                parts.append(call)
        return (*parts, literal) if literal else tuple(parts)

    def call(self, at: int, opening: int) -> tuple[Call, int]:
        """The call whose ``@`` is at `at`, and the place after it and its blocks."""
        name = re.sub(r"\s", "", self.text[at + 1 : opening])
        self.check_name(name)
        args: list[str] = []
        start = opening + 1
        while True:
            end = self.delimiter(start, ",)")
            if end < 0:
                raise ProfileError(f"{self.where}: @{name}( has no closing parenthesis")
            arg = self.text[start:end].strip()
            if args and len(args) - 1 in _ELEMENT_AT[name] and _HALF.search(args[-1]) and _HALF.fullmatch(arg):
                args[-1] += f",{arg}"  # gggg,eeee
            else:
                args.append(arg)
            start = end + 1
            if self.text[end] == ")":
                break
        if args == [""]:
            args = []
        blocks, start = self.blocks(_BLOCKS.get(name, 0), start)
        return self.checked(name, args, blocks), start

    def check_name(self, name: str) -> None:
        if name == "call":
            raise ProfileError(f"{self.where}: @call needs a plugin of CTP, which does not exist here")
        if name not in _ELEMENT_AT:
            close = difflib.get_close_matches(name, _ELEMENT_AT, 1, 0.5)
            hint = f"; did you mean @{close[0]}?" if close else ""
            raise ProfileError(f"{self.where}: there is no function @{name[:40]}{hint}")

    def checked(self, name: str, args: list[str], blocks: tuple[Expression, ...]) -> Call:
        if len(args) < _LEAST.get(name, 0):
            raise ProfileError(f"{self.where}: @{name} wants {_LEAST[name]} arguments, not {len(args)}")
        elements = {}
        for number in _ELEMENT_AT[name]:
            if number < len(args) and args[number]:
                alternatives = args[number].split("|") if name == "lookup" else [args[number]]
                elements[number] = tuple(
                    element_named(_unquoted(each), self.names, self.where) for each in alternatives
                )
        if name == "incrementdate" and len(args) > 2:  # days from the lookup table, by the value of an element
            elements[1] = (element_named(_unquoted(args[1]), self.names, self.where),)
        if name == "if" and args[1] not in _CONDITIONS:
            close = difflib.get_close_matches(args[1], _CONDITIONS, 1, 0.5)
            hint = f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(_CONDITIONS)}"
            raise ProfileError(f"{self.where}: @if knows no condition {args[1][:40]!r}{hint}")
        written = f"({','.join(map(_unescaped, args))})"
        call = Call(name, tuple(_unquoted(each) for each in args), elements, blocks, written)
        self.check_pattern(call)
        return call

    def check_pattern(self, call: Call) -> None:
        """A regular expression must be one, unless it is a parameter."""
        place = {"contents": 1, "if": 2, "lookup": 3}.get(call.name, 0)
        if call.name == "if" and call.arg(1) != "matches":
            place = 0
        if call.name == "lookup" and call.arg(2).strip().lower() != "ignore":
            place = 0
        text = call.arg(place) if place else ""
        if text and text[0] not in "@$":
            try:
                java_pattern(text)
            except re.error as error:
                raise ProfileError(f"{self.where}: @{call.name} has no regular expression: {error.msg}") from None

    def blocks(self, most: int, start: int) -> tuple[tuple[Expression, ...], int]:
        """The blocks in braces that follow a call. CTP passes over what stands before each, to the end for none."""
        found: list[Expression] = []
        while len(found) < most:
            opening = self.text.find("{", start)
            if opening < 0:
                return tuple(found), len(self.text)
            end = self.closing_brace(opening)
            found.append(_Parser(self.text[opening + 1 : end], self.names, self.where, self.depth + 1).whole())
            start = end + 1
        return tuple(found), start

    def closing_brace(self, opening: int) -> int:
        depth = 0
        at = opening
        quoted = False
        while at < len(self.text):
            character = self.text[at]
            if character == "\\":
                at += 1
            elif character == '"':
                quoted = not quoted
            elif character in "{}" and not quoted:
                depth += 1 if character == "{" else -1
                if not depth:
                    return at
            at += 1
        raise ProfileError(f"{self.where}: a block has no closing brace")

    def delimiter(self, at: int, wanted: str) -> int:
        """The place of the next delimiter outside quotes, brackets and parentheses; -1 when there is none."""
        inside: list[str] = []
        quoted = False
        while at < len(self.text):
            character = self.text[at]
            if character == "\\":
                at += 1
            elif character == '"':
                quoted = not quoted
            elif quoted:
                pass
            elif not inside and character in wanted:
                return at
            elif character in "([":
                inside.append(")" if character == "(" else "]")
            elif inside and character == inside[-1]:
                inside.pop()
            at += 1
        return -1


def _unquoted(arg: str) -> str:
    """An argument without its quotes, escapes resolved."""
    is_quoted = len(arg) > 1 and arg.startswith('"') and arg.endswith('"')
    return _unescaped(arg[1:-1] if is_quoted else arg)


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)
