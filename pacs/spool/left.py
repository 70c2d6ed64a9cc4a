"""How many files of watched folders are left, since no collection has the name that they should go to.

SPOOL/left      the number alone: a folder's or file's name, typed at a site, may be a patient's

Whoever watches the folders writes it; others read it to tell people.
"""

from pathlib import Path


class LeftFiles:
    """That number. One process writes."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def count(self) -> int:
        """As of the last look at the folders."""
        try:
            return int(self._path.read_bytes() or b"0")
        except FileNotFoundError:
            return 0

    def tell(self, count: int) -> None:
        """Keep the number; it need not outlive a crash, since the next look tells it anew."""
        if count != self.count():
            temporary = self._path.with_name(f"{self._path.name}.new")
            temporary.write_bytes(b"%d" % count)
            temporary.rename(self._path)
