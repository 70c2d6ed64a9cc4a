"""Grey numbers: exactly those of PS3.3 C.11.1 and C.11.2, and as another toolkit gives them."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from pacs.errors import NotAcceptable
from pacs.pixels.image import Format
from pacs.pixels.rendering import Look, Viewport, Window, render
from pacs.pixels.rendering.greys import Chain, grey_picture, through_window
from tests.builders import file_bytes
from tests.pixels.pictures import as_object
from tests.pixels.rendering.files import item, ramp, shown, stored
from tests.wire.contract import contract

NUMBERS = (np.arange(256) * 10 - 1000).reshape(16, 16).astype(float)
FORMULAS = {
    "linear": lambda x, c, w: ((x - (c - 0.5)) / (w - 1) + 0.5) * 255,
    "linear-exact": lambda x, c, w: ((x - c) / w + 0.5) * 255,
    "sigmoid": lambda x, c, w: 255 / (1 + np.exp(np.minimum(-4 * (x - c) / w, 700))),
}


def words(numbers) -> bytes:
    return np.array(list(numbers), np.uint16).tobytes()


def rounded(grey: np.ndarray) -> np.ndarray:
    return np.floor(np.clip(grey, 0, 255) + 0.5)


@contract("web 6.4")
@pytest.mark.parametrize("function", FORMULAS)
@pytest.mark.parametrize(("center", "width"), [(40, 400), (0, 2), (-3.5, 1234.5), (100000, 5)])
def test_window_is_exactly_the_formula(tmp_path: Path, function, center, width):
    grey = shown(tmp_path, ramp(), Window(center, width, function))
    assert (grey == rounded(FORMULAS[function](NUMBERS, center, width))).all()


@contract("web 6.4")
def test_linear_window_of_width_one_is_a_step(tmp_path: Path):
    grey = shown(tmp_path, ramp(), Window(0.5, 1))
    assert (grey == np.where(NUMBERS <= 0, 0, 255)).all()


@contract("web 6.8")
@pytest.mark.parametrize(
    ("values", "center", "width", "function"),
    [
        ({"WindowCenter": [40, 300], "WindowWidth": [400, 50]}, 40, 400, "linear"),
        ({"WindowCenter": 40, "WindowWidth": 400, "VOILUTFunction": "LINEAR_EXACT"}, 40, 400, "linear-exact"),
        ({"WindowCenter": 40, "WindowWidth": 400, "VOILUTFunction": "SIGMOID"}, 40, 400, "sigmoid"),
    ],
)
def test_first_window_of_object_is_the_usual_one(tmp_path: Path, values, center, width, function):
    assert (shown(tmp_path, ramp(**values)) == rounded(FORMULAS[function](NUMBERS, center, width))).all()


@contract("web 6.8")
@pytest.mark.parametrize("values", [{}, {"WindowCenter": 40, "WindowWidth": 0}])
def test_without_window_shows_range_of_values(tmp_path: Path, values):
    grey = shown(tmp_path, ramp(**values))
    assert (grey == rounded((NUMBERS + 1000) / 2550 * 255)).all()


def test_small_pictures_of_pet_are_not_black(tmp_path: Path):
    file = stored(tmp_path, ramp(Modality="PT", WindowCenter=30000, WindowWidth=60000))
    assert render(file, 0, Look()).max() < 8
    small = render(file, 0, Look(viewport=Viewport(16, 16), coarse=True))
    assert (small == rounded((NUMBERS + 1000) / 2550 * 255)).all()


@contract("web 6.8")
@pytest.mark.parametrize("limit", [{}, {"PixelPaddingRangeLimit": -900}])
def test_padding_is_no_part_of_range(tmp_path: Path, limit):
    ds = ramp(PixelPaddingValue=-1000, **limit)
    ds["PixelPaddingValue"].VR = "SS"
    low = -890 if limit else -990
    if limit:
        ds["PixelPaddingRangeLimit"].VR = "SS"
    assert (shown(tmp_path, ds) == rounded((NUMBERS - low) / (1550 - low) * 255)).all()


@contract("web 6.8")
def test_rescales_before_window(tmp_path: Path):
    ds = ramp(RescaleSlope=2, RescaleIntercept=-24, WindowCenter=40, WindowWidth=400)
    assert (shown(tmp_path, ds) == rounded(FORMULAS["linear"](NUMBERS * 2 - 24, 40, 400))).all()


@contract("web 6.8")
def test_monochrome1_is_inverted(tmp_path: Path):
    window = Window(40, 400)
    plain, turned = (
        shown(tmp_path, ramp(), window),
        shown(tmp_path, ramp(PhotometricInterpretation="MONOCHROME1"), window),
    )
    assert (turned == rounded(255 - FORMULAS["linear"](NUMBERS, 40, 400).clip(0, 255))).all()
    assert plain[0, 0] == 0
    assert turned[0, 0] == 255


@contract("web 6.8")
def test_functional_groups_of_frame_win(tmp_path: Path):
    ds = as_object(np.stack([NUMBERS.astype(np.int16)] * 2), frames=2, WindowCenter=0, WindowWidth=10)
    shared, second = item(), item()
    shared[0].PixelValueTransformationSequence = item(RescaleSlope=2, RescaleIntercept=5)
    second[0].FrameVOILUTSequence = item(WindowCenter=100, WindowWidth=300)
    ds.SharedFunctionalGroupsSequence = shared
    ds.PerFrameFunctionalGroupsSequence = Sequence([Dataset(), second[0]])
    assert (shown(tmp_path, ds, frame=0) == rounded(FORMULAS["linear"](NUMBERS * 2 + 5, 0, 10))).all()
    assert (shown(tmp_path, ds, frame=1) == rounded(FORMULAS["linear"](NUMBERS * 2 + 5, 100, 300))).all()


def test_tables_of_modality_and_voi_are_applied(tmp_path: Path):
    pixels = np.arange(16, dtype=np.uint8).reshape(4, 4)
    ds = as_object(pixels)
    ds.ModalityLUTSequence = item(LUTDescriptor=[16, 0, 16], LUTData=words(range(100, 116)), ModalityLUTType="US")
    ds.VOILUTSequence = item(LUTDescriptor=[8, 104, 12], LUTData=words([0, 500, 1000, 1500, 2000, 2500, 3000, 4095]))
    table = np.array([0] * 5 + [500, 1000, 1500, 2000, 2500, 3000, 4095] + [4095] * 4)
    assert (shown(tmp_path, ds) == rounded(table / 4095 * 255).reshape(4, 4)).all()


@pytest.mark.parametrize("kind", ["u1", "i1", "u2", "i2", "u4", "i4"])
def test_whole_numbers_of_every_width_are_shown(tmp_path: Path, kind):
    info = np.iinfo(kind)
    pixels = np.linspace(info.min, info.max, 64).astype(kind).reshape(8, 8)
    grey = shown(tmp_path, as_object(pixels))
    expected = rounded((pixels.astype(float) - info.min) / (float(info.max) - info.min) * 255)
    assert np.abs(grey.astype(int) - expected).max() <= (1 if info.bits == 32 else 0)


def test_bits_above_bits_stored_count_for_nothing(tmp_path: Path):
    pixels = np.arange(64, dtype=np.uint16).reshape(8, 8)
    ds = as_object(pixels | 0xF000, BitsStored=12, HighBit=11)
    assert (shown(tmp_path, ds, Window(32, 64)) == shown(tmp_path, as_object(pixels), Window(32, 64))).all()


@pytest.mark.parametrize("kind", ["f4", "f8"])
def test_floating_point_pixels_are_shown(tmp_path: Path, kind):
    pixels = np.linspace(-1, 1, 64).astype(kind).reshape(8, 8)
    pixels[0, 0] = np.nan
    ds = as_object(np.zeros((8, 8), np.uint16))
    del ds.PixelData
    ds.BitsAllocated = pixels.dtype.itemsize * 8
    setattr(ds, "FloatPixelData" if kind == "f4" else "DoubleFloatPixelData", pixels.tobytes())
    low, high = float(np.nanmin(pixels)), float(np.nanmax(pixels))
    expected = np.nan_to_num(rounded((pixels.astype(float) - low) / (high - low) * 255))
    assert np.abs(shown(tmp_path, ds).astype(int) - expected).max() <= 1
    assert (shown(tmp_path, ds, Window(0, 1, "sigmoid"))[1:] >= 4).all()


def test_one_bit_pixels_are_black_and_white(tmp_path: Path):
    ds = as_object(np.zeros((3, 3), np.uint8), BitsAllocated=1, BitsStored=1, HighBit=0, NumberOfFrames=2)
    ds.PixelData = (0b101010101 | 0b000000000 << 9).to_bytes(4, "little")
    assert shown(tmp_path, ds).ravel().tolist() == [255, 0, 255, 0, 255, 0, 255, 0, 255]
    assert not shown(tmp_path, ds, frame=1).any()


@contract("web 6.8")
@pytest.mark.skipif(shutil.which("dcm2pnm") is None, reason="dcmtk is not there")
def test_greys_are_those_of_dcmtk(tmp_path: Path):
    rng = np.random.default_rng(5)
    ds = as_object(rng.integers(-1000, 2000, (64, 64)).astype(np.int16), RescaleSlope=1, RescaleIntercept=-24)
    (tmp_path / "a.dcm").write_bytes(file_bytes(ds))
    subprocess.run(["dcm2pnm", "+Ww", "40", "400", "a.dcm", "a.pgm"], cwd=tmp_path, check=True, capture_output=True)
    theirs = np.asarray(Pillow.open(tmp_path / "a.pgm")).astype(int)
    assert np.abs(shown(tmp_path, ds, Window(40, 400)).astype(int) - theirs).max() <= 1


def test_frame_that_is_not_there_is_not_acceptable(tmp_path: Path):
    ds = ramp(NumberOfFrames=3)
    assert len(stored(tmp_path, ds).frames) == 1
    with pytest.raises(NotAcceptable):
        shown(tmp_path, ds, frame=2)


@given(
    st.floats(-1e6, 1e6),
    st.floats(1, 1e6),
    st.sampled_from(sorted(FORMULAS)),
)
def test_more_is_never_darker(center, width, function):
    values = np.linspace(-2e6, 2e6, 999)
    assert (np.diff(through_window(values, Window(center, width, function))) >= 0).all()


def test_table_gives_what_formula_gives():
    pixels = np.arange(-2048, 2048, dtype=np.int16).reshape(64, 64)
    chain = Chain(slope=1.5, intercept=-7, voi=Window(40, 350))
    now = Format(64, 64, 1, "MONOCHROME2", 0, 16, 12, signed=True, frames=1)
    assert (grey_picture(pixels, now, chain) == chain.grey(pixels)).all()
