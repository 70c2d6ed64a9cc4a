"""Fuzzing what a web client can send: searches, whole requests, data sets as XML. Run by ``scripts/fuzz``.

The first byte chooses what the rest is. A request must end in an answer below 500.
"""

import sys
import tempfile
from collections.abc import Callable
from contextlib import closing, suppress
from io import BytesIO
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote_from_bytes, unquote_to_bytes

import atheris

with atheris.instrument_imports(
    include=["pacs.dicomweb", "pacs.index", "pacs.auth", "pacs.web", "pacs.dicom.native_xml_reader"]
):
    from pacs.dicom.native_xml import native_xml
    from pacs.dicom.native_xml_reader import json_of
    from pacs.errors import BadRequest

from tests.builders import uid
from tests.dicomweb.shelf import shelf
from tests.fuzz.running import fuzz

SHELF = shelf(Path(tempfile.mkdtemp(prefix="pacs-fuzz-")))
CLIENT = SHELF.__enter__()  # it stays open as long as the process
PATHS = ("/studies", "/series", "/instances", f"/studies/{uid('t1')}/series", f"/studies/{uid('t1')}/instances")


def answered(path: str, query: str) -> None:
    """One search."""
    reply = CLIENT.get(f"/dicom-web{path}?{query}")
    assert reply.status_code in (200, 400), reply.status_code
    len(reply.data)


def search(data: bytes) -> None:
    """A query string, as it comes over the wire; what no request line can hold is encoded."""
    if data:
        answered(PATHS[data[0] % len(PATHS)], quote_from_bytes(data[1:], safe="%&=+,;*?'()!$:@/-._~"))


def key_and_value(data: bytes) -> None:
    """A known key with any value."""
    keys = ["PatientName", "StudyDate", "StudyTime", "StudyInstanceUID", "ModalitiesInStudy", "KVP", "ImageType"]
    keys += ["AcquisitionDateTime", "OperatorsName", "RequestAttributesSequence.ScheduledProcedureStepID"]
    if len(data) > 1:
        flags = ("", "&fuzzymatching=true", "&multiplevaluematching=true", "&emptyvaluematching=true")
        query = f"{keys[data[0] % len(keys)]}={quote_from_bytes(data[2:])}{flags[data[1] % len(flags)]}"
        answered("/studies", query)


def xml(data: bytes) -> None:
    """A data set in the Native DICOM Model; what is read can be written and read again."""
    with suppress(BadRequest):
        found = json_of(data)
        assert json_of(native_xml(found)).keys() == found.keys()


METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH")
HERE = f"/dicom-web/studies/{uid('t1')}/series/{uid('s1')}/instances/{uid('a1')}".encode()


def request(data: bytes) -> None:
    """A whole request: a method, then lines of path, query, headers as ``Name: value``, and behind an empty one a body.

    ``@`` in the path is the address of an instance. The server's front takes care of what is no HTTP.
    """
    head, _, body = data[1:].partition(b"\n\n")
    path, query, *headers = [*head.split(b"\n"), b"", b""][:40]
    environ: dict[str, Any] = {
        "REQUEST_METHOD": METHODS[data[0] % len(METHODS)] if data else "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(b"/" + path.lstrip(b"/").replace(b"@", HERE[1:])).decode("latin-1"),
        "QUERY_STRING": query.replace(b" ", b"").decode("latin-1"),
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(body),
        "wsgi.errors": sys.stderr,
    }
    for line in headers:
        name, _, value = line.decode("latin-1").partition(":")
        key = name.strip().upper().replace("-", "_")
        environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value.strip()
    said: list[str] = []
    answer = CLIENT.application.wsgi_app(environ, lambda status, _headers, _error=None: cast(Any, said.append(status)))
    with closing(cast(Any, answer)):
        size = sum(map(len, answer))
    assert int(said[0][:3]) < 500 or said[0].startswith("501"), (said[0], size)


TARGETS: tuple[Callable[[bytes], None], ...] = (search, key_and_value, xml, request)


if __name__ == "__main__":
    fuzz(TARGETS)
