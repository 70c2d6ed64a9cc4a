"""Answers: JSON, and multipart/related streamed from files."""

import mmap
import os
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson
from flask import Response

from pacs.dicom.elements import Buffer

CHUNK_BYTES = 1 << 20
SHORT_CACHE = "private, max-age=10, must-revalidate"


def json_reply(content: object, status: int = 200, media_type: str = "application/dicom+json") -> Response:
    """Content as JSON."""
    return Response(orjson.dumps(content), status, mimetype=media_type)


@dataclass(frozen=True, slots=True)
class BodyPart:
    """One part of a multipart answer, or the only one. `data` is read when it is its turn."""

    content_type: str
    data: Iterable[Buffer]
    location: str = ""
    size_bytes: int | None = None

    def head(self, boundary: str) -> bytes:
        """The delimiter and the part's headers."""
        text = f"--{boundary}\r\nContent-Type: {self.content_type}\r\n"
        if self.location:
            text += f"Content-Location: {self.location}\r\n"
        return f"{text}\r\n".encode("latin-1")


def multipart_reply(parts: Iterable[BodyPart], media_type: str) -> Response:
    """multipart/related, sent part by part; with its length when every part's is known. PS3.18 8.6.1.2.1."""
    boundary = secrets.token_hex(24)
    response = Response(_multipart(parts, boundary), 200)
    response.headers["Content-Type"] = f'multipart/related; type="{media_type}"; boundary={boundary}'
    if isinstance(parts, list):
        sizes = [each.size_bytes for each in parts if each.size_bytes is not None]
        if len(sizes) == len(parts):
            heads = sum(len(each.head(boundary)) + 2 for each in parts)
            response.content_length = sum(sizes) + heads + len(boundary) + 6
    return response


def single_reply(part: BodyPart) -> Response:
    """The part alone."""
    response = Response((bytes(piece) for piece in part.data), 200)
    response.headers["Content-Type"] = part.content_type
    if part.location:
        response.headers["Content-Location"] = part.location
    if part.size_bytes is not None:
        response.content_length = part.size_bytes
    return response


def _multipart(parts: Iterable[BodyPart], boundary: str) -> Iterator[bytes]:
    for part in parts:
        yield part.head(boundary)
        for piece in part.data:
            yield bytes(piece) if isinstance(piece, memoryview) else piece
        yield b"\r\n"
    yield f"--{boundary}--\r\n".encode("latin-1")


def file_pieces(path: Path, ranges: Iterable[tuple[int, int]] | None = None) -> Iterator[bytes]:
    """A file, or some (start, length) of it, in pieces of at most a mebibyte. Raises OSError."""
    with path.open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        for start, length in [(0, size)] if ranges is None else ranges:
            position, end = start, min(start + length, size)
            while position < end:
                piece = os.pread(file.fileno(), min(CHUNK_BYTES, end - position), position)
                if not piece:
                    break
                position += len(piece)
                yield piece


def mapped(path: Path) -> memoryview:
    """A file's bytes, mapped; freed with the last view. Raises OSError."""
    with path.open("rb") as file:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
