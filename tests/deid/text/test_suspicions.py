"""Forms that only look suspicious go under full cleaning, and stay under known; technical forms stay."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pacs.deid.text.suspicions import find
from tests.deid.text.evidence_of import FULL, KNOWN, cleaned, evidence_of, named, smith

NOBODY = evidence_of()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("CHEST 10.1.2.3", "CHEST"),
        ("CHEST 192.168.1.20", "CHEST"),
        ("sent by host 172.16.4.9", "sent"),
        ("CHEST 00:1A:2B:3C:4D:5E", "CHEST"),
        ("CHEST room 412 bed B", "CHEST"),
        ("CHEST case 1234567", "CHEST"),
        ("CHEST 12 Elm St, London", "CHEST"),
        ("CHEST 50667 Wexcombe", "CHEST"),
        ("CHEST S M I T H", "CHEST"),
        ("CHEST Royal Free London", "CHEST"),
        ("St. Elsewhere General Hospital", ""),
        ("CT HEAD at Mount Wexcombe Medical Center", "CT HEAD"),
        ("CHEST 93F", "CHEST 90+F"),
        ("CHEST M/91", "CHEST M/90+"),
        ("CHEST ninety-three years", "CHEST 90+ years"),
    ],
)
def test_suspicious_forms_go_under_full(before, after):
    assert cleaned(NOBODY, before) == after


@pytest.mark.parametrize(
    "text", ["CHEST 10.1.2.3", "CHEST room 412 bed B", "CHEST Royal Free London", "CHEST S M I T H", "CHEST 93F"]
)
def test_suspicious_forms_stay_under_known(text):
    assert cleaned(NOBODY, text, KNOWN) == text


@pytest.mark.parametrize("label", ["V", "version ", "syngo ", "SW: ", "rel. ", "Numaris/4 V"])
def test_four_numbers_behind_a_version_stay(label):
    assert cleaned(NOBODY, f"{label}11.0.12.34") == f"{label}11.0.12.34"


@pytest.mark.parametrize(
    "text",
    [
        "1.2.3",
        "T 1 2 3 4",
        "General Hospital protocol",
        "Public Health",
        "55M",
        "5.25.30.2",
        "A P L R",
        "512 x 512",
        "Portable Hospital CHEST",
    ],
)
def test_technical_forms_are_not_suspicious(text):
    assert not list(find(text))


@pytest.mark.parametrize("text", ["Jan 15 CHEST", "15 Jan CHEST", "CHEST APR 12", "CHEST Sep 3", "CHEST March 3rd"])
def test_days_without_a_year_go(text):
    assert cleaned(NOBODY, text) == "CHEST"


@pytest.mark.parametrize("text", ["MAR 3", "OCT 3", "DEC 2", "CHEST MAY 5", "SEP 4", "JUNE 99"])
def test_abbreviations_like_months_stay(text):
    assert cleaned(NOBODY, text) == text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("KOWALCZYK, B.A.", ""),
        ("B. A. KOWALCZYK CHEST", "CHEST"),
        ("BK_KOWALCZYK", ""),
        ("YOUNG JAMES CHEST", "CHEST"),
        ("CHEST LONG MARY", "CHEST"),
        ("KHAN CHEST", "CHEST"),
        ("Khan chest", "chest"),
        ("KOWALCZYK JR CHEST", "CHEST"),
        ("MR KNEE KOWALCZYK", "MR KNEE"),
        ("PT KOWALCZYK", "PT"),
    ],
)
def test_what_stands_beside_an_unknown_name_goes_too(before, after):
    assert cleaned(NOBODY, before) == after


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=120), st.sampled_from([FULL, KNOWN]), st.sampled_from(["LO", "UT", "PN", "SH"]))
@example("\x00\ud7ff^=\\", FULL, "PN")
@example("İ̇ßŉ ﬁ", FULL, "LO")
def test_any_text_is_cleaned(text, strength, vr):
    cleaned(smith(), text, strength, vr)


PIECES = st.sampled_from(
    "CT CHEST SMITH^JOHN Smith, J. jsmith 12345678 MRN-0012345678 DOB 1960-01-01 Dr. Kowalski for by (SMITH) W/O T2 _ "
    "- 2.5mm ACC99871 Springfield SMITH_JOHN axial patient's 'Smith' QUENTIN".split()
)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=8), st.sampled_from([" ", "_", "^", ", "]))
def test_known_cleaning_twice_changes_nothing_more(pieces, joint):
    once = cleaned(smith(moved=None), joint.join(pieces), KNOWN)
    assert cleaned(smith(moved=None), once, KNOWN) == once


WORDS = st.text(alphabet="abcdefghijklmnopqrstuvwxyz", min_size=5, max_size=9)


@settings(max_examples=300, deadline=None)
@given(
    WORDS,
    WORDS,
    st.sampled_from(
        ["{1}, {0}", "{0} {1}", "{0}^{1}", "{0}_{1}", "{1}{0}", "Dr. {1}", "({1})", "{0}.{1}", "for {1}", "{1}2"]
    ),
    st.sampled_from(["CT {} CHEST", "{} T2", "chest_{}", "{}", "AX {}: 2.5mm"]),
    st.sampled_from([str.upper, str.title, str.lower]),
    st.sampled_from([FULL, KNOWN]),
)
def test_planted_names_never_survive(given_name, family, form, place, case, strength):
    family, given_name = f"zq{family}", f"xj{given_name}"  # no word, and no ending of one
    text = place.format(case(form.format(given_name, family)))
    left = cleaned(named(f"{family}^{given_name}".title()), text, strength).lower()
    assert family not in left
    assert given_name not in left or "{0}" not in form
