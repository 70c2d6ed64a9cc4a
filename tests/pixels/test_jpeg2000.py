"""JPEG 2000 streams and JP2 files that are made to keep us busy are refused."""

import struct

import pytest

from pacs.errors import NotAcceptable
from pacs.pixels.jpeg2000 import clean_jpeg2000

SIGNATURE = struct.pack(">I4s", 12, b"jP  ") + b"\r\n\x87\n"


def _file(codestream: bytes) -> bytes:
    return SIGNATURE + struct.pack(">I4s", len(codestream) + 8, b"jp2c") + codestream


def test_a_stream_without_tile_parts_is_refused():
    with pytest.raises(NotAcceptable, match="no tile part"):
        clean_jpeg2000(b"\xff\x4f\xff\x93\0\0\0\0")


@pytest.mark.parametrize("depth", [1, 600])
def test_a_file_inside_a_file_is_refused(depth):
    nested = _file(b"\xff\x4f\xff\x90" + bytes(10) + b"\xff\x93\xff\xd9")
    assert clean_jpeg2000(nested) is nested
    for _ in range(depth):
        nested = _file(nested)
    with pytest.raises(NotAcceptable, match="no JPEG 2000 stream"):
        clean_jpeg2000(nested)
