"""The search in raw bytes: what decoding did not show. At least 6 bytes, bounded; texts have had their rules."""

import re
from collections.abc import Iterator
from functools import lru_cache

from pacs.dicom.elements import DataSet, parse
from pacs.dicom.syntaxes import Encoding
from pacs.errors import Refused
from pacs.leakcheck.identity import Identity
from pacs.leakcheck.texts import Reading
from pacs.model import Finding

MIN_RAW_BYTES = 6
MIN_RAW_UID = 12
_META = Encoding(explicit=True, little_endian=True)
_BYTES = frozenset(("OB", "UN"))
_DIGITS = re.compile(rb"[0-9.\0]+")
_UIDS = re.compile(rb"[0-9][0-9.]{7,63}")


def raw_bytes(identity: Identity, reading: Reading) -> Iterator[Finding]:
    """Names, ids and UIDs in values that are no text: OB, OW, UN and the like.

    All of them are searched at once first; only a hit looks for its place.
    """
    if not reading.byte_values:
        return
    lowered = b"\0".join(element.value for _path, element in reading.byte_values).lower()
    needles = [needle for needle in _needles(identity) if needle in lowered]
    uids = {uid.encode() for uid in identity.uids if len(uid) >= MIN_RAW_UID}
    uids &= {uid.rstrip(b".") for uid in _UIDS.findall(lowered)} if uids else set()
    digits = [_bounded(needle) for needle in needles if _DIGITS.fullmatch(needle)]
    telling = [_bounded(needle) for needle in [*needles, *uids] if needle in uids or not _DIGITS.fullmatch(needle)]
    for path, element in reading.byte_values if telling or digits else ():
        value = bytes(element.value).lower()
        # Digits within numbers are a coincidence; letters and UIDs hardly are.
        patterns = telling + digits if element.vr in _BYTES else telling
        if any(pattern.search(value) for pattern in patterns):
            yield Finding(path, "raw bytes")


def _needles(identity: Identity) -> Iterator[bytes]:
    for part in (*identity.names, *identity.ids, *identity.phrases):
        if len(part) >= MIN_RAW_BYTES:
            yield from _spellings(part)
    for part in identity.cjk_names:
        if len(raw := part.encode()) >= MIN_RAW_BYTES:
            yield raw


@lru_cache(maxsize=2048)  # the slices of a series hold the same
def _spellings(part: str) -> tuple[bytes, ...]:
    codecs = ("ascii", "utf-16-le", "utf-16-be") if part.isascii() else ("latin-1", "utf-8", "utf-16-le", "utf-16-be")
    return tuple(raw for codec in codecs if len(raw := part.encode(codec, "ignore")) >= MIN_RAW_BYTES)


def _bounded(needle: bytes) -> re.Pattern[bytes]:
    edge = rb"[0-9a-z]" if needle[:1].isalpha() else rb"[0-9a-z.]"
    return re.compile(rb"(?<!" + edge + rb")" + re.escape(needle) + rb"(?!" + edge + rb")")


def preamble(header: bytes) -> Iterator[Finding]:
    """Anything at all in the 128 bytes before the prefix: PS3.10 7.1 leaves them to applications."""
    if header[128:132] == b"DICM" and any(header[:128]):
        yield Finding("preamble", "preamble")


def meta_of(header: bytes) -> DataSet:
    """File meta information as it will be written; empty when the header is a bare data set."""
    if header[128:132] != b"DICM" or header[132:140] != b"\x02\0\0\0UL\x04\0":
        return DataSet()
    end = 144 + int.from_bytes(header[140:144], "little")
    try:
        return parse(header[132:end], _META)
    except Refused:
        return DataSet()
