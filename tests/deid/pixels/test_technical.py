"""Technical marks stay, also where a letter was misread; names never become marks by that."""

import pytest

from pacs.deid.pixels.technical import Kind, is_term, kind_of, parts_of, technical_parts


@pytest.mark.parametrize(
    "text",
    [
        *("CTDIvol", "CTDlvol", "CTDIvoI*", "CTD1vol", "DLP", "mGy-cm", "mGy*cm", "Total mAs", "cSL", "TI"),
        *("Asc Ao Diam", "LVIDd", "1VSd 0.9 cm", "Vmax", "Gen OB", "PWR", "C5-1", "CINE", "RCC", "LMLO", "Phant0m"),
        *("l20 kV", "1O0 kV", "MI 1.2", "Total DLP 451 mGy*cm"),
    ],
)
def test_marks_stay_with_misread_letters(text):
    parts = parts_of(text)
    assert all(flag or part.isdigit() for part, flag in zip(parts, technical_parts(parts), strict=True))


@pytest.mark.parametrize("text", ["Smith", "Sm1th", "Kim", "Li", "Simpson", "Dixon", "Williams", "Rose", "Lucy"])
def test_names_are_no_marks(text):
    assert kind_of(text) == Kind.WORD
    assert not is_term(text)


@pytest.mark.parametrize("text", ["12345678", "O1I5S0", "15O1955"])
def test_long_numbers_are_no_marks(text):
    assert not any(technical_parts([text]))
