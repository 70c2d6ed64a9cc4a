"""Files in Explicit VR Little Endian hold the same pixels, as pydicom reads them."""

import io
import struct
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import PIL.Image
import pydicom
import pytest
from pydicom.encaps import encapsulate
from pydicom.filereader import read_dataset
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, JPEGBaseline8Bit, RLELossless

from pacs.dicom.elements import DataSet
from pacs.dicom.syntaxes import (
    DEFLATED_FRAMES,
    DEFLATED_LE,
    ENCAPSULATED_PLAIN,
    EXPLICIT_LE,
    IMPLICIT_LE,
    VIDEO,
    encoding_of,
)
from pacs.errors import NotAcceptable, PacsError
from pacs.pixels import (
    ENCODABLE,
    decoded_frame,
    encoding,
    explicit_little_endian,
    frame_pixels,
    native_bytes,
    native_data_set,
    read_file,
    transcode,
)
from pacs.pixels import compressed as compressed_file
from pacs.pixels.encapsulated import deflated_frame
from pacs.pixels.image import SEQUENTIAL_JPEG, Format, decode
from pacs.pixels.jpeg import whole_spectrum
from tests.builders import file_bytes, make_ct
from tests.data_folder import shared_data
from tests.dicom.real_files import real_files


def _transcoded(path: Path) -> pydicom.Dataset:
    raw = b"".join(bytes(piece) for piece in explicit_little_endian(read_file(path)))
    return pydicom.dcmread(io.BytesIO(raw))


@pytest.mark.parametrize("syntax", sorted(ENCODABLE))
def test_big_endian_objects_are_compressed(tmp_path: Path, syntax: str):
    before = make_ct(Rows=40, Columns=36)
    pixels = np.random.default_rng(2).integers(-2000, 2000, (40, 36)).astype(">i2")
    before.PixelData = pixels.tobytes()
    before.BitsAllocated = before.BitsStored = 16
    before.HighBit, before.PixelRepresentation = 15, 1
    before.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    path = tmp_path / "big.dcm"
    path.write_bytes(file_bytes(before))
    raw = b"".join(bytes(piece) for piece in compressed_file(read_file(path), syntax))
    after = pydicom.dcmread(io.BytesIO(raw))
    assert (after.file_meta.TransferSyntaxUID, after.Rows, after.Columns) == (syntax, 40, 36)
    assert (after.BitsAllocated, after.SamplesPerPixel, after.PixelRepresentation) == (16, 1, 1)
    assert (after.pixel_array == pixels).all()


def test_real_pixels_stay_the_same():
    compared, refused = 0, []
    for path in real_files(3_000_000):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                before = pydicom.dcmread(path)
                if before.file_meta.TransferSyntaxUID in (DEFLATED_LE, *VIDEO):
                    continue
                pixels = before.pixel_array
            except Exception:  # no pixels, or none that pydicom reads
                continue
            try:
                after = _transcoded(path)
            except PacsError:
                refused.append(path.name)
                continue
            assert after.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
            np.testing.assert_array_equal(after.pixel_array, pixels, err_msg=path.name)
        compared += 1
    assert compared > (60 if shared_data() else 40)
    assert len(refused) < compared * 0.05, refused


@pytest.fixture
def compressed(tmp_path: Path) -> Path:
    """Three RLE frames of 128 bytes; elements before and after the pixel data."""
    ct = make_ct(NumberOfFrames=3, PixelData=bytes(range(128)) + bytes(128) + bytes(range(128))[::-1])
    ct.compress(RLELossless, generate_instance_uid=False)
    ct.DataSetTrailingPadding = b"\0\0"
    path = tmp_path / "a.dcm"
    path.write_bytes(file_bytes(ct))
    return path


def test_other_elements_stay_as_they_are(compressed):
    before, after = pydicom.dcmread(compressed), _transcoded(compressed)
    for element in before:
        if element.keyword != "PixelData":
            assert after[element.tag].value == element.value, element.keyword
    assert {each.tag for each in after} == {each.tag for each in before}


def test_frames_are_decoded_alone(compressed):
    file = read_file(compressed)
    frames = [decoded_frame(file, number) for number in range(3)]
    assert frames == [bytes(range(128)), bytes(128), bytes(range(128))[::-1]]


def test_broken_frames_are_not_acceptable(compressed):
    raw = bytearray(compressed.read_bytes())
    at = raw.index(b"\xfe\xff\x00\xe0", raw.index(b"\xe0\x7f\x10\x00") + 24)
    raw[at + 8 : at + 72] = b"\xff" * 64
    compressed.write_bytes(raw)
    with pytest.raises(NotAcceptable):
        explicit_little_endian(read_file(compressed))


