"""Text as bytes in a Specific Character Set: the reverse of `values.decode`. PS3.5 6.1, PS3.3 C.12.1.1.2."""

import codecs
import re
from collections.abc import Callable
from dataclasses import dataclass

_ESCAPE = b"\x1b"
_ASCII = _ESCAPE + b"(B"
_WHOLE = {"192": "utf-8", "GB18030": "gb18030", "GBK": "gbk"}
# Registration number: codec and escape sequence of the upper half (G1). PS3.3 Tables C.12-2 and C.12-3.
_UPPER = {
    "100": ("latin_1", b"-A"),
    "101": ("iso8859_2", b"-B"),
    "109": ("iso8859_3", b"-C"),
    "110": ("iso8859_4", b"-D"),
    "144": ("iso8859_5", b"-L"),
    "127": ("iso8859_6", b"-G"),
    "126": ("iso8859_7", b"-F"),
    "138": ("iso8859_8", b"-H"),
    "148": ("iso8859_9", b"-M"),
    "203": ("iso8859_15", b"-b"),
    "13": ("shift_jis", b")I"),
    "166": ("tis_620", b"-T"),
}
# Sets of two bytes a character: codec and escape sequence. PS3.3 Table C.12-4.
_KOREAN_AND_CHINESE = {"149": ("euc_kr", b"$)C"), "58": ("gb2312", b"$)A")}
_JAPANESE = {"87": ("iso2022_jp", b"$B"), "159": ("iso2022_jp_2", b"$(D")}


@dataclass(frozen=True, slots=True)
class _Set:
    """One coded character set. `code` is the bytes of a character, empty when the set does not have it."""

    escape: bytes
    code: Callable[[str], bytes]
    takes_lower_half: bool  # in G0, where ASCII stands else


class Encoder:
    """Encodes text for one value of (0008,0005), which is in `label`."""

    def __init__(self, label: str) -> None:
        self.label = label
        terms = [_number(term) for term in label.split("\\")]
        self._whole = _WHOLE.get(terms[0], "") if len(terms) == 1 else ""
        self._first = _upper_half(terms[0])
        found = [_set_of(term) for term in terms if term]
        self._sets = [each for each in found if each is not None]
        self._alone = len(terms) == 1

    def encode(self, text: str, delimiters: str = "\\") -> bytes | None:
        """The bytes of a text; None when the character set cannot hold it.

        `delimiters` part values and components: the first set is active again after each. PS3.5 6.1.2.5.3.
        """
        if text.isascii():
            return text.encode("ascii")
        if self._whole:
            try:
                return text.encode(self._whole)
            except UnicodeEncodeError:
                return None
        parts = re.split(f"([{re.escape(delimiters)}\r\n\t\f])", text)
        try:
            return b"".join(self._part(part) for part in parts)
        except LookupError:
            return None

    def _part(self, text: str) -> bytes:
        """A text without delimiters, from the first set back to the first set. Raises `LookupError`."""
        if text.isascii():
            return text.encode("ascii")
        if self._alone:
            return b"".join(char.encode() if char.isascii() else self._in_first(char) for char in text)
        out = bytearray()
        current: _Set | None = None
        for char in text:
            if char.isascii():
                if current is not None and current.takes_lower_half:
                    out += _ASCII
                    current = None
                out += char.encode("ascii")
                continue
            one, code = self._found(char)
            if one is not current:
                out += one.escape
                current = one
            out += code
        if current is not None and current.takes_lower_half:
            out += _ASCII
        return bytes(out)

    def _in_first(self, char: str) -> bytes:
        code = self._first(char) if self._first is not None else b""
        if not code:
            raise LookupError
        return code

    def _found(self, char: str) -> tuple[_Set, bytes]:
        for one in self._sets:
            code = one.code(char)
            if code:
                return one, code
        raise LookupError


def _number(term: str) -> str:
    """``87`` of ``ISO 2022 IR 87``; the whole of others."""
    return re.sub(r"^ISO[ _]?(2022)?[ _]?(IR)?[ _]?", "", term.strip().upper())


def _set_of(number: str) -> _Set | None:
    if number in _UPPER:
        code = _upper_half(number)
        assert code is not None
        return _Set(_ESCAPE + _UPPER[number][1], code, takes_lower_half=False)
    if number in _KOREAN_AND_CHINESE:
        codec, escape = _KOREAN_AND_CHINESE[number]
        return _Set(_ESCAPE + escape, lambda char: _encoded(char, codec), takes_lower_half=False)
    if number in _JAPANESE:
        codec, escape = _JAPANESE[number]
        return _Set(_ESCAPE + escape, lambda char: _two_bytes(char, codec, _ESCAPE + escape), takes_lower_half=True)
    return None


def _upper_half(number: str) -> Callable[[str], bytes] | None:
    """One byte of 80H and above for a character."""
    if number not in _UPPER:
        return None
    codec = codecs.lookup(_UPPER[number][0]).name

    def code(char: str) -> bytes:
        found = _encoded(char, codec)
        return found if len(found) == 1 and found[0] >= 0x80 else b""

    return code


def _encoded(char: str, codec: str) -> bytes:
    try:
        return char.encode(codec)
    except UnicodeEncodeError:
        return b""


def _two_bytes(char: str, codec: str, escape: bytes) -> bytes:
    found = _encoded(char, codec)
    return found[len(escape) : len(escape) + 2] if found.startswith(escape) else b""
