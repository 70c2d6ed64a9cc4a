"""Command sets and PDUs as bytes. PS3.7 6.3, PS3.8 9.3.5."""

import struct
from contextlib import suppress
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.filereader import read_dataset

from pacs.dimse.messages import (
    AFFECTED_SOP_CLASS,
    COMMAND_FIELD,
    ERROR_COMMENT,
    MESSAGE_ID,
    OFFENDING_ELEMENT,
    STATUS,
    encode_command,
    parse_command,
    pdus,
    response_to,
)
from pacs.errors import NotDicom


def test_pydicom_reads_our_command_set() -> None:
    values: dict[int, int | str] = {
        AFFECTED_SOP_CLASS: "1.2.3",
        COMMAND_FIELD: 0x8001,
        STATUS: 0xA900,
        ERROR_COMMENT: "odd",
        OFFENDING_ELEMENT: 0x00100010,
    }
    ds = read_dataset(BytesIO(encode_command(values)), is_implicit_VR=True, is_little_endian=True)
    assert (ds.AffectedSOPClassUID, ds.CommandField, ds.Status) == ("1.2.3", 0x8001, 0xA900)
    assert (ds.ErrorComment, ds.OffendingElement) == ("odd", 0x00100010)
    assert ds.CommandGroupLength == len(encode_command(values)) - 12


def test_command_set_survives_the_round_trip() -> None:
    command = parse_command(encode_command({COMMAND_FIELD: 1, AFFECTED_SOP_CLASS: "1.2.345", MESSAGE_ID: 7}))
    assert (command.field, command.text(AFFECTED_SOP_CLASS), command.number(MESSAGE_ID)) == (1, "1.2.345", 7)
    assert not command.has_data_set


def test_response_names_its_request() -> None:
    request = parse_command(encode_command({COMMAND_FIELD: 0x20, MESSAGE_ID: 9, AFFECTED_SOP_CLASS: "1.2"}))
    response = parse_command(encode_command(response_to(request, 0xFF00)))
    assert (response.field, response.number(0x0120), response.number(STATUS)) == (0x8020, 9, 0xFF00)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_command_or_refused(data: bytes) -> None:
    with suppress(NotDicom):
        parse_command(data)


@pytest.mark.parametrize("limit", [16, 100, 4096, 131072])
@pytest.mark.parametrize("size", [0, 1, 10, 94, 95, 4090, 4091, 9000])
def test_pdus_keep_to_the_limit_and_hold_all(size: int, limit: int) -> None:
    data = bytes(n % 251 for n in range(size))
    stream = b"".join(map(bytes, pdus(3, data, limit, is_command=False)))
    got, controls, position = b"", [], 0
    while position < len(stream):
        kind, length, item, context_id, control = struct.unpack_from(">BxIIBB", stream, position)
        assert (kind, context_id, item) == (4, 3, length - 4)
        assert length <= limit
        got += stream[position + 12 : position + 6 + length]
        controls.append(control)
        position += 6 + length
    assert got == data
    assert controls == [0] * (len(controls) - 1) + [2]
