"""Java's regular expressions as Python reads them."""

import re

import pytest

from pacs.deid.ctp.patterns import fits_whole, java_pattern


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


@pytest.mark.parametrize("pattern", ["(", r"\p{Greek}", r"[\P{L}]", "a{99999999999}", "x" * 20_000])
def test_other_expressions_are_faults(pattern):
    with pytest.raises(re.error):
        java_pattern(pattern)
