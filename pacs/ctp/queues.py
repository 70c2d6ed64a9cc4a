"""Queues that others empty by HTTP: a small file for each object, in the order in which they came.

    DIR/queues/<service>/<job>/<instance>.json      which object, by its new UIDs

Whoever sends one holds a lock on its file; the file goes when the object is sent. A process that dies, or a client that
goes away, leaves file and object where they were.
"""

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from pacs.model import InstanceKey, StoredInstance
from pacs.spool.disk import fsync_folder, lock_unless_taken


class Taken:
    """The next object of a queue, ours until `forget` or `put_back`."""

    def __init__(self, path: Path, descriptor: int, key: InstanceKey) -> None:
        self._path = path
        self._descriptor = descriptor
        self.key = key

    def forget(self) -> None:
        """It is sent, or there is no such object any more."""
        self._path.unlink(missing_ok=True)
        with suppress(OSError):  # others are in it
            self._path.parent.rmdir()
        self.put_back()

    def put_back(self) -> None:
        """It stays in the queue, unless it was forgotten; harmless when called again."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class Queues:
    """All queues of a data directory."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, name: str, job_id: int, instances: Iterable[StoredInstance]) -> None:
        """Append objects; those of a job are in the queue once, however often it is asked for."""
        folder = self._folder / name / f"{job_id:012d}"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for each in instances:
            path = folder / f"{each.id:012d}.json"
            temporary = folder / f".{path.name}.{os.getpid()}"
            facts = [each.study_uid, each.series_uid, each.sop_uid, each.collection]
            with temporary.open("w", encoding="ascii") as sink:
                json.dump(facts, sink)
                sink.flush()
                os.fsync(sink.fileno())
            temporary.rename(path)
        fsync_folder(folder)

    def take(self, name: str) -> Taken | None:
        """The oldest object that nobody is sending; None when there is none."""
        for path in self._paths(name):
            descriptor = lock_unless_taken(path)
            if descriptor is None:  # somebody sends it, or has sent it
                continue
            study, series, sop, collection = json.loads(os.read(descriptor, 4096))
            return Taken(path, descriptor, InstanceKey(study, series, sop, collection))
        return None

    def _paths(self, name: str) -> Iterator[Path]:
        with suppress(FileNotFoundError):
            for folder in sorted((self._folder / name).iterdir()):
                with suppress(FileNotFoundError):
                    yield from sorted(folder.glob("*.json"))
