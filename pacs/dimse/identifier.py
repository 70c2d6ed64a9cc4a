"""Identifiers: request keys in, rows out. PS3.4 C.2.2 and C.4.1.1.3."""

import struct
from collections.abc import Callable, Collection
from dataclasses import dataclass

from pacs.dicom.dictionary import KEYWORD_OF, is_private, tag_of
from pacs.dicom.elements import DataSet, Element, parse
from pacs.dicom.syntaxes import Encoding, encoding_of
from pacs.dicom.values import DEFAULT, Charset, charset_of, numbers_of, values_of
from pacs.dicom.writing import header
from pacs.dimse.negotiation import (
    PATIENT_ROOT_FIND,
    PATIENT_ROOT_GET,
    PATIENT_ROOT_MOVE,
    PATIENT_STUDY_ONLY_FIND,
    PATIENT_STUDY_ONLY_GET,
    PATIENT_STUDY_ONLY_MOVE,
)
from pacs.errors import BadQuery
from pacs.index.attributes import ATTRIBUTES, UNIQUE_KEYS, Attribute, Kind
from pacs.model import Condition, Exact, Level, Match, Query, Range, Row, Wildcard

QUERY_LEVEL = 0x00080052
RETRIEVE_AET = 0x00080054
AVAILABILITY = 0x00080056
CHARACTER_SET = 0x00080005
FAILED_UIDS = 0x00080058

LEVEL_NAMES = {Level.PATIENT: "PATIENT", Level.STUDY: "STUDY", Level.SERIES: "SERIES", Level.INSTANCE: "IMAGE"}
_LEVELS = {name: level for level, name in LEVEL_NAMES.items()}
_PATIENT_ROOT = frozenset((PATIENT_ROOT_FIND, PATIENT_ROOT_MOVE, PATIENT_ROOT_GET))
_PATIENT_STUDY_ONLY = frozenset((PATIENT_STUDY_ONLY_FIND, PATIENT_STUDY_ONLY_MOVE, PATIENT_STUDY_ONLY_GET))
_MOMENTS = (Kind.DATE, Kind.TIME, Kind.DATETIME)
_BINARY = {"US": "H", "SS": "h", "UL": "I", "SL": "i"}


def levels_of(sop_class_uid: str) -> tuple[Level, ...]:
    """The levels of an information model, from the top. PS3.4 C.6."""
    if sop_class_uid in _PATIENT_STUDY_ONLY:
        return (Level.PATIENT, Level.STUDY)
    if sop_class_uid in _PATIENT_ROOT:
        return tuple(Level)
    return (Level.STUDY, Level.SERIES, Level.INSTANCE)


@dataclass(frozen=True, slots=True)
class Identifier:
    """The keys of a request, still as elements."""

    data_set: DataSet
    encoding: Encoding
    charset: Charset

    def values(self, tag: int) -> list[str]:
        """The values of a key; empty when absent, or present without a value."""
        element = self.data_set.get(tag)
        return self.values_of(element) if element is not None else []

    def values_of(self, element: Element) -> list[str]:
        """The values of an element as text, numbers included."""
        if element.items is not None:
            return []
        if element.vr in _BINARY:
            return [str(each) for each in numbers_of(element, little_endian=self.encoding.little_endian)]
        return [each for each in values_of(element, self.charset) if each]


def read_identifier(data: bytes, transfer_syntax_uid: str) -> Identifier:
    """An identifier from its bytes. Raises `BadQuery` when it cannot be read."""
    encoding = encoding_of(transfer_syntax_uid)
    try:
        data_set = parse(data, encoding)
        charset = charset_of(data_set, DEFAULT)
    except Exception as error:
        raise BadQuery("the identifier cannot be read") from error
    return Identifier(data_set, encoding, charset)


