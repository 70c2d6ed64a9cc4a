"""Regions of known devices: our own data, and pixel scripts as CTP reads them."""

import numpy as np
import pytest
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit, JPEGLSLossless, RLELossless

from pacs.deid.pixels import PixelPolicy, clean_pixels
from pacs.deid.pixels.pixel_script import pixel_script
from pacs.deid.pixels.signatures import Rectangle, built_in, signature_of
from pacs.dicom.syntaxes import EXPLICIT_LE, encoding_of
from pacs.dicom.values import first_text
from pacs.errors import ProfileError
from pacs.pixels.ocr import Box
from tests.pixels.pictures import as_object, ground, jpeg, parsed, seen, with_frames

SCRIPT = """Some words about (this) file.
{ Manufacturer.containsIgnoreCase("acme") * Rows.equals("100") } // ours
(10, 20, 30, 5) and (-12,-4,10,10)

ACME, the other (older) one
{ Modality.equals("US") + !(Manufacturer.equals("X") + SoftwareVersion.equals("")) }
(0,0,5,5)
"""

LITTLE = encoding_of(EXPLICIT_LE)


class Nothing:
    def identifies(self, text: str) -> bool:
        return False


def unread():
    raise AssertionError("nothing should be read")


@pytest.mark.parametrize(("exact", "pixels"), [(True, 30 * 5 + 10 * 4), (False, 230)], ids=["exact", "as CTP"])
def test_rectangles_are_exact_or_as_ctp_has_them(exact, pixels):
    data_set, syntax = parsed(as_object(ground(512, 512), Rows=512))
    first, *_rest = pixel_script(SCRIPT.replace('"100"', '"512"'), exact=exact)
    policy = PixelPolicy(signatures=(first,))
    outcome = clean_pixels(data_set, data_set, syntax, Nothing(), policy, unread)
    before, after = seen(data_set, syntax), seen(outcome.data_set, syntax)
    changed = np.argwhere(before != after)
    assert outcome.path == "signature"
    assert outcome.cleaned
    assert sum(region.width * region.height for region in outcome.regions) == pixels
    assert changed[:, 0].min() >= 20
    more = 0 if exact else 1
    black = before.min() if exact else 0
    assert (after[20 : 25 + more, 10 : 40 + more] == black).all()
    assert (after[508:512, 500 : 510 + more] == black).all()
    assert (after[25 + more, 0:100] == before[25 + more, 0:100]).all()


def bright() -> np.ndarray:
    """Light grey with a black corner."""
    pixels = np.full((96, 128), 180, np.uint8)
    pixels[:16, 64:] = 0
    return pixels


def in_baseline():
    return with_frames(as_object(bright()), [jpeg(bright())], JPEGBaseline8Bit)


OBJECTS = {
    "native": lambda: as_object(bright()),
    "several frames": lambda: as_object(np.stack([bright()] * 2), frames=2),
    "colour": lambda: as_object(np.stack([bright()] * 3, -1)),
    "RLE": lambda: as_object(bright(), RLELossless),
    "JPEG-LS": lambda: as_object(bright(), JPEGLSLossless),
    "JPEG 2000": lambda: as_object(bright(), JPEG2000Lossless),
    "JPEG": in_baseline,
}


@pytest.mark.parametrize("kind", OBJECTS)
def test_regions_are_black_in_every_syntax_that_is_decoded(kind):
    """CTP passes on what is compressed otherwise than as baseline JPEG, with all that is in its pixels."""
    data_set, uid = parsed(OBJECTS[kind]())
    (signature,) = pixel_script('{ Rows.equals("96") } (8,16,24,8)(-16,-8,16,8)')
    policy = PixelPolicy(signatures=(signature,))
    outcome = clean_pixels(data_set, data_set, uid, Nothing(), policy, unread)
    after = seen(outcome.data_set, outcome.transfer_syntax_uid)
    assert outcome.cleaned
    assert first_text(outcome.data_set, 0x00280301).strip() == "NO"
    for frame in after if kind == "several frames" else [after]:
        assert (frame[16:24, 8:32] < 4).all()
        assert (frame[88:96, 112:128] < 4).all()
        assert (frame[48:80, :] > 170).all()


def as_ctp(made):
    """What becomes of an object by a script with two rectangles, followed as CTP does; stored numbers before, after."""
    data_set, uid = parsed(made)
    (signature,) = pixel_script('{ Rows.equals("96") } (8,16,23,7)(-16,-8,15,7)', exact=False)
    outcome = clean_pixels(data_set, data_set, uid, Nothing(), PixelPolicy(signatures=(signature,)), unread)
    assert outcome.cleaned
    assert outcome.unmarked
    assert first_text(outcome.data_set, 0x00280301) == first_text(data_set, 0x00280301)
    return seen(data_set, uid), seen(outcome.data_set, outcome.transfer_syntax_uid)


def blocks(depth: int, *, signed: bool = False) -> np.ndarray:
    """Numbers above 100, or below, in a picture of 96 rows and 128 columns."""
    kind = np.dtype(f"{'i' if signed else 'u'}{depth // 8}")
    return (np.arange(96 * 128).reshape(96, 128) % 20 + 100).astype(kind) * (-1 if signed else 1)


