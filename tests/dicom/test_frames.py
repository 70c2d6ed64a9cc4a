"""Frame ranges against pydicom's own reading, over real files; and each way of finding frames."""

import struct
import warnings
from pathlib import Path

import pydicom
import pytest
from pydicom.encaps import generate_frames

from pacs.dicom.elements import parse
from pacs.dicom.fileformat import read_start
from pacs.dicom.frames import PIXELS, frame_ranges, frame_ranges_of
from pacs.dicom.syntaxes import VIDEO, encoding_of
from pacs.errors import PacsError
from tests.dicom.real_files import real_files


def _cut(raw: bytes) -> list[bytes]:
    return [b"".join(raw[start : start + size] for start, size in frame.ranges) for frame in frame_ranges(raw)]


def test_frames_are_those_of_pydicom():
    compared = 0
    for path in real_files(20_000_000):
        raw = path.read_bytes()
        try:
            ours = _cut(raw)
        except PacsError:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                theirs = _theirs(path)
            except Exception:  # no pixel data, or none that pydicom can cut
                continue
        if theirs is None:
            continue
        compared += 1
        assert ours == theirs, path.name
    assert compared > 30


def test_frames_from_elements_are_those_of_the_file():
    compared = 0
    for path in real_files(20_000_000):
        raw = path.read_bytes()
        try:
            ranges = frame_ranges(raw)
        except PacsError:
            continue
        if not ranges:
            continue
        start = read_start(raw)
        encoding = encoding_of(start.transfer_syntax_uid)
        data_set = parse(memoryview(raw)[start.data_set_offset :], encoding)
        value = bytes(next(data_set[tag].value for tag in PIXELS if tag in data_set))
        compared += 1
        assert frame_ranges_of(data_set, encoding, start.transfer_syntax_uid, raw.rindex(value)) == ranges, path.name
    assert compared > 30


def _theirs(path: Path) -> list[bytes] | None:
    data_set = pydicom.dcmread(path)
    syntax = data_set.file_meta.TransferSyntaxUID
    if syntax.is_deflated or syntax in VIDEO:
        return None
    count = int(data_set.get("NumberOfFrames") or 1)
    if syntax.is_encapsulated:
        extended = None
        if "ExtendedOffsetTable" in data_set:
            extended = (data_set.ExtendedOffsetTable, data_set.ExtendedOffsetTableLengths)
        return list(generate_frames(data_set.PixelData, number_of_frames=count, extended_offsets=extended))
    bits = data_set.Rows * data_set.Columns * data_set.SamplesPerPixel * data_set.BitsAllocated
    if bits % 8 or data_set.PhotometricInterpretation == "YBR_FULL_422":
        return None
    size, value = bits // 8, data_set.get("PixelData") or data_set.get("FloatPixelData")
    return [value[n * size : (n + 1) * size] for n in range(count) if len(value) >= (n + 1) * size]


SOI = b"\xff\xd8"


@pytest.mark.parametrize(
    ("fragments", "table", "count", "frames"),
    [
        ([SOI + b"aa", b"bbbb"], [], 1, [2]),
        ([SOI + b"aa", SOI + b"bb"], [], 2, [1, 1]),
        ([SOI + b"aa", b"bbbb", SOI + b"cc"], [], 2, [2, 1]),
        ([b"xxaa", b"bbbb", b"xxcc"], [0, 24], 2, [2, 1]),
        ([b"\xff\x4f\xff\x51", b"bbbb", b"\xff\x4f\xff\x51"], [], 2, [2, 1]),
        ([], [], 2, []),
    ],
)
def test_finds_frames_in_fragments(fragments, table, count, frames):
    raw = _file(fragments, table, count)
    assert [len(frame.ranges) for frame in frame_ranges(raw)] == frames
    assert b"".join(_cut(raw)) == b"".join(fragments)


def _file(fragments: list[bytes], table: list[int], count: int) -> bytes:
    """An encapsulated file that holds nothing but the count and the fragments."""
    syntax = b"1.2.840.10008.1.2.4.50"
    meta = struct.pack("<HH2sH", 2, 0x10, b"UI", len(syntax)) + syntax
    number = str(count).encode().ljust(2)
    body = struct.pack("<HH2sH", 0x28, 8, b"IS", len(number)) + number
    body += struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OB", 0, 0xFFFFFFFF)
    for item in (struct.pack(f"<{len(table)}I", *table), *fragments):
        body += struct.pack("<HHI", 0xFFFE, 0xE000, len(item)) + item
    return b"\0" * 128 + b"DICM" + meta + body + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
