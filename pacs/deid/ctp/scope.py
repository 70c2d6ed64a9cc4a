"""What an expression of a CTP script can see: the elements of one item and of the whole object, and what is outside."""

import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

import numpy as np

from pacs.deid.ctp.expressions import Element as Reference
from pacs.deid.ctp.expressions import Expression, Step
from pacs.dicom.elements import DataSet, Element
from pacs.dicom.syntaxes import Encoding
from pacs.dicom.values import Charset, charset_of, numbers_of, text_of, values_of
from pacs.errors import RuleError

_HOPS = 10
NOT_DEFINED = "a parameter that the script uses is not defined"
_LINK = re.compile(r"@(.+)")
LAST_META_GROUP = 0x0007
_NUMBER_VRS = frozenset(("US", "SS", "UL", "SL", "SV", "UV", "FL", "FD"))
_BULK_VRS = frozenset(("OB", "OW", "OF", "OD", "OL", "OV", "SQ"))


class Skipped(RuleError):
    """The script says that the object is to be left as it is."""


class Quarantined(RuleError):
    """The script gives the object up: on purpose, or because an expression of it failed."""


class MissingKey(RuleError):
    """A lookup table has no entry; the object waits for one. `key_type` names the table's part, never the value."""

    def __init__(self, key_type: str, key: str) -> None:
        super().__init__(f"the lookup table has no entry of type {key_type} for this object")
        self.key_type = key_type
        self.key = key


class Lookup(Protocol):
    """A lookup table."""

    def get(self, name: str, /) -> str | None:
        """The value of ``type/key``; None when there is none."""


@dataclass(frozen=True)
class Outside:
    """What expressions need besides the object: the lookup table, counters that are remembered, and the time.

    `integer` numbers a text within a kind.
    """

    lookup: Lookup = field(default_factory=dict[str, str], repr=False)
    integer: Callable[[str, str], int] | None = None
    now: Callable[[], datetime] = datetime.now

    def found(self, key_type: str, key: str) -> str | None:
        """The entry of the lookup table, through entries that name another one; None when there is none."""
        return self._followed(key_type, key)[0]

    def missing(self, key_type: str, key: str) -> RuleError:
        """What to raise when `found` has nothing: it names the entry that is missing, at the end of all links."""
        if not key.replace("|", "").strip():
            return Quarantined(f"what the script looks up as {key_type.strip()} is empty in this object")
        _value, name = self._followed(key_type, key)
        if self.lookup.get(name) is not None:
            return Quarantined("entries of the lookup table name each other in a circle, or too long a row")
        end, _slash, rest = name.partition("/")
        return MissingKey(end, rest)

    def _followed(self, key_type: str, key: str) -> tuple[str | None, str]:
        """The value, and the name of the last entry that was looked for."""
        name = f"{key_type.strip()}/{key.strip()}"
        for _hop in range(_HOPS):
            value = self.lookup.get(name)
            link = _LINK.fullmatch(value) if value is not None else None
            if link is None or "/" not in link[1]:
                return value, name
            end, _slash, rest = link[1].partition("/")
            name = f"{end.strip()}/{rest.strip()}"
        return None, name


