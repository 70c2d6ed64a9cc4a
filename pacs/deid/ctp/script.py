"""Anonymizer scripts of RSNA CTP: the XML form and the older one of Java properties, read once and checked."""

import codecs
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

from pacs.deid.ctp.expressions import Expression, Names, parse_expression
from pacs.deid.ctp.outcomes import METHOD_CODES
from pacs.deid.ctp.rsna import REMOVALS as REMOVED
from pacs.deid.ctp.rsna import in_ctps_words, is_of_anonymizer
from pacs.errors import ProfileError

MAX_BYTES = 16 << 20
_TAG = re.compile(r"[0-9A-Fa-f]{8}")
_PRIVATE = re.compile(r"([0-9A-Fa-f]{4}),?\[([^\]]+)\]([0-9A-Fa-f]{2})")
_GROUP = re.compile(r"[0-9A-Fa-f]{1,4}")
_XML_LINE = re.compile(rb"^\s*<", re.MULTILINE)
_DECLARED = re.compile(r"(?<=<\?xml version=.1\.0.)\s+encoding=[\"'][\w-]+[\"']")
REMOVALS = ("privategroups", "unspecifiedelements", "overlays", "curves")
_LINE_END = re.compile(r"\r\n|\n|\r")  # Java's: other line ends of Unicode may stand in a value
_JAVA_BLANKS = " \t\f"
_SET = re.compile(r"set\.\[([0-9A-Fa-f]{4}),?([0-9A-Fa-f]{4}|\[[^\]]+\][0-9A-Fa-f]{2})\](\S*)")
PrivateName = tuple[int, str, int]


@dataclass(frozen=True, slots=True)
class ElementRule:
    """What becomes of one element: its name and expression in the script, and the line where it stands."""

    name: str
    text: str
    line: int
    expression: Expression = field(repr=False)

    @property
    def inserts(self) -> bool:
        """Whether an object without the element gets it."""
        return self.text.startswith("@always()")


@dataclass(frozen=True, slots=True)
class Script:
    """An anonymizer script. `rules` and `private` are the enabled rules; `keep_groups` and `removals` the others.

    `inserting` are the tags of those `rules` that may put their element into objects without it, in order.
    """

    name: str
    params: Mapping[str, str] = field(repr=False)
    rules: Mapping[int, ElementRule] = field(repr=False)
    private: Mapping[PrivateName, ElementRule] = field(repr=False)
    keep_groups: frozenset[int]
    keep_safe_private: bool
    removals: frozenset[str]
    names: Mapping[str, PrivateName] = field(default_factory=dict, repr=False)  # of private elements, for expressions
    keeps_by_itself: bool = True  # whether removals spare what every image needs, as CTP's do
    inserting: tuple[int, ...] = ()


@dataclass
class _Raw:
    """A script as it stands, before its expressions are read."""

    params: dict[str, str] = field(default_factory=dict)
    rules: list[tuple[str, str, str, int]] = field(default_factory=list)  # tag, name, expression, line
    names: dict[str, PrivateName] = field(default_factory=dict)
    keep_groups: set[int] = field(default_factory=set)
    keep_safe_private: bool = False
    removals: set[str] = field(default_factory=set)


