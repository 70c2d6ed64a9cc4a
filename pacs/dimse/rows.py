"""Rows as identifiers of responses, encoded without a data set in between. PS3.4 C.4.1.1.3.2."""

import struct
from collections.abc import Callable, Collection, Mapping
from itertools import zip_longest

from pacs.dicom.charsets import Encoder
from pacs.dicom.dictionary import KEYWORD_OF, is_private, tag_of
from pacs.dicom.elements import DataSet, Element
from pacs.dicom.syntaxes import EXPLICIT_LE, encoding_of
from pacs.dicom.values import CHARSET_VRS
from pacs.dicom.writing import encode as encode_data_set
from pacs.dicom.writing import header
from pacs.dimse.entries import element_of, is_stored_key
from pacs.dimse.identifier import (
    AVAILABILITY,
    CHARACTER_SET,
    LEVEL_NAMES,
    QUERY_LEVEL,
    RETRIEVE_AET,
    Identifier,
    inside,
)
from pacs.index.attributes import ATTRIBUTES, UNIQUE_KEYS
from pacs.model import Level
from pacs.query import Row

_BINARY = {"US": "H", "SS": "h", "UL": "I", "SL": "i"}
_UTF8 = "ISO_IR 192"
_STORED = encoding_of(EXPLICIT_LE)
_DELIMITERS = {"PN": "\\^=", "LO": "\\", "SH": "\\", "UC": "\\"}


