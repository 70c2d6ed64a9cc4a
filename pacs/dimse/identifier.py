"""Identifiers of requests: their keys as a query. PS3.4 C.2.2 and C.4.1.1.3."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from pacs.dicom.dictionary import KEYWORD_OF, tag_of
from pacs.dicom.elements import DataSet, Element, parse
from pacs.dicom.fileformat import text_of
from pacs.dicom.syntaxes import Encoding, encoding_of
from pacs.dicom.values import DEFAULT, Charset, charset_named, numbers_of, values_of
from pacs.dicom.writing import header
from pacs.dimse.entries import attribute_named
from pacs.dimse.negotiation import (
    COMPOSITE_ROOT_GET,
    COMPOSITE_ROOT_MOVE,
    PATIENT_ROOT_FIND,
    PATIENT_ROOT_GET,
    PATIENT_ROOT_MOVE,
    PATIENT_STUDY_ONLY_FIND,
    PATIENT_STUDY_ONLY_GET,
    PATIENT_STUDY_ONLY_MOVE,
    PLAIN,
    Matching,
)
from pacs.errors import BadQuery
from pacs.index.attributes import ATTRIBUTES, UNIQUE_KEYS, Attribute, Kind
from pacs.model import Level
from pacs.query import Condition, Exact, Match, Query, Range, Wildcard

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
_BINARY = frozenset(("US", "SS", "UL", "SL", "SV", "UV", "FL", "FD"))
_NOT_MATCHED = frozenset(("OB", "OW", "OF", "OD", "OL", "OV", "AT"))
# Keys that every answer has, whether they were asked for or not.
ANSWERED = frozenset((QUERY_LEVEL, RETRIEVE_AET, AVAILABILITY, CHARACTER_SET))


def levels_of(sop_class_uid: str) -> tuple[Level, ...]:
    """The levels of an information model, from the top. PS3.4 C.6, Y.6 (frames are not retrieved)."""
    if sop_class_uid in (COMPOSITE_ROOT_MOVE, COMPOSITE_ROOT_GET):
        return (Level.INSTANCE,)
    if sop_class_uid in _PATIENT_STUDY_ONLY:
        return (Level.PATIENT, Level.STUDY)
    if sop_class_uid in _PATIENT_ROOT:
        return tuple(Level)
    return (Level.STUDY, Level.SERIES, Level.INSTANCE)


@dataclass(frozen=True, slots=True)
class Identifier:
    """The keys of a request, still as elements. `label` is the (0008,0005) that answers should have, if any."""

    data_set: DataSet
    encoding: Encoding
    charset: Charset
    label: str = ""

    def values(self, tag: int) -> list[str]:
        """The values of a key; empty when absent, or present without a value."""
        element = self.data_set.get(tag)
        return self.values_of(element) if element is not None else []

    def values_of(self, element: Element) -> list[str]:
        """The values of an element as text, numbers included."""
        if element.items is not None or element.vr in _NOT_MATCHED:
            return []
        if element.vr in _BINARY:
            return [str(each) for each in numbers_of(element, little_endian=self.encoding.little_endian)]
        return [each for each in values_of(element, self.charset) if each]


def read_identifier(data: bytes, transfer_syntax_uid: str, character_set: str = "") -> Identifier:
    """An identifier from its bytes. Raises `BadQuery` when it cannot be read.

    `character_set` is a defined term: how keys are read that come without one, and what answers should be in. Without
    it, such keys are read as UTF-8, or as Latin-1 where they cannot be that.
    """
    encoding = encoding_of(transfer_syntax_uid)
    try:
        data_set = parse(data, encoding)
        named = text_of(data_set, CHARACTER_SET)
        label = named or character_set
        charset = charset_named(label.encode("ascii", "replace")) if label else DEFAULT
    except Exception as error:
        raise BadQuery("the identifier cannot be read") from error
    return Identifier(data_set, encoding, charset, character_set or named)


def level_of(identifier: Identifier, levels: Collection[Level]) -> Level:
    """Query/Retrieve Level. Raises `BadQuery` when it is missing, or not one of the model's. PS3.4 C.4.1.1.3.1."""
    names = identifier.values(QUERY_LEVEL)
    level = _LEVELS.get(names[0].upper()) if names else None
    if level is None or level not in levels:
        raise BadQuery(f"the level must be one of {', '.join(LEVEL_NAMES[each] for each in levels)}", QUERY_LEVEL)
    return level


