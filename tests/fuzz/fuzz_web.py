"""Fuzzing what a web client can send: query strings of searches, data sets as XML. Run by ``scripts/fuzz``.

The first byte chooses what the rest is. A request must end in an answer below 500.
"""

import logging
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote_from_bytes

import atheris

with atheris.instrument_imports(include=["pacs.dicomweb", "pacs.index", "pacs.dicom.native_xml_reader"]):
    from pacs.dicom.native_xml import native_xml
    from pacs.dicom.native_xml_reader import json_of
    from pacs.errors import BadRequest

from tests.builders import uid
from tests.dicomweb.shelf import shelf

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


TARGETS: tuple[Callable[[bytes], None], ...] = (search, key_and_value, xml)


def one_input(data: bytes) -> None:
    """What atheris calls."""
    if data:
        TARGETS[data[0] % len(TARGETS)](data[1:])


def main() -> None:
    """Fuzz with libFuzzer's options."""
    logging.getLogger("pacs").setLevel(logging.CRITICAL)
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