def level_of(identifier: Identifier, levels: Collection[Level]) -> Level:
    """Query/Retrieve Level. Raises `BadQuery` when it is missing, or not one of the model's. PS3.4 C.4.1.1.3.1."""
    names = identifier.values(QUERY_LEVEL)
    level = _LEVELS.get(names[0].upper()) if names else None
    if level is None or level not in levels:
        raise BadQuery(f"Query/Retrieve Level must be one of {', '.join(LEVEL_NAMES[each] for each in levels)}")
    return level


def check_upper_keys(identifier: Identifier, level: Level, levels: Collection[Level]) -> None:
    """The hierarchical rule: each level above has its unique key, with one value. PS3.4 C.4.1.2.1."""
    for upper in levels:
        if upper.depth >= level.depth:
            return
        keyword = UNIQUE_KEYS[upper]
        values = identifier.values(tag_of(keyword))
        if len(values) != 1 or "*" in values[0] or "?" in values[0]:
            raise BadQuery(f"{keyword} must have one value at level {LEVEL_NAMES[level]}")


def query_of(identifier: Identifier, level: Level, limit: int | None) -> Query:
    """The query that the keys ask for. Keys that the index does not match are universal, as PS3.4 C.2.2.1.3 allows."""
    matches, returned = [], set()
    for path, element in _keys(identifier.data_set):
        attribute = ATTRIBUTES.get(path)
        if attribute is None:
            continue
        returned.add(path)
        condition = None if attribute.kind is Kind.COUNT else condition_of(attribute, identifier.values_of(element))
        if condition is not None:
            matches.append(Match(path, condition))
    return Query(level, tuple(matches), frozenset(returned), limit=limit)


def _keys(data_set: DataSet) -> list[tuple[str, Element]]:
    """Keyword and element of every key; those in the first item of a sequence by their dotted path."""
    found = []
    for tag, element in data_set.items():
        keyword = KEYWORD_OF.get(tag)
        if keyword is None:
            continue
        if element.items is None:
            found.append((keyword, element))
            continue
        inner = element.items[0] if element.items else DataSet()
        found += [(f"{keyword}.{KEYWORD_OF.get(each)}", inner[each]) for each in inner]
        found += [(path, Element(0, "LO")) for path in _inside(keyword)] if not inner else []
    return found


def _inside(keyword: str) -> list[str]:
    """The keys inside a sequence that the index knows."""
    return [path for path in ATTRIBUTES if path.startswith(f"{keyword}.")]


def condition_of(attribute: Attribute, values: list[str]) -> Condition | None:
    """How a key restricts; None for universal matching. Raises `BadQuery`. PS3.4 C.2.2.2."""
    if not values or all(not each.strip("* ") for each in values):
        return None
    if attribute.kind in _MOMENTS:
        return _moment(attribute, values)
    if attribute.kind in (Kind.UID, Kind.NUMBER):
        if any("*" in each or "?" in each for each in values):
            raise BadQuery(f"{attribute.keyword} takes no wildcard")
        return Exact(tuple(values))
    if any("*" in each or "?" in each for each in values):
        if len(values) > 1:
            raise BadQuery(f"{attribute.keyword} takes one pattern")
        return Wildcard(values[0])
    if attribute.kind is Kind.NAME:
        return Exact(tuple(each.rstrip("^= ") for each in values))
    return Exact(tuple(values))


def _moment(attribute: Attribute, values: list[str]) -> Condition:
    """A date, time or date time, or a range of them. A DT's time zone has a hyphen too. PS3.4 C.2.2.2.5."""
    if len(values) > 1:
        return Exact(tuple(values))
    text = values[0]
    if "-" not in text:
        return Exact((text,))
    low, high = _ends(text) if attribute.kind is Kind.DATETIME else [each.strip() for each in text.split("-", 1)]
    return Range(low or None, high or None) if low != high or not low else Exact((low,))


def _ends(text: str) -> list[str]:
    """The ends of a DT range: the hyphen that is not the sign of a zone, which has four digits and ends a value."""
    hyphens = [position for position, letter in enumerate(text) if letter == "-"]
    if len(hyphens) == 1 and 4 < hyphens[0] == len(text) - 5:
        return [text, text]
    middle = next((each for each in hyphens if not _is_zone(text, each)), hyphens[0])
    return [text[:middle].strip(), text[middle + 1 :].strip()]


