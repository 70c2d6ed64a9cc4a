"""Numbers that CTP scripts give to texts (`@integer`) in runs without a server: a SQLite file beside the key file."""

import os
import sqlite3
from pathlib import Path

_TABLE = (
    "CREATE TABLE IF NOT EXISTS counter (kind TEXT NOT NULL, digest TEXT NOT NULL, number INTEGER NOT NULL,"
    " PRIMARY KEY (kind, digest), UNIQUE (kind, number)) WITHOUT ROWID"
)
_BUSY_S = 60.0


class IntegerFile:
    """Numbers from 1 for each kind. Texts are known by keyed digest alone; many processes may share the file."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._opened: sqlite3.Connection | None = None
        self._process = 0

    def number(self, kind: str, digest: str) -> int:
        """The number of a text; a new one gets the next of its kind. Raises OSError when the file cannot be used."""
        try:
            return self._number(kind, digest)
        except sqlite3.Error:
            raise OSError("the file of numbers beside the key file cannot be read or written") from None

    def _number(self, kind: str, digest: str) -> int:
        connection = self._connection()
        connection.execute("BEGIN IMMEDIATE")
        try:
            known = "SELECT number FROM counter WHERE kind = ? AND digest = ?"
            row = connection.execute(known, (kind, digest)).fetchone()
            if row is None:
                taken = "SELECT COALESCE(MAX(number), 0) + 1 FROM counter WHERE kind = ?"
                row = connection.execute(taken, (kind,)).fetchone()
                connection.execute("INSERT INTO counter VALUES (?, ?, ?)", (kind, digest, row[0]))
        except BaseException:
            connection.rollback()
            raise
        connection.commit()
        return int(row[0])

    def _connection(self) -> sqlite3.Connection:
        """This process's own connection."""
        if self._opened is None or self._process != os.getpid():
            os.close(os.open(self.file, os.O_RDWR | os.O_CREAT, 0o600))
            self._opened = sqlite3.connect(self.file, timeout=_BUSY_S, isolation_level=None)
            self._opened.execute(_TABLE)
            self._process = os.getpid()
        return self._opened

    def close(self) -> None:
        """Close this process's connection."""
        if self._opened is not None and self._process == os.getpid():
            self._opened.close()
            self._opened = None
