"""Files in Explicit VR Little Endian hold the same pixels, as pydicom reads them."""

import io
import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate
from pydicom.filereader import read_dataset
from pydicom.uid import UID, ExplicitVRLittleEndian, RLELossless

from pacs.dicom.syntaxes import (
    DEFLATED_FRAMES,
    DEFLATED_LE,
    ENCAPSULATED_PLAIN,
    EXPLICIT_LE,
    IMPLICIT_LE,
    VIDEO,
)
from pacs.errors import NotAcceptable, PacsError
from pacs.pixels import decoded_frame, explicit_little_endian, native_data_set, read_file
from pacs.pixels.encapsulated import deflated_frame
from tests.builders import file_bytes, make_ct
from tests.dicom.real_files import real_files


def _transcoded(path: Path) -> pydicom.Dataset:
    raw = b"".join(bytes(piece) for piece in explicit_little_endian(read_file(path)))
    return pydicom.dcmread(io.BytesIO(raw))


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
    assert compared > 60
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
