"""What a watched folder's files have become: the one under way, and those that were left where they are.

DIR/vault/intake/pending.json   the file that is being taken in, with the id of its envelope
DIR/vault/intake/seen           salted digests of name, size and time of files that were left
"""

import hashlib
import json
import os
from pathlib import Path
from secrets import token_bytes
from typing import NamedTuple

from pacs.spool.disk import write_durably

_SALT_BYTES = 32


class Pending(NamedTuple):
    """A file that was being taken in when this was written."""

    path: Path
    size_bytes: int
    modified_ns: int
    envelope_id: str


class Memory:
    """The memory of all watched folders of an installation; for one process at a time."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._pending = folder / "pending.json"
        salt = folder / "salt"
        if not salt.exists():
            write_durably(salt, token_bytes(_SALT_BYTES))
        self._salt = salt.read_bytes()
        self._file = folder / "seen"
        self._seen = set(self._file.read_text(encoding="ascii").split()) if self._file.exists() else set()

    def begin(self, pending: Pending) -> None:
        """Durable before the file is taken in, so that a restart knows what it has to look for."""
        write_durably(self._pending, json.dumps([os.fsencode(pending.path).hex(), *pending[1:]]).encode())

    def pending(self) -> Pending | None:
        """The file that was under way when the last process ended."""
        try:
            path, size_bytes, modified_ns, envelope_id = json.loads(self._pending.read_bytes())
        except FileNotFoundError:
            return None
        return Pending(Path(os.fsdecode(bytes.fromhex(path))), size_bytes, modified_ns, envelope_id)

    def end(self) -> None:
        """Nothing is under way."""
        self._pending.unlink(missing_ok=True)

    def remember(self, path: Path, size_bytes: int, modified_ns: int) -> None:
        """A file stays where it is, and is not to be taken again."""
        digest = self._digest(path, size_bytes, modified_ns)
        if digest in self._seen:
            return
        descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as sink:
            sink.write(f"{digest}\n")
            sink.flush()
            os.fsync(sink.fileno())
        self._seen.add(digest)

    def knows(self, path: Path, size_bytes: int, modified_ns: int) -> bool:
        """Whether a file was taken as it is now."""
        return self._digest(path, size_bytes, modified_ns) in self._seen

    def _digest(self, path: Path, size_bytes: int, modified_ns: int) -> str:
        text = os.fsencode(path) + f"|{size_bytes}|{modified_ns}".encode()
        return hashlib.blake2b(text, key=self._salt, digest_size=16).hexdigest()
