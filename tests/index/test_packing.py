"""How metadata stand in the database."""

import pytest
import zstandard

from pacs.dicom.json import BULK_PLACEHOLDER
from pacs.index.packing import packed_json, unpacked_json, unpacked_pieces


def with_places(count: int) -> bytes:
    values = b",".join(b'"%08X":{"vr":"OW",%bbulkdata/%08X"}' % (tag, BULK_PLACEHOLDER, tag) for tag in range(count))
    return b"{%b}" % values


@pytest.mark.parametrize("count", [0, 1, 2, 7, 1000, 1001])
def test_stored_json_is_cut_where_addresses_go(count: int) -> None:
    text = with_places(count)
    packed = packed_json(text)
    assert unpacked_json(packed) == text
    (pieces,) = unpacked_pieces([packed])
    assert len(pieces) == count + 1
    assert BULK_PLACEHOLDER.join(pieces) == text


@pytest.mark.parametrize("count", [0, 1, 2])
def test_rows_of_earlier_versions_are_searched(count: int) -> None:
    text = with_places(count)
    packed = zstandard.ZstdCompressor(level=3).compress(text)
    (pieces,) = unpacked_pieces([packed])
    assert list(pieces) == text.split(BULK_PLACEHOLDER)


def test_what_is_gone_leaves_its_place_empty() -> None:
    packed = packed_json(b"{}")
    assert [list(pieces) for pieces in unpacked_pieces([packed, None, packed])] == [[b"{}"], [], [b"{}"]]


def test_other_programs_can_decompress_stored_json() -> None:
    text = with_places(3)
    reader = zstandard.ZstdDecompressor().stream_reader(packed_json(text), read_across_frames=True)
    assert reader.read() == text
