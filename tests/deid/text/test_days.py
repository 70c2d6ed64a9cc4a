"""Dates in text are shifted in their own format; birth dates go with their label; the rest of the text stays."""

import pytest

from tests.deid.text.evidence_of import FULL, KNOWN, cleaned, evidence_of, smith

BOTH = pytest.mark.parametrize("strength", [FULL, KNOWN], ids=["full", "known"])


@BOTH
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("done 2020-01-15", "done 2017-04-20"),
        ("done 20200115", "done 20170420"),
        ("done 20200115101112", "done 20170420101112"),
        ("done 2020.01.15", "done 2017.04.20"),
        ("done 2020/01/15 10:22:33", "done 2017/04/20 10:22:33"),
        ("done 2020-01-15T10:22:33Z", "done 2017-04-20T10:22:33Z"),
        ("done 15.01.2020", "done 20.04.2017"),
        ("done 15/01/2020", "done 20/04/2017"),
        ("done 01/15/2020", "done 04/20/2017"),
        ("done 1/15/2020", "done 4/20/2017"),
        ("done 03/04/2019", "done 06/07/2016"),
        ("done 03.04.2019", "done 07.07.2016"),
        ("done 15 Jan 2020", "done 20 Apr 2017"),
        ("done 15-JAN-2020", "done 20-APR-2017"),
        ("done 15JAN2020", "done 20APR2017"),
        ("done January 15, 2020", "done April 20, 2017"),
        ("done Jan 15th 2020", "done Apr 20th 2017"),
        ("done 2020-Jan-15", "done 2017-Apr-20"),
        ("am 15. Januar 2020", "am 20. April 2017"),
        ("le 15 janvier 2020", "le 20 avril 2017"),
        ("el 15 de enero de 2020", "el 20 de abril de 2017"),
        ("series_2020-01-15_b", "series_2017-04-20_b"),
        ("born 1960-01-01 in the lung", "in the lung"),
        ("DOB: 01/02/1999 chest", "chest"),
        ("D.O.B. 3 Mar 1950, chest", "chest"),
        ("geb. 01.01.1960 Thorax", "Thorax"),
        ("chest 19600101", "chest"),
        ("version 1.5.2012.3", "version 1.5.2012.3"),
        ("T1 2020", "T1 2020"),
        ("512x512 1024", "512x512 1024"),
        ("1.2.3", "1.2.3"),
    ],
)
def test_full_dates_are_shifted_in_their_format(before, after, strength):
    assert cleaned(smith(), before, strength) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("done 15.01.20", "done 20.04.17"),
        ("done 1/15/20", "done 4/20/17"),
        ("done Jan 2020", "done Apr 2017"),
        ("done 01/2020", "done 04/2017"),
        ("done 2020-01", "done 2017-04"),
        ("done January 15", "done"),
        ("done 2020 01 15", "done 2017 04 20"),
        ("May show 5 nodules", "May show 5 nodules"),
        ("washout 2020", "washout 2020"),
        ("Se 3/4 of 12", "Se 3/4 of 12"),
        ("10:22:33", "10:22:33"),
        ("L4-5", "L4-5"),
        ("2020-13-45", ""),
    ],
)
def test_what_could_be_a_date_is_shifted_under_full(before, after):
    assert cleaned(smith(), before) == after


@BOTH
def test_dates_are_removed_without_a_shift(strength):
    evidence = evidence_of((0x00080020, "DA", "20200115"), moved=None)
    assert cleaned(evidence, "done on 2020-01-15 for pain", strength) == "done for pain"
    assert cleaned(evidence, "done 7 Mar 2011", strength) == "done"


@BOTH
def test_date_out_of_range_goes(strength):
    assert cleaned(evidence_of(moved=lambda _day: None), "done 2020-01-15 AX", strength) == "done AX"


def test_own_dates_settle_day_and_month():
    evidence = evidence_of((0x00080020, "DA", "20200402"))
    assert cleaned(evidence, "done 02/04/2020") == "done 07/07/2017"
    evidence = evidence_of((0x00080020, "DA", "20200204"))
    assert cleaned(evidence, "done 02/04/2020") == "done 05/10/2017"


@BOTH
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("92 yo male", "90+ yo male"),
        ("92yo male", "90+yo male"),
        ("91-year-old", "90+-year-old"),
        ("91 year old", "90+ year old"),
        ("95 y/o", "90+ y/o"),
        ("age 93", "age 90+"),
        ("Aged: 101", "Aged: 90+"),
        ("095Y", "090Y"),
        ("94 years old female", "90+ years old female"),
        ("93-jährig", "90+-jährig"),
        ("95y F", "90+y F"),
        ("89 yo male", "89 yo male"),
        ("045Y", "045Y"),
        ("92 mm", "92 mm"),
        ("TE 95", "TE 95"),
        ("age 9", "age 9"),
    ],
)
def test_ages_over_89_become_90(before, after, strength):
    assert cleaned(smith(), before, strength) == after
