"""Lists of names that collections uploaded for cleaning text, sealed: ``vault/names/<collection>.<version>``."""

import hashlib
import hmac
import os
from functools import lru_cache
from pathlib import Path
from secrets import token_bytes

from cryptography.hazmat.primitives.ciphers.aead import AESGCM


class NameLists:
    """Name lists by collection and version. A version is never changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, collection_id: int, names: tuple[str, ...], key: bytes) -> str:
        """Seal a list and return its version: a keyed digest, so that it tells nothing about the names."""
        content = "\n".join(sorted(set(names))).encode()
        version = hmac.new(key, b"names\0" + content, hashlib.sha256).hexdigest()[:12]
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        final = self._path(collection_id, version)
        temporary = final.with_suffix(f".{os.getpid()}.tmp")
        nonce = token_bytes(12)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as sink:
            sink.write(nonce + AESGCM(key).encrypt(nonce, content, version.encode()))
            sink.flush()
            os.fsync(sink.fileno())
        temporary.replace(final)
        return version

    def load(self, collection_id: int, version: str, key: bytes) -> tuple[str, ...]:
        """The names of a version; cached, since every object asks. Raises OSError when the file is gone."""
        return _opened(self._path(collection_id, version), version, key) if version else ()

    def _path(self, collection_id: int, version: str) -> Path:
        return self.folder / f"{collection_id}.{version}"


@lru_cache(maxsize=64)
def _opened(file: Path, version: str, key: bytes) -> tuple[str, ...]:
    sealed = file.read_bytes()
    return tuple(AESGCM(key).decrypt(sealed[:12], sealed[12:], version.encode()).decode().splitlines())