class RowEncoder:
    """Turns rows into response identifiers: what was requested, and what PS3.4 C.4.1.1.3.2 wants besides."""

    def __init__(self, identifier: Identifier, level: Level, levels: Collection[Level], aet: str) -> None:
        self.encoding = identifier.encoding
        self.unicode = Encoder(_UTF8)
        self.wanted = Encoder(identifier.label or _UTF8)
        self.labels = {each: self.element(CHARACTER_SET, "CS", each.label.encode()) for each in self.encoders()}
        self.encoder = self.wanted
        self.is_ascii = self.fits = True
        plan: dict[int, Callable[[Row], bytes]] = {}
        for tag, element in identifier.data_set.items():
            if tag & 0xFFFF and not is_private(tag) and tag != CHARACTER_SET and tag & 0xFFFF0000:
                plan[tag] = self.asked_for(tag, element)
        for each in levels:
            if each.depth <= level.depth:
                tag = tag_of(UNIQUE_KEYS[each])
                plan[tag] = self.plain(tag, "")
        plan[QUERY_LEVEL] = self.fixed(QUERY_LEVEL, "CS", LEVEL_NAMES[level])
        plan[RETRIEVE_AET] = self.fixed(RETRIEVE_AET, "AE", aet)
        plan[AVAILABILITY] = self.fixed(AVAILABILITY, "CS", "ONLINE")
        ordered = sorted(plan)
        self.before = [plan[tag] for tag in ordered if tag < CHARACTER_SET]
        self.after = [plan[tag] for tag in ordered if tag > CHARACTER_SET]

    def encoders(self) -> tuple[Encoder, ...]:
        """What texts may be encoded with: as was asked for, and UTF-8 for what that cannot hold."""
        return (self.wanted, self.unicode)

    def encode(self, row: Row) -> bytes:
        """One row in the request's encoding; with a character set when it holds more than ASCII. PS3.3 C.12.1.1.2."""
        self.is_ascii = self.fits = True
        before = b"".join([each(row) for each in self.before])
        after = b"".join([each(row) for each in self.after])
        if self.is_ascii:
            return before + after
        if not self.fits:
            self.encoder = self.unicode
            try:
                return self.encode(row)
            finally:
                self.encoder = self.wanted
        return before + self.labels[self.encoder] + after

    def text(self, value: str, vr: str) -> bytes:
        """A text that is more than ASCII. What the character set cannot hold is left to the second attempt."""
        self.is_ascii = False
        if vr not in CHARSET_VRS:
            return value.encode("ascii", "replace")
        encoded = self.encoder.encode(value, _DELIMITERS.get(vr, ""))
        self.fits = self.fits and encoded is not None
        return encoded or b""

    def element(self, tag: int, vr: str, value: bytes) -> bytes:
        """An element with its header, padded to even length."""
        if len(value) % 2:
            value += b"\0" if vr == "UI" else b" "
        return header(tag, vr, len(value), self.encoding) + value

    def fixed(self, tag: int, vr: str, value: str) -> Callable[[Row], bytes]:
        """An element that is the same in every row."""
        encoded = self.element(tag, vr, value.encode())
        return lambda _row: encoded

    def asked_for(self, tag: int, asked: Element) -> Callable[[Row], bytes]:
        """How the value of an element that was asked for is found and encoded."""
        if is_stored_key(tag, asked):
            return self.stored(tag, asked)
        return self.sequence(tag, asked) if asked.items is not None else self.plain(tag, asked.vr)

    def stored(self, tag: int, asked: Element) -> Callable[[Row], bytes]:
        """An element as a stored object has it; empty when it has none, or the key is of a lower level."""
        empty, key = header(tag, asked.vr, 0, self.encoding), f"{tag:08X}"

        def encode(row: Row) -> bytes:
            entry = row.get(key)
            found = element_of(tag, entry, asked, self.text) if isinstance(entry, Mapping) else None
            if found is None:
                return empty
            return b"".join(encode_data_set(DataSet({tag: found}), _STORED, self.encoding))

        return encode

    def plain(self, tag: int, vr: str) -> Callable[[Row], bytes]:
        """An element from the row's value for its keyword; empty when the index has none."""
        keyword = KEYWORD_OF.get(tag, "")
        attribute = ATTRIBUTES.get(keyword)
        if attribute is None:
            return self.fixed(tag, vr, "")
        return self.value(keyword, tag, attribute.vr)

    def value(self, path: str, tag: int, vr: str) -> Callable[[Row], bytes]:
        """An element from the row's value under `path`."""
        code = _BINARY.get(vr)
        order = "<" if self.encoding.little_endian else ">"
        empty = self.element(tag, vr, b"")

        def encode(row: Row) -> bytes:
            found = row.get(path)
            if found is None or found == "":
                return empty
            if code is not None:
                return self.element(tag, vr, struct.pack(order + code, int(str(found))))
            text = str(found)
            if text.isascii():
                return self.element(tag, vr, text.encode("ascii"))
            return self.element(tag, vr, self.text(text, vr))

        return encode

    def sequence(self, tag: int, asked: Element) -> Callable[[Row], bytes]:
        """A sequence with what was asked for inside its items, or without items when the index has no value."""
        keyword = KEYWORD_OF.get(tag, "")
        inner = asked.items[0] if asked.items else DataSet()
        tags = sorted(inner) or sorted(tag_of(path.partition(".")[2]) for path in inside(keyword))
        known = {each: ATTRIBUTES.get(f"{keyword}.{KEYWORD_OF.get(each)}") for each in tags}
        parts = [self.value(found.keyword, each, found.vr) for each, found in known.items() if found is not None]
        paths = [found.keyword for found in known.values() if found is not None]
        empty = header(tag, "SQ", 0, self.encoding)
        item = struct.pack(("<" if self.encoding.little_endian else ">") + "HH", 0xFFFE, 0xE000)
        length = struct.Struct(("<" if self.encoding.little_endian else ">") + "I")

        def encode(row: Row) -> bytes:
            columns = [str(row.get(path) or "").split("\\") for path in paths]  # one value for each item
            if not any(map(any, columns)):
                return empty
            body = b""
            for values in zip_longest(*columns, fillvalue=""):
                one: Row = dict(zip(paths, values, strict=True))
                content = b"".join(part(one) for part in parts)
                body += item + length.pack(len(content)) + content
            return header(tag, "SQ", len(body), self.encoding) + body

        return encode
