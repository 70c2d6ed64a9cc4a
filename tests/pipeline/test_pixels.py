"""What the pixel stage makes of an object, by the choice of its collection."""

import json
from pathlib import Path

import numpy as np
import pytest
from pydicom.uid import JPEG2000Lossless

import pacs.pipeline.pixels as stage
from pacs.deid import CollectionKeys, Context, load_profile
from pacs.deid.pixels import Evidence, PixelOutcome, PixelPolicy, clean_pixels
from pacs.dicom.elements import DataSet
from pacs.dicom.values import first_text
from pacs.model import Access, CollectionInfo, Duplicates, Finding, Hold, Keep, Outcome, Quarantine, Release
from pacs.pipeline.stages import deidentify_elements, parse_object
from pacs.pipeline.work import Work
from pacs.pixels.ocr import Box, Line, Word
from tests.builders import file_bytes
from tests.pixels.pictures import as_object, ground, labelled

US = "1.2.840.10008.5.1.4.1.1.6.1"
AT = Box(10, 8, 180, 28)


class Pointing:
    """A reader that is told where a name stands, and sees whether it is still there."""

    def read(self, picture: np.ndarray) -> list[Line]:
        there = np.ptp(picture[AT.top : AT.bottom, AT.left : AT.right].astype(int)) > 60
        return [Line("Quixotic", AT, 0.99, (Word("Quixotic", AT),))] if there else []


@pytest.fixture(autouse=True)
def _no_models(monkeypatch):
    """The stage with a reader that needs no models, and a second reader that finds nothing."""

    def with_reader(
        original: DataSet, cleaned: DataSet, syntax: str, evidence: Evidence, policy: PixelPolicy
    ) -> PixelOutcome:
        return clean_pixels(original, cleaned, syntax, evidence, policy, Pointing)

    monkeypatch.setattr(stage, "clean_pixels", with_reader)
    monkeypatch.setattr(stage, "check_pixels", lambda *_arguments: ())


def judged(ds, folder: Path, mode: str = "clean") -> tuple[Outcome, Work]:
    ds.PatientName = "Quixotic^Ada"
    collection = CollectionInfo(
        id=1, name="inbox", title="", profile="tcia", profile_version="", key_id=0, key_label="inbox",
        release=Release.AUTOMATIC, access=Access.RESTRICTED, duplicates=Duplicates.KEEP_FIRST, called_aet="", site="",
        originals="discard", order=0, pixels=mode,
    )  # fmt: skip
    keys = CollectionKeys.derive(bytes(32), "inbox")
    work = Work(file_bytes(ds), collection, load_profile("tcia"), keys, Context(collection="inbox"), folder)
    assert isinstance(parse_object(work), Keep)
    assert isinstance(deidentify_elements(work), Keep)
    return stage.clean_pixels_stage(work), work


def codes(data_set: DataSet) -> set[str]:
    return {first_text(item, 0x00080100) for item in data_set[0x00120064].items or []}


def result(work: Work) -> DataSet:
    assert work.result is not None
    return work.result.data_set


def test_blanked_object_says_what_was_done(tmp_path):
    outcome, work = judged(as_object(labelled(), SOPClassUID=US), tmp_path)
    assert outcome == Keep()
    assert "113101" in codes(result(work))
    assert work.result is not None
    assert "clean_pixel_data" in work.result.options
    assert first_text(result(work), 0x00280301) == "NO"
    assert "text" in work.facts["pixel regions"]
    assert "Quixotic" not in json.dumps(dict(work.facts))


def test_written_pieces_hold_blanked_pixels(tmp_path):
    _outcome, work = judged(as_object(labelled(), JPEG2000Lossless, SOPClassUID=US), tmp_path)
    written = b"".join(work.pieces)
    assert bytes(result(work)[0x7FE00010].value) in written
    assert work.transfer_syntax_uid == JPEG2000Lossless


def test_read_object_without_text_has_no_code(tmp_path):
    empty = np.full((100, 240), 40, np.uint8)
    outcome, work = judged(as_object(empty, SOPClassUID=US), tmp_path)
    assert outcome == Keep()
    assert "113101" not in codes(result(work))
    assert first_text(result(work), 0x00280301) == "NO"


def test_object_that_was_only_looked_at_says_nothing_new(tmp_path):
    outcome, work = judged(as_object(ground()), tmp_path)
    assert outcome == Keep()
    assert work.facts == {"pixels": "looked at"}
    assert "113101" not in codes(result(work))
    assert 0x00280301 not in result(work)


def test_detected_text_holds_the_object(tmp_path):
    outcome, work = judged(as_object(labelled(), SOPClassUID=US), tmp_path, "detect")
    assert isinstance(outcome, Hold)
    assert "113101" not in codes(result(work))
    assert first_text(result(work), 0x00280301) != "NO"


def test_quarantine_takes_objects_with_text(tmp_path):
    outcome, _work = judged(as_object(labelled(), SOPClassUID=US), tmp_path, "quarantine")
    assert isinstance(outcome, Quarantine)
    assert "Quixotic" not in outcome.reason


def test_objects_that_say_yes_are_quarantined_unread(tmp_path):
    outcome, work = judged(as_object(ground(), BurnedInAnnotation="YES"), tmp_path, "quarantine")
    assert isinstance(outcome, Quarantine)
    assert work.facts["pixels"] == "policy"


def test_scanned_paper_is_quarantined(tmp_path):
    outcome, _work = judged(as_object(ground(), ConversionType="SD"), tmp_path)
    assert isinstance(outcome, Quarantine)
    assert "scanned paper" in outcome.reason


def test_pixels_that_cannot_be_decoded_are_quarantined(tmp_path):
    ds = as_object(labelled(), JPEG2000Lossless, SOPClassUID=US)
    ds.PixelData = ds.PixelData[:40] + bytes(len(ds.PixelData) - 48) + ds.PixelData[-8:]
    outcome, work = judged(ds, tmp_path)
    assert isinstance(outcome, Quarantine)
    assert work.facts["pixels"] == "not decodable"


def test_second_reader_holds_what_it_reads(tmp_path, monkeypatch):
    monkeypatch.setattr(stage, "check_pixels", lambda *_arguments: (Finding("7FE00010", "text in pixels", "name"),))
    outcome, _work = judged(as_object(labelled(), SOPClassUID=US), tmp_path)
    assert isinstance(outcome, Hold)
    assert outcome.findings[0].path == "7FE00010"
    assert "name" in outcome.reason
