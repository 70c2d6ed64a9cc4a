"""Marker segments of JPEG streams, and boxes of JP2 files."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from pacs.errors import NotAcceptable
from pacs.pixels.jp2 import CODESTREAM_BOX, is_jp2, jp2_boxes
from pacs.pixels.jpeg_segments import EOI, SOF55, SOI, SOS, marker_segments

ALONE = st.sampled_from([b"\xff\x01", b"\xff\xd0", b"\xff\xd7", b"\xff", b""])
WITH_CONTENT = st.tuples(st.sampled_from([0xC0, 0xC4, 0xDB, 0xE1, 0xFE]), st.binary(max_size=40), ALONE)


def segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(content) + 2).to_bytes(2, "big") + content


def jpeg(**options: object) -> bytes:
    out = io.BytesIO()
    Pillow.fromarray(np.random.default_rng(1).integers(0, 255, (40, 40), np.uint8)).save(out, "JPEG", **options)
    return out.getvalue()


@given(st.lists(WITH_CONTENT, max_size=8))
def test_each_segment_is_found_where_it_stands(parts):
    stream = b"\xff\xd8" + b"".join(before + segment(marker, content) for marker, content, before in parts)
    found = [*marker_segments(memoryview(stream))]
    assert [(each.marker, stream[each.content : each.end]) for each in found] == [part[:2] for part in parts]
    assert [each.start for each in found] == [2, *(each.end for each in found)][: len(found)]


@given(st.binary(max_size=200))
def test_whatever_comes_ends_or_is_refused(content):
    stream = memoryview(b"\xff\xd8" + content)
    try:
        found = [*marker_segments(stream)]
    except NotAcceptable:
        return
    assert all(each.start < each.content <= each.end <= each.following <= len(stream) for each in found)


@pytest.mark.parametrize("progressive", [False, True])
def test_scans_reach_to_what_follows_them(progressive):
    stream = jpeg(progressive=progressive, restart_marker_blocks=2)
    found = [*marker_segments(memoryview(stream))]
    scans = [each for each in found if each.marker == SOS]
    assert (len(scans) > 1) == progressive
    assert all(stream[each.following] == 0xFF for each in scans)
    assert (found[-1].marker, found[-1].end) == (EOI, len(stream))
    assert b"".join(stream[each.start : each.following] for each in found) == stream[2:]


def test_jpeg_ls_stuffs_bits_and_not_bytes():
    coded = b"\x12\xff\x7f\xff\x00\x34"
    stream = bytes([0xFF, SOI]) + segment(SOF55, bytes(9)) + segment(SOS, bytes(6)) + coded + b"\xff\xd9"
    scan = [*marker_segments(memoryview(stream))][1]
    assert stream[scan.end : scan.following] == coded


def test_a_stream_that_is_cut_off_between_segments_just_ends():
    stream = jpeg()
    first = next(marker_segments(memoryview(stream)))
    assert [*marker_segments(memoryview(stream[: first.end]))] == [first]
    for rest in (b"\0\0", b"\xff\xff", b"\xff\x01", b"\xff\xd0\xff"):
        assert [*marker_segments(memoryview(stream[: first.end] + rest))] == [first]
    with pytest.raises(NotAcceptable, match="ends inside a marker segment"):
        list(marker_segments(memoryview(stream[: first.end - 1])))
    with pytest.raises(NotAcceptable, match="between its marker segments"):
        list(marker_segments(memoryview(stream[: first.end] + b"\0secret")))


@pytest.mark.timeout(60)
@pytest.mark.parametrize("frame", [0xC0, SOF55])
def test_a_long_run_of_fill_bytes_takes_no_longer_than_other_bytes(frame):
    coded = b"\x12" + b"\xff" * 1_000_000 + b"\x00\x34"
    stream = b"\xff\xd8" + segment(frame, b"") + segment(SOS, b"") + coded + b"\xff\xff\xd9"
    scan, end = [*marker_segments(memoryview(stream))][-2:]
    assert stream[scan.end : scan.following] == coded
    assert (end.marker, end.start) == (EOI, scan.following)


def test_floods_are_refused():
    with pytest.raises(NotAcceptable, match="too many"):
        list(marker_segments(memoryview(b"\xff\xd8" + segment(0xE0, b"") * 5000)))
    with pytest.raises(NotAcceptable, match="too many"):
        list(jp2_boxes(memoryview(b"\0\0\0\x08free" * 5000)))


def test_boxes_of_every_length_are_found():
    long = b"\0\0\0\1free" + (20).to_bytes(8, "big") + b"abcd"
    stream = b"\0\0\0\x0cjP  \r\n\x87\n" + long + b"\0\0\0\0jp2c" + b"codestream"
    assert is_jp2(stream)
    found = [(kind, bytes(content)) for kind, content, _box in jp2_boxes(memoryview(stream))]
    assert found[1:] == [(b"free", b"abcd"), (CODESTREAM_BOX, b"codestream")]


@pytest.mark.parametrize("length", [2, 7, 400])
def test_boxes_of_impossible_lengths_are_refused(length):
    with pytest.raises(NotAcceptable, match="impossible length"):
        list(jp2_boxes(memoryview(length.to_bytes(4, "big") + b"free" + bytes(50))))
