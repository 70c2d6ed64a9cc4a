"""Sealed originals: ``vault/originals/<collection>/<intake id>.sealed``, in chunks so that size costs no memory."""

import os
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from secrets import token_bytes
from typing import BinaryIO

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_CHUNK_BYTES = 4 * 1024**2


class Originals:
    """Originals that a collection's policy keeps."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, collection_id: int, intake_id: str) -> Path:
        """Where the sealed original of an accepted object stands."""
        return self.folder / str(collection_id) / f"{intake_id}.sealed"

    def keep(self, collection_id: int, intake_id: str, original: Path, key: bytes) -> None:
        """Seal a file; durable when this returns. Repeating it replaces the same content."""
        final = self.path(collection_id, intake_id)
        final.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = final.with_suffix(f".{os.getpid()}.tmp")
        sealer, stem = AESGCM(key), token_bytes(8)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as sink, original.open("rb") as source:
            sink.write(stem)
            for number, (chunk, last) in enumerate(_chunks(source)):
                sealed = sealer.encrypt(stem + struct.pack(">I", number), chunk, b"last" if last else b"more")
                sink.write(struct.pack(">I", len(sealed)) + sealed)
            sink.flush()
            os.fsync(sink.fileno())
        temporary.rename(final)
        folder = os.open(final.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)

    def read(self, collection_id: int, intake_id: str, key: bytes) -> Iterator[bytes]:
        """The original's bytes in chunks. Raises KeyError when it is not kept, InvalidTag when it was tampered with."""
        try:
            file = self.path(collection_id, intake_id).open("rb")
        except FileNotFoundError:
            raise KeyError(intake_id) from None
        opener = AESGCM(key)
        with file:
            stem, number = file.read(8), 0
            size = file.read(4)
            while size:
                sealed = file.read(struct.unpack(">I", size)[0])
                size = file.read(4)
                yield opener.decrypt(stem + struct.pack(">I", number), sealed, b"more" if size else b"last")
                number += 1

    def forget_older(self, collection_id: int, age_s: float) -> int:
        """Remove a collection's originals that were sealed longer ago than that; returns how many."""
        folder = self.folder / str(collection_id)
        past = [each for each in folder.glob("*.sealed") if time.time() - each.stat().st_mtime > age_s]
        for each in past:
            each.unlink(missing_ok=True)
        return len(past)

    def forget(self, collection_id: int, intake_id: str) -> None:
        """Remove a sealed original, as when its series is released."""
        self.path(collection_id, intake_id).unlink(missing_ok=True)


def _chunks(source: BinaryIO) -> Iterator[tuple[bytes, bool]]:
    """Chunks and whether each is the last; an empty file has one empty chunk."""
    chunk = source.read(_CHUNK_BYTES)
    while True:
        following = source.read(_CHUNK_BYTES)
        yield chunk, not following
        if not following:
            return
        chunk = following
