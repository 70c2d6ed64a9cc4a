"""The data set of a stored instance, as it goes over the wire."""

import mmap
from collections.abc import Iterable, Iterator
from pathlib import Path

from pacs.dicom.elements import Buffer
from pacs.dicom.fileformat import read_start
from pacs.dicom.syntaxes import EXPLICIT_LE, IMPLICIT_LE
from pacs.errors import NotAcceptable
from pacs.mapped import let_go
from pacs.model import StoredInstance
from pacs.pixels import native_data_set, read_file
from pacs.pixels.encapsulated import Scratch

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


def _native(instance: StoredInstance, transfer_syntax_uid: str) -> Buffer:
    """The same values in Little Endian, compressed pixels decoded. PS3.5 Annex A.

    All of it is made before any of it is sent, since an object that fails half way could not be taken back; what is
    large stands in a nameless file beside the blob meanwhile.
    """
    made = Scratch(instance.path.parent)
    for piece in native_data_set(read_file(instance.path), transfer_syntax_uid):
        made.write(piece)
    return made.view()


def passing(parts: Iterable[Buffer], whole: Buffer) -> Iterator[Buffer]:
    """Parts of a value, one after the other; pages of a mapped file are let go behind the reader."""
    if len(whole) < MAPPED_FROM_BYTES:
        yield from parts
        return
    size = 0
    for part in parts:
        yield part
        size += len(part)
        if size > MAPPED_FROM_BYTES:
            let_go(whole)
            size = 0
    let_go(whole)
