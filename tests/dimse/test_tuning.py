"""What we need of pynetdicom is there, and its words are not."""

import logging

import pynetdicom
import pytest

from pacs.dimse.tuning import check_pynetdicom, silence_libraries
from pacs.errors import ConfigError


def test_installed_pynetdicom_fits() -> None:
    check_pynetdicom()


def test_another_pynetdicom_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pynetdicom, "__version__", "4.0.0")
    with pytest.raises(ConfigError, match=r"4\.0\.0"):
        check_pynetdicom()


def test_libraries_say_nothing(caplog: pytest.LogCaptureFixture) -> None:
    loggers = [logging.getLogger(name) for name in ("pynetdicom", "pydicom")]
    before = [(each, each.handlers[:], each.propagate, each.level) for each in loggers]
    try:
        silence_libraries()
        logging.getLogger("pynetdicom.acse").error("PatientName Meier")
        logging.getLogger("pydicom").critical("PatientName Meier")
        assert "Meier" not in caplog.text
    finally:
        for logger, handlers, propagate, level in before:
            logger.handlers, logger.propagate = handlers, propagate
            logger.setLevel(level)
