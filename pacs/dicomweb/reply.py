"""Answers: JSON, and multipart/related streamed from files."""

import os
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import orjson
from flask import Response, g

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
        if self.size_bytes is not None:
            text += f"Content-Length: {self.size_bytes}\r\n"
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
            response.headers["Content-Length"] = str(sum(sizes) + heads + len(boundary) + 6)
    return response


def single_reply(part: BodyPart) -> Response:
    """The part alone; of one whose length is known, a range that the request asks for."""
    response = Response((bytes(piece) for piece in part.data), 200)
    g.single_part = part
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


@dataclass(frozen=True, slots=True)
class FilePieces:
    """Some (start, length) of a file, read in pieces of at most a mebibyte. Iterating raises OSError."""

    file: str
    ranges: tuple[tuple[int, int], ...]

    def __iter__(self) -> Iterator[bytes]:
        # Not through a file object, which asks the system four times what it has opened.
        descriptor = os.open(self.file, os.O_RDONLY | os.O_CLOEXEC)
        try:
            for start, length in self.ranges:
                position, end = start, start + length
                while position < end:
                    piece = os.pread(descriptor, min(CHUNK_BYTES, end - position), position)
                    if not piece:
                        break
                    position += len(piece)
                    yield piece
        finally:
            os.close(descriptor)

    def between(self, first: int, last: int) -> "FilePieces":
        """The bytes from a position of these up to another, without reading those before."""
        found, position = [], 0
        for start, length in self.ranges:
            low, high = max(first - position, 0), min(last - position, length)
            if low < high:
                found.append((start + low, high - low))
            position += length
        return FilePieces(self.file, tuple(found))


def between(pieces: Iterable[Buffer], first: int, last: int) -> Iterator[bytes]:
    """The bytes of some pieces from a position up to another."""
    if isinstance(pieces, FilePieces):
        yield from pieces.between(first, last)
        return
    position = 0
    for piece in pieces:
        if position >= last:
            return
        if position + len(piece) > first:
            yield bytes(piece[max(first - position, 0) : last - position])
        position += len(piece)
