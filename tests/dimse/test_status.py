"""Every error has a status, and a status says nothing that it must not."""

import inspect

import pytest

from pacs import errors
from pacs.dimse.messages import ERROR_COMMENT, OFFENDING_ELEMENT
from pacs.dimse.status import STATUS_OF, status_of

ALL_ERRORS = [
    each
    for _name, each in inspect.getmembers(errors, inspect.isclass)
    if issubclass(each, errors.PacsError) and each.__module__ == "pacs.errors"
]


@pytest.mark.parametrize("error", ALL_ERRORS, ids=lambda each: each.__name__)
def test_every_error_class_has_a_status(error: type[errors.PacsError]) -> None:
    assert error in STATUS_OF


def test_no_error_becomes_success_or_coercion() -> None:
    assert not {0x0000, 0xB000} & set(STATUS_OF.values())


def test_new_error_class_gets_status_of_its_parent() -> None:
    class NewError(errors.Truncated):
        pass

    assert status_of(NewError("cut")).code == 0xC000


def test_comment_fits_its_vr_and_names_the_element() -> None:
    values = status_of(errors.ClassMismatch("a\\b" * 40, 0x00080018)).values()
    assert len(str(values[ERROR_COMMENT])) == 64
    assert "\\" not in str(values[ERROR_COMMENT])
    assert values[OFFENDING_ELEMENT] == 0x00080018


def test_foreign_errors_are_not_quoted() -> None:
    assert "Meier" not in status_of(ValueError("Meier^Anna")).comment
    assert "Meier" not in status_of(OSError(28, "no space", "/Meier")).comment
    assert status_of(OSError(28, "no space")).code == 0xA700
