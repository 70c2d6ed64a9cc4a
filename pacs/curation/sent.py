"""What forwarding rules have sent to a receiver, so that a series that grows sends what is new and nothing again.

DIR/sent/<service>/<series>     a line for each instance: its number in the index, and its revision
DIR/sent/@<peer>/<series>       the same for a peer, whose AE title is percent-encoded
"""

from pathlib import Path
from urllib.parse import quote

from pacs.model import StoredInstance


class SentSeries:
    """The instances of one series that a receiver has."""

    def __init__(self, folder: Path, receiver: str, series_uid: str) -> None:
        self._path = folder / receiver / series_uid
        self._lines = set(self._path.read_text(encoding="ascii").split()) if self._path.exists() else set()

    def has(self, instance: StoredInstance) -> bool:
        """Whether the receiver has an instance as it is now."""
        return _line(instance) in self._lines

    def add(self, instance: StoredInstance) -> None:
        """The receiver has it."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._path.open("a", encoding="ascii") as sink:
            sink.write(f"{_line(instance)}\n")
        self._lines.add(_line(instance))


def name_of_peer(aet: str) -> str:
    """The folder of a peer: an AE title may hold anything, and no service's name begins so."""
    return f"@{quote(aet, safe='')}"


def _line(instance: StoredInstance) -> str:
    return f"{instance.id}.{instance.revision}"
