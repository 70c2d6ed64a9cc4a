"""Analyses that sites hand in before they submit: the reports of a collection, each with who handed it in.

DIR/analyses/<collection>/<number>.json     by the collection's number in the registry
"""

import fcntl
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from pacs.errors import NotFound
from pacs.spool.disk import write_durably

MOST_KEPT = 50  # of one user in a collection; then the oldest goes
_NAME = re.compile(r"[0-9]{8}\.json")


@dataclass(frozen=True, slots=True)
class HandedIn:
    """One report. It was checked when it came: nothing in it identifies."""

    number: int
    by: str
    at: datetime
    report: Mapping[str, Any]

    def as_json(self) -> dict[str, object]:
        """What lists of reports say of it."""
        return {"id": self.number, "by": self.by, "at": self.at.isoformat(timespec="seconds"), **self.report["counts"]}


class Analyses:
    """The reports of all collections. Safe to use from several processes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, collection_id: int, by: str, report: Mapping[str, Any]) -> int:
        """Keep a report; its number. Durable when this returns."""
        folder = self._folder / str(collection_id)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            before = self.all(collection_id)
            number = max((each.number for each in before), default=0) + 1
            content = {"by": by, "at": datetime.now(UTC).isoformat(), "report": dict(report)}
            write_durably(_file(folder, number), orjson.dumps(content))
            mine = [each.number for each in before if each.by == by]  # newest first
            for old in mine[MOST_KEPT - 1 :]:
                _file(folder, old).unlink()
        return number

    def all(self, collection_id: int) -> list[HandedIn]:
        """The reports of a collection, newest first."""
        folder = self._folder / str(collection_id)
        if not folder.is_dir():
            return []
        names = sorted((each.name for each in folder.iterdir() if _NAME.fullmatch(each.name)), reverse=True)
        return [found for name in names if (found := _read(folder / name)) is not None]

    def get(self, collection_id: int, number: int) -> HandedIn:
        """One report. Raises `NotFound`."""
        found = _read(_file(self._folder / str(collection_id), number))
        if found is None:
            raise NotFound("there is no such report")
        return found


def _file(folder: Path, number: int) -> Path:
    return folder / f"{number:08d}.json"


def _read(file: Path) -> HandedIn | None:
    """A report; None when it went meanwhile."""
    try:
        content = orjson.loads(file.read_bytes())
    except FileNotFoundError:
        return None
    return HandedIn(int(file.stem), content["by"], datetime.fromisoformat(content["at"]), content["report"])
