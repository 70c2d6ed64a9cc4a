"""DIMSE messages as bytes: command sets, and the P-DATA-TF PDUs that carry them. PS3.7 section 6.3, PS3.8 9.3.5 and E.

A command set is a dozen elements in Implicit VR Little Endian, so packing it here costs microseconds where building a
pydicom data set costs half a millisecond for every response.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from pacs.dicom.elements import Buffer
from pacs.errors import NotDicom


class Field(IntEnum):
    """Command Field (0000,0100). PS3.7 E.1."""

    C_STORE_RQ = 0x0001
    C_STORE_RSP = 0x8001
    C_GET_RQ = 0x0010
    C_GET_RSP = 0x8010
    C_FIND_RQ = 0x0020
    C_FIND_RSP = 0x8020
    C_MOVE_RQ = 0x0021
    C_MOVE_RSP = 0x8021
    C_ECHO_RQ = 0x0030
    C_ECHO_RSP = 0x8030
    N_EVENT_REPORT_RQ = 0x0100
    N_EVENT_REPORT_RSP = 0x8100
    N_ACTION_RQ = 0x0130
    N_ACTION_RSP = 0x8130
    C_CANCEL_RQ = 0x0FFF


RESPONSE = 0x8000
NO_DATA_SET = 0x0101

GROUP_LENGTH = 0x00000000
AFFECTED_SOP_CLASS = 0x00000002
REQUESTED_SOP_CLASS = 0x00000003
COMMAND_FIELD = 0x00000100
MESSAGE_ID = 0x00000110
MESSAGE_ID_RESPONDED_TO = 0x00000120
MOVE_DESTINATION = 0x00000600
PRIORITY = 0x00000700
DATA_SET_TYPE = 0x00000800
STATUS = 0x00000900
OFFENDING_ELEMENT = 0x00000901
ERROR_COMMENT = 0x00000902
AFFECTED_SOP_UID = 0x00001000
REQUESTED_SOP_UID = 0x00001001
EVENT_TYPE = 0x00001002
ACTION_TYPE = 0x00001008
REMAINING, COMPLETED, FAILED, WARNING = 0x00001020, 0x00001021, 0x00001022, 0x00001023
MOVE_ORIGINATOR_AET = 0x00001030
MOVE_ORIGINATOR_ID = 0x00001031

_UIDS = frozenset((AFFECTED_SOP_CLASS, REQUESTED_SOP_CLASS, AFFECTED_SOP_UID, REQUESTED_SOP_UID))
Value = int | str


@dataclass(frozen=True, slots=True)
class Command:
    """A command set that was received: values by tag, as bytes."""

    values: Mapping[int, bytes]

    def number(self, tag: int, default: int = 0) -> int:
        """A US value, or the default when absent or too short."""
        value = self.values.get(tag, b"")
        return int.from_bytes(value[:2], "little") if len(value) >= 2 else default

    def text(self, tag: int) -> str:
        """A UID, AE title or text without padding; empty when absent."""
        return self.values.get(tag, b"").decode("latin-1").strip(" \0")

    @property
    def field(self) -> int:
        """Command Field."""
        return self.number(COMMAND_FIELD)

    @property
    def has_data_set(self) -> bool:
        """Whether a data set follows. PS3.7 E.1: anything but 0101H says so."""
        return self.number(DATA_SET_TYPE, NO_DATA_SET) != NO_DATA_SET


@dataclass(slots=True)
class Message:
    """A whole message. The data set of a C-STORE request stands in `file`, any other in `data`.

    `failure` is why the file could not be written; then `file` is None.
    """

    context_id: int
    command: Command
    data: bytes = b""
    file: Path | None = None
    size_bytes: int = 0
    failure: OSError | None = None


def parse_command(data: Buffer) -> Command:
    """A command set from its bytes. Raises `NotDicom` when they are no group 0000 elements, or no command field."""
    values: dict[int, bytes] = {}
    position, size = 0, len(data)
    while position < size:
        if position + 8 > size:
            raise NotDicom("the command set ends inside an element")
        group, element, length = struct.unpack_from("<HHI", data, position)
        position += 8
        if group != 0 or position + length > size:
            raise NotDicom("the command set is garbled")
        values[element] = bytes(data[position : position + length])
        position += length
    if len(values.get(COMMAND_FIELD, b"")) != 2:
        raise NotDicom("a message without command field")
    return Command(values)


def encode_command(values: Mapping[int, Value]) -> bytes:
    """A command set: numbers as US (tags as AT), text padded to even length, in tag order, with its group length."""
    parts = []
    for tag in sorted(values):
        value = values[tag]
        if isinstance(value, str):
            body = value.encode("ascii", "replace")
            if len(body) % 2:
                body += b"\0" if tag in _UIDS else b" "
        elif tag == OFFENDING_ELEMENT:
            body = struct.pack("<HH", value >> 16, value & 0xFFFF)
        else:
            body = struct.pack("<H", value)
        parts.append(struct.pack("<HHI", 0, tag, len(body)) + body)
    encoded = b"".join(parts)
    return struct.pack("<HHII", 0, 0, 4, len(encoded)) + encoded


def response_to(request: Command, status: int, extra: Mapping[int, Value] | None = None) -> dict[int, Value]:
    """The elements of a response that every service shares. PS3.7 9.3; `extra` are its own."""
    values: dict[int, Value] = {
        COMMAND_FIELD: request.field | RESPONSE,
        MESSAGE_ID_RESPONDED_TO: request.number(MESSAGE_ID),
        DATA_SET_TYPE: NO_DATA_SET,
        STATUS: status,
    }
    for tag in (AFFECTED_SOP_CLASS, AFFECTED_SOP_UID):
        if tag in request.values:
            values[tag] = request.text(tag)
    values.update(extra or {})
    return values


def pdus(
    context_id: int, data: Buffer, limit_bytes: int, *, is_command: bool, is_last: bool = True
) -> Iterator[Buffer]:
    """P-DATA-TF PDUs, one PDV each, as pieces to be sent in order; `data` itself is not copied.

    `limit_bytes` is what the peer announced: the most that may follow a PDU's length field. PS3.8 D.1.
    """
    view = memoryview(data)
    room = (limit_bytes - 6) & ~1  # fragments have an even length, PS3.8 E.1
    size = len(view)
    position = 0
    while True:
        piece = view[position : position + room]
        position += len(piece)
        control = int(is_command) | (2 if is_last and position >= size else 0)
        yield struct.pack(">BBIIBB", 4, 0, len(piece) + 6, len(piece) + 2, context_id, control)
        yield piece
        if position >= size:
            return


__all__ = ["Command", "Field", "Message", "encode_command", "parse_command", "pdus", "response_to"]
