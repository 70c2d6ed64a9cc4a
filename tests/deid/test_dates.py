"""Dates move by the patient's days; form, precision, time and zone stay."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs.deid import Context, deidentify, load_profile
from pacs.deid.dates import shift_da, shift_dt, shift_epoch
from pacs.dicom.elements import Element
from tests.deid.engine_runs import KEYS, text
from tests.dicom.raw_objects import EXPLICIT, ct, items, raw

TCIA = load_profile("tcia")


@pytest.mark.parametrize(
    ("value", "moved"),
    [
        ("20200131", "20190131"),
        ("2020.01.31", "2019.01.31"),
        ("2020-01-31", "2019-01-31"),
        ("202001", "201901"),
        ("2020", "2019"),
        ("20200230", None),
        ("00000000", None),
        ("00010101", None),
        ("yesterday", None),
        ("20200131-20200201", None),
        ("31.01.2020", None),
    ],
)
def test_date_moves_in_its_form(value, moved):
    assert shift_da(value, -365) == moved


@pytest.mark.parametrize(
    ("value", "moved"),
    [
        ("20200131101112.123456+0100", "20190131101112.123456+0100"),
        ("20200131101112-0500", "20190131101112-0500"),
        ("2020013110", "2019013110"),
        ("202001", "201901"),
        ("20200131", "20190131"),
        ("20200131+0100", "20190131+0100"),
        ("2020-01-31T10:11", None),
    ],
)
def test_time_and_zone_stay(value, moved):
    assert shift_dt(value, -365) == moved


@given(
    st.dates(date(1900, 1, 1), date(2100, 1, 1)), st.dates(date(1900, 1, 1), date(2100, 1, 1)), st.integers(-3650, -365)
)
def test_intervals_are_exact(first, second, days):
    moved = [shift_da(f"{day:%Y%m%d}", days) for day in (first, second)]
    new = [date(int(text[:4]), int(text[4:6]), int(text[6:])) for text in moved if text]
    assert new[1] - new[0] == second - first
    assert new[0] == first + timedelta(days=days)


def test_seconds_since_1970_move_as_number_and_text():
    raw_value = (1_580_000_000).to_bytes(4, "little")
    moved = shift_epoch(Element(0x00091027, "SL", raw_value), -1, little_endian=True)
    assert moved == (1_580_000_000 - 86400).to_bytes(4, "little")
    assert shift_epoch(Element(0x000910E9, "LO", b"1580000000.5 "), -1, little_endian=True) == b"1579913600.5"
    assert shift_epoch(Element(0x000910E9, "LO", b"soon"), -1, little_endian=True) is None
    big = (1_580_000_000).to_bytes(4, "big")
    assert shift_epoch(Element(0x00091027, "SL", big), -1, little_endian=False) == (1_579_913_600).to_bytes(4, "big")


def run(*more):
    return deidentify(ct(*more), EXPLICIT, TCIA, KEYS, Context(collection="inbox"))


def test_all_dates_of_an_object_move_alike_and_times_stay():
    item = raw((0x0040A120, "DT", "20200202101112+0100"), (0x00080032, "TM", "101112"))
    result = run(
        (0x00080020, "DA", "20200131"),
        (0x00080030, "TM", "101112.5"),
        (0x0008002A, "DT", "20200131101112.5"),
        (0x00080201, "SH", "+0100"),
        (0x00082218, "SQ", [item]),
    )
    day = date(2020, 1, 31) + timedelta(days=result.date_shift_days)
    assert text(result.data_set, 0x00080020) == f"{day:%Y%m%d}"
    assert text(result.data_set, 0x00080030) == "101112.5"
    assert text(result.data_set, 0x0008002A) == f"{day:%Y%m%d}101112.5"
    assert text(result.data_set, 0x00080201) == "+0100"
    inner = items(result.data_set, 0x00082218)[0]
    assert text(inner, 0x0040A120) == f"{day + timedelta(days=2):%Y%m%d}101112+0100"
    assert text(inner, 0x00080032) == "101112"


def test_several_values_move_each():
    result = run((0x00181200 + 0x0, "DA", "20200131"), (0x00189074, "DT", "20200131101112\\20200201"))
    days = result.date_shift_days
    expected = [date(2020, 1, 31) + timedelta(days=days), date(2020, 2, 1) + timedelta(days=days)]
    assert text(result.data_set, 0x00189074) == f"{expected[0]:%Y%m%d}101112\\{expected[1]:%Y%m%d}"


def test_dates_that_are_none_go():
    result = run((0x00080022, "DA", "00000000"), (0x00080020, "DA", "garbage!"))
    assert 0x00080022 not in result.data_set  # type 3 in a CT image
    assert not text(result.data_set, 0x00080020)  # type 2


def test_birth_date_is_empty_and_public_dates_stay():
    group = raw((0x00080106, "DT", "20050822"), (0x00080100, "SH", "1"))
    result = run((0x00100030, "DA", "19600101"), (0x00082218, "SQ", [group]))
    assert not text(result.data_set, 0x00100030)
    assert text(items(result.data_set, 0x00082218)[0], 0x00080106) == "20050822"


@pytest.mark.parametrize("tag", [0x00181200, 0x00181204, 0x00181205, 0x0018700C])
def test_calibration_dates_go(tag):
    assert tag not in run((tag, "DA", "20200131")).data_set


@pytest.mark.parametrize(
    ("age", "expected"),
    [("089Y", "089Y"), ("090Y", "090Y"), ("101Y", "090Y"), ("006M", "006M"), ("999M", "999M"), ("061Y", "061Y")],
)
def test_ages_over_89_are_cut(age, expected):
    assert text(run((0x00101010, "AS", age)).data_set, 0x00101010) == expected


def test_age_that_is_none_goes():
    assert 0x00101010 not in run((0x00101010, "AS", "old")).data_set
