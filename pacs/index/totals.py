"""How many rows a search finds, remembered while nothing changes.

Each change to a collection raises its number in the database within the changing transaction, so a total that was
counted under the same numbers is exact, in any process. What takes long to count is counted at most a twentieth of the
time: while objects stream in, such a total may lag behind by some seconds.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from peewee import Database

from pacs.db.connection import execute
from pacs.index.sql import Value

MOST_REMEMBERED = 1000
SLOW_S = 0.05
PATIENCE = 20  # times as long as it took is a slow count good for

Changes = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class _Counted:
    total: int
    changes: Changes
    took_s: float
    at: float


class Totals:
    """Totals by statement and values. Safe to use from many threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._known: OrderedDict[tuple[str, tuple[Value, ...]], _Counted] = OrderedDict()
        self._lock = threading.Lock()
        self._clock = clock

    def total(self, database: Database, statement: str, values: Sequence[Value]) -> int:
        """What a counting statement gives."""
        key = (statement, tuple(values))
        changes = changes_of(database)  # read before counting: a change in between makes the total count as old
        started = self._clock()
        with self._lock:
            known = self._known.get(key)
        if known is not None and (known.changes == changes or started - known.at < PATIENCE * _slow(known.took_s)):
            return known.total
        total = int(execute(database, statement, values).fetchone()[0])
        now = self._clock()
        with self._lock:
            self._known[key] = _Counted(total, changes, now - started, now)
            self._known.move_to_end(key)
            while len(self._known) > MOST_REMEMBERED:
                self._known.popitem(last=False)
        return total


def _slow(took_s: float) -> float:
    return took_s if took_s > SLOW_S else 0.0


def changes_of(database: Database) -> Changes:
    """The number of each collection that ever changed."""
    rows = execute(database, "SELECT collection_id, number FROM collection_change ORDER BY collection_id").fetchall()
    return tuple((int(row[0]), int(row[1])) for row in rows)
