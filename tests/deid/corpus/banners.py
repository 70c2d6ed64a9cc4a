"""Images with text burned in: every kind of pixel that real devices write, names in banners, marks that must stay."""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image

from tests.deid.corpus import pixels
from tests.deid.corpus.images import SOP, geometry, set_pixels
from tests.deid.corpus.planted import Planted
from tests.deid.corpus.study import Study, begin

Made = Callable[[Study, int], Planted]


def lines_of(obj: Planted) -> tuple[str, str]:
    """The two lines that devices draw: who it is (in ASCII), and the id."""
    person = obj.person
    whole = f"{person.given} {person.family}".upper()
    return (whole if whole.isascii() else person.accession, person.patient_id)


def expect_text(obj: Planted, boxes: list[list[int]], lines: tuple[str, ...], marks: list[list[int]]) -> None:
    """Checks of an image with text: hidden in the boxes, kept in the marks, untouched elsewhere."""
    obj.trap = "burned-in text"
    for box, line in zip(boxes, lines, strict=True):
        obj.expect("pixels_hidden", "", {"box": box, "text": line})
    obj.trap = "technical marks"
    for box in marks:
        obj.expect("pixels_retained", "", {"box": box})
    obj.trap = "pixels outside the text"
    obj.expect("pixels_retained", "", boxes)
    obj.trap = "baseline"


def colour(photometric: str, planar: int = 0) -> Made:
    """Colour ultrasound: coloured letters on black, as RGB by pixel or by plane, or as a JPEG."""

    def make(study: Study, number: int) -> Planted:
        obj = begin(study, f"usc{photometric[:3].lower()}{planar}", number, SOP + "6.1", "US")
        ds = obj.ds
        ds.ImageType = ["ORIGINAL", "PRIMARY"]
        grey = pixels.noise(obj.rng, (1, 240, 320), 110).astype("u1")
        frame = np.stack([grey[0]] * 3, axis=-1)
        lines = lines_of(obj)
        boxes, marks = [], []
        for line, corner, ink in ((lines[0], (8, 6), (255, 255, 90)), (lines[1], (8, 32), (255, 255, 255))):
            boxes.append(_burn_colour(frame, line, corner, 18, ink))
        for text, corner in (("TIS 0.4", (244, 206)), ("R", (300, 110))):
            marks.append(_burn_colour(frame, text, corner, 16, (250, 250, 250)))
        if photometric == "RGB":
            set_pixels(obj, frame[None], 8, "RGB")
            if planar:
                ds.PlanarConfiguration = 1
                ds.PixelData = np.ascontiguousarray(np.moveaxis(frame, -1, 0)).tobytes()
                obj.fixed_syntax = True
        else:
            _as_jpeg(obj, frame, photometric)
        expect_text(obj, boxes, lines, marks)
        return obj

    return make


def _burn_colour(
    frame: pixels.Array, text: str, corner: tuple[int, int], height: int, ink: tuple[int, ...]
) -> list[int]:
    box: list[int] = []
    for sample, value in enumerate(ink):
        plane = frame[..., sample].copy()
        box = pixels.burn(plane, text, corner, height, value)
        frame[..., sample] = plane
    return box


def _as_jpeg(obj: Planted, frame: pixels.Array, photometric: str) -> None:
    set_pixels(obj, frame[None], 8, photometric)
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "JPEG", quality=92, subsampling=1 if photometric.endswith("422") else 0)
    obj.ds.PixelData = pixels.encapsulated([buffer.getvalue()])
    obj.ds["PixelData"].VR = "OB"
    obj.ds["PixelData"].is_undefined_length = True
    obj.ds.LossyImageCompression, obj.ds.LossyImageCompressionMethod = "01", "ISO_10918_1"
    obj.syntax, obj.fixed_syntax = pixels.JPEG, True


def screen_save(study: Study, number: int) -> Planted:
    """A dose sheet of a CT: a name among rows of numbers."""
    obj = begin(study, "sheet", number, SOP + "7", "CT")
    obj.ds.ImageType, obj.ds.ConversionType = ["DERIVED", "SECONDARY", "SCREEN SAVE"], "WSD"
    frame = np.zeros((1, 256, 384), "u1")
    lines = lines_of(obj)
    boxes = [pixels.burn(frame[0], lines[0], (12, 8), 20, 255), pixels.burn(frame[0], lines[1], (12, 40), 20, 255)]
    marks = [
        pixels.burn(frame[0], text, (12, 110 + 32 * row), 18, 255)
        for row, text in enumerate(("CTDIvol 8.31 mGy", "DLP 301.2 mGy cm", "120 kV 250 mAs"))
    ]
    set_pixels(obj, frame, 8)
    expect_text(obj, boxes, lines, marks)
    return obj


def original_ct(study: Study, number: int) -> Planted:
    """An original CT slice, signed, into which somebody has burned a name: nothing in the header says so."""
    obj = begin(study, "ctburn", number, SOP + "2", "CT")
    ds = obj.ds
    ds.ImageType, ds.RescaleIntercept, ds.RescaleSlope = ["ORIGINAL", "PRIMARY", "AXIAL"], "0", "1"
    geometry(obj, study, 40 + number)
    values = (pixels.noise(obj.rng, (1, 320, 320), 2000) - 1000).astype("<i2")
    lines = lines_of(obj)
    boxes = [pixels.burn(values[0], line, (10, 8 + 28 * row), 20, 3000) for row, line in enumerate(lines)]
    set_pixels(obj, values, 16)
    ds.PixelRepresentation = 1
    expect_text(obj, boxes, lines, [])
    return obj


def inverted(study: Study, number: int) -> Planted:
    """A radiograph in MONOCHROME1 with dark letters on a bright field, and a laterality mark."""
    obj = begin(study, "crinv", number, SOP + "1", "CR")
    obj.ds.ImageType, obj.ds.ViewPosition = ["ORIGINAL", "PRIMARY"], "PA"
    values = pixels.noise(obj.rng, (1, 256, 320), 600).astype("<u2") + 3000
    lines = lines_of(obj)
    boxes = [pixels.burn(values[0], line, (10, 8 + 30 * row), 20, 20) for row, line in enumerate(lines)]
    marks = [pixels.burn(values[0], "L", (290, 200), 24, 20)]
    set_pixels(obj, values, 12, "MONOCHROME1")
    expect_text(obj, boxes, lines, marks)
    return obj


def moving(study: Study, number: int) -> Planted:
    """Frames whose banner is not everywhere the same: a name in the second half only."""
    obj = begin(study, "usmove", number, SOP + "3.1", "US")
    obj.ds.ImageType = ["ORIGINAL", "PRIMARY"]
    values = pixels.noise(obj.rng, (6, 200, 300), 110).astype("u1")
    line = lines_of(obj)[1]
    box: list[int] = []
    for frame in values[3:]:
        box = pixels.burn(frame, line, (14, 150), 18, 250)
    set_pixels(obj, values, 8)
    expect_text(obj, [box], (line,), [])
    return obj


KINDS: tuple[Made, ...] = (
    colour("RGB"),
    colour("RGB", planar=1),
    colour("YBR_FULL"),
    colour("YBR_FULL_422"),
    screen_save,
    original_ct,
    inverted,
    moving,
)
