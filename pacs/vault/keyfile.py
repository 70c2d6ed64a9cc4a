"""The key file: numbered master keys of 256 random bits, as JSON ``{"1": "<hex>"}``, mode 0600."""

import hashlib
import hmac
import json
import os
from contextlib import suppress
from pathlib import Path
from secrets import token_bytes, token_hex

from pacs.errors import ConfigError


class KeyFile:
    """Master keys by number. A collection pins one; a new one is for new collections."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._keys = self._read()

    @classmethod
    def open_or_create(cls, path: Path) -> "KeyFile":
        """The key file at `path`, made with key 1 when there is none; of several processes only one makes it."""
        if not path.exists():
            temporary = path.with_name(f".{path.name}.{token_hex(4)}")
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                json.dump({"1": token_bytes(32).hex()}, file)
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):
                os.link(temporary, path)
            temporary.unlink()
            folder = os.open(path.parent, os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)
        return cls(path)

    def _read(self) -> dict[int, bytes]:
        try:
            content = json.loads(self.path.read_text(encoding="ascii"))
            keys = {int(number): bytes.fromhex(text) for number, text in content.items()}
        except (OSError, ValueError, AttributeError, TypeError):
            raise ConfigError(f"{self.path} is no readable key file") from None
        if not keys or any(len(key) < 32 for key in keys.values()):
            raise ConfigError(f"{self.path} holds no key of at least 32 bytes")
        return keys

    @property
    def newest(self) -> int:
        """The number of the key that new collections pin."""
        return max(self._keys)

    def master(self, number: int) -> bytes:
        """A master key. Raises `ConfigError` when the file does not have it."""
        if number not in self._keys:
            raise ConfigError(f"{self.path} has no key {number}")
        return self._keys[number]

    def sealing_key(self, number: int, label: str) -> bytes:
        """The 256-bit key that seals a collection's part of the vault."""
        return hmac.new(self.master(number), b"vault\0" + label.encode(), hashlib.sha256).digest()