def _is_zone(text: str, position: int) -> bool:
    after = text[position + 1 :].partition("-")[0].strip()
    return len(after) == 4 and position >= 4 and int(after[:2] if after.isdigit() else 99) <= 14


class RowEncoder:
    """Turns rows into response identifiers: what was requested, and what PS3.4 C.4.1.1.3.2 wants besides."""

    def __init__(self, identifier: Identifier, level: Level, levels: Collection[Level], aet: str) -> None:
        self.encoding = identifier.encoding
        self.is_ascii = True
        plan: dict[int, Callable[[Row], bytes]] = {}
        for tag, element in identifier.data_set.items():
            if tag & 0xFFFF and not is_private(tag) and tag != CHARACTER_SET and tag & 0xFFFF0000:
                plan[tag] = self.sequence(tag, element) if element.items is not None else self.plain(tag, element.vr)
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
        self.character_set = self.element(CHARACTER_SET, "CS", b"ISO_IR 192")

    def encode(self, row: Row) -> bytes:
        """One row in the request's encoding; with a character set when it holds more than ASCII. PS3.3 C.12.1.1.2."""
        self.is_ascii = True
        before = b"".join(each(row) for each in self.before)
        after = b"".join(each(row) for each in self.after)
        return before + after if self.is_ascii else before + self.character_set + after

    def element(self, tag: int, vr: str, value: bytes) -> bytes:
        """An element with its header, padded to even length."""
        if len(value) % 2:
            value += b"\0" if vr == "UI" else b" "
        return header(tag, vr, len(value), self.encoding) + value

    def fixed(self, tag: int, vr: str, value: str) -> Callable[[Row], bytes]:
        """An element that is the same in every row."""
        encoded = self.element(tag, vr, value.encode())
        return lambda _row: encoded

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
                return self.element(tag, vr, struct.pack(order + code, int(found)))
            text = str(found)
            if text.isascii():
                return self.element(tag, vr, text.encode("ascii"))
            self.is_ascii = False
            return self.element(tag, vr, text.encode("utf-8", "replace"))

        return encode

    def sequence(self, tag: int, asked: Element) -> Callable[[Row], bytes]:
        """A sequence with one item of what was asked for inside, or without items when the index has no value."""
        keyword = KEYWORD_OF.get(tag, "")
        inner = asked.items[0] if asked.items else DataSet()
        tags = sorted(inner) or sorted(tag_of(path.partition(".")[2]) for path in _inside(keyword))
        known = {each: ATTRIBUTES.get(f"{keyword}.{KEYWORD_OF.get(each)}") for each in tags}
        parts = [self.value(found.keyword, each, found.vr) for each, found in known.items() if found is not None]
        paths = [found.keyword for found in known.values() if found is not None]
        empty = header(tag, "SQ", 0, self.encoding)
        item = struct.pack(("<" if self.encoding.little_endian else ">") + "HH", 0xFFFE, 0xE000)
        length = struct.Struct(("<" if self.encoding.little_endian else ">") + "I")

        def encode(row: Row) -> bytes:
            if not any(row.get(path) for path in paths):
                return empty
            body = b"".join(part(row) for part in parts)
            return header(tag, "SQ", len(body) + 8, self.encoding) + item + length.pack(len(body)) + body

        return encode


def failed_list(uids: list[str], transfer_syntax_uid: str) -> bytes:
    """The identifier that names what could not be sent; as many as an element holds. PS3.4 C.4.2.1.4.2."""
    encoding = encoding_of(transfer_syntax_uid)
    while uids and encoding.explicit and sum(len(each) + 1 for each in uids) > 65534:
        uids = uids[: len(uids) * 9 // 10]
    value = "\\".join(uids).encode()
    value += b"\0" * (len(value) % 2)
    return header(FAILED_UIDS, "UI", len(value), encoding) + value
