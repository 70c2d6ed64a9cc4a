"""Identity under another coating: percent signs, base64, hexadecimal digits."""

import base64
import binascii
import re
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import unquote

_PERCENT = re.compile(r"\S*%[0-9A-Fa-f]{2}\S*")
_CODED = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2}){4,}")
_READABLE = re.compile(r"[\t\n\r\x20-\x7e\u00a0-\u024f\u0370-\u06ff\u3040-\ud7af]{4,}")
_SHORTEST = 8


@lru_cache(maxsize=8192)
def undisguised(text: str) -> tuple[tuple[int, int, str], ...]:
    """Parts of a text that are coded, each with what it says; none for the usual text."""
    return tuple(_found(text)) if len(text) >= _SHORTEST or "%" in text else ()


def _found(text: str) -> Iterator[tuple[int, int, str]]:
    if "%" in text:
        for match in _PERCENT.finditer(text):
            yield *match.span(), unquote(match.group())
    for match in _CODED.finditer(text):
        for plain in _decoded(match.group()):
            if _READABLE.fullmatch(plain):
                yield *match.span(), plain


def _decoded(coded: str) -> Iterator[str]:
    if _HEX.fullmatch(coded) and not coded.isdigit():
        yield bytes.fromhex(coded).decode("utf-8", "replace")
    bare = coded.rstrip("=")
    if coded.isdigit() or len(bare) % 4 == 1:
        return
    altchars = b"-_" if "-" in coded or "_" in coded else None
    try:
        yield base64.b64decode(bare + "=" * (-len(bare) % 4), altchars=altchars).decode()
    except (binascii.Error, UnicodeDecodeError):
        return
