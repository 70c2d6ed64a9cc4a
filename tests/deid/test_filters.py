"""Filters as CTP writes them: what passes, and what is told of one that is malformed."""

import pytest

from pacs.deid.ctp.patterns import TookTooLong
from pacs.deid.filters import read_filter
from pacs.deid.filters_as_ctp import filter_as_ctp, filter_of
from pacs.dicom.elements import DataSet, Element
from pacs.dicom.syntaxes import EXPLICIT_BE, encoding_of
from pacs.errors import ProfileError


def example() -> DataSet:
    """The object that the terms below are about."""
    found, item = DataSet(), DataSet()
    found.put(0x00080008, "CS", b"ORIGINAL\\PRIMARY\\AXIAL ")
    found.put(0x00080060, "CS", b"CT")
    found.put(0x00080070, "LO", b"ACME Inc")
    found.put(0x00101010, "AS", b"064Y")
    found.put(0x00280010, "US", b"\0\2")
    found.put(0x00090010, "LO", b"GEMS IDEN 01")
    found.put(0x00091027, "LO", b"inside")
    item.put(0x00081155, "UI", b"1.2.3\0")
    found[0x00081140] = Element(0x00081140, "SQ", b"", [item])
    return found


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        # A is true here, B and C are false.
        ('Modality.equals("CT")+Modality.equals("B")*Modality.equals("C")', True),
        ('(Modality.equals("CT")+Modality.equals("B"))*Modality.equals("C")', False),
        ('!!Modality.equals("CT")', True),
        ('ImageType.equals("ORIGINAL\\PRIMARY\\AXIAL")', True),
        ('Modality.equals("C")', False),
        ('!Modality.equals("MR")*Modality.contains("T")', True),
        ('Modality.equalsIgnoreCase("ct")', True),
        ('[0008,0060].equals("CT")', True),
        ('Modality.matches("[CM][TR]")', True),
        ('Modality.matches("C")', False),
        (r'Modality.matches("\p{Upper}+")', True),
        ('Modality . equals\r\n( "CT" ) * true. * true.', True),
        ('Manufacturer.containsIgnoreCase("acme")', True),
        ('Manufacturer.startsWith("acme")', False),
        ('Manufacturer.startsWithIgnoreCase("acme")', True),
        ('Manufacturer.endsWith("Inc")', True),
        ('Manufacturer.endsWithIgnoreCase("INC") // why\n * Modality.startsWith("C")', True),
        ('Rows.isGreaterThan("511.5") * Rows.isLessThan("513")', True),
        ('PatientAge.isGreaterThan("63")', True),
        ('Manufacturer.isLessThan("5")', False),
        ('Rows.isLessThan("1.2.3")', False),
        ('StationName.equals("")', True),
        ("true.", True),
        ("false.+true.", True),
        ("false.*true.+true.", True),
        ("false.*(true.+true.)", False),
        ('ReferencedImageSequence::ReferencedSOPInstanceUID.equals("1.2.3")', True),
        ('RefImageSeq::RefSOPInstanceUID.equals("1.2.3")', True),
        ('ReferencedStudySequence::ReferencedSOPInstanceUID.equals("")', True),
        ('[0009[GEMS IDEN 01]27].equals("inside")', True),
        ('[0009[OTHER]27].equals("")', True),
    ],
)
def test_object_passes(text, passes):
    for chosen in (read_filter(text), filter_of(text, as_ctp=True)):
        assert chosen.passes(example()) is (passes and not (text.startswith("!!") and chosen is not read_filter(text)))
        assert (chosen.failing(example()) == "") is chosen.passes(example())


def test_numbers_are_those_of_the_objects_own_byte_order():
    chosen = read_filter('Rows.equals("2")')
    assert chosen.passes(example(), encoding_of(EXPLICIT_BE))
    assert not chosen.passes(example())


