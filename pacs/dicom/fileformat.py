"""PS3.10 files: preamble, file meta information, and finding where the data set starts."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from pacs import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from pacs.dicom.elements import Buffer, DataSet, parse
from pacs.dicom.syntaxes import DEFLATED_LE, EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, Encoding, encoding_of
from pacs.dicom.writing import encode, header
from pacs.errors import NotDicom, Truncated

_META = Encoding(explicit=True, little_endian=True)
_PIECE_BYTES = 1 << 20
_KNOWN_VR = frozenset(b"AE AS AT CS DA DS DT IS LO LT OB OW PN SH SQ ST TM UI UL UN US UT".split())


@dataclass(frozen=True, slots=True)
class FileStart:
    """File meta information, the transfer syntax, and the byte where the data set starts."""

    meta: DataSet
    transfer_syntax_uid: str
    data_set_offset: int


def read_start(buffer: Buffer) -> FileStart:
    """Read preamble and file meta of a PS3.10 file; also takes what real senders write: a file meta group without
    preamble, without group length or without transfer syntax, and bare data sets (the encoding is then told from the
    first element). PS3.10 section 7.

    Raises `NotDicom` when the bytes look like none of these, `Truncated` when they end inside the meta group.
    """
    view = memoryview(buffer)
    offset = 132 if len(view) >= 132 and bytes(view[128:132]) == b"DICM" else 0
    if len(view) - offset < 8:
        raise NotDicom("too short for a DICOM object")
    end = _end_of_meta(view, offset)
    meta = parse(view[offset:end], _META) if end > offset else DataSet()
    if offset == 0 and not meta and not _looks_like_data_set(view):
        raise NotDicom("no DICOM file: neither a DICM prefix nor a data set at its start")
    syntax = text_of(meta, 0x00020010)
    return FileStart(meta, syntax or _guess(view, end), end)


def _end_of_meta(view: memoryview, offset: int) -> int:
    """Where group 0002 ends. Told from the elements: group lengths of real files are too often wrong."""
    position = offset
    while position + 8 <= len(view):
        group, _element, vr, length = struct.unpack_from("<HH2sH", view, position)
        if group != 0x0002:
            break
        size = 8 + length
        if vr in (b"OB", b"OW", b"UN", b"UT", b"SQ", b"OF", b"UC", b"UR"):
            if position + 12 > len(view):
                raise Truncated("the file ends inside its meta information")
            size = 12 + struct.unpack_from("<I", view, position + 8)[0]
        if position + size > len(view):
            raise Truncated("the file ends inside its meta information")
        position += size
    return position


def _looks_like_data_set(view: memoryview) -> bool:
    """A bare data set starts with a small even group; anything else is not worth a guess."""
    little, big = struct.unpack_from("<H", view)[0], struct.unpack_from(">H", view)[0]
    return (little in (0x0002, 0x0004, 0x0008) or big == 0x0008) and len(view) >= 16


def _guess(view: memoryview, position: int) -> str:
    """The encoding of a data set that came without a transfer syntax."""
    if position + 8 > len(view):
        return IMPLICIT_LE
    if bytes(view[position + 4 : position + 6]) not in _KNOWN_VR:
        return IMPLICIT_LE
    group = struct.unpack_from("<H", view, position)[0]
    return EXPLICIT_BE if group > 0xFF and group & 0xFF == 0 else EXPLICIT_LE


def text_of(data_set: DataSet, tag: int) -> str:
    """An ASCII value without padding, empty when absent. For UIDs, AE titles and codes; PS3.5 6.2."""
    element = data_set.get(tag)
    if element is None:
        return ""
    return bytes(element.value).decode("ascii", "replace").strip(" \0")


def inflate(view: memoryview, limit_bytes: int) -> Iterator[bytes]:
    """The data set of a deflated object, a piece at a time. PS3.5 A.5.

    Raises `NotDicom` when it is garbled or grows beyond the limit, `Truncated` when it ends too early.
    """
    engine = zlib.decompressobj(-zlib.MAX_WBITS)
    size, position = 0, 0
    while not engine.eof:
        source = engine.unconsumed_tail or view[position : position + _PIECE_BYTES]
        position += 0 if engine.unconsumed_tail else len(source)
        if not source:
            raise Truncated("the deflated data set ends too early")
        try:
            piece = engine.decompress(source, _PIECE_BYTES)
        except zlib.error as error:
            raise NotDicom("the deflated data set is garbled") from error
        size += len(piece)
        if size > limit_bytes:
            raise NotDicom(f"the deflated data set is larger than {limit_bytes} bytes")
        yield piece


def stored_syntax(transfer_syntax_uid: str) -> str:
    """The transfer syntax under which the archive keeps an object.

    Deflated data sets are kept inflated: the same object must give the same bytes on any machine, and deflate
    does not promise that; frames can then be cut out by offset. All others stay as they are.
    """
    return EXPLICIT_LE if transfer_syntax_uid == DEFLATED_LE else transfer_syntax_uid


def file_start(sop_class_uid: str, sop_uid: str, transfer_syntax_uid: str) -> bytes:
    """A fresh preamble and file meta group: nothing of the sender's is in it. PS3.10 7.1."""
    meta = DataSet()
    meta.put(0x00020001, "OB", b"\0\1")
    meta.put(0x00020002, "UI", sop_class_uid.encode())
    meta.put(0x00020003, "UI", sop_uid.encode())
    meta.put(0x00020010, "UI", transfer_syntax_uid.encode())
    meta.put(0x00020012, "UI", IMPLEMENTATION_CLASS_UID.encode())
    meta.put(0x00020013, "SH", IMPLEMENTATION_VERSION_NAME.encode())
    body = b"".join(bytes(piece) for piece in encode(meta, _META, _META))
    return b"\0" * 128 + b"DICM" + header(0x00020000, "UL", 4, _META) + struct.pack("<I", len(body)) + body


__all__ = ["FileStart", "encoding_of", "file_start", "inflate", "read_start", "stored_syntax", "text_of"]
