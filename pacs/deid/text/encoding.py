"""Text back into bytes, in the object's own character set. PS3.5 6.1; PS3.3 C.12.1.1.2."""

from pacs.dicom.values import Charset, decode

_GUESS = "guess"
# Escape sequences that ISO 2022 wants before text of a code extension. PS3.3 Table C.12-4.
_ESCAPED = {"iso_ir_58": b"\x1b$)A", "euc_kr": b"\x1b$)C"}


def encode_text(text: str, charset: Charset) -> bytes | None:
    """The bytes of a text; None when the character set cannot hold it so that it reads the same.

    `charset` is as `charset_of` gives it, more than one codec when the object uses code extensions.
    """
    if text.isascii() and "\x1b" not in text and "~" not in text and "\\" not in text:
        return text.encode("ascii")
    for codec in charset:
        for candidate in (codec, "utf-8", "latin-1") if codec == _GUESS else (codec,):
            raw = _encoded(text, candidate)
            if raw is not None and decode(raw, charset) == text:
                return raw
    return _with_escapes(text, charset)


def _encoded(text: str, codec: str) -> bytes | None:
    if codec == _GUESS:
        return text.encode("ascii") if text.isascii() else None
    try:
        return text.encode(codec)
    except (UnicodeError, LookupError):
        return None


def _with_escapes(text: str, charset: Charset) -> bytes | None:
    """Text that needs code extensions: runs of the first codec as they are, others after their escape sequence."""
    if len(charset) < 2:
        return None
    out = b""
    for run in _runs(text):
        raw = _run_bytes(run, charset)
        if raw is None:
            return None
        out += raw
    return out if decode(out, charset) == text else None


def _runs(text: str) -> list[str]:
    runs: list[str] = []
    for letter in text:
        if runs and runs[-1][-1].isascii() == letter.isascii():
            runs[-1] += letter
        else:
            runs.append(letter)
    return runs


def _run_bytes(run: str, charset: Charset) -> bytes | None:
    if run.isascii():
        return run.encode("ascii")
    for codec in charset:
        raw = _encoded(run, codec)
        if raw is None:
            continue
        for start in (b"", _ESCAPED.get(codec, b"")):
            if decode(start + raw, charset) == run:
                return start + raw
    return None