ZEROS = {
    "16 bits": lambda: as_object(blocks(16)),
    "signed": lambda: as_object(blocks(16, signed=True)),
    "32 bits": lambda: as_object(blocks(32)),
    "white is 0": lambda: as_object(blocks(8), PhotometricInterpretation="MONOCHROME1"),
    "several frames": lambda: as_object(np.stack([blocks(16)] * 2), frames=2),
    "colour": lambda: as_object(np.stack([blocks(8)] * 3, -1)),
    "RLE": lambda: as_object(blocks(16), RLELossless),
    "JPEG-LS": lambda: as_object(blocks(16), JPEGLSLossless),
    "JPEG 2000": lambda: as_object(blocks(16), JPEG2000Lossless),
    "signed JPEG 2000": lambda: as_object(blocks(16, signed=True), JPEG2000Lossless),
}


@pytest.mark.parametrize("kind", ZEROS)
def test_fill_is_the_number_0_as_in_ctp(kind):
    before, after = as_ctp(ZEROS[kind]())
    expected = before.copy()
    picture = expected if kind == "several frames" else expected[None]
    picture[:, 16:24, 8:32] = 0
    picture[:, 88:96, 112:128] = 0
    assert np.array_equal(after, expected)


def test_fill_in_luminance_and_chrominance_is_black():
    pixels = np.stack([blocks(8)] * 3, -1)
    _before, after = as_ctp(as_object(pixels, PhotometricInterpretation="YBR_FULL"))
    assert (after[16:24, 8:32] == (0, 128, 128)).all()
    assert np.array_equal(after[:16], pixels[:16])


def test_fill_in_baseline_jpeg_is_near_0():
    before, after = as_ctp(in_baseline())
    assert (after[16:24, 8:32] < 4).all()
    assert np.array_equal(after[48:80], before[48:80])


def test_malformed_filter_fits_nothing_as_in_ctp():
    script = '{ Modality.equals(CT) } (1,2,3,4) { !!Modality.equals("CT") } (1,2,3,4) { true. } (5,6,7,8)'
    found = signature_of(parsed(as_object(ground()))[0], pixel_script(script, exact=False), LITTLE)
    assert found is not None
    assert found.rectangles == (Rectangle(5, 6, 8, 9),)


def test_filter_without_end_sets_the_object_aside(monkeypatch):
    monkeypatch.setattr("pacs.deid.ctp.patterns.LONGEST_S", 0.02)
    data_set, uid = parsed(as_object(ground(), SeriesDescription="17," * 20))
    signatures = pixel_script('{ SeriesDescription.matches("(.*?,){12}P") } (1,2,3,4)')
    outcome = clean_pixels(data_set, data_set, uid, Nothing(), PixelPolicy(signatures=signatures), unread)
    assert "condition 1, SeriesDescription.matches, took longer than" in (outcome.quarantine or "")


def test_brace_in_quotes_ends_no_filter():
    (signature,) = pixel_script('{ Modality.matches("[A-Z]{2}") } (1,2,3,4)')
    assert signature.fits(parsed(as_object(ground()))[0], LITTLE)


def test_parenthesis_that_is_no_rectangle_is_text():
    (signature,) = pixel_script("{ true. } (the older one) (1, 2) (a,b,c,d) (1,2,3,4)")
    assert signature.rectangles == (Rectangle(1, 2, 3, 4),)


def test_first_signature_that_fits_counts():
    signatures = pixel_script(SCRIPT)
    data_set, _syntax = parsed(as_object(ground(), Manufacturer="Acme Inc", Modality="US"))
    assert signature_of(data_set, signatures, LITTLE) is signatures[0]
    data_set, _syntax = parsed(as_object(ground(), Manufacturer="Other", Modality="US"))
    assert signature_of(data_set, signatures, LITTLE) is signatures[1]
    data_set, _syntax = parsed(as_object(ground(), Manufacturer="X"))
    assert signature_of(data_set, signatures, LITTLE) is None


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("nothing here", "line 1"),
        ('\n\n{ Modality.equals("US") } no numbers', "line 3"),
        ('\n{ Modality.equals("US") (1,2,3,4)', "line 2"),
        ('\n{\nModality.is("US") } (1,2,3,4)', "line 3"),
        ('\n{ Modalty.equals("US") } (1,2,3,4)', "Modalty"),
        ("{ Modality.equals(US) } (1,2,3,4)", "quotes"),
        ('{ Modality.equals("US") Rows.equals("1") } (1,2,3,4)', "operator"),
        ('{ (Modality.equals("US") } (1,2,3,4)', "parenthesis"),
        ('{ Modality.matches("(") } (1,2,3,4)', "regular expression"),
        ("{ } (1,2,3,4)", "term"),
    ],
)
def test_faults_are_told_with_their_line(script, told):
    with pytest.raises(ProfileError, match=told):
        pixel_script(script)


def test_rectangles_are_clipped():
    assert Rectangle(-12, -4, 10, 10).box(512, 512) == Box(500, 508, 510, 512)
    assert Rectangle(600, 0, 10, 10).box(512, 512).width <= 0
    assert Rectangle(0, 0, 4096, 100).box(512, 640) == Box(0, 0, 640, 100)


def test_own_signatures_load_and_fit():
    report = parsed(
        as_object(ground(512, 512), Manufacturer="GE MEDICAL SYSTEMS", SeriesDescription="Dose Report", Modality="CT")
    )[0]
    found = signature_of(report, built_in(), LITTLE)
    assert found is not None
    assert not found.complete
    assert signature_of(parsed(as_object(ground()))[0], built_in(), LITTLE) is None
