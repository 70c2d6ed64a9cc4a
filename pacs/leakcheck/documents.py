"""Text in an encapsulated PDF: its streams inflated, and the strings that its operators show. ISO 32000-1 7.4.4, 9.4.3.

Fonts with an encoding of their own cannot be read without them; a document is therefore never judged clean by this
alone, it can only be found to leak.
"""

import re
import zlib
from collections.abc import Iterator

_STREAM = re.compile(rb"stream\r?\n(.*?)\r?\n?endstream", re.DOTALL)
_STRING = re.compile(rb"\(((?:[^()\\]|\\.)*)\)|<([0-9A-Fa-f\s]+)>", re.DOTALL)
_SHOWN = re.compile(rb"\[((?:[^\[\]\\]|\\.)*)\]\s*TJ", re.DOTALL)
_ESCAPE = re.compile(rb"\\([0-7]{1,3}|.)", re.DOTALL)
_PLAIN = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b" ", b"f": b" "}
_MAX_INFLATED = 64 << 20


def pdf_texts(document: bytes) -> Iterator[str]:
    """All strings of a PDF, of each stream and of what stands between them."""
    if b"%PDF" not in document[:1024]:
        return
    for content in (document, *map(_inflated, _STREAM.findall(document))):
        found = [text for text in _strings(content) if text]
        if found:
            yield "\n".join(found)
            yield "".join(found)  # a word may be shown in pieces


def _inflated(stream: bytes) -> bytes:
    engine = zlib.decompressobj()
    try:
        return engine.decompress(stream, _MAX_INFLATED)
    except zlib.error:
        return stream


def _strings(content: bytes) -> Iterator[str]:
    for array in _SHOWN.findall(content):  # pieces with kerning between them
        yield "".join(_text(*found) for found in _STRING.findall(array))
    for found in _STRING.findall(content):
        yield _text(*found)


def _text(literal: bytes, digits: bytes) -> str:
    if digits:
        raw = bytes.fromhex(re.sub(rb"\s", b"", digits).decode() + "0" * (len(re.sub(rb"\s", b"", digits)) % 2))
    else:
        raw = _ESCAPE.sub(_unescaped, literal)
    if raw[:2] == b"\xfe\xff":
        return raw[2:].decode("utf-16-be", "replace")
    return raw.decode("latin-1")


def _unescaped(found: re.Match[bytes]) -> bytes:
    escaped = found[1]
    if escaped.isdigit():
        return bytes([int(escaped, 8) & 0xFF])
    return _PLAIN.get(escaped, escaped)
