"""Text back into bytes, in the object's own character set. PS3.5 6.1; PS3.3 C.12.1.1.2."""

import re

from pacs.dicom.values import Charset, decode

_GUESS = "guess"
_REAL = {"iso_ir_58": "gb2312"}  # names that are pydicom's alone
# Codecs whose text stands after an escape sequence, as code extensions want it. PS3.3 Tables C.12-3 and C.12-4.
_ESCAPES = {
    "iso_ir_58": b"\x1b$)A",
    "euc_kr": b"\x1b$)C",
    "latin_1": b"\x1b-A",
    "iso8859_2": b"\x1b-B",
    "iso8859_3": b"\x1b-C",
    "iso8859_4": b"\x1b-D",
    "iso_ir_126": b"\x1b-F",
    "iso_ir_127": b"\x1b-G",
    "iso_ir_138": b"\x1b-H",
    "iso_ir_144": b"\x1b-L",
    "iso_ir_148": b"\x1b-M",
    "iso_ir_166": b"\x1b-T",
}
_RUN = re.compile(r"[\x00-\x7f]+|[^\x00-\x7f]+(?:[ \u3000]+[^\x00-\x7f]+)*")


def encode_text(text: str, charset: Charset) -> bytes | None:
    """The bytes of a text; None when the character set cannot hold it so that it reads the same.

    `charset` is as `charset_of` gives it: several codecs when the object uses code extensions. An object that names
    no character set may hold ASCII only.
    """
    if text.isascii() and "\x1b" not in text:
        return text.encode("ascii")
    raw = _encoded(text, charset[0])
    if raw is not None and decode(raw, charset) == text:
        return raw
    return _with_escapes(text, charset)


def encode_with_marks(text: str, charset: Charset) -> bytes:
    """The bytes of a text, a question mark in place of each letter that the character set cannot hold."""
    raw = encode_text(text, charset)
    if raw is None:
        lost = {ord(each): "?" for each in set(text) if encode_text(each, charset) is None}
        raw = encode_text(text.translate(lost), charset)
    return text.encode("ascii", "replace") if raw is None else raw


def _encoded(text: str, codec: str) -> bytes | None:
    if codec == _GUESS:
        return text.encode("ascii") if text.isascii() else None
    try:
        return text.encode(_REAL.get(codec, codec))
    except (UnicodeError, LookupError):
        return None


def _with_escapes(text: str, charset: Charset) -> bytes | None:
    """Text that needs code extensions: each run in the first codec that can hold it. PS3.5 6.1.2.5."""
    if len(charset) < 2:
        return None
    out = b""
    for run in _RUN.findall(text):
        raw = run.encode("ascii") if run.isascii() else _run_bytes(run, charset)
        if raw is None:
            return None
        out += raw
    return out if decode(out, charset) == text else None


def _run_bytes(run: str, charset: Charset) -> bytes | None:
    for number, codec in enumerate(charset):
        raw = _encoded(run, codec)
        if raw is None:
            continue
        start = b"" if number == 0 else _ESCAPES.get(codec, b"")
        if decode(start + raw, charset) == run:
            return start + raw
    return None