def check_upper_keys(identifier: Identifier, level: Level, levels: Collection[Level]) -> None:
    """The hierarchical rule: each level above has its unique key, with one value. PS3.4 C.4.1.2.1."""
    for upper in levels:
        if upper.depth >= level.depth:
            return
        keyword = UNIQUE_KEYS[upper]
        values = identifier.values(tag_of(keyword))
        if len(values) != 1 or "*" in values[0] or "?" in values[0]:
            raise BadQuery(f"{keyword} must have one value at level {LEVEL_NAMES[level]}", tag_of(keyword))


def query_of(identifier: Identifier, level: Level, limit: int | None, matching: Matching = PLAIN) -> Query:
    """The query that the keys ask for. Keys that are not supported are universal, as PS3.4 C.2.2.1.3 allows.

    Keys of lower levels restrict only in relational queries. What is no column is looked up in stored objects.
    """
    matches, returned = [], set()
    for path, element in _keys(identifier.data_set):
        attribute = attribute_named(path)
        if attribute is None or element.tag in ANSWERED:
            continue
        returned.add(path if path in ATTRIBUTES else path.partition(".")[0])  # a sequence is cut to what was asked for
        is_of_level = attribute.level.depth <= level.depth or matching.relational
        if attribute.kind is Kind.COUNT or not is_of_level:
            continue
        condition = condition_of(attribute, identifier.values_of(element))
        if condition is not None:
            matches.append(Match(attribute.keyword, condition))
    return Query(
        level,
        tuple(matches),
        frozenset(returned),
        fuzzy=matching.fuzzy,
        combined=matching.combined,
        limit=limit,
    )


def is_supported(identifier: Identifier, level: Level, matching: Matching = PLAIN) -> bool:
    """Whether every key is supported at the level, for existence and for matching; else rows say FF01H. C.4.1.1.4."""
    for path, element in _keys(identifier.data_set):
        tag = element.tag
        if tag in ANSWERED or (tag and not tag & 0xFFFF):
            continue
        attribute = attribute_named(path)
        if attribute is None:
            return False
        values = identifier.values_of(element)
        if attribute.level.depth > level.depth and not (matching.relational and values):
            return False
        if attribute.kind is Kind.COUNT and any(each.strip("*") for each in values):
            return False
    return True


def _keys(data_set: DataSet) -> Iterator[tuple[str, Element]]:
    """Keyword and element of every key; those in the first item of a sequence by their dotted path."""
    for tag, element in data_set.items():
        keyword = KEYWORD_OF.get(tag, "")
        if element.items is None:
            yield keyword, element
            continue
        inner = element.items[0] if element.items else DataSet()
        asked = [(f"{keyword}.{KEYWORD_OF.get(each)}", inner[each]) for each in inner]
        asked = asked or [(path, Element(0, "LO")) for path in inside(keyword)]
        yield from asked or [(keyword, element)]


def inside(keyword: str) -> list[str]:
    """The keys inside a sequence that the index knows."""
    return [path for path in ATTRIBUTES if path.startswith(f"{keyword}.")]


def condition_of(attribute: Attribute, values: list[str]) -> Condition | None:
    """How a key restricts; None for universal matching. Raises `BadQuery`. PS3.4 C.2.2.2."""
    if not values or any(not each.strip("* ") for each in values):
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


def failed_list(uids: list[str], transfer_syntax_uid: str) -> bytes:
    """The identifier that names what could not be sent; as many as an element holds. PS3.4 C.4.2.1.4.2."""
    encoding = encoding_of(transfer_syntax_uid)
    while uids and encoding.explicit and sum(len(each) + 1 for each in uids) > 65534:
        uids = uids[: len(uids) * 9 // 10]
    value = "\\".join(uids).encode()
    value += b"\0" * (len(value) % 2)
    return header(FAILED_UIDS, "UI", len(value), encoding) + value
