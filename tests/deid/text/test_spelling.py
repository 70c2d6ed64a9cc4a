"""Words misspelt, cut off, joined, and codes stay; names that look so do not."""

import pytest

from pacs.deid.text.spelling import is_unlike_names, reason_of
from pacs.deid.text.vocabulary import lists
from tests.deid.text.evidence_of import KNOWN, cleaned, evidence_of, named


@pytest.mark.parametrize(
    "text",
    [
        "SAGITAL 3MM",
        "RECON 2: HEILICAL",
        "CHEST AP PULMONARY EMBOLIS",
        "PET CT FDG IMAG",
        "LTLUNG UP",
        "CT_biopsylung",
        "SENSTSET2AX",
        "BreasFS3DSAG",
        "LT(CA)_3DPOSTCONT",
        "CTCAP",
        "2,OPA,GE,LSQX,STANDARD",
        "T2 FSAT",
        "ep2d_DYNDISTCALC_BVAL",
        "0,OPA,SE,SEN16,B50f,380",
        "FFPE HE TP DX1",
        "alg01 run3",
        "Klatka piersiowa bez kontrastu",
        "hrudnik a bricho nativ",
        "t2_tse_tra reto",
    ],
)
def test_words_made_of_words_stay(text):
    assert cleaned(evidence_of(), text) == text


@pytest.mark.parametrize(
    "word", "KHAN BECK WRIGHT METCALF DOUBLEDAY GREENWALL SACCONE KNOCH NGO VLK JSMITH MGARCIA DNGUYEN XIAOFENG".split()
)
def test_names_that_look_like_words_go(word):
    assert cleaned(evidence_of(), f"CT CHEST {word}") == "CT CHEST"


@pytest.mark.parametrize("word", ["MGH", "MSKCC", "UPMC", "UCLH"])
def test_short_forms_of_hospitals_go(word):
    assert cleaned(evidence_of(), f"CT CHEST {word}") == "CT CHEST"


@pytest.mark.parametrize("word", ["KJX12345", "CT135227", "A1B2C3D4E5F6", "SMITH1"])
def test_letters_with_many_digits_are_no_code(word):
    assert cleaned(evidence_of(), f"CHEST {word}") == "CHEST"


def test_three_letters_in_mixed_case_are_no_code():
    assert reason_of("XQL")
    assert not reason_of("Xql")


def test_own_names_go_although_they_look_like_codes():
    evidence = named("Brdsk^Vlx", "Sagitall^Abdomn")
    assert cleaned(evidence, "CT BRDSK CHEST SAGITALL") == "CT CHEST"
    assert cleaned(evidence, "CT Brdsk CHEST", KNOWN) == "CT CHEST"


def test_letters_of_names_are_like_names():
    assert not is_unlike_names("kowalczyk")
    assert not is_unlike_names("jsmith")
    assert is_unlike_names("vzoomq")


def test_listed_look_alikes_are_no_words():
    assert not [word for word in lists().no_words if reason_of(word)]
