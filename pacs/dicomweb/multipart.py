"""multipart/related, read as it arrives: no part is ever in memory. RFC 2046 5.1, RFC 2387, PS3.18 8.6.1.2.

Lines end in CRLF. Bodies that are written by hand often have LF alone: whoever ends the first delimiter so, ends every
line so.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from pacs.dicomweb.accept import DICOM, MediaRange, parse_media_type
from pacs.errors import BadRequest

CHUNK_BYTES = 1 << 18
_HEADER_BYTES = 1 << 14


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
        """What names the part: Content-Location, Content-ID as a URI (RFC 2392), and bare as BulkData@uuid has it."""
        found = [self.headers.get("content-location", "")]
        number = self.headers.get("content-id", "").strip("<>")
        found += [f"cid:{number}", number] if number else []
        return tuple(each for each in found if each)


class MultipartReader:
    """Reads parts from a stream.

    `read(n)` gives up to n bytes and none at the end. Preamble and epilogue are skipped. Raises `BadRequest` when the
    body has no delimiter, ends inside a part, or a part's headers make no sense.
    """

    def __init__(self, read: Callable[[int], bytes], boundary: str) -> None:
        self._read = read
        self._boundary = boundary.encode("latin-1")
        self._buffer = bytearray()
        self._ended = False
        self._closed = False
        self._break_lines_with(b"\r\n")

    def _break_lines_with(self, line_end: bytes) -> None:
        self._line_end = line_end
        self._delimiter = line_end + b"--" + self._boundary
        self._padding = re.compile(rb"[ \t]*" + line_end)

    def parts(self) -> Iterator[Part]:
        """The parts, in order. What the caller leaves of one is skipped."""
        self._see_line_end()
        self._buffer[:0] = self._line_end  # so that a delimiter on the first line is one
        for _ in self._until_delimiter():
            pass
        while not self._closed:
            data = self._part_data()
            yield Part(self._headers(), data)
            for _ in data:
                pass

    def _see_line_end(self) -> None:
        first = re.compile(rb"(?:\A|\n)--" + re.escape(self._boundary) + rb"[ \t]*(\r?\n)")
        while (found := first.search(self._buffer)) is None:
            if len(self._buffer) > _HEADER_BYTES or not self._fill():
                return
        self._break_lines_with(found[1])

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
        # A part without headers starts with an empty line: the delimiter's line end is followed by another.
        while (end := self._end_of_headers()) is None:
            if len(self._buffer) > _HEADER_BYTES:
                raise BadRequest("the headers of a part are too long")
            if not self._fill():
                raise BadRequest("the body ends inside the headers of a part")
        block = bytes(self._buffer[: end[0]])
        del self._buffer[: end[1]]
        return _parsed_headers(block, self._line_end)

    def _end_of_headers(self) -> tuple[int, int] | None:
        """Where the headers end and where the data starts. The line end before the data may also begin a delimiter."""
        size = len(self._line_end)
        bare = self._buffer.startswith(self._line_end)  # no headers at all
        at = 0 if bare else self._buffer.find(self._line_end * 2)
        if at < 0:
            return None
        # The line end before the data may belong to the delimiter of an empty part.
        rest = 0 if bare else at + size
        if len(self._buffer) - rest < len(self._delimiter) and not self._ended and self._fill():
            return self._end_of_headers()
        return (at, rest) if self._is_delimiter(rest) else (at, rest + size)

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
            found = self._padding.match(self._buffer, start)
            if found:
                return found.end()
            line = bytes(self._buffer[start : start + 1024])
            if re.fullmatch(rb"-|[ \t]{0,1000}\r?", line) is None:
                return None
            if not self._fill():
                return None


def _parsed_headers(block: bytes, line_end: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    unfolded = re.sub(line_end + rb"[ \t]+", b" ", block)
    for line in unfolded.split(line_end):
        if not line:
            continue
        name, colon, value = line.partition(b":")
        if not colon:
            raise BadRequest("the headers of a part are malformed")
        found[name.decode("latin-1").strip().lower()] = value.decode("latin-1").strip()
    return found
