"""Requests that name original UIDs and must outlive a process, sealed: ``vault/requests/<id>.sealed``."""

import os
import time
from pathlib import Path
from secrets import token_bytes
from typing import Any

import orjson
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


class Requests:
    """Sealed requests by the id of the job that answers them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, request_id: int, content: Any, key: bytes) -> None:
        """Seal JSON values; durable when this returns."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        final = self._path(request_id)
        temporary = final.with_suffix(f".{os.getpid()}.tmp")
        nonce = token_bytes(12)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as sink:
            sink.write(nonce + AESGCM(key).encrypt(nonce, orjson.dumps(content), str(request_id).encode()))
            sink.flush()
            os.fsync(sink.fileno())
        temporary.rename(final)
        folder = os.open(self.folder, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)

    def load(self, request_id: int, key: bytes) -> Any:
        """What was sealed. Raises KeyError when it is not there (any more)."""
        try:
            sealed = self._path(request_id).read_bytes()
        except FileNotFoundError:
            raise KeyError(request_id) from None
        return orjson.loads(AESGCM(key).decrypt(sealed[:12], sealed[12:], str(request_id).encode()))

    def forget(self, request_id: int) -> None:
        """Remove a request that was answered."""
        self._path(request_id).unlink(missing_ok=True)

    def forget_older(self, age_s: float) -> int:
        """Remove requests that nobody answered in that time; how many."""
        past = [each for each in self.folder.glob("*.sealed") if time.time() - each.stat().st_mtime > age_s]
        for each in past:
            each.unlink(missing_ok=True)
        return len(past)

    def _path(self, request_id: int) -> Path:
        return self.folder / f"{request_id}.sealed"