def test_file_meta_is_seen():
    meta = DataSet()
    meta.put(0x00020010, "UI", b"1.2.840.10008.1.2.1\0")
    chosen = read_filter('TransferSyntaxUID.startsWith("1.2.840")')
    assert chosen.passes(example(), meta=meta)
    assert not chosen.passes(example())


def test_condition_that_fails_is_named_without_its_text():
    chosen = read_filter('Modality.equals("CT") * !Manufacturer.contains("ACME")')
    assert chosen.failing(example()) == "not Manufacturer.contains"
    assert read_filter('false. + Modality.equals("x")').failing(example()) == "false. or Modality.equals"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "line 1: a term"),
        ("// nothing but words", "line 1: a term"),
        ('Modality.equals("CT") Modality.equals("CT")', "operator"),
        ('\n\nModality.is("CT")', "line 3: there is no method 'is'"),
        ('Modalty.equals("CT")', "did you mean 'Modality'"),
        ("Modality.equals(CT)", "double quotes"),
        ("Modality.equals('CT')", "double quotes"),
        ('Modality.equals("CT', "double quotes"),
        ('Modality.equals("CT"', "closing parenthesis"),
        ('(Modality.equals("CT")', "closing parenthesis"),
        ('Modality.matches("(")', "regular expression"),
        ("!" * 200 + "true.", "deep"),
        ("(" * 200 + "true.", "deep"),
    ],
)
def test_malformed_filter_is_refused_with_its_line(text, told):
    with pytest.raises(ProfileError, match=told):
        read_filter(text)


A, C = 'Modality.equals("CT")', 'Modality.equals("C")'  # true and false


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        (f"!!{A}", False),  # a defect that is followed
        (f"!!{C}", True),
        (f"!(!{A})", True),
        (f"{A} + !!{A}", False),
        (f"{C} + !!{A}", True),
        (f"!!{A} * {A}", False),
        (f"!{C} * {A} + {C}", True),
    ],
)
def test_several_nots_in_a_row_count_as_in_ctp(text, passes):
    chosen = filter_as_ctp(text)
    assert chosen.passes(example()) is passes
    assert not chosen.fault
    assert (chosen.failing(example()) == "") is passes


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("", False),
        ("// nothing but words", False),
        (f"{A} {A}", False),
        (f"({A}", False),
        (f"{A})", False),
        (f"{A} &", False),
        ('Modality.is("CT")', False),
        (f'Modality.is("CT") + {A}', True),
        ("Modality.equals(CT)", False),
        ("Modality.equals('CT')", False),
        ('Modality.equals("CT', False),
        ('Modality.matches("(")', False),
        ('Modalty.equals("CT")', False),
        ('Modalty.equals("")', True),
        ('00080060.equals("CT")', False),
        ("(" * 200 + "true." + ")" * 200, False),
        ("true.+" * 9000 + "& true.", False),
    ],
)
def test_malformed_filter_is_false_as_in_ctp_and_says_so(text, passes):
    chosen = filter_as_ctp(text)
    assert chosen.fault
    assert chosen.passes(example()) is passes
    assert (chosen.failing(example()) == "") is passes
    assert not chosen.refuses_plainly(example())


def test_only_what_every_reading_refuses_is_refused_plainly():
    assert filter_as_ctp(C).refuses_plainly(example())
    assert not filter_as_ctp(f"!!{A}").refuses_plainly(example())
    assert not filter_as_ctp(A).refuses_plainly(example())
    assert read_filter(C).refuses_plainly(example())


@pytest.mark.parametrize("as_ctp", [False, True])
def test_expression_without_end_names_element_and_condition(as_ctp, monkeypatch):
    monkeypatch.setattr("pacs.deid.ctp.patterns.LONGEST_S", 0.02)
    found = example()
    found.put(0x00081030, "LO", b"17," * 60)
    chosen = filter_of(f'{A} * StudyDescription.matches("(.*?,){{25}}P")', "ours", as_ctp=as_ctp)
    with pytest.raises(TookTooLong) as told:
        chosen.passes(found)
    assert str(told.value).startswith("ours: condition 2, StudyDescription.matches, took longer than")