@dataclass(frozen=True)
class Scope:
    """Where an expression is evaluated. `this` is the rule's tag; `params` are the script's."""

    item: DataSet
    root: DataSet
    meta: DataSet
    encoding: Encoding
    this: int
    charset: Charset
    params: Mapping[str, str]
    outside: Outside
    script_of: Callable[[int], Expression | None]
    strict: bool

    def at(self, tag: int) -> "Scope":
        """The same place, for the rule of another element."""
        # Made outright: every rule asks, and `replace` takes several times as long.
        return Scope(
            self.item,
            self.root,
            self.meta,
            self.encoding,
            tag,
            self.charset,
            self.params,
            self.outside,
            self.script_of,
            self.strict,
        )

    def within(self, item: DataSet) -> "Scope":
        """An item of a sequence of this one."""
        return replace(self, item=item, charset=charset_of(item, self.charset))

    def param(self, arg: str) -> str | None:
        """A parameter, when an argument refers to one, else the argument; None for an undefined parameter."""
        if arg[:1] in ("@", "$"):
            return self.params.get(arg[1:])
        return arg

    def given(self, arg: str) -> str:
        """`param` of an argument; of an undefined parameter its own name, as CTP takes it there, in `safe` nothing."""
        value = self.param(arg)
        if value is None:
            return arg if self.strict else ""
        return value

    def needed(self, arg: str) -> str:
        """`param` of an argument that cannot be done without; raises `Quarantined`."""
        value = self.param(arg)
        if value is None:
            raise Quarantined(NOT_DEFINED)
        return value

    def element(self, reference: Reference) -> Element | None:
        """The element that a reference names; None when the object does not have it."""
        return self._found(reference)[0]

    def _found(self, reference: Reference) -> tuple[Element | None, Charset]:
        """The element, and the character set where it stands."""
        data_set, charset = (self.root, charset_of(self.root)) if reference.at_root else (self.item, self.charset)
        *sequences, last = reference.path or (self.this,)
        for step in sequences:
            sequence = self._stepped(data_set, step)
            if sequence is None or not sequence.items:
                return None, charset
            data_set = sequence.items[0]
            charset = charset_of(data_set, charset)
        if not sequences and isinstance(last, int) and last >> 16 <= LAST_META_GROUP:
            return self.meta.get(last), charset
        return self._stepped(data_set, last), charset

    def _stepped(self, data_set: DataSet, step: Step) -> Element | None:
        if isinstance(step, int):
            return data_set.get(step)
        blocks = self.root if self.strict and step.is_named else data_set
        tag = private_tag(blocks, step.group, step.owner, step.low)
        return None if tag is None else data_set.get(tag)

    def text(self, reference: Reference) -> str | None:
        """The values of an element joined by backslashes; None when it is absent, a sequence, or holds no text.

        An empty one is "" in CTP, so in `strict`; else None, for what is made of nothing says nothing.
        """
        element, charset = self._found(reference)
        if element is None or element.items is not None or element.vr in _BULK_VRS:
            return None
        text = text_of_element(element, charset, self.encoding) if len(element.value) else ""
        return text or ("" if self.strict else None)


def text_of_element(element: Element, charset: Charset, encoding: Encoding) -> str:
    """An element's values as text, joined by backslashes; bulk data have none."""
    if element.vr in _NUMBER_VRS:
        numbers = numbers_of(element, little_endian=encoding.little_endian)
        return "\\".join(str(np.float32(each)) if element.vr == "FL" else str(each) for each in numbers)
    if element.vr in _BULK_VRS:
        return ""
    if element.vr == "AT":
        raw = bytes(element.value)
        order = "<" if encoding.little_endian else ">"
        words = struct.unpack_from(f"{order}{len(raw) // 2}H", raw)
        return "\\".join(f"{group:04X}{low:04X}" for group, low in zip(words[::2], words[1::2], strict=False))
    if element.vr in ("LT", "ST", "UT", "UR"):
        return text_of(element, charset)
    text = "\\".join(values_of(element, charset))
    return text.rstrip("^ ") if element.vr == "PN" else text  # components that are not there say nothing. PS3.5 6.2.1


def shown_tag(tag: int) -> str:
    """A tag as the standard writes it, ``(gggg,eeee)``."""
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def private_tag(data_set: DataSet, group: int, owner: str, low: int) -> int | None:
    """Where a private element stands in one data set, by the block that its owner reserved there. PS3.5 7.8.1."""
    for block in range(0x10, 0x100):
        creator = data_set.get(group << 16 | block)
        if creator is not None and creator.items is None and text_of(creator).strip().upper() == owner.strip().upper():
            return group << 16 | block << 8 | low
    return None
