"""The structural walk at the door: is this a whole DICOM object, and which one? No other value is decoded."""

import mmap
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from pacs.dicom.elements import DataSet, parse
from pacs.dicom.fileformat import inflate, read_start, text_of
from pacs.dicom.syntaxes import DEFLATED_LE, TRANSFER_SYNTAXES, encoding_of, may_be_stored
from pacs.errors import MissingUid, NotDicom, Unsupported

_UID = re.compile(r"[0-9]+(\.[0-9]+)*")
REQUIRED = {
    0x00080016: "SOP Class UID",
    0x00080018: "SOP Instance UID",
    0x0020000D: "Study Instance UID",
    0x0020000E: "Series Instance UID",
}


@dataclass(frozen=True, slots=True)
class Walked:
    """The four UIDs as sent, the transfer syntax, and the size in bytes."""

    sop_class_uid: str
    sop_uid: str
    study_uid: str
    series_uid: str
    transfer_syntax_uid: str
    size_bytes: int


def walk_file(path: Path, max_inflated_bytes: int) -> Walked:
    """Walk the whole structure of a file. Memory stays flat: the file is mapped, pixel bytes are stepped over.

    Raises `NotDicom`, `Truncated`, `MissingUid` or `Unsupported` (transfer syntax; a SOP class of the standard that is
    none of storage, such as Verification; private and unknown ones are taken); OSError when the file cannot be read.
    """
    with path.open("rb") as file:
        try:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError:
            raise NotDicom("an empty file") from None
        view = memoryview(mapped)
        try:
            return _walk(view, path.parent, max_inflated_bytes)
        finally:
            # An exception's traceback may still hold slices; the mapping then goes with them.
            view = memoryview(b"")


def _walk(view: memoryview, folder: Path, max_inflated_bytes: int) -> Walked:
    start = read_start(view)
    syntax = start.transfer_syntax_uid
    if syntax not in TRANSFER_SYNTAXES:
        raise Unsupported("the transfer syntax is not one that the archive takes", 0x00020010)
    body: memoryview | bytes = view[start.data_set_offset :]
    if syntax == DEFLATED_LE:
        body = inflated(memoryview(body), folder, max_inflated_bytes)
    data_set = parse(body, encoding_of(syntax))
    sop_class, sop, study, series = (_uid(data_set, tag) for tag in REQUIRED)
    if not may_be_stored(sop_class):
        raise Unsupported("its SOP class is none of stored objects", 0x00080016)
    return Walked(sop_class, sop, study, series, syntax, len(view))


def inflated(view: memoryview, folder: Path, limit_bytes: int) -> memoryview:
    """A deflated data set in an unnamed file of `folder`, which is inside the wall, mapped: memory stays flat.

    Raises `NotDicom`, `Truncated`, or OSError when the disk is full. The file goes with the last view of it.
    """
    with tempfile.TemporaryFile(dir=folder) as file:
        for piece in inflate(view, limit_bytes):
            file.write(piece)
        file.flush()
        if not file.tell():
            raise NotDicom("the deflated data set is empty")
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def _uid(data_set: DataSet, tag: int) -> str:
    """A UID without padding. PS3.5 9.1; components with leading zeros are seen in real files and taken."""
    uid = text_of(data_set, tag)
    if not uid:
        if tag == 0x00080016 and 0x00041200 in data_set:
            raise Unsupported("a DICOMDIR is no image; send the files that it names", tag)
        raise MissingUid(f"{REQUIRED[tag]} is missing or empty", tag)
    if len(uid) > 64 or not _UID.fullmatch(uid):
        raise MissingUid(f"{REQUIRED[tag]} is no valid UID", tag)
    return uid
