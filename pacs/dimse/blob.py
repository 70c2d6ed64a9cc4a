"""The data set of a stored instance, as it goes over the wire."""

import mmap
from pathlib import Path

from pacs.dicom.elements import Buffer, encode, parse
from pacs.dicom.fileformat import read_start
from pacs.dicom.syntaxes import EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, encoding_of
from pacs.errors import NotAcceptable
from pacs.model import StoredInstance

MAPPED_FROM_BYTES = 1 << 24  # below, reading is cheaper than mapping and leaves nothing to unmap
PLAIN = (EXPLICIT_LE, IMPLICIT_LE, EXPLICIT_BE)


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
    if instance.transfer_syntax_uid in PLAIN and transfer_syntax_uid in PLAIN:
        return _re_encoded(instance, transfer_syntax_uid)
    raise NotAcceptable("the stored transfer syntax cannot be turned into the one that the peer takes")


def _re_encoded(instance: StoredInstance, transfer_syntax_uid: str) -> bytes:
    """The same values in another native encoding. PS3.5 Annex A."""
    blob = memoryview(read_blob(instance.path))
    source, target = encoding_of(instance.transfer_syntax_uid), encoding_of(transfer_syntax_uid)
    data_set = parse(blob[read_start(blob).data_set_offset :], source)
    return b"".join(encode(data_set, source, target))