_JP2 = b"\0\0\0\x0cjP  \r\n\x87\n"


@pytest.mark.timeout(60)
@pytest.mark.parametrize("box", [b"\0\0\0\0free" + bytes(20), b"\0\0\0\1free" + (272).to_bytes(8, "big") + bytes(256)])
def test_boxes_that_lead_nowhere_are_not_acceptable(tmp_path: Path, box: bytes):
    ds = make_ct()
    ds.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.4.90")
    ds.PixelData = encapsulate([_JP2 + box + b"\0\0\0\x0cjp2c\xff\x4f\xff\x51"])
    ds["PixelData"].is_undefined_length = True
    path = tmp_path / "j2k.dcm"
    path.write_bytes(file_bytes(ds))
    file = read_file(path)
    for decoded in (lambda: list(explicit_little_endian(file)), lambda: frame_pixels(file, 0)):
        with pytest.raises(NotAcceptable):
            decoded()


def test_frames_that_would_exhaust_memory_are_not_decoded(tmp_path: Path):
    ds = make_ct(Rows=30000, Columns=30000)
    ds.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    ds.PixelData = encapsulate([b"\xff\xd8\xff\xc0\0\x0b\x08" + b"\x75\x30" * 2 + b"\1\1\x11\0\xff\xd9"])
    ds["PixelData"].is_undefined_length = True
    path = tmp_path / "huge.dcm"
    path.write_bytes(file_bytes(ds))
    with pytest.raises(NotAcceptable, match="larger than this server decodes"):
        explicit_little_endian(read_file(path))


@pytest.mark.parametrize("syntax", [ENCAPSULATED_PLAIN, DEFLATED_FRAMES])
@pytest.mark.parametrize("target", [EXPLICIT_LE, IMPLICIT_LE])
def test_frames_without_decoder_come_out_of_their_fragments(tmp_path: Path, syntax: str, target: str):
    frames = [bytes(range(128)), bytes(range(128))[::-1]]
    ct = make_ct(NumberOfFrames=2, syntax=UID(syntax))
    ct.PixelData = encapsulate([deflated_frame(each) if syntax == DEFLATED_FRAMES else each for each in frames])
    ct["PixelData"].is_undefined_length = True
    path = tmp_path / "a.dcm"
    pydicom.dcmwrite(path, ct, implicit_vr=False, little_endian=True, force_encoding=True)  # it may not know the syntax
    raw = b"".join(bytes(piece) for piece in native_data_set(read_file(path), target))
    after = read_dataset(io.BytesIO(raw), target == IMPLICIT_LE, True)
    assert after.PixelData == b"".join(frames)
    assert (after.Rows, after.PixelRepresentation, after.PhotometricInterpretation) == (8, 1, "MONOCHROME2")


def _rle_frame(packed: bytes) -> bytes:
    """One segment of literal runs. PS3.5 G.3, G.5."""
    runs = b"".join(bytes([len(run) - 1]) + run for run in (packed[at : at + 128] for at in range(0, len(packed), 128)))
    return struct.pack("<16I", 1, 64, *[0] * 14) + runs + b"\x80" * (len(runs) % 2)


# frames of whole bytes, frames that share some, and of more than 65535 bytes
@pytest.mark.parametrize(("rows", "columns"), [(8, 7), (5, 7), (751, 701)])
def test_run_lengths_of_one_bit_pixels_are_packed_bits(tmp_path: Path, rows: int, columns: int):
    bits = np.random.default_rng(rows).integers(0, 2, (3, rows, columns), np.uint8)
    ct = make_ct(NumberOfFrames=3, Rows=rows, Columns=columns, BitsAllocated=1, BitsStored=1, HighBit=0)
    ct.file_meta.TransferSyntaxUID = RLELossless
    ct.PixelRepresentation = 0
    ct.PixelData = encapsulate([_rle_frame(np.packbits(each, bitorder="little").tobytes()) for each in bits])
    path = tmp_path / "a.dcm"
    path.write_bytes(file_bytes(ct))
    after = _transcoded(path)
    np.testing.assert_array_equal(after.pixel_array, bits)
    assert after.PixelData.rstrip(b"\0") == np.packbits(bits, bitorder="little").tobytes().rstrip(b"\0")
    pixels, now = frame_pixels(read_file(path), 1)
    np.testing.assert_array_equal(pixels, bits[1])
    assert native_bytes(pixels, now) == np.packbits(bits[1], bitorder="little").tobytes()


