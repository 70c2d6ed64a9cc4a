"""Which objects are read whatever they look like, and what a quick look sees."""

import numpy as np
import pytest

from pacs.deid.pixels.glyphs import has_glyphs, hidden_glyphs
from pacs.deid.pixels.suspicion import suspicion_of
from pacs.dicom.syntaxes import encoding_of
from pacs.pixels.image import format_of
from tests.pixels.pictures import as_object, ground, labelled, parsed, written

STORAGE = "1.2.840.10008.5.1.4.1.1."


def suspicion(**values):
    pixels = values.pop("pixels", ground())
    data_set, syntax = parsed(as_object(pixels, **values))
    return suspicion_of(data_set, format_of(data_set, encoding_of(syntax)))


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({}, ""),
        ({"BurnedInAnnotation": "NO"}, ""),
        ({"BurnedInAnnotation": "YES"}, "says"),
        ({"SOPClassUID": STORAGE + "7"}, "secondary capture"),
        ({"SOPClassUID": STORAGE + "6.1", "BurnedInAnnotation": "NO"}, "ultrasound"),
        ({"ConversionType": "WSD"}, "secondary capture"),
        ({"ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]}, "screen save"),
        ({"ImageType": ["DERIVED", "SECONDARY", "OTHER", "DOSE_INFO"]}, "screen save"),
        ({"Modality": "ES"}, "photograph"),
        ({"SecondaryCaptureDeviceManufacturer": "X"}, "capture device"),
        ({"pixels": np.stack([ground()] * 3, -1)}, "colour"),
        ({"SequenceOfUltrasoundRegions": []}, "ultrasound"),
    ],
)
def test_class_and_kind_make_suspect(values, reason):
    found = suspicion(**values).reason
    assert found.startswith(reason) or reason in found
    assert bool(found) is bool(reason)


def test_paper_and_labels_are_known():
    assert suspicion(ConversionType="SD").paper
    assert not suspicion(ConversionType="SI").paper
    assert suspicion(ImageType=["ORIGINAL", "PRIMARY", "LABEL", "NONE"]).label
    assert suspicion(SpecimenLabelInImage="YES").label


@pytest.mark.parametrize("kind", ["uint8", "int16", "uint16"])
@pytest.mark.parametrize("size", [12, 16, 24])
def test_sees_drawn_text(kind, size):
    pixels = written(ground(200, 300), "SMITH^JOHN", (10, 10), size).astype(kind)
    assert has_glyphs(pixels)
    assert has_glyphs(pixels.max() - pixels)
    assert not has_glyphs(ground(200, 300).astype(kind))


def test_sees_grey_text_in_the_margin():
    pixels = written(ground(200, 300), "SMITH^JOHN", (10, 5), value=110)
    pixels = np.array(pixels)
    pixels[80:120, 100:200] = 250
    assert has_glyphs(pixels)


def test_sees_text_that_hides_in_the_ground():
    hiding = np.array(written(np.zeros((200, 300), np.uint8), "SMITH^JOHN", (10, 10), value=3))
    hiding[100:150, 100:200] = ground(50, 100) * 4
    assert len(hidden_glyphs(hiding)) == 1
    assert hidden_glyphs(hiding.astype(np.int16) - 1024)
    assert not hidden_glyphs(labelled())


@pytest.mark.parametrize("pixels", [np.zeros((64, 64), np.uint8), np.eye(64, dtype=np.uint16) * 900, ground(3, 3)])
def test_even_and_tiny_images_show_nothing(pixels):
    assert not has_glyphs(pixels)
