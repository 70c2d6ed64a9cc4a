"""Text that identifies goes out of pixels, everything else stays bit for bit; in every pixel format."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont
from pydicom.uid import (
    ExplicitVRBigEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

from pacs.deid.pixels import PixelOutcome, PixelPolicy, clean_pixels, reading
from pacs.deid.pixels.redact import judge, padded
from pacs.dicom.elements import DataSet
from pacs.dicom.syntaxes import DEFLATED_FRAMES
from pacs.dicom.values import first_text
from pacs.pixels import ocr
from pacs.pixels.encapsulated import deflated_frame, fragments_of, inflated_frame
from pacs.pixels.image import decode, image_of
from pacs.pixels.ocr import Box, Line, Word
from pacs.pixels.picture import pictures
from tests.data_folder import shared_data
from tests.pixels.pictures import NAME, as_object, ground, jpeg, labelled, parsed, seen, with_frames, written

SC = "1.2.840.10008.5.1.4.1.1.7"
US = "1.2.840.10008.5.1.4.1.1.6.1"


class Known:
    """Evidence that knows harmless words."""

    def identifies(self, text: str) -> bool:
        return any(word.lower() not in ("liver", "chest", "left") for word in re.findall(r"[^\W\d_]{2,}", text))


class Nothing:
    """Evidence that knows every word as harmless."""

    def identifies(self, text: str) -> bool:
        return False


class Pointing:
    """A reader that is told where text stands, and sees whether it is still there."""

    def __init__(self, *lines: tuple[str, Box], score: float = 0.99) -> None:
        self.lines = [Line(text, box, score, (Word(text, box),)) for text, box in lines]
        self.readings = 0

    def read(self, picture: np.ndarray) -> list[Line]:
        self.readings += 1
        return [line for line in self.lines if np.ptp(self._inside(picture, line.box).astype(int)) > 60]

    @staticmethod
    def _inside(picture: np.ndarray, box: Box) -> np.ndarray:
        return picture[box.top : box.bottom, box.left : box.right]


AT = Box(10, 8, 180, 28)


def cleaned(ds, reader: Pointing | None = None, **policy) -> tuple[PixelOutcome, DataSet, str]:
    data_set, syntax = parsed(ds)
    used = reader or Pointing(("SMITH^JOHN", AT))
    return clean_pixels(data_set, data_set, syntax, Known(), PixelPolicy(**policy), lambda: used), data_set, syntax


def assert_only_boxes_changed(outcome: PixelOutcome, before: DataSet, syntax: str) -> None:
    old, new = seen(before, syntax), seen(outcome.data_set, outcome.transfer_syntax_uid)
    assert outcome.cleaned
    assert outcome.regions
    outside = np.ones(old.shape, bool)
    frames = old.ndim - (3 if old.shape[-1] == 3 else 2)
    for region in outcome.regions:
        place = (slice(region.top, region.top + region.height), slice(region.left, region.left + region.width))
        inside = (slice(None),) * frames + place
        outside[inside] = False
        assert not np.array_equal(old[inside], new[inside])
        for frame in new if frames else new[None]:
            assert len(np.unique(frame[place].reshape(-1, 3 if old.shape[-1] == 3 else 1), axis=0)) == 1
    assert np.array_equal(old[outside], new[outside])


def grey(kind: str) -> np.ndarray:
    return labelled().astype(kind)


FORMATS = {
    "8 bit": lambda: as_object(labelled(), SOPClassUID=SC),
    "16 bit": lambda: as_object(grey("<u2") * 16, SOPClassUID=SC),
    "signed": lambda: as_object(grey("<i2") * 16 - 1024, SOPClassUID=SC),
    "12 of 16 bits": lambda: as_object(grey("<u2") * 16, SOPClassUID=SC, BitsStored=12, HighBit=11),
    "MONOCHROME1": lambda: as_object(labelled(), SOPClassUID=SC, PhotometricInterpretation="MONOCHROME1"),
    "RGB": lambda: as_object(np.stack([labelled()] * 3, -1), SOPClassUID=SC),
    "YBR_FULL": lambda: as_object(np.stack([labelled()] * 3, -1), SOPClassUID=SC, PhotometricInterpretation="YBR_FULL"),
    "frames": lambda: as_object(np.stack([labelled()] * 3), frames=3, SOPClassUID=SC),
    "colour frames": lambda: as_object(np.stack([np.stack([labelled()] * 3, -1)] * 2), frames=2, SOPClassUID=SC),
    "RLE": lambda: as_object(labelled(), RLELossless, SOPClassUID=SC),
    "RLE colour": lambda: as_object(np.stack([labelled()] * 3, -1), RLELossless, SOPClassUID=SC),
    "RLE signed": lambda: as_object(grey("<i2") * 16 - 1024, RLELossless, SOPClassUID=SC),
    "JPEG-LS": lambda: as_object(labelled(), JPEGLSLossless, SOPClassUID=SC),
    "JPEG-LS 16 bit frames": lambda: as_object(
        np.stack([grey("<u2") * 16] * 2), JPEGLSLossless, frames=2, SOPClassUID=SC
    ),
    "JPEG 2000": lambda: as_object(grey("<u2"), JPEG2000Lossless, SOPClassUID=SC),
    "JPEG 2000 colour": lambda: as_object(np.stack([labelled()] * 3, -1), JPEG2000Lossless, SOPClassUID=SC),
}


@pytest.mark.parametrize("name", FORMATS)
def test_only_boxes_change_in_format(name):
    ds = FORMATS[name]()
    outcome, before, syntax = cleaned(ds)
    assert outcome.quarantine is None
    assert outcome.transfer_syntax_uid == syntax
    assert_only_boxes_changed(outcome, before, syntax)
    assert first_text(outcome.data_set, 0x00280301) == "NO"
    assert 0x00280301 not in before


def test_planar_pixels_stay_planar():
    planes = np.stack([labelled(), labelled() // 2, labelled() // 3])
    ds = as_object(planes[0], SOPClassUID=SC, SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=1)
    ds.PixelData = planes.tobytes()
    outcome, before, syntax = cleaned(ds)
    assert_only_boxes_changed(outcome, before, syntax)
    assert outcome.data_set[0x00280006].value == b"\1\0"


def test_shared_chrominance_becomes_black():
    pixels = labelled()
    stored = np.empty((*pixels.shape[:1], pixels.shape[1] // 2, 4), np.uint8)
    stored[..., 0], stored[..., 1], stored[..., 2:] = pixels[:, ::2], pixels[:, 1::2], 100
    ds = as_object(pixels, SOPClassUID=SC, SamplesPerPixel=3, PhotometricInterpretation="YBR_FULL_422")
    ds.PlanarConfiguration, ds.PixelData = 0, stored.tobytes()
    outcome, before, syntax = cleaned(ds)
    assert_only_boxes_changed(outcome, before, syntax)
    assert len(outcome.data_set[0x7FE00010].value) == stored.nbytes


def test_palette_black_is_darkest_colour():
    pixels = labelled()
    ds = as_object(pixels, SOPClassUID=SC, PhotometricInterpretation="PALETTE COLOR")
    inverted = np.arange(255, -1, -1, dtype="<u2") * 257
    for name in ("Red", "Green", "Blue"):
        setattr(ds, f"{name}PaletteColorLookupTableDescriptor", [256, 0, 16])
        setattr(ds, f"{name}PaletteColorLookupTableData", inverted.tobytes())
    outcome, before, syntax = cleaned(ds)
    assert_only_boxes_changed(outcome, before, syntax)
    assert seen(outcome.data_set, syntax)[12, 20] == 255


def test_big_endian_keeps_byte_order():
    pixels = labelled().astype(">u2") * 16
    ds = as_object(pixels, SOPClassUID=SC)
    ds.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    outcome, before, syntax = cleaned(ds)
    assert_only_boxes_changed(outcome, before, syntax)


def test_one_bit_frames_are_repacked():
    bits = (labelled(rows=45, columns=201) > 128).astype(np.uint8)
    both = np.concatenate([bits.ravel(), bits.ravel()])
    ds = as_object(bits, SOPClassUID=SC, NumberOfFrames=2, BitsAllocated=1, BitsStored=1, HighBit=0)
    ds.PixelData = np.packbits(both, bitorder="little").tobytes() + b"\0"
    outcome, before, syntax = cleaned(ds, Pointing(("SMITH", Box(10, 8, 120, 24))))
    assert_only_boxes_changed(outcome, before, syntax)


def test_deflated_frames_stay_deflated():
    frame = deflated_frame(labelled().tobytes())
    data_set, _syntax = parsed(with_frames(as_object(labelled(), SOPClassUID=SC), [frame], JPEGLSLossless))
    reader = Pointing(("SMITH^JOHN", AT))
    outcome = clean_pixels(data_set, data_set, DEFLATED_FRAMES, Known(), None, lambda: reader)
    assert outcome.transfer_syntax_uid == DEFLATED_FRAMES
    (fragment,) = fragments_of(outcome.data_set[0x7FE00010].value)[1]
    pixels = np.frombuffer(inflated_frame(bytes(fragment[1]), 1 << 20), np.uint8).reshape(labelled().shape)
    assert np.ptp(pixels[8:28, 10:180]) == 0
    assert np.array_equal(pixels[60:], labelled()[60:])


def test_baseline_jpeg_keeps_its_syntax_and_history():
    colours = np.stack([labelled()] * 3, -1)
    ds = as_object(colours, SOPClassUID=SC, PhotometricInterpretation="YBR_FULL_422")
    ds.LossyImageCompression, ds.LossyImageCompressionRatio = "01", "9"
    ds = with_frames(ds, [jpeg(colours)], JPEGBaseline8Bit)
    outcome, before, syntax = cleaned(ds)
    assert outcome.transfer_syntax_uid == syntax == JPEGBaseline8Bit
    assert outcome.quarantine is None
    (region,) = outcome.regions
    old, new = seen(before, syntax), seen(outcome.data_set, syntax)
    old[region.top : region.top + region.height, region.left : region.left + region.width] = 0
    new[region.top : region.top + region.height, region.left : region.left + region.width] = 0
    assert np.array_equal(old, new)
    assert first_text(outcome.data_set, 0x00282110) == "01"
    assert first_text(outcome.data_set, 0x00282112) == "9"
    assert first_text(outcome.data_set, 0x00282114) == "ISO_10918_1"
    assert first_text(outcome.data_set, 0x00280004) == "YBR_FULL_422"


def test_a_name_in_baseline_jpeg_cannot_be_read_afterwards():
    colours = np.stack([labelled(rows=160, columns=320)] * 3, -1)
    ds = as_object(colours, SOPClassUID=US, PhotometricInterpretation="YBR_FULL_422")
    data_set, syntax = parsed(with_frames(ds, [jpeg(colours, quality=80)], JPEGBaseline8Bit))
    outcome = clean_pixels(data_set, data_set, syntax, Known())
    assert outcome.cleaned
    assert outcome.transfer_syntax_uid == JPEGBaseline8Bit
    image = image_of(outcome.data_set, syntax)
    assert image is not None
    texts = " ".join(line.text for line in ocr.reader().read(pictures(image, 0)[0]))
    assert "SMITH" not in texts
    assert "471" not in texts
    assert "MI" in texts


def test_extremes_are_counted_again():
    ds = as_object(labelled(mark=""), SOPClassUID=SC, SmallestImagePixelValue=20, LargestImagePixelValue=255)
    outcome, _before, _syntax = cleaned(ds)
    assert outcome.data_set[0x00280107].value == b"\x3b\0"


def test_technical_marks_stay():
    reader = Pointing(("MI 1.2", AT), ("L", Box(10, 70, 30, 90)))
    outcome, before, _syntax = cleaned(as_object(labelled(), SOPClassUID=US), reader)
    assert not outcome.cleaned
    assert outcome.data_set[0x7FE00010] is before[0x7FE00010]
    assert first_text(outcome.data_set, 0x00280301) == "NO"


def test_equal_frames_are_read_once():
    reader = Pointing(("MI 1.2", AT))
    outcome, _before, _syntax = cleaned(as_object(np.stack([labelled()] * 40), frames=40, SOPClassUID=US), reader)
    assert reader.readings == 1
    assert outcome.path == "read: ultrasound"


def test_text_of_a_later_frame_goes_from_all():
    frames = np.stack([ground()] * 4 + [written(ground(), "SMITH^JOHN 1960", NAME)])
    outcome, before, syntax = cleaned(as_object(frames, frames=5, SOPClassUID=US))
    old, new = seen(before, syntax), seen(outcome.data_set, syntax)
    assert outcome.cleaned
    assert np.ptp(new[4, 8:28, 10:180].astype(int)) == 0
    assert np.array_equal(old[:, 60:], new[:, 60:])


def test_ordinary_slice_is_only_looked_at():
    reader = Pointing()
    outcome, before, _syntax = cleaned(as_object(ground().astype("<i2")), reader)
    assert (outcome.path, reader.readings) == ("looked at", 0)
    assert outcome.data_set is before


def test_original_ct_with_drawn_text_is_read():
    pixels = labelled().astype("<i2") * 4
    outcome, before, syntax = cleaned(as_object(pixels, BurnedInAnnotation="NO"))
    assert outcome.path == "read: glyphs in the image"
    assert_only_boxes_changed(outcome, before, syntax)


def test_quarantine_policy_refuses_text_alone():
    refused, _before, _syntax = cleaned(as_object(labelled(), SOPClassUID=US), mode="quarantine")
    passed, _before, _syntax = cleaned(as_object(ground(), SOPClassUID=US), Pointing(), mode="quarantine")
    assert refused.quarantine
    assert passed.quarantine is None


def test_detect_policy_changes_nothing():
    outcome, before, _syntax = cleaned(as_object(labelled(), SOPClassUID=US), mode="detect")
    assert outcome.found
    assert outcome.data_set is before


def test_scanned_paper_is_quarantined():
    outcome, _before, _syntax = cleaned(as_object(labelled(), SOPClassUID=SC, ConversionType="SD"))
    assert outcome.quarantine
    outcome, _before, _syntax = cleaned(as_object(labelled(), SOPClassUID=SC, ConversionType="SD"), paper="clean")
    assert outcome.cleaned


def test_undecodable_frame_is_quarantined():
    ds = with_frames(as_object(labelled(), SOPClassUID=SC), [jpeg(labelled())[:300]], JPEGBaseline8Bit)
    outcome, _before, _syntax = cleaned(ds)
    assert outcome.quarantine
    assert "SMITH" not in outcome.quarantine


def test_pixels_that_are_not_all_there_are_quarantined():
    ds = as_object(labelled(), SOPClassUID=SC)
    ds.PixelData = labelled().tobytes()[:-1000]
    assert cleaned(ds)[0].quarantine
    ds = as_object(np.stack([ground()] * 2), frames=2)
    ds.PixelData = ds.PixelData[:-100]
    assert cleaned(ds)[0].quarantine


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless, JPEG2000Lossless])
def test_overlay_in_bits_of_compressed_pixels_goes(syntax):
    proper = ground().astype("<u2") * 16
    carrying = proper | (np.arange(proper.size, dtype="<u2").reshape(proper.shape) % 2 << 14)
    data_set, _syntax = parsed(as_object(carrying, syntax))
    for tag, number in ((0x00280101, 12), (0x00280102, 11)):
        data_set.put(tag, "US", bytes((number, 0)))
    outcome = clean_pixels(data_set, data_set, syntax, Known(), None, Pointing)
    assert outcome.stripped
    assert not outcome.cleaned
    again, _now = decode_frame(outcome.data_set, outcome.transfer_syntax_uid)
    assert np.array_equal(again, proper)


def decode_frame(data_set: DataSet, syntax: str):
    image = image_of(data_set, syntax)
    assert image is not None
    if not image.encapsulated:
        return image.stored(0), image.format
    return decode(bytes(image.encoded(0)), syntax, image.format, raw=True, unused_bits=True)


def test_text_that_comes_back_is_quarantined():
    class Stubborn(Pointing):
        def read(self, picture):
            return self.lines

    outcome, _before, _syntax = cleaned(as_object(labelled(), SOPClassUID=SC), Stubborn(("SMITH^JOHN", AT)))
    assert outcome.quarantine


def test_guesses_go_from_suspect_objects():
    reader = Pointing(("?x?", AT), score=0.2)
    assert cleaned(as_object(labelled(), SOPClassUID=US), reader)[0].regions[0].reason == "unreadable"


def test_guesses_go_from_others_only_on_glyphs():
    plain = as_object(labelled().astype("<i2") * 4)
    assert cleaned(plain, Pointing(("?x?", AT), score=0.2))[0].regions[0].reason == "unreadable"
    outcome = cleaned(plain, Pointing(("?x?", Box(100, 30, 200, 60)), score=0.2))[0]
    assert outcome.path == "read: glyphs in the image"
    assert not outcome.cleaned


def test_guess_over_what_was_read_is_none():
    class Unsure(Pointing):
        def read(self, picture):
            return [Line("MI 1.2", AT, 0.9, (Word("MI 1.2", AT),)), Line("", AT, 0.0, ())]

    assert not cleaned(as_object(labelled(), SOPClassUID=US), Unsure())[0].cleaned


@pytest.mark.parametrize("name", ["Иванов Пётр", "ИВАНОВ", "محمد علي", "Παπαδόπουλος", "משה כהן"])
@pytest.mark.parametrize("noise", [1, 60])
def test_scripts_that_cannot_be_read_go(name, noise):
    font = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")
    if not font.exists():
        pytest.skip("no font that has these letters")
    picture = Pillow.fromarray(np.random.default_rng(1).integers(0, noise, (480, 640)).astype(np.uint8))
    drawing, letters = ImageDraw.Draw(picture), ImageFont.truetype(str(font), 20)
    drawing.text((40, 60), name, fill=255, font=letters)
    drawing.text((40, 300), "MI 1.2", fill=255, font=letters)
    pixels = np.asarray(picture)
    data_set, syntax = parsed(as_object(pixels, SOPClassUID=US))
    outcome = clean_pixels(data_set, data_set, syntax, Known())
    assert_only_boxes_changed(outcome, data_set, syntax)
    after = seen(outcome.data_set, syntax)
    assert after[50:90].max() < 100
    assert np.array_equal(after[290:], pixels[290:])


@pytest.mark.parametrize("reads", ["LONG", "LONG JAMES", "LONG^JAMES", "long", "JAMESLONG"])
def test_own_name_alone_goes_though_a_word(reads):
    data_set, syntax = parsed(as_object(labelled(), SOPClassUID=US, PatientName="LONG^JAMES"))
    outcome = clean_pixels(data_set, data_set, syntax, Nothing(), None, lambda: Pointing((reads, AT)))
    assert outcome.cleaned


LONG_JAMES = re.compile("(?:iong|long|james)+")


@pytest.mark.parametrize(
    ("texts", "goes"),
    [
        (["LONG", "4.2 mm"], False),
        (["LONG", "AXIS"], False),
        (["LONG"], True),
        (["LONG", "", "", "", "4.2 mm"], True),
        (["LONG", "", "", "", "AXIS"], True),
    ],
)
def test_own_name_stays_beside_value_or_word(texts, goes):
    known = Nothing()
    words = tuple(Word(text, Box(60 * at, 0, 60 * at + 50, 20)) for at, text in enumerate(texts) if text)
    line = Line(" ".join(text for text in texts if text), Box(0, 0, 300, 20), 0.9, words)
    together = judge([line], known, patient=LONG_JAMES)
    apart = judge([Line(word.text, word.box, 0.9, (word,)) for word in words], known, patient=LONG_JAMES)
    assert [box for box, _reason in together.boxes] == ([words[0].box] if goes else [])
    if "AXIS" not in texts:
        assert bool(apart.boxes) is goes


def test_named_ward_goes():
    known = Nothing()
    for text, goes in [("Ward Nightingale", True), ("WARD ROSE", True), ("forward Rose", False)]:
        assert bool(judge([Line(text, AT, 0.9, (Word(text, AT),))], known).boxes) is goes


def test_large_results_go_to_scratch(tmp_path):
    frames = np.stack([np.tile(labelled(), (6, 6))] * 50)
    outcome, before, syntax = cleaned(as_object(frames, frames=50, SOPClassUID=SC), scratch=tmp_path)
    assert_only_boxes_changed(outcome, before, syntax)
    assert not list(tmp_path.iterdir())


def test_reader_finds_name_and_keeps_mark():
    pixels = written(written(ground(200, 400), "SMITH^JOHN 4711982", (10, 8)), "120 kV  MI 1.2", (10, 150))
    data_set, syntax = parsed(as_object(pixels, SOPClassUID=US))
    outcome = clean_pixels(data_set, data_set, syntax, Known())
    assert_only_boxes_changed(outcome, data_set, syntax)
    assert any("120" in text for text in outcome.texts_after)
    assert not any("SMITH" in line.text for line in ocr.reader().read(seen(outcome.data_set, syntax)))


@pytest.mark.parametrize(
    ("text", "stays"),
    [
        ("MI 1.2", True),
        ("L", True),
        ("120kV 200mA", True),
        ("TIS<0.4 MI=0.8", True),
        ("RAH", True),
        ("16cm", True),
        ("LIVER LEFT", True),
        ("Name: LIVER", False),
        ("SMITHJOHN", False),
        ("12345", False),
        ("3/4/1960", False),
        ("1960-03-04", False),
        ("2023-10TIS0.9MI1.3", False),
        ("4 Mar 1960", False),
        ("General Hospital", False),
        ("Dr. Liver", False),
    ],
)
def test_judges_single_line(text, stays):
    box = Box(10, 8, 10 + 12 * len(text), 28)
    judged = judge([Line(text, box, 0.9, (Word(text, box),))], Known())
    assert bool(judged.kept) is stays
    assert bool(judged.boxes) is not stays


def test_word_with_initial_of_name_goes():
    reader = Pointing(("LEFT A", AT))
    assert cleaned(as_object(labelled(), SOPClassUID=US, PatientName="Left^Anna"), reader)[0].cleaned
    assert not cleaned(as_object(labelled(), SOPClassUID=US, PatientName="Left^Berta"), reader)[0].cleaned


def test_house_of_everyday_words_goes_as_a_line_of_its_own():
    reader = Pointing(("Liver Chest", AT))
    assert cleaned(as_object(labelled(), SOPClassUID=US, InstitutionName="Liver Chest"), reader)[0].cleaned
    assert not cleaned(as_object(labelled(), SOPClassUID=US, InstitutionName="Liver"), reader)[0].cleaned


def test_what_a_mask_misreads_over_well_read_text_does_not_count(monkeypatch):
    class Twice:
        """Reads the picture well, and its second picture badly."""

        readings = 0

        def read(self, picture: np.ndarray) -> list[Line]:
            self.readings += 1
            return [Line("MI 1.2", AT, 0.95, ()) if self.readings == 1 else Line("QUIXOTE", AT, 0.6, ())]

    monkeypatch.setattr(reading, "hidden_glyphs", lambda grey: [grey > 200])
    ds = as_object(labelled(), SOPClassUID=US)
    reader = Twice()
    data_set, syntax = parsed(ds)
    outcome = clean_pixels(data_set, data_set, syntax, Nothing(), None, lambda: reader)
    assert reader.readings == 2
    assert not outcome.cleaned


def test_of_two_readings_of_one_text_the_surer_counts():
    narrow, wide = Box(10, 8, 180, 28), Box(5, 3, 190, 34)
    lines = [Line("SMITH J0HM", wide, 0.92, ()), Line("SMITH^JOHN", narrow, 0.99, ()), Line("MI 1.2", wide, 0.95, ())]
    assert reading._each_once(lines) == lines[1:]
    unsure = [line._replace(score=0.8) for line in lines]
    assert reading._each_once(unsure) == unsure


def test_marks_of_mixed_line_stay():
    boxes = [Box(0, 0, 90, 20), Box(100, 0, 120, 20), Box(125, 0, 150, 20)]
    words = tuple(Word(text, box) for text, box in zip(["SMITH^JOHN", "MI", "1.2"], boxes, strict=True))
    judged = judge([Line("SMITH^JOHN MI 1.2", Box(0, 0, 150, 20), 0.9, words)], Known())
    assert [box for box, _reason in judged.boxes] == [boxes[0]]


def test_mark_beside_name_goes_with_it():
    words = (Word("SMITH", Box(0, 0, 50, 20)), Word("L", Box(55, 0, 65, 20)))
    judged = judge([Line("SMITH L", Box(0, 0, 65, 20), 0.9, words)], Known())
    assert [box for box, _reason in judged.boxes] == [Box(0, 0, 65, 20)]


def test_padding_does_not_spare_a_letter_seen_in_the_picture():
    """A round phantom is read as a large O; the line that it overlaps must go whole."""
    assert padded(Box(8, 7, 188, 27), 256, 320, [Box(33, 18, 284, 224)]) == Box(4, 3, 192, 31)


def test_padding_spares_text_that_stays():
    grown = padded(Box(10, 30, 90, 50), 100, 100, [Box(10, 52, 90, 70), Box(93, 30, 99, 50)])
    assert grown == Box(6, 26, 93, 52)


def test_boxes_of_close_lines_part_in_the_middle():
    grown = padded(Box(10, 30, 90, 50), 100, 100, [Box(10, 14, 90, 36), Box(10, 44, 90, 64)])
    assert grown == Box(6, 33, 94, 47)
    assert padded(Box(10, 30, 90, 50), 100, 100, [Box(10, 32, 90, 54)]) == Box(6, 26, 94, 54)


def test_real_ultrasound_keeps_its_settings():
    folder = shared_data()
    if folder is None:
        pytest.skip("no real data here")
    from pacs.pixels.transcode import read_file

    file = read_file(folder / "us" / "examples_palette.dcm")
    outcome = clean_pixels(file.data_set, file.data_set, file.transfer_syntax_uid, Known())
    assert outcome.cleaned
    assert {"C5-1", "28Hz", "11cm"} <= set(outcome.texts_after)
    assert not any("2011" in text for text in outcome.texts_after)


def test_moving_ground_is_read_once():
    banner = labelled(rows=256, columns=256)
    rng = np.random.default_rng(5)
    frames = np.stack([np.vstack((banner[:100], rng.integers(0, 90, (156, 256)).astype(np.uint8))) for _ in range(6)])
    reader = Pointing(("SMITH^JOHN", AT))
    outcome, before, syntax = cleaned(as_object(frames, frames=6, SOPClassUID=US), reader)
    assert outcome.frames == (0,)
    assert_only_boxes_changed(outcome, before, syntax)


def test_new_text_on_moving_ground_is_read():
    rng = np.random.default_rng(6)
    frames = [rng.integers(0, 90, (256, 256)).astype(np.uint8) for _ in range(4)]
    frames[2] = written(frames[2], "SMITH^JOHN", (40, 150))
    outcome, _before, _syntax = cleaned(as_object(np.stack(frames), frames=4, SOPClassUID=US))
    assert 2 in outcome.frames
