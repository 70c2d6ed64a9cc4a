"""The second reader finds the object's own values in pixels, misread letters notwithstanding."""

import numpy as np
import pytest

from pacs.leakcheck.identity import identity_of
from pacs.leakcheck.pixels import check_pixels, judge
from tests.pixels.pictures import as_object, ground, parsed, written

VALUES = {"PatientName": "Quixotic^Don", "PatientID": "AB47119", "PatientBirthDate": "19600304"}
VALUES |= {"InstitutionName": "Zyxwick Hospital"}


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("QUIXOTIC^DON", ["name"]),
        ("Qu1xotic, D", ["name"]),
        ("QUXOTIC", ["name"]),
        ("QUIXOTLC", ["name"]),
        ("ID: AB47119", ["id"]),
        ("A847ll9", ["id"]),
        ("1960-03-04", ["date"]),
        ("04.03.1960", ["date"]),
        ("03/04/1960", ["date"]),
        ("ZYXWICK  HOSPITAL", ["institution"]),
        ("MI 1.2", []),
        ("QUIXTC", []),
        ("LIVER", []),
        ("2020", []),
    ],
)
def test_judges_text_of_pixels(text, kinds):
    data_set, _syntax = parsed(as_object(ground(), **VALUES))
    findings = judge(identity_of(data_set), [text])
    assert [finding.detail for finding in findings] == kinds


def test_reads_name_left_in_pixels():
    pixels = written(ground(200, 400), "Quixotic^Don", (10, 8))
    data_set, syntax = parsed(as_object(pixels, **VALUES))
    (finding,) = check_pixels(data_set, data_set, syntax)
    assert (finding.path, finding.rule) == ("7FE00010", "text in pixels")
    assert "uixotic" not in str(finding)


def test_object_without_pixels_has_no_finding():
    data_set, syntax = parsed(as_object(np.zeros((8, 8), np.uint8)))
    del data_set[0x7FE00010]
    assert check_pixels(data_set, data_set, syntax) == ()
