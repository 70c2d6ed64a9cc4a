"""What forwarding rules have sent to a service, so that a series that grows sends what is new and nothing again.

DIR/sent/<service>/<series>     a line for each instance: its number in the index, and its revision
"""

from pathlib import Path

from pacs.model import StoredInstance


class SentSeries:
    """The instances of one series that a service has."""

    def __init__(self, folder: Path, service: str, series_uid: str) -> None:
        self._path = folder / service / series_uid
        self._lines = set(self._path.read_text(encoding="ascii").split()) if self._path.exists() else set()

    def has(self, instance: StoredInstance) -> bool:
        """Whether the service has an instance as it is now."""
        return _line(instance) in self._lines

    def add(self, instance: StoredInstance) -> None:
        """The service has it."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._path.open("a", encoding="ascii") as sink:
            sink.write(f"{_line(instance)}\n")
        self._lines.add(_line(instance))


def _line(instance: StoredInstance) -> str:
    return f"{instance.id}.{instance.revision}"
