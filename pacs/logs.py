"""Structured logs: one JSON line an event, with known fields only, and nothing that a library or an object wrote.

Messages are constants; facts travel as `extra` fields of the list below. An exception is logged as its class and where
it was raised; its text only when the class is ours, since ours are written to be free of values (promise 2). The
loggers of pydicom, pynetdicom and others that quote values are cut off.
"""

import logging
import sys
import warnings
from datetime import UTC, datetime
from pathlib import Path
from traceback import extract_tb
from types import TracebackType
from typing import TextIO

import orjson

from pacs.errors import PacsError

# What an event may say. A field that is not here is not written: add one with care.
FIELDS = (
    "association peer called_aet address door service principal collection envelope intake state reason rule stage"
    " status objects refused failed warnings rows completed remaining destination bytes duration_ms method route code"
    " child port count error series sop_class level findings backlog job request"
).split()
_SILENT = ("pydicom", "pynetdicom", "peewee", "werkzeug", "gunicorn.access", "PIL", "urllib3")


class JsonLines(logging.Formatter):
    """One JSON object a record."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "log": record.name,
            "pid": record.process,
            "event": record.msg if isinstance(record.msg, str) else type(record.msg).__name__,
        }
        if record.args and record.name.partition(".")[0] == "pacs":
            line["event"] = record.getMessage()
        for name in FIELDS:
            value = record.__dict__.get(name)
            if value is not None:
                line[name] = value
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = describe(record.exc_info[1])
        return orjson.dumps(line, default=str).decode()


def describe(error: BaseException) -> dict[str, object]:
    """Class and place of an exception; its text only for our own classes."""
    found: dict[str, object] = {"class": type(error).__name__, "at": _places(error.__traceback__)}
    if isinstance(error, PacsError):
        found["text"] = str(error)
    elif isinstance(error, OSError):
        found["errno"] = error.errno
    return found


def _places(traceback: TracebackType | None) -> list[str]:
    return [f"{Path(frame.filename).name}:{frame.lineno}:{frame.name}" for frame in extract_tb(traceback)[-8:]]


def configure(level: str = "INFO", stream: TextIO | None = None) -> None:
    """Set up logging for a server process: JSON lines to standard error, libraries silent, warnings off."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("pacs").setLevel(level)
    silence_libraries()


def silence_libraries() -> None:
    """Cut off what others log and warn about: they quote values. Commands call this too."""
    for name in _SILENT:
        silent = logging.getLogger(name)
        silent.handlers[:] = [logging.NullHandler()]
        silent.propagate = False
        silent.setLevel(logging.CRITICAL + 1)
    warnings.simplefilter("ignore")
