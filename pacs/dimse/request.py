"""An A-ASSOCIATE-RQ as it came, made fit for pynetdicom's decoder: it gives up where PS3.8 asks for tolerance."""

import re
import struct
from collections.abc import Iterator

from pacs.errors import NotDicom

FIXED_BYTES = 68  # protocol version, titles, reserved. PS3.8 Table 9-11
APPLICATION_CONTEXT, PRESENTATION_CONTEXT, USER_INFORMATION = 0x10, 0x20, 0x50
ABSTRACT_SYNTAX, TRANSFER_SYNTAX = 0x30, 0x40
IMPLEMENTATION_CLASS, VERSION_NAME, USER_IDENTITY = 0x52, 0x55, 0x58
_USER_ITEMS = frozenset(range(0x51, 0x59))
_IDENTITY_TYPES = frozenset(range(1, 6))
_UID = re.compile(rb"[0-9]+(\.[0-9]+)*")
LONGEST_UID = 64
LONGEST_VERSION_NAME = 16
NO_CLASS = b"0"  # an abstract syntax that nobody offers, for what is no UID
NO_TITLE = "?" * 16  # stands for an AE title that is none; whoever has it is rejected
_TITLE = re.compile(rb"[ -\[\]-~]{16}")


def tidy(body: bytes) -> bytes:
    """The variable part of the request without items that the standard does not know, which PS3.8 9.3.1 has ignored.

    Version names are cut to their length, UIDs that are none are replaced or left out, so that one bad context is
    refused and not the association; likewise `NO_TITLE` for what is no AE title. Raises `NotDicom` for items that run
    past their end, and for context ids that are even, 0 or there twice.
    """
    if len(body) < FIXED_BYTES:
        raise NotDicom("the request is cut")
    parts = [body[:4], _title(body[4:20]), _title(body[20:36]), body[36:FIXED_BYTES]]
    ids: set[int] = set()
    for kind, value in _items(body[FIXED_BYTES:]):
        if kind == APPLICATION_CONTEXT:
            parts.append(_item(kind, value))
        elif kind == PRESENTATION_CONTEXT:
            parts.append(_item(kind, _context(value)))
            if value[0] in ids:
                raise NotDicom("two presentation contexts with one id")
            ids.add(value[0])
        elif kind == USER_INFORMATION:
            parts.append(_item(kind, b"".join(_user_items(value))))
    return b"".join(parts)


def _title(title: bytes) -> bytes:
    """An AE title: not empty, printable ASCII without backslash. PS3.5 6.2. Padding of NUL is made spaces."""
    padded = title.rstrip(b" \0").ljust(16)
    return padded if _TITLE.fullmatch(padded) and padded.strip() else NO_TITLE.encode()


def _items(data: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position < len(data):
        if position + 4 > len(data):
            raise NotDicom("an item is cut")
        kind, length = struct.unpack_from(">BxH", data, position)
        position += 4
        if position + length > len(data):
            raise NotDicom("an item runs past its end")
        yield kind, data[position : position + length]
        position += length


def _item(kind: int, value: bytes) -> bytes:
    return struct.pack(">BxH", kind, len(value)) + value


def _context(value: bytes) -> bytes:
    """One proposed presentation context. PS3.8 9.3.2.2."""
    if len(value) < 4 or not value[0] & 1:
        raise NotDicom("a presentation context without an odd id")
    found = [(kind, uid.strip(b" \0")) for kind, uid in _items(value[4:])]
    abstract = [uid for kind, uid in found if kind == ABSTRACT_SYNTAX]
    offered = [_item(kind, uid) for kind, uid in found if kind == TRANSFER_SYNTAX and _is_uid(uid)]
    name = abstract[0] if len(abstract) == 1 and _is_uid(abstract[0]) else NO_CLASS
    return value[:4] + _item(ABSTRACT_SYNTAX, name) + b"".join(offered)


def _is_uid(name: bytes) -> bool:
    return len(name) <= LONGEST_UID and _UID.fullmatch(name) is not None


def is_uid(text: str) -> bool:
    """Whether a text has the letters of a UID, and not too many. PS3.5 9.1; leading zeros are let pass."""
    return _is_uid(text.encode())


def _user_items(value: bytes) -> Iterator[bytes]:
    """The items of the user information that we read. PS3.7 Annex D.3.3."""
    for kind, content in _items(value):
        if kind not in _USER_ITEMS:
            continue
        if kind == VERSION_NAME:
            name = bytes(each for each in content.strip(b" \0") if 32 <= each < 127)[:LONGEST_VERSION_NAME]
            if name:
                yield _item(kind, name)
        elif kind == IMPLEMENTATION_CLASS:
            uid = content.strip(b" \0")
            if _is_uid(uid):
                yield _item(kind, uid)
        elif kind != USER_IDENTITY or (content and content[0] in _IDENTITY_TYPES):
            yield _item(kind, content)
