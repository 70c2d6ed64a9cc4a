"""Names of spool entries: everything that a worker must know before it opens the file stands in the name."""

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from secrets import token_hex


@dataclass(frozen=True, slots=True)
class Entry:
    """One accepted object on its way into one collection. `crashes` counts the workers that died over it."""

    intake_id: str
    envelope_id: str
    collection_id: int
    crashes: int
    path: Path

    @property
    def name(self) -> str:
        """The entry's file name."""
        return f"{self.intake_id}.{self.envelope_id}.{self.collection_id}.{self.crashes}.dcm"

    def moved(self, folder: Path, crashes: int | None = None) -> "Entry":
        """The same entry as it is called in another folder; nothing is moved."""
        renamed = replace(self, crashes=self.crashes if crashes is None else crashes)
        return replace(renamed, path=folder / renamed.name)


def entry_of(path: Path | os.DirEntry[str]) -> Entry | None:
    """The entry that a file's name describes; None for a file that is no entry."""
    parts = path.name.split(".")
    if len(parts) != 5 or parts[4] != "dcm" or not parts[2].isdigit() or not parts[3].isdigit():
        return None
    return Entry(parts[0], parts[1], int(parts[2]), int(parts[3]), Path(path))


def new_intake_id() -> str:
    """An id that sorts by time and never repeats: 12 hex digits of milliseconds, 12 random ones."""
    return f"{time.time_ns() // 1_000_000:012x}{token_hex(6)}"