def test_run_lengths_of_too_few_bits_are_not_acceptable(tmp_path: Path):
    ct = make_ct(Rows=64, Columns=64, BitsAllocated=1, BitsStored=1, HighBit=0, syntax=RLELossless)
    ct.PixelData = encapsulate([_rle_frame(bytes(100))])
    path = tmp_path / "a.dcm"
    path.write_bytes(file_bytes(ct))
    with pytest.raises(NotAcceptable):
        explicit_little_endian(read_file(path))


def test_run_lengths_that_claim_too_many_bits_are_not_acceptable():
    huge = Format(65535, 65535, 1, "MONOCHROME2", 0, 1, 1, signed=False, frames=1)
    with pytest.raises(NotAcceptable, match="too large"):
        decode(_rle_frame(bytes(100)), RLELossless, huge, raw=True)


def test_real_segmentation_in_run_lengths_is_its_native_twin():
    folder = next((each.parent for each in real_files(3_000_000) if each.name == "liver_rle.dcm"), None)
    if folder is None:
        pytest.skip("the shared files are not on this machine")
    np.testing.assert_array_equal(
        _transcoded(folder / "liver_rle.dcm").pixel_array, _transcoded(folder / "liver_expb.dcm").pixel_array
    )


def test_zeros_behind_a_jpeg_frame_change_nothing(tmp_path: Path):
    noise = np.random.default_rng(3).integers(0, 255, (6, 8, 3), np.uint8)
    sink = io.BytesIO()
    PIL.Image.fromarray(noise).resize((64, 48)).save(sink, "JPEG")
    found = []
    for zeros in (0, 1, 2, 7):
        ct = make_ct(Rows=48, Columns=64, SamplesPerPixel=3, BitsAllocated=8, BitsStored=8, HighBit=7)
        ct.PixelRepresentation, ct.PlanarConfiguration, ct.PhotometricInterpretation = 0, 0, "YBR_FULL_422"
        ct.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
        ct.PixelData = encapsulate([sink.getvalue() + bytes(zeros)])
        path = tmp_path / "a.dcm"
        path.write_bytes(file_bytes(ct))
        found.append(frame_pixels(read_file(path), 0)[0])
    for each in found[1:]:
        np.testing.assert_array_equal(each, found[0])


@pytest.mark.parametrize("selection", [b"\0\0", b"\1\5", b"\x3f\0"])
def test_sequential_jpeg_is_of_the_whole_spectrum(selection: bytes):
    noise = np.random.default_rng(3).integers(0, 255, (6, 8), np.uint8)
    sink = io.BytesIO()
    PIL.Image.fromarray(noise).resize((64, 48)).save(sink, "JPEG")
    good = sink.getvalue()
    scan = good.index(b"\xff\xda\0\x08") + 7
    odd = good[:scan] + selection + good[scan + 2 :]
    found = Format(48, 64, 1, "MONOCHROME2", 0, 8, 8, signed=False, frames=1)
    for syntax in SEQUENTIAL_JPEG:
        expected, _ = decode(good, syntax, found, raw=True)
        np.testing.assert_allclose(decode(odd, syntax, found, raw=True)[0], expected, atol=1)  # by another library
    assert whole_spectrum(odd) == good


@pytest.mark.parametrize("way", ["encoded", "native", "otherwise"])
def test_large_frames_are_made_in_turn(monkeypatch, way):
    """JPEG 2000, and colours of JPEG, take many times the memory of a frame."""
    under_way, most = [], []

    def make(*_args, **_options):
        under_way.append(1)
        time.sleep(0.05)
        most.append(len(under_way))
        under_way.pop()
        return (np.zeros(1, "u1"), {}) if way == "native" else b""

    monkeypatch.setattr(encoding, "_by_imagecodecs", make)
    monkeypatch.setattr(transcode, "decode", make)
    decoder = SimpleNamespace(as_array=make) if way == "native" else None  # which raises, as for a stream it refuses
    monkeypatch.setattr(transcode, "get_decoder", lambda _uid: decoder)
    found = Format(2100, 4096, 1, "MONOCHROME2", 0, 8, 8, signed=False, frames=1)
    file: Any = SimpleNamespace(
        transfer_syntax_uid=JPEGBaseline8Bit,
        format=found,
        frame=lambda _: b"\xff\xd8",
        data_set=DataSet(),
        encoding=encoding_of(EXPLICIT_LE),
    )
    pixels = np.zeros((found.rows, found.columns), "u1")
    with ThreadPoolExecutor(3) as threads:
        for _ in range(3):
            if way != "encoded":
                threads.submit(transcode._decode, file, 0)
            else:
                threads.submit(encoding.encoded_frame, pixels, found, encoding.JPEG_2000_LOSSLESS)
    assert most == [1, 1, 1]
