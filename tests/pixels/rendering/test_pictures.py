"""Colours, viewports and file formats of pictures; frames compressed without loss."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageCms, ImageSequence

from pacs.errors import BadRequest, NotAcceptable
from pacs.pixels import ENCODABLE, encoded_frame, frame_pixels, read_frames
from pacs.pixels.image import decode, undecodable
from pacs.pixels.plausible import size_in_stream
from pacs.pixels.rendering import Look, Viewport, formats, render
from pacs.pixels.rendering.annotate import annotated
from pacs.pixels.rendering.formats import GIF, JP2, JPEG, PNG, animated, still, video
from pacs.pixels.rendering.profiles import in_profile, named_profile
from pacs.pixels.rendering.viewport import fitted
from tests.dicom.real_files import real_files
from tests.pixels.pictures import as_object, jpeg, with_frames
from tests.pixels.rendering.files import shown, stored
from tests.wire.contract import contract

RGB = np.random.default_rng(3).integers(0, 256, (12, 20, 3)).astype(np.uint8)
SMOOTH = np.add.outer(np.arange(64) * 2, np.arange(96)).astype(np.uint8)


def near(one: np.ndarray, other: np.ndarray, most: int) -> bool:
    return one.shape == other.shape and np.abs(one.astype(int) - other.astype(int)).max() <= most


@contract("web 6.8")
@pytest.mark.parametrize("planar", [0, 1])
def test_rgb_stays_rgb(tmp_path: Path, planar):
    ds = as_object(RGB, PlanarConfiguration=planar)
    if planar:
        ds.PixelData = np.moveaxis(RGB, -1, 0).tobytes()
    assert (shown(tmp_path, ds) == RGB).all()


def test_sixteen_bit_colours_lose_their_low_byte(tmp_path: Path):
    assert (shown(tmp_path, as_object(RGB.astype(np.uint16) << 8)) == RGB).all()


@contract("web 6.8")
def test_luminance_and_chrominance_become_rgb(tmp_path: Path):
    ybr = np.asarray(Pillow.fromarray(RGB).convert("YCbCr"))
    assert near(shown(tmp_path, as_object(ybr, PhotometricInterpretation="YBR_FULL")), RGB, 4)
    pairs = np.empty((12, 10, 4), np.uint8)
    grey = np.repeat(RGB[..., :1], 3, axis=2)
    pairs[..., 0], pairs[..., 1], pairs[..., 2:] = grey[:, 0::2, 0], grey[:, 1::2, 0], 128
    ds = as_object(grey, PhotometricInterpretation="YBR_FULL_422")
    ds.PixelData = pairs.tobytes()
    assert near(shown(tmp_path, ds), grey, 1)
    part = as_object(np.full((4, 4, 3), (235, 128, 128), np.uint8), PhotometricInterpretation="YBR_PARTIAL_420")
    assert near(shown(tmp_path, part), np.full((4, 4, 3), 255, np.uint8), 1)


ADOBE = b"\xff\xee\x00\x0eAdobe\x00\x64\0\0\0\0\x01"  # luminance and chrominance, says the stream itself


@pytest.mark.parametrize("marker", [b"", ADOBE])
def test_jpeg_becomes_rgb_once(tmp_path: Path, marker):
    colours = np.dstack([SMOOTH, SMOOTH[::-1], SMOOTH[:, ::-1]])
    stream = jpeg(colours, quality=95, subsampling=0)
    stream = stream[:2] + marker + stream[20:]  # without the segment of JFIF
    ds = as_object(colours, PhotometricInterpretation="YBR_FULL_422")
    assert near(shown(tmp_path, with_frames(ds, [stream], "1.2.840.10008.1.2.4.50")), colours, 12)


def palette_object(segmented: bool):
    ds = as_object(np.arange(16, dtype=np.uint8).reshape(4, 4), PhotometricInterpretation="PALETTE COLOR")
    tables = [np.arange(16) * step for step in (16, 8, 0)]
    for name, table in zip(("Red", "Green", "Blue"), tables, strict=True):
        setattr(ds, f"{name}PaletteColorLookupTableDescriptor", [16, 0, 16])
        words = (table * 257).astype(np.uint16)
        if segmented:
            line = np.array([0, 1, words[0], 1, 15, words[-1]], np.uint16)
            setattr(ds, f"Segmented{name}PaletteColorLookupTableData", line.tobytes())
        else:
            setattr(ds, f"{name}PaletteColorLookupTableData", words.tobytes())
    return ds, np.stack(tables, axis=1).astype(np.uint8).reshape(4, 4, 3)


@contract("web 6.8")
@pytest.mark.parametrize("segmented", [False, True])
def test_palette_numbers_become_colours(tmp_path: Path, segmented):
    ds, expected = palette_object(segmented)
    assert near(shown(tmp_path, ds), expected, 1)


@contract("web 6.3")
@pytest.mark.parametrize(
    ("viewport", "size"),
    [
        (Viewport(48, 48), (32, 48)),
        (Viewport(200, 64), (64, 96)),
        (Viewport(192, 500), (128, 192)),
        (Viewport(10, 1), (1, 2)),
        (Viewport(32767, 32767), (3344, 5017)),
    ],
)
def test_viewport_keeps_aspect_and_is_filled(viewport, size):
    assert fitted(SMOOTH, viewport).shape == size


@contract("web 6.3")
def test_viewport_cuts_then_flips():
    whole = Viewport(20, 12)
    assert (fitted(RGB, whole) == RGB).all()
    assert (fitted(RGB, Viewport(5, 6, 2, 3, 5, 6)) == RGB[3:9, 2:7]).all()
    assert (fitted(RGB, Viewport(5, 6, 2, 3, -5, 6)) == RGB[3:9, 2:7][:, ::-1]).all()
    assert (fitted(RGB, Viewport(5, 6, 2, 3, 5, -6)) == RGB[3:9, 2:7][::-1]).all()
    assert (fitted(RGB, Viewport(18, 9, 2, 3)) == RGB[3:, 2:]).all()
    with pytest.raises(BadRequest):
        fitted(RGB, Viewport(5, 5, 20, 0))


def test_viewport_shows_pixels_in_their_shape(tmp_path: Path):
    ds = as_object(SMOOTH, PixelSpacing=[2, 1])
    assert render(stored(tmp_path, ds), 0, Look()).shape == (64, 96)
    assert render(stored(tmp_path, ds), 0, Look(viewport=Viewport(96, 1000))).shape == (128, 96)


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.50"])
def test_thumbnail_looks_like_the_picture(tmp_path: Path, syntax):
    pixels = np.kron(SMOOTH, np.ones((8, 8), np.uint8))
    ds = as_object(pixels)
    if syntax != "1.2.840.10008.1.2.1":
        ds = with_frames(ds, [jpeg(pixels, quality=95)], syntax)
    file = stored(tmp_path, ds)
    small = render(file, 0, Look(viewport=Viewport(96, 96), coarse=True))
    assert small.shape == (64, 96)
    assert near(small, fitted(render(file, 0, Look()), Viewport(96, 96)), 12)


@contract("web 6.1")
@pytest.mark.parametrize(
    ("kind", "name", "most"), [(JPEG, "JPEG", 4), (PNG, "PNG", 0), (GIF, "GIF", 0), (JP2, "JPEG2000", 0)]
)
def test_stills_are_of_their_type(kind, name, most):
    image = Pillow.open(io.BytesIO(still(SMOOTH, kind)))
    assert image.format == name
    assert near(np.asarray(image.convert("L")), SMOOTH, most)


@contract("web 6.1")
def test_jpeg_is_baseline_of_eight_bits():
    content = still(RGB, JPEG)
    assert b"\xff\xc0\x00\x11\x08" in content
    assert b"\xff\xc2" not in content[:200]


@contract("web 6.5")
@pytest.mark.parametrize("kind", [JPEG, JP2])
def test_less_quality_is_less_bytes(kind):
    noise = np.random.default_rng(1).integers(0, 256, (128, 128)).astype(np.uint8)
    sizes = [len(still(noise, kind, quality)) for quality in (5, 50, 100)]
    assert sizes[0] < sizes[1] < sizes[2]


def test_animation_has_all_frames():
    frames = [np.roll(SMOOTH, 9 * number, 1) for number in range(4)]
    image = Pillow.open(io.BytesIO(animated(iter(frames), 40)))
    assert (len(list(ImageSequence.Iterator(image))), image.info["duration"]) == (4, 40)
    colours = Pillow.open(io.BytesIO(animated(iter([RGB, RGB[::-1]]), 1)))
    assert len(list(ImageSequence.Iterator(colours))) == 2


def test_video_needs_ffmpeg(monkeypatch):
    monkeypatch.setattr(formats, "ffmpeg", lambda: None)
    with pytest.raises(NotAcceptable):
        video(iter([SMOOTH, SMOOTH]), 40)


def test_video_is_an_mp4_file():
    assert video(iter([SMOOTH[:31, :33]] * 5), 40)[4:8] == b"ftyp"


@contract("web 6.6")
def test_annotation_stands_in_its_corner_only():
    black = np.zeros((200, 200), np.uint8)
    marked = annotated(black, ["TRIAL-0001", "CT"])
    assert marked[:60, :150].max() > 200
    assert not marked[120:].any()
    assert annotated(black, []) is black


@contract("web 6.7")
def test_profiles_are_embedded_and_applied(tmp_path: Path):
    file = stored(tmp_path, as_object(RGB))
    assert in_profile(RGB, file.data_set, "no")[1] is None
    for name in ("yes", "srgb", "adobergb", "rommrgb"):
        picture, profile = in_profile(RGB, file.data_set, name)
        assert profile is not None
        assert ImageCms.ImageCmsProfile(io.BytesIO(profile)).profile.xcolor_space == "RGB "
        assert Pillow.open(io.BytesIO(still(picture, PNG, profile=profile))).info["icc_profile"] == profile
        assert near(picture, RGB, 0) == (name in ("yes", "srgb"))
    assert len(named_profile("rommrgb")) > 200
    grey, profile = in_profile(RGB[..., 0], file.data_set, "srgb")
    assert (profile == named_profile("srgb"), grey.shape) == (True, RGB.shape)
    assert near(grey[..., 2], RGB[..., 0], 0)


@contract("web 5.3")
@pytest.mark.parametrize("syntax", sorted(ENCODABLE))
@pytest.mark.parametrize(
    ("kind", "bits", "samples"),
    [("u1", 8, 1), ("u1", 8, 3), ("u2", 12, 1), ("i2", 12, 1), ("i2", 16, 1), ("u2", 16, 3)],
)
def test_compression_on_request_loses_nothing(tmp_path: Path, syntax, kind, bits, samples):
    low = -(1 << (bits - 1)) if kind[0] == "i" else 0
    shape = (20, 30, 3) if samples == 3 else (20, 30)
    pixels = np.random.default_rng(1).integers(low, low + (1 << bits), shape).astype(kind)
    file = stored(tmp_path, as_object(pixels, BitsStored=bits, HighBit=bits - 1))
    frame, now = frame_pixels(file, 0)
    again, _ = decode(encoded_frame(frame, now, syntax), syntax, now, raw=True)
    assert (again.reshape(shape) == pixels).all()


def test_what_claims_to_be_huge_is_not_decoded(tmp_path: Path):
    ds = as_object(SMOOTH)
    ds.compress("1.2.840.10008.1.2.5", generate_instance_uid=False)
    for rows in (65535, 4000):
        ds.Rows = ds.Columns = rows
        with pytest.raises(NotAcceptable):
            shown(tmp_path, ds)


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90"])
def test_stream_that_is_larger_than_its_object_is_not_decoded(tmp_path: Path, syntax):
    frame, now = frame_pixels(stored(tmp_path, as_object(SMOOTH)), 0)
    stream = jpeg(SMOOTH) if syntax.endswith("50") else encoded_frame(frame, now, syntax)
    assert size_in_stream(stream) == (96, 64)
    with pytest.raises(NotAcceptable, match="larger"):
        shown(tmp_path, with_frames(as_object(SMOOTH[:8, :8]), [stream], syntax))


@pytest.mark.parametrize("path", real_files(600_000), ids=lambda path: f"{path.parent.name}-{path.name}")
def test_real_files_are_shown_or_refused(path: Path):
    """A picture of the right size, or an error that says why; also as a thumbnail."""
    try:
        file = read_frames(path)
        picture = render(file, 0, Look())
        small = render(file, len(file.frames) - 1, Look(viewport=Viewport(40, 40), coarse=True))
    except NotAcceptable:
        return
    assert picture.dtype == np.uint8
    assert max(small.shape[:2]) == 40


def test_panic_of_a_decoder_is_not_acceptable():
    """A panic of a decoder in Rust is no `Exception`; what is meant for the whole program goes on."""
    panic = type("PanicException", (BaseException,), {})
    assert isinstance(undecodable(panic("index out of bounds")), NotAcceptable)
    with pytest.raises(KeyboardInterrupt):
        undecodable(KeyboardInterrupt())


@pytest.mark.parametrize("box", [bytes(4) + b"jp2h", b"\0\0\0\1ftyp", b"\0\0\0\x10ftyp"])
def test_endless_boxes_of_jp2_are_not_followed(tmp_path: Path, box):
    stream = b"\0\0\0\x0cjP  \r\n\x87\n" + box + bytes(40)
    with pytest.raises(NotAcceptable):
        shown(tmp_path, with_frames(as_object(np.zeros((8, 8), np.uint8)), [stream], "1.2.840.10008.1.2.4.90"))
