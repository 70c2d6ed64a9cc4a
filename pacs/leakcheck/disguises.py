"""Texts under another coating: percent signs, base64, hexadecimal digits; and texts within bytes, UTF-16 too."""

import base64
import binascii
import re
from collections.abc import Iterator
from urllib.parse import unquote

_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}")
_BASE64 = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{8,}={0,2}")
_HEX = re.compile(r"(?<![0-9A-Fa-f])(?:[0-9A-Fa-f]{2}){5,}(?![0-9A-Fa-f])")
_READABLE = re.compile(r"[\t\n\r\x20-\x7e\u00a0-\u024f\u0370-\u06ff\u3040-\ud7af]{4,}")
_RUN = re.compile(rb"[\t\n\r\x20-\x7e]{6,}")
_WIDE = re.compile(rb"(?:[\x20-\x7e]\0){4,}|(?:\0[\x20-\x7e]){4,}")
_LETTERS = re.compile(r"[A-Za-z0-9 ^]")
_WORDS = re.compile(r"[A-Za-z]{3}")
_MIN_SHARE = 0.8  # of letters, digits and blanks in bytes that are text; chance makes more of other signs


def undisguised(text: str) -> tuple[str, ...]:
    """What a text says when its coded parts are decoded; nothing for the usual text, which has none."""
    found = [unquote(text)] if "%" in text and _PERCENT.search(text) else []
    found += [plain for digits in _HEX.findall(text) if (plain := _from_hex(digits))]
    found += [plain for coded in _BASE64.findall(text) if (plain := _from_base64(coded))]
    return tuple(found)


def _from_hex(digits: str) -> str:
    plain = bytes.fromhex(digits).decode("utf-8", "replace")
    return plain if not digits.isdigit() and _READABLE.fullmatch(plain) else ""


def _from_base64(coded: str) -> str:
    """Letters of both cases at least: a word is no code."""
    if coded.isdigit() or coded.islower() or coded.isupper():
        return ""
    bare = coded.rstrip("=")
    try:
        plain = base64.b64decode(bare + "=" * (-len(bare) % 4), b"-_" if "-" in bare or "_" in bare else None).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return plain if _READABLE.fullmatch(plain) else ""


def texts_in(value: bytes) -> Iterator[str]:
    """Runs of letters within bytes that are no text as a whole."""
    for found in _RUN.findall(value):
        text = found.decode("ascii")
        if _WORDS.search(text) and len(_LETTERS.findall(text)) >= _MIN_SHARE * len(text):
            yield text
    for found in _WIDE.findall(value):
        yield found.replace(b"\0", b"").decode("ascii")
