"""Log lines hold known fields and nothing that a library or an object wrote."""

import io
import json
import logging
import warnings

import pytest

from pacs import logs
from pacs.errors import NotDicom


@pytest.fixture
def stream():
    root, mine = logging.getLogger(), logging.getLogger("pacs")
    before = (root.handlers[:], root.level, mine.level)
    stream = io.StringIO()
    with warnings.catch_warnings():
        logs.configure("INFO", stream)
        yield stream
    root.handlers[:], root.level, mine.level = before


def lines(stream):
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_known_fields_only(stream):
    logging.getLogger("pacs.object").info("object judged", extra={"intake": "i1", "patient": "Quixotic"})
    (line,) = lines(stream)
    assert line["intake"] == "i1"
    assert line["event"] == "object judged"
    assert "Quixotic" not in stream.getvalue()


def test_exception_is_logged_without_its_text(stream):
    try:
        raise ValueError("Quixotic^P1")
    except ValueError:
        logging.getLogger("pacs.object").exception("stage failed")
    (line,) = lines(stream)
    assert line["exception"]["class"] == "ValueError"
    assert "test_logs.py" in line["exception"]["at"][0]
    assert "Quixotic" not in stream.getvalue()


def test_our_own_errors_keep_their_text(stream):
    try:
        raise NotDicom("too short for a DICOM object")
    except NotDicom:
        logging.getLogger("pacs.object").exception("refused")
    assert lines(stream)[0]["exception"]["text"] == "too short for a DICOM object"


@pytest.mark.parametrize(
    "name", ["pydicom", "pydicom.filereader", "pynetdicom", "pynetdicom.acse", "werkzeug", "peewee"]
)
def test_libraries_that_quote_values_are_silent(stream, name):
    logging.getLogger(name).critical("Quixotic^P1")
    assert stream.getvalue() == ""


def test_warnings_are_not_printed(stream, capsys):
    warnings.warn("Quixotic^P1", stacklevel=1)
    assert "Quixotic" not in capsys.readouterr().err + stream.getvalue()


def test_no_field_has_the_name_of_a_record_attribute():
    """`logging` refuses such an `extra`, at the moment when something is to be told."""
    record = logging.makeLogRecord({})
    assert set(logs.FIELDS).isdisjoint(record.__dict__)
