"""ZIP archives that doors are given, unpacked file by file. Names within them are not used, so none can lead astray."""

import errno
import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pacs.errors import Refused

MAX_MEMBERS = 100_000
MAX_RATIO = 1000  # a member that grows more is a bomb, not an image
_CHUNK_BYTES = 1 << 20
_ZIP = b"PK\x03\x04"


class TooLarge(Refused):
    """A body, or what it unpacks to, is beyond the limits; sending it again will not help."""


@contextmanager
def objects(body: Path, temporary: Callable[[], Path], limit_bytes: int) -> Iterator[list[Path]]:
    """The objects of a body: itself, or the files of a ZIP, each unpacked into a file of its own. See `members`."""
    if is_zip(body):
        with members(body, temporary, limit_bytes) as found:
            yield found
    else:
        yield [body]


def is_zip(body: Path) -> bool:
    """Whether a file begins and ends as a ZIP does."""
    with body.open("rb") as file:
        return file.read(4) == _ZIP and zipfile.is_zipfile(file)


@contextmanager
def members(archive: Path, temporary: Callable[[], Path], limit_bytes: int) -> Iterator[list[Path]]:
    """The files of a ZIP, unpacked and checked; what of them is left in the end is removed.

    `limit_bytes` is for all of them together. Raises `TooLarge` for a ZIP beyond the limits; a member that cannot be
    unpacked ends with the whole ZIP as the one file that it is.
    """
    unpacked: list[Path] = []
    try:
        yield unpacked if _unpack(archive, temporary, limit_bytes, unpacked) else [archive]
    finally:
        for path in unpacked:
            path.unlink(missing_ok=True)


def _unpack(archive: Path, temporary: Callable[[], Path], limit_bytes: int, unpacked: list[Path]) -> bool:
    """Fill `unpacked`; whether anything could be unpacked, and everything. Raises `TooLarge` and the disk's OSError."""
    try:
        _unpack_all(archive, temporary, limit_bytes, unpacked)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a seek before the start, where the ZIP's own numbers point
            raise
        return False
    except (TooLarge, MemoryError):
        raise
    except Exception:  # noqa: BLE001 - zipfile fails in many ways on a damaged archive
        return False
    return bool(unpacked)


def _unpack_all(archive: Path, temporary: Callable[[], Path], limit_bytes: int, unpacked: list[Path]) -> None:
    with zipfile.ZipFile(archive) as opened:
        files = [info for info in opened.infolist() if not info.is_dir()]
        if len(files) > MAX_MEMBERS or sum(info.file_size for info in files) > limit_bytes:
            raise TooLarge("the ZIP holds more than this server takes")
        if any(info.file_size > MAX_RATIO * max(info.compress_size, 1024) for info in files):
            raise TooLarge("a file of the ZIP is compressed beyond what images are")
        if sum(info.compress_size for info in files) > archive.stat().st_size:
            raise TooLarge("files of the ZIP share their bytes")
        for info in files:
            target = temporary()
            unpacked.append(target)
            with opened.open(info) as source, target.open("xb") as file:
                shutil.copyfileobj(source, file, _CHUNK_BYTES)  # zipfile stops at the size that was checked above
