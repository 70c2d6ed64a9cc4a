"""Regions of known devices: our own data, and pixel scripts as CTP reads them."""

import numpy as np
import pytest

from pacs.deid.pixels import PixelPolicy, clean_pixels
from pacs.deid.pixels.pixel_script import pixel_script
from pacs.deid.pixels.signatures import Rectangle, built_in, signature_of
from pacs.errors import ProfileError
from pacs.pixels.ocr import Box
from tests.pixels.pictures import as_object, ground, parsed, seen

SCRIPT = """Some words about (this) file.
{ Manufacturer.containsIgnoreCase("acme") * Rows.equals("100") } // ours
(10, 20, 30, 5) and (-12,-4,10,10)

ACME, the other (older) one
{ Modality.equals("US") + !(Manufacturer.equals("X") + SoftwareVersion.equals("")) }
(0,0,5,5)
"""


class Nothing:
    def identifies(self, text: str) -> bool:
        return False


def unread():
    raise AssertionError("nothing should be read")


def test_edges_of_script_regions_are_inside():
    data_set, syntax = parsed(as_object(ground(512, 512), Rows=512))
    first, *_rest = pixel_script(SCRIPT.replace('"100"', '"512"'))
    policy = PixelPolicy(signatures=(first,))
    outcome = clean_pixels(data_set, data_set, syntax, Nothing(), policy, unread)
    before, after = seen(data_set, syntax), seen(outcome.data_set, syntax)
    changed = np.argwhere(before != after)
    assert outcome.path == "signature"
    assert outcome.cleaned
    assert sum(region.width * region.height for region in outcome.regions) == 31 * 6 + 11 * 4
    assert changed[:, 0].min() >= 20
    assert (after[20:26, 10:41] == before.min()).all()


def test_first_signature_that_fits_counts():
    signatures = pixel_script(SCRIPT)
    data_set, _syntax = parsed(as_object(ground(), Manufacturer="Acme Inc", Modality="US"))
    assert signature_of(data_set, signatures) is signatures[0]
    data_set, _syntax = parsed(as_object(ground(), Manufacturer="Other", Modality="US"))
    assert signature_of(data_set, signatures) is signatures[1]
    data_set, _syntax = parsed(as_object(ground(), Manufacturer="X"))
    assert signature_of(data_set, signatures) is None


@pytest.mark.parametrize(
    ("term", "fits"),
    [
        ('Modality.equals("CT")', True),
        ('Modality.equals("C")', False),
        ('[0008,0060].equals("CT")', True),
        ('ImageType.equals("ORIGINAL\\PRIMARY\\AXIAL")', True),
        ('ImageType.contains("PRIMARY")', True),
        ('Modality.matches("[CM][TR]")', True),
        ('Rows.isGreaterThan("99") * Rows.isLessThan("101")', True),
        ('Manufacturer.isLessThan("5")', False),
        ('StationName.equals("")', True),
        ("true.", True),
        ("false.+true.", True),
        ("false.*true.+true.", True),
        ("false.*(true.+true.)", False),
        ("!!true.", True),
        ('ReferencedImageSequence::ReferencedSOPInstanceUID.equals("")', True),
        ('[0009[ACME]01].equals("")', True),
        ('Manufacturer.endsWithIgnoreCase("me") // why\n * Modality.startsWith("C")', True),
    ],
)
def test_terms_of_filters(term, fits):
    data_set, _syntax = parsed(as_object(ground()))
    (signature,) = pixel_script(f"{{ {term} }} (1,2,3,4)")
    assert (signature_of(data_set, [signature]) is not None) is fits


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
    found = signature_of(report, built_in())
    assert found is not None
    assert not found.complete
    assert signature_of(parsed(as_object(ground()))[0], built_in()) is None
