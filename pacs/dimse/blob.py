"""The data set of a stored instance, as it goes over the wire."""

import mmap
from pathlib import Path

from pacs.dicom.elements import Buffer, parse
from pacs.dicom.fileformat import read_start
from pacs.dicom.syntaxes import EXPLICIT_LE, IMPLICIT_LE, encoding_of
from pacs.dicom.writing import encode
from pacs.errors import NotAcceptable
from pacs.model import StoredInstance
from pacs.pixels import explicit_little_endian, read_file

MAPPED_FROM_BYTES = 1 << 24  # below, reading is cheaper than mapping and leaves nothing to unmap


def read_blob(path: Path) -> Buffer:
    """The file's bytes; large files are mapped, so that memory stays flat. Raises OSError."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        if size >= MAPPED_FROM_BYTES:
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        file.seek(0)
        return file.read()


def data_set_as(instance: StoredInstance, transfer_syntax_uid: str) -> Buffer:
    """The data set in a transfer syntax. Stored bytes are passed on as they are when it is the stored one.

    Raises `NotAcceptable` when there is no way to it, OSError when the blob cannot be read.
    """
    if transfer_syntax_uid == instance.transfer_syntax_uid:
        blob = read_blob(instance.path)
        return memoryview(blob)[read_start(blob).data_set_offset :]
    if transfer_syntax_uid not in (EXPLICIT_LE, IMPLICIT_LE):
        raise NotAcceptable("the archive makes no other transfer syntax than Explicit and Implicit VR Little Endian")
    return _native(instance, transfer_syntax_uid)


def _native(instance: StoredInstance, transfer_syntax_uid: str) -> bytes:
    """The same values in Little Endian, compressed pixels decoded. PS3.5 Annex A."""
    whole = b"".join(explicit_little_endian(read_file(instance.path)))
    data_set = memoryview(whole)[read_start(whole).data_set_offset :]
    if transfer_syntax_uid == EXPLICIT_LE:
        return bytes(data_set)
    explicit = encoding_of(EXPLICIT_LE)
    return b"".join(encode(parse(data_set, explicit), explicit, encoding_of(IMPLICIT_LE)))
