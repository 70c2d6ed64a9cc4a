"""What the second reader would find in a text is gone after cleaning, at both strengths."""

import unicodedata
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pacs.deid.text.vocabulary import is_term, lists
from pacs.dicom.syntaxes import Encoding
from pacs.leakcheck import check
from pacs.leakcheck.vocabulary import generic, vocabulary
from tests.deid.text.evidence_of import FULL, KNOWN, data_set, evidence_of

EXPLICIT = Encoding(explicit=True, little_endian=True)
SURNAMES = [
    "Quixotic",
    "Vandermeer",
    "Smith",
    "O'Brien",
    "Müller",
    "Long",
    "Head",
    "Rose",
    "Baker",
    "Li",
    "Garcia-Lopez",
    "Иванов",
    "王",
    "Turner",
    "Hunter",
    "Nguyen",
    "van der Berg",
    "D'Angelo",
    "Ødegård",
    "Straße",
    "MacDonald",
]
GIVEN = ["John", "Mary Ann", "Zebulon", "Wei", "May", "小东", "Пётр", "Jo", "X", "Anne-Marie", "Sally", "Lung", ""]
IDS = [
    "MRN-0012345678",
    "A1234",
    "0047110815",
    "ID 77 88 12",
    "JSMITH",
    "12.34.56",
    "X-1-2-3",
    "AB_99_CD",
    "2020-00012",
]
PLACES = [
    "Springfield General Hospital",
    "Zeppelin Klinik München",
    "St. Quirinus",
    "12 Elm Street, Smallville",
    "Rosewood",
]
WORDS = [
    "CT CHEST",
    "W/CONTRAST",
    "long axis",
    "HEAD",
    "for",
    "by",
    "Dr.",
    "T1",
    "(",
    ")",
    "b1000",
    "1.2.3",
    "Lung",
    "'s",
    "_",
    "2019-03-04",
    "03/04/2019",
    "4 Mar 2019",
    "20190304",
    "patient",
    "\n",
    ",",
    "knee",
    "92 yo",
    "A",
]


def _spellings(name):
    family, given = name
    one = given.split(" ")[0] if given else ""
    bare = family.replace(" ", "").replace("'", "").replace("-", "")
    yield from (
        f"{family}^{given}",
        f"{family}, {given}",
        f"{given} {family}",
        family,
        given,
        family + one,
        one + family,
    )
    yield from (
        f"{one[:1]}. {family}",
        f"{one[:1]}{bare}",
        f"{bare}{one[:1]}",
        f"{family}'s",
        f"x{bare}x",
        f"{bare}_{one}",
    )
    yield unicodedata.normalize("NFD", f"{given} {family}")


@st.composite
def objects(draw):
    """An object's identity, and a text in which some of it stands in some spelling and case."""
    people = draw(st.lists(st.tuples(st.sampled_from(SURNAMES), st.sampled_from(GIVEN)), min_size=1, max_size=2))
    ids, places = draw(st.sampled_from(IDS)), draw(st.sampled_from(PLACES))
    tokens = st.sampled_from(
        [*WORDS, ids, places, *places.split(), ids.lower(), *(s for p in people for s in _spellings(p))]
    )
    case = draw(st.sampled_from([str, str.upper, str.lower, str.title]))
    text = draw(st.sampled_from([" ", "_", "-", " / ", "  "])).join(case(t) for t in draw(st.lists(tokens, max_size=8)))
    elements = [
        (0x00100010 + number * 0x5F0, "PN", "^".join(person).rstrip("^")) for number, person in enumerate(people)
    ]
    elements += [(0x00100020, "LO", ids), (0x00080080, "LO", places), (0x00080020, "DA", "20190304")]
    return elements, text


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(objects(), st.sampled_from([FULL, KNOWN]), st.booleans())
def test_second_reader_finds_nothing_after_cleaning(case, strength, moved):
    elements, text = case
    evidence = evidence_of(*elements) if moved else evidence_of(*elements, moved=None)
    out = evidence.clean(text, strength, "LT").text
    result = data_set((0x00204000, "LT", out))
    findings = check(data_set(*elements, (0x00204000, "LT", text)), result, EXPLICIT, b"")
    assert findings == (), (out, findings)


@settings(max_examples=120, deadline=None)
@given(objects(), st.sampled_from([FULL, KNOWN]))
def test_cleaning_again_brings_nothing_back(case, strength):
    elements, text = case
    evidence = evidence_of(*elements, moved=lambda day: day)
    once = evidence.clean(text, strength, "LT").text
    again = evidence.clean(once, strength, "LT").text
    new_ages = Counter("90+" * 9)
    assert not Counter("".join(again.split())) - Counter("".join(once.split())) - new_ages
    assert not Counter("".join(once.split())) - Counter("".join(unicodedata.normalize("NFC", text).split())) - new_ages


def test_terms_are_no_names_for_the_second_reader():
    known = vocabulary()
    terms = [word for word in lists().terms if word.isascii() and word.isalpha() and len(word) > 3]
    assert [word for word in terms if word not in known] == []
    assert [word for word in lists().generic if word not in generic() and not is_term(word)] == []


@pytest.mark.parametrize("word", ["smith", "garcia", "nguyen", "mueller", "maria", "giovanni"])
def test_names_are_no_terms(word):
    assert not is_term(word)
