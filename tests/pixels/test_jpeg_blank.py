"""JPEG frames are blanked block by block; everything outside stays as it was coded."""

import io
import random

import numpy as np
import pydicom
import pytest
from PIL import Image as Pillow
from pydicom.uid import JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLosslessSV1

from pacs.errors import NotAcceptable
from pacs.pixels.blank import blanked
from pacs.pixels.image import image_of
from pacs.pixels.jpeg_blank import _RESTART, blank_jpeg, widened
from pacs.pixels.jpeg_huffman import HuffmanTable, block_bits, read_tables
from pacs.pixels.ocr import Box
from tests.data_folder import shared_data
from tests.pixels.pictures import as_object, jpeg, parsed, seen, with_frames

BLACK = (0, 128, 128)
BOX = Box(37, 21, 111, 47)
_STD = HuffmanTable(bytes([0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0]), bytes(range(12)))


def picture(rows: int = 150, columns: int = 203) -> np.ndarray:
    """Colours and noise."""
    down, across = np.mgrid[:rows, :columns]
    waves = [128 + 80 * np.sin(across / 17 + down / 9), 128 + 70 * np.cos(across / 5), 100 + 60 * np.sin(down / 13)]
    noise = np.random.default_rng(0).normal(0, 12, (rows, columns, 3))
    return (np.stack(waves, -1) + noise).clip(0, 255).astype(np.uint8)


def decoded(stream: bytes) -> np.ndarray:
    return np.asarray(Pillow.open(io.BytesIO(stream))).astype(int)


