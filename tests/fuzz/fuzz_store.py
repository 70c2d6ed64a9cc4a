"""Fuzzing what senders can post: multipart bodies, metadata with bulk parts, Content-Type. Run by ``scripts/fuzz``.

The first byte chooses what the rest is. A request must end in an answer below 500 that leaves no temporary file and no
descriptor; metadata that are taken make a file that the spool's own walk takes or refuses.
"""

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import atheris

with atheris.instrument_imports(
    include=[
        "pacs.dicomweb.multipart",
        "pacs.dicomweb.described",
        "pacs.dicomweb.object_file",
        "pacs.dicomweb.pixel_description",
        "pacs.dicom.json_reader",
    ]
):
    from pacs.dicomweb.described import take_described  # noqa: F401 - instrumented
    from pacs.dicomweb.multipart import MultipartReader
    from pacs.dicomweb.object_file import BulkPart, Bulks, write_object

import orjson

from pacs.app import open_app
from pacs.config import load_settings
from pacs.errors import BadRequest, PacsError
from pacs.spool.walk import walk_file
from pacs.wsgi import create_app
from tests.fuzz.running import fuzz

FOLDER = Path(tempfile.mkdtemp(prefix="pacs-fuzz-"))
NO_ENVIRONMENT: dict[str, str] = {}
APP = open_app(load_settings(FOLDER / "data", environment=NO_ENVIRONMENT))
CLIENT = create_app(APP).test_client()
HEADERS = {"Authorization": f"Bearer {APP.folders.admin_token.read_text()}"}
JSON, XML = "application/dicom+json", "application/dicom+xml"
_known_descriptors: list[int] = []


def posted(content: bytes, kind: str) -> None:
    """One store request."""
    reply = CLIENT.post("/dicom-web/studies", data=content, content_type=kind, headers=HEADERS)
    assert reply.status_code in (200, 202, 400, 409, 413, 415), reply.status_code
    assert not list(APP.archive.incoming.iterdir()), "a temporary file stays"
    for taken in APP.archive.parts.spool.entries():
        taken.path.unlink()
    _known_descriptors.append(len(os.listdir("/proc/self/fd")))
    assert _known_descriptors[-1] <= min(_known_descriptors[:50]) + 20, "descriptors stay open"
    del _known_descriptors[50:]


def objects(data: bytes) -> None:
    """A multipart body of objects."""
    posted(data, 'multipart/related; type="application/dicom"; boundary=b')


def described(data: bytes) -> None:
    """A multipart body of metadata and bulk parts."""
    posted(data, f'multipart/related; type="{JSON}"; boundary=b')


def single(data: bytes) -> None:
    """Metadata alone."""
    posted(data, XML if data[:1] == b"<" else JSON)


def content_type(data: bytes) -> None:
    """The header of a good body."""
    text = data.decode("latin-1").replace("\r", "").replace("\n", "")
    posted(b"--b\r\n\r\nx\r\n--b--", text)


def parts(data: bytes) -> None:
    """The reader alone, with a boundary of its own; what is read is no longer than what came."""
    boundary, _, raw = data.partition(b"\n")
    places = iter(range(0, len(raw), 7))

    def read(_size: int) -> bytes:
        start = next(places, len(raw))
        return raw[start : start + 7]

    with suppress(BadRequest):
        total = sum(
            len(piece) for part in MultipartReader(read, boundary.decode("latin-1")).parts() for piece in part.data
        )
        assert total <= len(raw)


def written(data: bytes) -> None:
    """A data set with one bulk part, as a file."""
    kinds = (
        "application/octet-stream",
        "image/jpeg",
        "image/jls",
        "image/jp2",
        "image/dicom-rle",
        "video/mp4",
        "image/png",
        "image/gif",
    )
    text, _, bulk = data[1:].partition(b"\0\0")
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return
    target = FOLDER / "object"
    target.unlink(missing_ok=True)
    if isinstance(found, dict) and data:
        with suppress(PacsError):
            write_object(target, found, Bulks([BulkPart(("b",), kinds[data[0] % len(kinds)], "", memoryview(bulk))]))
            walk_file(target, 1 << 20)


TARGETS: tuple[Callable[[bytes], None], ...] = (objects, described, single, content_type, parts, written)


if __name__ == "__main__":
    fuzz(TARGETS)
