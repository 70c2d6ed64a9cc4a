"""Words that stay: descriptions of sites and vendors pass unchanged; the lists keep their promises."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacs.deid.text.technical import is_technical, is_technical_word
from pacs.deid.text.vocabulary import is_term, is_word, lists, may_be_person
from pacs.dicom.elements import DataSet, parse
from pacs.dicom.fileformat import read_start
from pacs.dicom.syntaxes import encoding_of
from pacs.dicom.values import values_of
from pacs.errors import Refused
from tests.data_folder import shared_data
from tests.deid.text.evidence_of import FULL, KNOWN, cleaned, evidence_of, smith

DESCRIPTIONS = [
    line
    for line in (Path(__file__).parent / "descriptions.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]
UNKNOWN = {"PJN:COW", "4DCT AVE-IP", "RSRCH^Brain"}  # abbreviations that only their site knows


@pytest.mark.parametrize("text", [text for text in DESCRIPTIONS if text not in UNKNOWN])
def test_descriptions_stay_as_they_are(text):
    assert cleaned(evidence_of(), text) == text
    assert cleaned(smith(), text, KNOWN) == text


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from(sorted(lists().terms - {"1st", "2nd", "3rd", "4th"})), min_size=1, max_size=8),
    st.sampled_from([FULL, KNOWN]),
)
def test_vocabulary_without_evidence_is_unchanged(words, strength):
    text = "  ".join(words)
    assert cleaned(evidence_of(), text, strength) == text


@pytest.mark.parametrize("word", "smith garcia nguyen jones mary john wang muller kowalski schmidt".split())
def test_names_are_no_words(word):
    assert not is_word(word)


@pytest.mark.parametrize("word", "thessaly yorkshire abondance zambia munich xinjiang".split())
def test_breeds_and_countries_are_no_terms(word):
    assert not is_term(word)


@pytest.mark.parametrize("word", "baker turner hunter cook rice".split())
def test_words_that_are_names_too_are_no_terms(word):
    assert not is_term(word)
    assert may_be_person(word) or not is_word(word)


@pytest.mark.parametrize(
    "word",
    "contrast abdomen w/contrast c/a/p hx flair stir lue rll abd/pel mip cta w/o +c omnipaque fdg dotarem colour color"
    " cholecystectomy perihepatic spondylolisthesis echocardiographic schadel 胸部".split(),
)
def test_words_of_radiology_are_known(word):
    assert is_word(word)


@pytest.mark.parametrize(
    "token", "B30f H31s T1 b1000 VB20A 1.25mm 512x512 0.6 3D 99mTc 5/35 120kV 10:22 1.5T 2.5e-3 75% <14 L5".split()
)
def test_technical_tokens_are_known(token):
    assert is_technical(token) or is_technical_word(token)


@pytest.mark.parametrize("token", ["12345678", "AB1234567", "A123456B", "Vorlund", "SMITH1"])
def test_ids_and_words_are_not_technical(token):
    assert not is_technical(token)
    assert not is_technical_word(token)


def test_lists_are_small_and_apart():
    known = lists()
    assert not known.names_first & (known.terms | known.ordinary)
    assert known.ambiguous <= known.ordinary


def test_descriptions_of_real_files_are_mostly_kept():
    folder = shared_data()
    if folder is None:
        pytest.skip("no real files here")
    decisions = [
        decision
        for path in sorted(folder.glob("*/*.dcm"))
        for text in _descriptions(path)
        for decision in evidence_of().clean(text, FULL).decisions
    ]
    assert sum(decision.kept for decision in decisions) / len(decisions) > 0.95


def _descriptions(path):
    content = path.read_bytes()
    try:
        start = read_start(content)
        source = parse(content[start.data_set_offset :], encoding_of(start.transfer_syntax_uid))
    except Refused:
        source = DataSet()
    tags = (0x00081030, 0x0008103E, 0x00181030, 0x00180015, 0x00400254, 0x00321060)
    return [value for tag in tags if tag in source for value in values_of(source[tag])]


@pytest.mark.parametrize(
    "text", ["Waters", "Hips infant Graf", "Implant displaced Eklund", "Hughston patella", "AX_T2_HXKQ_SAG", "VPFX-S"]
)
def test_projections_and_codes_stay_alone(text):
    assert cleaned(evidence_of(), text) == text


@pytest.mark.parametrize("text", ["CHEST WATERS", "CT CHEST for Graf", "CHEST HARRIS", "T2_SMYTH_AX"])
def test_their_names_are_names_elsewhere(text):
    assert not {"WATERS", "Graf", "HARRIS", "SMYTH"} & set(cleaned(evidence_of(), text).replace("_", " ").split())