OPTIONS = {
    "4:4:4": {"subsampling": 0},
    "4:2:2": {"subsampling": 1},
    "4:2:0": {"subsampling": 2},
    "coarse, own tables": {"quality": 40, "optimize": True},
    "restart intervals": {"restart_marker_rows": 1, "subsampling": 2},
    "short restart intervals": {"restart_marker_blocks": 3, "subsampling": 0},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_pixels_outside_the_widened_box_stay(name):
    before = jpeg(picture(), **{"quality": 90} | OPTIONS[name])
    after = blank_jpeg(before, [BOX], BLACK)
    ((left, top, right, bottom),) = widened(before, [BOX])
    changed = decoded(before) != decoded(after)
    changed[top:bottom, left:right] = False
    assert not changed.any()
    assert decoded(after)[24:40, 40:104].max() < 40
    assert right - left <= BOX.width + 34


def test_codes_outside_touched_intervals_are_copied():
    before = jpeg(picture(), restart_marker_rows=1, subsampling=0)
    after = blank_jpeg(before, [Box(0, 20, 50, 24)], BLACK)
    old, new = (stream.replace(b"\xff\xd0", b"\xff\xd1").split(b"\xff\xd1") for stream in (before, after))
    assert old[0] == new[0]
    assert before[-3000:] == after[-3000:]


def test_blanking_nothing_changes_no_byte():
    stream = jpeg(picture(), optimize=False)
    assert blank_jpeg(stream, [], BLACK) == stream


def test_a_mark_in_a_block_that_is_cut_stays_visible():
    grey = np.full((64, 64), 30, np.uint8)
    grey[20:23, 8:56] = 220  # a bar in the block that the box cuts above it
    stream = jpeg(grey, quality=90)
    after = decoded(blank_jpeg(stream, [Box(8, 10, 56, 19)], (30,)))
    assert abs(after[20:23, 10:54] - 220).mean() < 25
    assert abs(after[11:16, 10:54] - 30).mean() < 12


def test_codes_that_a_table_lacks_are_added_behind_its_own():
    flat = jpeg(np.full((64, 64), 128, np.uint8), optimize=True)
    after = blank_jpeg(flat, [Box(8, 8, 40, 40)], (0,))
    assert decoded(after)[8:40, 8:40].max() == 0
    assert (decoded(after)[48:] == 128).all()
    (table,) = [t for key, t in read_tables(bytes([0, 1, *[0] * 15, 0])) if key == 0]
    more = table.with_symbols(range(12))
    assert more.codes[0] == table.codes[0]
    assert set(more.codes) == set(range(12))
    assert all(set(code) != {"1"} for code in more.codes.values())


def test_blocks_are_coded_as_the_standard_says():
    assert block_bits(HuffmanTable(bytes([0, 2, *[0] * 14]), bytes([0x00, 0x01])), [1, *[0] * 62]) == "01" + "1" + "00"
    assert _STD.codes[2] == "011"


@pytest.mark.parametrize("options", [{"progressive": True}, {"progressive": True, "optimize": True}])
def test_other_kinds_of_jpeg_are_refused(options):
    with pytest.raises(NotAcceptable):
        blank_jpeg(jpeg(picture(), **options), [BOX], BLACK)


def test_damaged_streams_are_refused_or_stay_in_form():
    stream = jpeg(picture(64, 64))
    stray = blank_jpeg(stream[:2] + b"\xff\x00\x00\x04ab" + stream[2:], [Box(4, 4, 30, 20)], BLACK)
    assert stray[8:] == blank_jpeg(stream, [Box(4, 4, 30, 20)], BLACK)[2:]
    noise = random.Random(4)
    for _ in range(300):
        damaged = bytearray(stream[: noise.choice((len(stream), noise.randrange(len(stream))))])
        for _change in range(noise.randrange(1, 8)):
            damaged[noise.randrange(len(damaged))] = noise.randrange(256)
        try:
            blank_jpeg(bytes(damaged), [Box(4, 4, 30, 20)], BLACK)
        except NotAcceptable:
            continue


def test_frames_of_an_object_stay_in_their_syntax():
    frames = [jpeg(np.roll(picture(96, 120), 9 * n, 1), subsampling=1) for n in range(3)]
    ds = as_object(np.stack([picture(96, 120)] * 3), frames=3, PhotometricInterpretation="YBR_FULL_422")
    data_set, syntax = parsed(with_frames(ds, frames, JPEGBaseline8Bit))
    image = image_of(data_set, syntax)
    assert image is not None
    done = blanked(image, [Box(8, 8, 60, 30)])
    assert done.transfer_syntax_uid == JPEGBaseline8Bit
    old, new = seen(data_set, syntax), seen(done.data_set, done.transfer_syntax_uid)
    assert done.boxes == (Box(0, 8, 65, 32),)
    assert np.array_equal(old[:, 32:], new[:, 32:])
    assert new[:, 10:28, 18:58, 0].max() < 30
    assert len(done.data_set[0x7FE00010].value) < 1.1 * len(data_set[0x7FE00010].value)


def test_colours_that_are_no_luminance_become_black():
    stream = jpeg(picture(96, 120), keep_rgb=True)
    data_set, syntax = parsed(with_frames(as_object(picture(96, 120)), [stream], JPEGExtended12Bit))
    image = image_of(data_set, syntax)
    assert image is not None
    done = blanked(image, [Box(8, 8, 60, 30)])
    assert done.transfer_syntax_uid == JPEGExtended12Bit
    assert seen(done.data_set, syntax)[8:24, 8:56].max() < 30


def test_progressive_streams_become_native():
    ds = as_object(picture(), PhotometricInterpretation="YBR_FULL_422")
    data_set, syntax = parsed(with_frames(ds, [jpeg(picture(), progressive=True)], JPEGBaseline8Bit))
    image = image_of(data_set, syntax)
    assert image is not None
    assert blanked(image, [BOX]).transfer_syntax_uid == "1.2.840.10008.1.2.1"


def test_lossless_jpeg_becomes_jpeg_ls():
    folder = shared_data()
    file = folder / "us" / "JPGLosslessP14SV1_1s_1f_8b.dcm" if folder else None
    if file is None or not file.exists():
        pytest.skip("no real data")
    data_set, syntax = parsed(pydicom.dcmread(file))
    image = image_of(data_set, syntax)
    assert image is not None
    assert syntax == JPEGLosslessSV1
    done = blanked(image, [Box(8, 8, 60, 30)])
    assert done.transfer_syntax_uid == "1.2.840.10008.1.2.4.80"
    old, new = seen(data_set, syntax), seen(done.data_set, done.transfer_syntax_uid)
    assert np.array_equal(old[30:], new[30:])


@pytest.mark.parametrize("again", [1, 2])
def test_a_component_that_is_scanned_again_is_refused(again):
    stream = jpeg(np.full((64, 64), 128, np.uint8))
    scan = stream[stream.index(b"\xff\xda") : -2]
    with pytest.raises(NotAcceptable, match="two scans"):
        blank_jpeg(stream[:-2] + scan * again + stream[-2:], [BOX], (0,))


@pytest.mark.timeout(20)
def test_a_run_of_fill_bytes_is_looked_at_once():
    run = b"\xff" * 1_000_000
    assert not _RESTART.findall(run + b"\0")
    assert [found.span() for found in _RESTART.finditer(b"\0" + run + b"\xd0\xd1\xff\xd7\xff\xff")] == [
        (1, len(run) + 2),
        (len(run) + 3, len(run) + 5),
    ]
