"""Raw data sets for tests, and every shared file as a raw data set."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pacs.dicom.elements import DataSet, Element, parse
from pacs.dicom.fileformat import FileStart, inflate, read_start
from pacs.dicom.syntaxes import DEFLATED_LE, Encoding, encoding_of
from pacs.dicom.writing import encode
from pacs.errors import Refused
from tests.data_folder import shared_data

IMPLICIT, EXPLICIT, BIG = Encoding(False, True), Encoding(True, True), Encoding(True, False)
ENCODINGS = {"implicit": IMPLICIT, "explicit": EXPLICIT, "big": BIG}
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"


def raw(*elements: tuple[int, str, Any]) -> DataSet:
    """A data set of (tag, VR, value); a value is bytes, text, or a list of items for SQ."""
    data_set = DataSet()
    for tag, vr, value in elements:
        if vr == "SQ":
            data_set[tag] = Element(tag, "SQ", b"", list(value))
        else:
            data_set.put(tag, vr, value.encode() if isinstance(value, str) else value)
    return data_set


def ct(*more: tuple[int, str, Any]) -> DataSet:
    """The least of a CT image, and further elements."""
    return raw(
        (0x00080016, "UI", CT_IMAGE),
        (0x00080018, "UI", "1.2.826.0.1.3680043.99.4"),
        (0x0020000D, "UI", "1.2.826.0.1.3680043.99.2"),
        (0x0020000E, "UI", "1.2.826.0.1.3680043.99.3"),
        (0x00100010, "PN", "Quixotic^Zebulon"),
        (0x00100020, "LO", "MRN-778812"),
        *more,
    )


def encoded(data_set: DataSet, encoding: Encoding = EXPLICIT, source: Encoding | None = None) -> bytes:
    """A data set as bytes."""
    return b"".join(encode(data_set, source or encoding, encoding))


def items(data_set: DataSet, tag: int) -> list[DataSet]:
    """The items of a sequence that must be one."""
    found = data_set[tag].items
    assert found is not None
    return found


def tags_of(data_set: DataSet) -> set[int]:
    """All tags at any depth."""
    found = set(data_set)
    for element in data_set.values():
        for item in element.items or ():
            found |= tags_of(item)
    return found


def shared_objects() -> Iterator[tuple[Path, FileStart, Encoding, DataSet]]:
    """Every shared file that reads as a DICOM object."""
    folder = shared_data()
    for path in sorted(folder.rglob("*")) if folder else ():
        if path.is_file() and path.suffix not in (".csv", ".md", ".xml"):
            content = path.read_bytes()
            try:
                start = read_start(content)
                body: bytes | memoryview = memoryview(content)[start.data_set_offset :]
                if start.transfer_syntax_uid == DEFLATED_LE:
                    body = b"".join(inflate(memoryview(body), 1 << 30))
                encoding = encoding_of(start.transfer_syntax_uid)
                yield path, start, encoding, parse(body, encoding)
            except Refused:
                continue
