"""What HTTP itself may ask of any answer: compression, and a range of its bytes. RFC 9110 8.4, 14."""

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import zstandard
from flask import Response, request
from werkzeug.datastructures import Range

_LEAST_BYTES = 1024  # shorter answers fit into one packet as they are
_TEXTS = frozenset(("application/dicom+json", "application/json", "text/html", "text/plain", "text/css"))
_GZIP = 31  # wbits of a gzip stream
_LEVEL = 1  # of both: what more would save costs more than the network takes


def compress(response: Response) -> None:
    """Compress JSON, XML and pages as the caller takes it; zstd rather than gzip, which takes three times as long.

    The validator becomes weak: the same content has other bytes now.
    """
    if response.status_code != 200 or "Content-Encoding" in response.headers or not _is_text(response):
        return
    response.headers.add("Vary", "Accept-Encoding")
    encoding = _encoding()
    if not encoding or (not response.is_streamed and len(response.get_data()) < _LEAST_BYTES):
        return
    if response.is_streamed:
        response.response = _compressed(response.response, encoding)
        response.headers.pop("Content-Length", None)
    else:
        response.set_data(b"".join(_compressed([response.get_data()], encoding)))
    response.headers["Content-Encoding"] = encoding
    tag = response.headers.get("ETag", "")
    if tag and not tag.startswith("W/"):
        response.headers["ETag"] = f"W/{tag}"


def _is_text(response: Response) -> bool:
    kind = response.headers.get("Content-Type", "")
    return response.mimetype in _TEXTS or kind.startswith('multipart/related; type="application/dicom+xml"')


def _encoding() -> str:
    accepted = request.accept_encodings
    offered = [each for each in ("zstd", "gzip") if accepted.quality(each) > 0 and each in accepted.values()]
    return max(offered, key=accepted.quality) if offered else ""


def _compressed(pieces: Iterable[bytes | str], encoding: str) -> Iterator[bytes]:
    is_zstd = encoding == "zstd"
    packer: Any = (
        zstandard.ZstdCompressor(level=_LEVEL).compressobj() if is_zstd else zlib.compressobj(_LEVEL, wbits=_GZIP)
    )
    for piece in pieces:
        packed = packer.compress(piece if isinstance(piece, bytes) else piece.encode())
        if packed:
            yield packed
    yield packer.flush()


def send_range(response: Response, between: Callable[[int, int], Iterable[bytes]], size: int) -> None:
    """Answer a Range of a single part: 206, or 416 when it begins behind the end. Several ranges get the whole.

    `between` gives the bytes from a position up to another. If-Range holds for the validator that the answer has.
    """
    response.headers["Accept-Ranges"] = "bytes"
    wanted = request.range
    if wanted is None or request.method != "GET" or response.status_code != 200 or not _holds(response):
        return
    if wanted.units != "bytes" or len(wanted.ranges) != 1:
        return
    first, last = wanted.ranges[0]
    found = Range("bytes", [(max(first, -size), last)]).range_for_length(size)  # the last bytes: no more than there are
    if found is None:
        response.status_code = 416
        response.headers["Content-Range"] = f"bytes */{size}"
        response.set_data(b"")
        return
    start, stop = found
    response.status_code = 206
    response.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    response.response = between(start, stop)
    response.content_length = stop - start


def _holds(response: Response) -> bool:
    condition = request.headers.get("If-Range", "").strip()
    return not condition or condition == response.headers.get("ETag")
