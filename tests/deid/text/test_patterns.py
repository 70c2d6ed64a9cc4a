"""What identifies by its form goes without any evidence; forms of technical text stay."""

import pytest

from tests.deid.text.evidence_of import FULL, KNOWN, cleaned, evidence_of

BOTH = pytest.mark.parametrize("strength", [FULL, KNOWN], ids=["full", "known"])
NOBODY = evidence_of()


@BOTH
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("CHEST MRN: 12345678", "CHEST"),
        ("CHEST MRN 12345678", "CHEST"),
        ("MRN#12345678 CHEST", "CHEST"),
        ("Acc# A1234567 CHEST", "CHEST"),
        ("Accession Number: 2020-12345 CHEST", "CHEST"),
        ("Patient ID: AB-12345 CHEST", "CHEST"),
        ("Pt# 778812", ""),
        ("Tel. +1 (555) 123-4567 CHEST", "CHEST"),
        ("CHEST call (555) 123-4567", "CHEST call"),
        ("CHEST 555-123-4567", "CHEST"),
        ("CHEST +49 221 4711 0815", "CHEST"),
        ("Phone: 5551234567", ""),
        ("SSN 123-45-6789", ""),
        ("CHEST jane.roe@example.org", "CHEST"),
        ("CHEST Dr. Vorlund", "CHEST"),
        ("CHEST Dr. John Vorlund, MD", "CHEST"),
        ("CHEST Prof. Vorlund", "CHEST"),
        ("CHEST Mrs. Vorlund W/O", "CHEST W/O"),
        ("CHEST for DOE^JANET^M", "CHEST"),
        ("12 Elm Street, Smallville, KS 66002 CHEST", "CHEST"),
        ("CHEST Hauptstraße 12", "CHEST"),
        ("P.O. Box 123 CHEST", "CHEST"),
        ("file://server/share/x.dcm CHEST", "CHEST"),
        ("http://pacs.local/wado?patientID=4711 CHEST", "CHEST"),
        ("C:\\Users\\jxyzzy\\a.dcm", ""),
        ("DR CHEST 2 VIEWS", "DR CHEST 2 VIEWS"),
        ("MR BRAIN", "MR BRAIN"),
        ("Thorax^ThoraxRoutine", "Thorax^ThoraxRoutine"),
        ("PA LAT", "PA LAT"),
        ("SE 3 IM 55", "SE 3 IM 55"),
        ("Case: 12", "Case: 12"),
        ("ID 7 of 9", "ID 7 of 9"),
        ("Phase 75%", "Phase 75%"),
        ("5 mm ST", "5 mm ST"),
        ("TR 2000 TE 90", "TR 2000 TE 90"),
        ("512 512 1024", "512 512 1024"),
        ("https://github.com/QIICR/dcmqi.git", None),
        ("bed 12345", "bed 12345"),
    ],
)
def test_forms_that_identify(before, after, strength):
    if after is None:
        assert cleaned(NOBODY, before, KNOWN, "UT") == before
    else:
        assert cleaned(NOBODY, before, strength, "UT") == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("CHEST VORLUNDA", "CHEST"),
        ("CHEST by Vorlunda, Vandermeer", "CHEST"),
        ("CHEST 123456", "CHEST"),
        ("CHEST 12345", "CHEST 12345"),
        ("S19-12345 CHEST", "CHEST"),
        ("123-4567 CHEST", "CHEST"),
        ("tech: Jane", ""),
        ("CHEST Operator: JSX", "CHEST"),
        ("T1_Vorlunda_ax", "T1_ax"),
        ("knee for Baker", "knee"),
        ("knee Baker cyst", "knee Baker cyst"),
        ("ROSE HILL knee", "knee"),
        ("/mnt/data/xyzzyq CHEST", "CHEST"),
        ("pacs01.hospital.org CHEST", "CHEST"),
        ("SmithChest", "Chest"),
        ("no acute disease", "no acute disease"),
        ("CT at St. Mary's Medical Center", "CT"),
        ("Johns Hopkins Hospital CT HEAD", "CT HEAD"),
        ("CT Head Wexcombe Royal Infirmary", "CT Head"),
        ("University of Iowa PET/CT", "PET/CT"),
        ("general hospital bed", "general hospital bed"),
        ("Smallville KS 66002 CHEST", "CHEST"),
        ("IRM de M. Vorlund", "IRM"),
        ("Exam: 71260 CT CHEST", "Exam: 71260 CT CHEST"),
        ("Segmented by Anna Vorlund using 3D Slicer", "Segmented using 3D Slicer"),
        ("Crohn's disease", "Crohn's disease"),
        ("Crohn", ""),
        ("non-Hodgkin lymphoma", "non-Hodgkin lymphoma"),
        ("circle of Willis", "circle of Willis"),
        ("Smith fracture", "Smith fracture"),
        ("Smith", ""),
    ],
)
def test_what_no_vocabulary_knows_goes_under_full(before, after):
    assert cleaned(NOBODY, before) == after


@pytest.mark.parametrize("text", ["CHEST VORLUNDA", "CHEST 123456", "T1_Vorlunda_ax", "Crohn", "knee for Baker"])
def test_known_cleaning_leaves_unknown_words(text):
    assert cleaned(NOBODY, text, KNOWN) == text


def test_every_token_has_a_decision():
    decisions = (
        evidence_of((0x00100010, "PN", "Vandermeer^Pieter")).clean("CT Vandermeer 2.5mm VORLUNDA", FULL).decisions
    )
    assert [(d.token.strip(), d.kept, d.in_doubt) for d in decisions] == [
        ("CT", True, False),
        ("Vandermeer", False, False),
        ("2", True, False),
        ("5mm", True, False),
        ("VORLUNDA", False, True),
    ]
    assert all(decision.reason for decision in decisions)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("L", False),
        ("MI 1.2", False),
        ("TIS 0.4 120 kV", False),
        ("10:22:33", False),
        ("l1 |", False),
        ("CTDlvol 8.31 mGy", False),
        ("CTDlvol8.31mGy", False),
        ("AX1AL 5mm", False),
        ("Eli", True),
        ("V4NDERMEER", True),
        ("Vandermeer", True),
        ("VANDERMEER^PIETER", True),
        ("VORLUNDA", True),
        ("2020-01-15", True),
        ("12345678", True),
        ("JOHN", True),
    ],
)
def test_what_identifies_in_an_image(text, answer):
    assert evidence_of((0x00100010, "PN", "Vandermeer^Pieter")).identifies(text) is answer
