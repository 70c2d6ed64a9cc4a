"""Numbers that CTP scripts give to texts (`@integer`): per collection and kind, from 1, each given once."""

from peewee import Database, IntegrityError

from pacs.db.connection import execute
from pacs.db.tables.base import database as bound

_ATTEMPTS = 1000


class Counters:
    """The counters of all collections. Safe with several workers: the table takes each number and text only once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def number(self, collection_id: int, kind: str, digest: str) -> int:
        """The number of a text, by its keyed digest; a text that is new gets the next one of its kind."""
        mark = bound.param
        known = f"SELECT number FROM counter WHERE collection_id = {mark} AND kind = {mark} AND digest = {mark}"  # noqa: S608 - no value is in it
        take = (
            "INSERT INTO counter (collection_id, kind, digest, number)"  # noqa: S608 - as above
            f" SELECT {mark}, {mark}, {mark}, COALESCE(MAX(number), 0) + 1 FROM counter"
            f" WHERE collection_id = {mark} AND kind = {mark}"
        )
        for _attempt in range(_ATTEMPTS):
            row = execute(self._database, known, (collection_id, kind, digest)).fetchone()
            if row is not None:
                return int(row[0])
            try:
                with self._database.atomic():
                    execute(self._database, take, (collection_id, kind, digest, collection_id, kind))
            except IntegrityError:  # another worker took the number, or numbered the same text
                continue
        raise OSError("no number of a counter could be taken")