def read_script(content: bytes, name: str) -> Script:
    """A script of either form. Raises `ProfileError` with the name, the line and the fault."""
    if len(content) > MAX_BYTES:
        raise ProfileError(f"{name}: a script has at most {MAX_BYTES >> 20} MB")
    if content[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        content = _as_utf8(content, name)
    is_xml = _XML_LINE.search(content.removeprefix(codecs.BOM_UTF8)) is not None
    raw = _XmlForm(name).read(content) if is_xml else _properties(content, name)
    return _compiled(raw, name)


def _as_utf8(content: bytes, name: str) -> bytes:
    """UTF-16 as Windows writes it, without a declaration that would no longer be true."""
    try:
        text = content.decode("utf-16")
    except UnicodeDecodeError:
        raise ProfileError(f"{name}, line 1: it begins as UTF-16 and is none") from None
    return _DECLARED.sub("", text, count=1).encode()


def _compiled(raw: _Raw, name: str) -> Script:
    is_rsna = is_of_anonymizer(raw.rules)
    if is_rsna:
        public = [rule for rule in raw.rules if _TAG.fullmatch(rule[0])]  # private elements go, whatever is said
        raw.rules, raw.removals, raw.keep_groups = in_ctps_words(public, raw.params, name), set(REMOVED), set()
        raw.keep_safe_private = False
    names = Names(raw.names, frozenset(raw.params))
    rules: dict[int, ElementRule] = {}
    private: dict[PrivateName, ElementRule] = {}
    for tag, called, text, line in raw.rules:
        where = f"{name}, line {line}"
        rule = ElementRule(called, text, line, parse_expression(text, names, where))
        found = _PRIVATE.fullmatch(tag)
        if found is not None:
            private[int(found[1], 16), found[2], int(found[3], 16)] = rule
        elif _TAG.fullmatch(tag):
            rules[int(tag, 16)] = rule
        else:
            raise ProfileError(f"{where}: {tag[:60]!r} is no tag; one has 8 hexadecimal digits, or is gggg[OWNER]ee")
    return Script(
        name,
        raw.params,
        rules,
        private,
        frozenset(raw.keep_groups),
        raw.keep_safe_private,
        frozenset(raw.removals),
        raw.names,
        not is_rsna,
        tuple(tag for tag, rule in sorted(rules.items()) if rule.inserts or tag == METHOD_CODES),
    )


class _XmlForm:
    def __init__(self, name: str) -> None:
        self.name = name
        self.raw = _Raw()
        self.parser = expat.ParserCreate()
        self.depth = 0
        self.open: tuple[str, dict[str, str], int] | None = None
        self.text: list[str] = []

    def read(self, content: bytes) -> _Raw:
        parser = self.parser
        parser.StartElementHandler = self.start
        parser.EndElementHandler = self.end
        parser.CharacterDataHandler = self.text.append
        parser.EntityDeclHandler = self.refuse_entity
        parser.buffer_text = True
        try:
            parser.Parse(content, True)
        except expat.ExpatError as error:
            what = expat.errors.messages.get(error.code, "it cannot be read")
            raise ProfileError(f"{self.name}, line {error.lineno}: no well-formed XML: {what}") from None
        return self.raw

    def fault(self, what: str) -> ProfileError:
        return ProfileError(f"{self.name}, line {self.parser.CurrentLineNumber}: {what}")

    def refuse_entity(self, *_declaration: object) -> None:
        raise self.fault("a script declares no entities")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        if self.depth == 1 and tag != "script":
            raise self.fault(f"the root of an anonymizer script is <script>, not <{tag[:40]}>")
        if self.depth > 2:
            raise self.fault(f"<{tag[:40]}> must not stand within another element")
        if self.depth == 2:
            if tag not in ("p", "e", "k", "r"):
                raise self.fault(f"there is no <{tag[:40]}> in an anonymizer script; known are p, e, k and r")
            self.open = (tag, attributes, self.parser.CurrentLineNumber)
            self.text.clear()

    def end(self, _tag: str) -> None:
        self.depth -= 1
        if self.depth == 1 and self.open is not None:
            (tag, attributes, line), self.open = self.open, None
            self.one(tag, attributes, "".join(self.text), line)

    def one(self, tag: str, attributes: dict[str, str], text: str, line: int) -> None:
        target = attributes.get("t", "")
        if tag == "p":
            self.raw.params[target] = text
            return
        if tag == "e":
            _name_private(self.raw, target, attributes.get("n", ""))
        if attributes.get("en") != "T":
            return
        if tag == "e":
            self.raw.rules.append((target, attributes.get("n", ""), text.strip(), line))
        elif tag == "k":
            _keep(self.raw, target, f"{self.name}, line {line}")
        else:
            _remove(self.raw, target, f"{self.name}, line {line}")


def _name_private(raw: _Raw, tag: str, called: str) -> None:
    """A private element's name in the script can be used in its expressions."""
    found = _PRIVATE.fullmatch(tag)
    if found is not None and called:
        raw.names[called] = (int(found[1], 16), found[2], int(found[3], 16))


def _keep(raw: _Raw, what: str, where: str) -> None:
    if what.lower().startswith("safe"):
        raw.keep_safe_private = True
    elif _GROUP.fullmatch(what):
        raw.keep_groups.add(int(what, 16))
    else:
        raise ProfileError(f"{where}: {what[:40]!r} is no group of 4 hexadecimal digits, nor safeprivateelements")


def _remove(raw: _Raw, what: str, where: str) -> None:
    if what not in REMOVALS:
        raise ProfileError(f"{where}: {what[:40]!r} cannot be removed as a whole; known are {', '.join(REMOVALS)}")
    raw.removals.add(what)


def _properties(content: bytes, name: str) -> _Raw:
    """The form of Java properties: one setting a line, ``#`` in front of those that are switched off."""
    raw = _Raw()
    for line, key, value in properties(content.decode("utf-8", "replace")):
        where = f"{name}, line {line}"
        head, _, rest = key.partition(".")
        found = _SET.fullmatch(key)
        if head == "param":
            raw.params[rest] = value
        elif found is not None:
            tag = f"{found[1]}{found[2]}"
            _name_private(raw, tag, found[3])
            raw.rules.append((tag, found[3], value.strip(), line))
        elif head == "keep":
            _keep(raw, rest.removeprefix("group"), where)
        elif head == "remove":
            _remove(raw, rest, where)
        else:
            raise ProfileError(f"{where}: {key[:60]!r} is no setting of an anonymizer script")
    return raw


def properties(text: str) -> list[tuple[int, str, str]]:
    """Line, key and value of each entry of a Java properties file; a backslash takes the next character or line."""
    found = []
    lines = _LINE_END.split(text.removeprefix("\ufeff"))
    number = 0
    while number < len(lines):
        first = number + 1
        line = lines[number].lstrip(_JAVA_BLANKS)
        number += 1
        if not line or line[0] in "#!":
            continue
        while _is_continued(line) and number < len(lines):
            line = line[:-1] + lines[number].lstrip(_JAVA_BLANKS)
            number += 1
        key, value = _key_and_value(line)
        found.append((first, key, value))
    return found


def _is_continued(line: str) -> bool:
    return (len(line) - len(line.rstrip("\\"))) % 2 == 1


def _key_and_value(line: str) -> tuple[str, str]:
    at = 0
    while at < len(line) and line[at] not in "=: \t":
        at += 2 if line[at] == "\\" else 1
    rest = line[at:].lstrip(" \t")
    if rest[:1] in ("=", ":"):
        rest = rest[1:].lstrip(" \t")
    return _unescaped(line[:at]), _unescaped(rest)


def _unescaped(text: str) -> str:
    return re.sub(r"\\u([0-9A-Fa-f]{4})|\\(.)", _escape, text)


def _escape(found: re.Match[str]) -> str:
    if found[1]:
        return chr(int(found[1], 16))
    return {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}.get(found[2], found[2])
