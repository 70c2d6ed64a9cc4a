"""Text by character set, names, dates, times, numbers: odd input is read as well as it can be, and never fails."""

from datetime import date, datetime, time, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import dcmread

from pacs.dicom.elements import DataSet, Element
from pacs.dicom.values import (
    charset_named,
    charset_of,
    decode,
    first_text,
    numbers_of,
    parse_da,
    parse_dt,
    parse_number,
    parse_pn,
    parse_tm,
    text_of,
    values_of,
)
from pacs.errors import RuleError
from tests.data_folder import shared_data
from tests.dicom.raw_objects import raw, shared_objects


@pytest.mark.parametrize(
    ("terms", "content", "text"),
    [
        (b"ISO_IR 100", b"Buc^J\xe9r\xf4me", "Buc^Jérôme"),
        (b"ISO_IR 192", "Wang^小东".encode(), "Wang^小东"),
        (b"GB18030", "Wang^小东".encode("gb18030"), "Wang^小东"),
        (b"\\ISO 2022 IR 149", b"\x1b$)C\xb1\xe8^\x1b$)C\xc8\xf1\xc1\xdf", "김^희중"),
        (b"\\ISO 2022 IR 87", b"Yamada=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B", "Yamada=山田^太郎"),
        (b"ISO 2022 IR 13\\ISO 2022 IR 87", b"\xd4\xcf\xc0\xde=\x1b$B;3ED\x1b(J", "ﾔﾏﾀﾞ=山田"),
        (b"ISO_IR 144", "Люк".encode("iso8859_5"), "Люк"),
        (b"\\ISO 2022 IR 58", "Wang=王^小东".encode("gb2312"), "Wang=王^小东"),  # its escapes left out, as pydicom does
        (b"\\ISO 2022 IR 87", b"M\xfcller", "Müller"),
    ],
)
def test_decodes_character_sets(terms, content, text):
    decoded = decode(content, charset_named(terms))
    assert decoded == text


@pytest.mark.parametrize(
    "terms", [b"ISO-IR 100", b"ISO IR 100 ", b"iso_ir_100", b"ISO_IR100", b"ISO 2022 IR 100", b"ISO 8859-1"]
)
def test_tolerates_misspelt_character_sets(terms):
    assert decode(b"J\xe9r\xf4me", charset_named(terms)) == "Jérôme"


def test_unknown_character_set_is_guessed():
    assert decode("é".encode(), charset_named(b"KLINGON")) == "é"
    assert decode(b"\xe9", charset_named(b"KLINGON")) == "é"


@given(st.binary(max_size=80), st.binary(max_size=30))
def test_decoding_never_fails(content, terms):
    assert isinstance(decode(content, charset_named(terms)), str)


def test_items_inherit_or_have_their_own():
    outer = charset_of(raw((0x00080005, "CS", "ISO_IR 192")))
    assert charset_of(DataSet(), outer) == outer
    assert charset_of(raw((0x00080005, "CS", "ISO_IR 144")), outer) != outer


def test_splits_values_and_strips_padding():
    assert values_of(Element(0x00080008, "CS", b"ORIGINAL \\PRIMARY\\AXIAL ")) == ["ORIGINAL", "PRIMARY", "AXIAL"]
    assert values_of(Element(0x00080018, "UI", b"1.2.3\0")) == ["1.2.3"]
    assert values_of(Element(0x00204000, "LT", b" a\\b ")) == [" a\\b"]
    assert values_of(Element(0x00080008, "CS", b"  ")) == []


def test_backslash_in_second_byte_parts_nothing():
    element = Element(0x00100010, "PN", "乗".encode("gb18030"))
    other = Element(0x0008103E, "LO", b"\x81\x5c")  # one letter of GB18030 whose second byte is a backslash
    charset = charset_named(b"GB18030")
    assert len(values_of(element, charset)) == len(values_of(other, charset)) == 1


def test_first_text_is_empty_without_value():
    assert first_text(raw((0x00081140, "SQ", [])), 0x00081140) == ""
    assert first_text(DataSet(), 0x00100020) == ""
    assert text_of(Element(0x00100020, "LO", b"A ")) == "A"


def test_splits_person_names():
    name = parse_pn("Yamada^Tarou=山田^太郎=やまだ^たろう")
    assert name.alphabetic == ("Yamada", "Tarou")
    assert name.groups[1] == ("山田", "太郎")
    assert parse_pn("Plain").alphabetic == ("Plain",)


@pytest.mark.parametrize(
    ("value", "day", "digits"),
    [
        ("19990203", date(1999, 2, 3), 8),
        ("1999.02.03", date(1999, 2, 3), 8),
        ("1999-02-03 ", date(1999, 2, 3), 8),
        ("199902", date(1999, 2, 1), 6),
        ("1999", date(1999, 1, 1), 4),
    ],
)
def test_reads_dates(value, day, digits):
    assert parse_da(value).day == day
    assert parse_da(value).digits == digits


@pytest.mark.parametrize("value", ["", "19990231", "99", "0000", "today", "19990203-19990204"])
def test_refuses_what_is_no_date(value):
    with pytest.raises(RuleError) as error:
        parse_da(value)
    assert not value or value not in str(error.value)


@pytest.mark.parametrize(
    ("value", "clock"),
    [("10", time(10)), ("1011", time(10, 11)), ("10:11:12", time(10, 11, 12)), ("235960.5", time(23, 59, 59, 500000))],
)
def test_reads_times(value, clock):
    assert parse_tm(value) == clock


@pytest.mark.parametrize("value", ["", "2500", "noon", "10111"])
def test_refuses_what_is_no_time(value):
    with pytest.raises(RuleError):
        parse_tm(value)


def test_reads_date_times_with_and_without_zone():
    assert parse_dt("20200115101112.5") == datetime(2020, 1, 15, 10, 11, 12, 500000)  # noqa: DTZ001 - it has no zone
    zone = timezone(-timedelta(hours=5))
    assert parse_dt("20200115101112-0500") == datetime(2020, 1, 15, 10, 11, 12, tzinfo=zone)
    with pytest.raises(RuleError):
        parse_dt("20200115+9900")


def test_reads_numbers_of_either_byte_order():
    assert numbers_of(Element(0x00280010, "US", b"\0\2"), little_endian=False) == [2]
    assert numbers_of(Element(0x00280010, "US", b"\2\0\3")) == [2]
    assert numbers_of(Element(0x00280030, "DS", b"0.5\\ 1\\x")) == [0.5, 1]
    assert parse_number("1e3") == 1000


@pytest.mark.skipif(shared_data() is None, reason="the shared files are not on this machine")
@pytest.mark.filterwarnings("ignore")  # pydicom warns about the odd ones among these files
def test_names_of_shared_files_read_as_pydicom_reads_them():
    compared = 0
    for path, _start, _encoding, data_set in shared_objects():
        if "charset" in path.parts:
            ours = first_text(data_set, 0x00100010)
            assert ours.rstrip("=") == str(dcmread(path).get("PatientName", "")), path.name
            compared += 1
    assert compared > 10
