"""Java's regular expressions as Python reads them."""

import re

import pytest

from pacs.deid.ctp.patterns import TookTooLong, fits_whole, java_pattern, one_object, replaced


@pytest.mark.parametrize(
    ("pattern", "fits", "does_not"),
    [
        (r"\d+", "0042", "٠٤"),
        (r"\w+", "Doe", "Müller"),
        (r"\p{Alpha}[\p{Digit}-]+", "A-1", "1-1"),
        (r"\P{Upper}+", "abc", "aBc"),
        (r"\p{L}+", "Müller", "M1"),
        (r"\Q1.2\E.", "1.23", "1x23"),
        (r"(?<day>\d\d)/\k<day>", "11/11", "11/12"),
        (r"a(?<!b)c?\z", "ac", "bc"),
        (r"\\p", r"\p", "p"),
        (r"[\[\]]+", "[]", "()"),
    ],
)
def test_expression_means_what_java_means(pattern, fits, does_not):
    assert fits_whole(pattern, fits)
    assert not fits_whole(pattern, does_not)


@pytest.mark.parametrize(
    ("pattern", "template", "value", "becomes"),
    [
        (r"(\d+)-(\w+)", "$2-$1", "12-ab 3-c", "ab-12 c-3"),
        (r"\p{L}", "x", "\xe91", "x1"),
        (r"a{e<=1}[[:alpha:]]", "x", "a{e<=1}l] b", "x b"),  # no fuzziness, no class within a class
        (r"(?<a>\d)", r"${a}\$", "1", "1$"),
        ("a*", "x", "baac", "xbxxcx"),
    ],
)
def test_what_fits_is_replaced(pattern, template, value, becomes):
    assert replaced(pattern, template, value) == becomes


def test_repeats_are_counted_as_they_are_written_out():
    assert fits_whole(r"(\d{1,3}\.){3}\d{1,3}(/\d{2})?[({]{0,9999}", "10.0.0.255/24")
    assert fits_whole("(a{100}){100}", "a" * 10_000)


def test_expression_that_comes_to_no_end_is_given_up(monkeypatch):
    monkeypatch.setattr("pacs.deid.ctp.patterns.LONGEST_S", 0.02)
    value = "17," * 60
    for ask in (lambda: fits_whole("(.*?,){25}P", value), lambda: replaced("^(.*?,){25}P", "", value)):
        with pytest.raises(TookTooLong, match="took longer than") as told:
            ask()
        assert "17" not in str(told.value)


def test_all_expressions_for_one_object_end(monkeypatch):
    monkeypatch.setattr("pacs.deid.ctp.patterns.LONGEST_IN_ALL_S", 0.02)
    with one_object():
        answers = (fits_whole("(.*?,){4}P", "17," * 12) for _item in range(100_000))
        with pytest.raises(TookTooLong, match="all together"):
            any(answers)
    assert not fits_whole("(.*?,){4}P", "17," * 12)


@pytest.mark.parametrize(
    "pattern", ["(", r"\p{Greek}", r"[\P{L}]", "a{99999999999}", "x" * 20_000, "(([a)]{999}){999}){999}"]
)
def test_other_expressions_are_faults(pattern):
    with pytest.raises(re.error):
        java_pattern(pattern)
