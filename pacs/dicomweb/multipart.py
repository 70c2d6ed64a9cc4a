"""multipart/related, read as it arrives: no part is ever in memory. RFC 2046 5.1, RFC 2387, PS3.18 8.6.1.2."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from pacs.dicomweb.accept import DICOM, MediaRange, parse_media_type
from pacs.errors import BadRequest

CHUNK_BYTES = 1 << 18
_HEADER_BYTES = 1 << 14
_PADDING = re.compile(rb"[ \t]*\r\n")


@dataclass(slots=True)
class Part:
    """One part. `data` must be read, or left, before the next part is asked for. Header names are in lower case."""

    headers: dict[str, str]
    data: Iterator[bytes] = field(repr=False)

    def kind(self, default: str = DICOM) -> MediaRange:
        """The part's media type; what its Content-Type names when that cannot be read is nothing we take."""
        try:
            return parse_media_type(self.headers.get("content-type") or default)
        except BadRequest:
            return MediaRange("none/none")

    def names(self) -> tuple[str, ...]:
        """The URIs that name the part: its Content-Location, and what its Content-ID stands for (RFC 2392)."""
        found = [self.headers.get("content-location", "")]
        number = self.headers.get("content-id", "").strip("<>")
        found += [f"cid:{number}"] if number else []
        return tuple(each for each in found if each)


class MultipartReader:
    """Reads parts from a stream.

    `read(n)` gives up to n bytes and none at the end. Preamble and epilogue are skipped. Raises `BadRequest` when the
    body has no delimiter, ends inside a part, or a part's headers make no sense.
    """

    def __init__(self, read: Callable[[int], bytes], boundary: str) -> None:
        self._read = read
        self._delimiter = b"\r\n--" + boundary.encode("latin-1")
        self._buffer = bytearray(b"\r\n")  # so that a delimiter on the first line is one
        self._ended = False
        self._closed = False

    def parts(self) -> Iterator[Part]:
        """The parts, in order. What the caller leaves of one is skipped."""
        for _ in self._until_delimiter():
            pass
        while not self._closed:
            data = self._part_data()
            yield Part(self._headers(), data)
            for _ in data:
                pass

    def _part_data(self) -> Iterator[bytes]:
        yield from self._until_delimiter()

    def _fill(self) -> bool:
        """Read more; False at the end of the stream."""
        if not self._ended:
            chunk = self._read(CHUNK_BYTES)
            self._ended = not chunk
            self._buffer += chunk
        return not self._ended

    def _headers(self) -> dict[str, str]:
        # A part without headers starts with an empty line: the delimiter's CRLF is followed by another.
        while (end := self._end_of_headers()) is None:
            if len(self._buffer) > _HEADER_BYTES:
                raise BadRequest("the headers of a part are too long")
            if not self._fill():
                raise BadRequest("the body ends inside the headers of a part")
        block = bytes(self._buffer[: end[0]])
        del self._buffer[: end[1]]
        return _parsed_headers(block)

    def _end_of_headers(self) -> tuple[int, int] | None:
        """Where the headers end and where the data starts. The CRLF before the data may also begin a delimiter."""
        if self._buffer.startswith(b"\r\n"):
            return 0, 0 if self._is_delimiter(0) else 2
        at = self._buffer.find(b"\r\n\r\n")
        if at < 0:
            return None
        # The second CRLF may belong to the delimiter of an empty part.
        rest = at + 2
        if len(self._buffer) - rest < len(self._delimiter) and not self._ended and self._fill():
            return self._end_of_headers()
        return (at, rest) if self._is_delimiter(rest) else (at, at + 4)

    def _is_delimiter(self, at: int) -> bool:
        """Whether a whole delimiter line stands there, and not only data that begins like one."""
        return self._buffer.startswith(self._delimiter, at) and self._delimiter_end(at) is not None

    def _until_delimiter(self) -> Iterator[bytes]:
        """Data up to the next delimiter, which is consumed; sets `_closed` at the closing one."""
        search = 0
        while True:
            at = self._buffer.find(self._delimiter, search)
            if at < 0:
                keep = max(len(self._buffer) - len(self._delimiter) + 1, 0)
                if keep:
                    yield bytes(self._buffer[:keep])
                    del self._buffer[:keep]
                search = 0
                if not self._fill():
                    raise BadRequest("the body ends before its closing delimiter")
                continue
            end = self._delimiter_end(at)
            if end is None:  # the boundary is only the beginning of this line
                search = at + 1
                continue
            if at:
                yield bytes(self._buffer[:at])
            del self._buffer[:end]
            return

    def _delimiter_end(self, at: int) -> int | None:
        """Where the delimiter line ends; None when it is none."""
        start = at + len(self._delimiter)
        while True:
            if self._buffer.startswith(b"--", start):
                self._closed = True
                return start + 2
            found = _PADDING.match(self._buffer, start)
            if found:
                return found.end()
            line = bytes(self._buffer[start : start + 1024])
            if re.fullmatch(rb"-|[ \t]{0,1000}\r?", line) is None:
                return None
            if not self._fill():
                return None


def _parsed_headers(block: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    unfolded = re.sub(rb"\r\n[ \t]+", b" ", block)
    for line in unfolded.split(b"\r\n"):
        if not line:
            continue
        name, colon, value = line.partition(b":")
        if not colon:
            raise BadRequest("the headers of a part are malformed")
        found[name.decode("latin-1").strip().lower()] = value.decode("latin-1").strip()
    return found
