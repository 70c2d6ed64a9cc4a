"""ZIP files written while they are sent. PKWARE APPNOTE 6.3; ZIP64, since nobody knows the sizes beforehand.

Why deflate without compression (2026-11): of an entry whose size stands behind it, readers without the whole file
find the end only if it is deflated; and even the quickest compression is slower than disk and network.
"""

import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pacs.dicom.elements import Buffer

_GATHERED_BYTES = 1 << 18


@dataclass(frozen=True, slots=True)
class ZipEntry:
    """A file of the archive; `data` is read when it is its turn."""

    name: str
    data: Iterable[Buffer]


class _Sink:
    """What `zipfile` writes to: it only gathers."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.size = 0

    def write(self, data: Buffer, /) -> int:
        """Keep some bytes."""
        self.pieces.append(bytes(data))
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """There is nothing to close."""

    def take(self) -> bytes:
        """All that was gathered."""
        taken = b"".join(self.pieces)
        self.pieces.clear()
        self.size = 0
        return taken


def zip_pieces(entries: Iterable[ZipEntry]) -> Iterator[bytes]:
    """The bytes of a ZIP file with these entries, in pieces of about a quarter of a mebibyte."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, compresslevel=0) as archive:
        for entry in entries:
            # By its name: an entry made so has ZIP's first moment as its date, which says nothing about the object.
            with archive.open(entry.name, "w", force_zip64=True) as file:
                for piece in entry.data:
                    file.write(piece)
                    if sink.size > _GATHERED_BYTES:
                        yield sink.take()
    yield sink.take()
