"""A PS3.10 file from metadata and bulk parts. PS3.18 8.7.3, 10.5.1.2; PS3.5 A.4."""

import re
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from pacs.dicom.elements import ITEM, PIXEL_DATA, SEQUENCE_END, UNDEFINED, Buffer, DataSet
from pacs.dicom.fileformat import file_start
from pacs.dicom.json_reader import data_set_of
from pacs.dicom.syntaxes import EXPLICIT_BE, EXPLICIT_LE, RLE, TRANSFER_SYNTAXES, VIDEO, encoding_of, is_encapsulated
from pacs.dicom.writing import encode, header
from pacs.dicomweb.accept import OCTETS
from pacs.dicomweb.pixel_description import DECODED, Json, codestream, completed, decoded, frame_marker
from pacs.errors import MissingUid, NotDicom, Unsupported
from pacs.mapped import in_parts

_UID = re.compile(r"[0-9]+(\.[0-9]+)*")
_PIXELS = f"{PIXEL_DATA:08X}"
_JPEG = "1.2.840.10008.1.2.4."
_MOST_HEAD = 1 << 16  # bytes of a stream that are looked at for its process
_ITEM_START, _END = b"\xfe\xff\x00\xe0", struct.pack("<HHI", SEQUENCE_END >> 16, SEQUENCE_END & 0xFFFF, 0)
# What a type means when no transfer syntax is named and the stream does not tell. PS3.18 Table 8.7.3-2.
_DEFAULTS = {
    "image/jpeg": f"{_JPEG}70",
    "image/jls": f"{_JPEG}80",
    "image/x-jls": f"{_JPEG}80",
    "image/jp2": f"{_JPEG}90",
    "image/jpx": f"{_JPEG}92",
    "image/jphc": f"{_JPEG}201",
    "image/dicom-rle": RLE,
    "image/x-dicom-rle": RLE,
    "video/mpeg": f"{_JPEG}100",
    "video/mpeg2": f"{_JPEG}100",
    "video/mp4": f"{_JPEG}102",
}
# Start of frame: the process of a JPEG stream. T.81 Table B.1, T.87 C.1.1.
_PROCESSES = {0xC0: "50", 0xC1: "51", 0xC2: "55", 0xC3: "70", 0xF7: "80"}
# Not the first predictor; not lossless.
_OTHERWISE = {f"{_JPEG}70": f"{_JPEG}57", f"{_JPEG}80": f"{_JPEG}81"}
_SCAN_START = re.compile(rb"\xff\xda..[\x01-\x04]", re.DOTALL)
# The end of a stream and the start of the next: neither occurs inside one (escaped in scans, above FF8F in packets).
_NEXT_STREAM = re.compile(rb"\xff\xd9\0?(?=\xff\xd8\xff|\xff\x4f\xff\x51)")
_CODING_STYLE = re.compile(rb"\xff\x52.{11}(.)", re.DOTALL)


@dataclass(slots=True)
class BulkPart:
    """A part that is no metadata: the URIs that name it, its media type and transfer syntax, and its bytes."""

    names: tuple[str, ...]
    type: str
    syntax: str
    data: memoryview = field(default_factory=lambda: memoryview(b""))
    used: bool = False


class Bulks:
    """The bulk parts of a request by the URI that metadata name them with."""

    def __init__(self, parts: Sequence[BulkPart]) -> None:
        self._parts = parts
        self._by_name: dict[str, list[BulkPart]] = {}
        for part in parts:
            for name in {form for each in part.names for form in _forms(each)}:
                self._by_name.setdefault(name, []).append(part)

    def named(self, uri: str) -> list[BulkPart]:
        """The parts of that name, in the order they came. Raises `NotDicom` when there is none."""
        for form in _forms(uri):
            found = self._by_name.get(form)
            if found:
                for part in found:
                    part.used = True
                return found
        raise NotDicom("the metadata name bulk data that the request does not hold")

    def value(self, uri: str) -> memoryview:
        """The bytes of a value that is in one part. Raises `NotDicom`."""
        found = self.named(uri)
        if len(found) > 1:
            raise NotDicom("several parts hold bulk data of the same name")
        return found[0].data

    def unused(self) -> Iterator[BulkPart]:
        """Parts that no metadata named."""
        return (part for part in self._parts if not part.used)


def _forms(uri: str) -> tuple[str, ...]:
    """A URI, and its path: one side may say it relative to the server."""
    try:
        path = urlsplit(uri).path
    except ValueError:
        return (uri,)
    return (uri, path) if path.startswith("/") else (uri,)


def uid_in(found: Mapping[str, Any], tag: str) -> str:
    """A UID of the metadata; empty when it is none."""
    entry = found.get(tag)
    values = entry.get("Value") if isinstance(entry, dict) else None
    text = values[0] if isinstance(values, list) and values else ""
    text = text.strip(" \0") if isinstance(text, str) else ""
    return text if len(text) <= 64 and _UID.fullmatch(text) else ""


def write_object(target: Path, found: Mapping[str, Any], bulks: Bulks) -> None:
    """Write the instance that a data set of the metadata describes.

    Raises `NotDicom`, `MissingUid`, `Unsupported` (transfer syntax), or OSError.
    """
    pixels, parts = None, []
    entry = found.get(_PIXELS)
    if isinstance(entry, dict) and entry.get("BulkDataURI") is not None:
        pixels, parts = entry, bulks.named(str(entry["BulkDataURI"]))
        found = {tag: each for tag, each in found.items() if tag != _PIXELS}
        if parts[0].type in DECODED and not parts[0].syntax:
            found, pixels, parts = _plain(found, parts)
    syntax = _syntax(parts, uid_in(found, "00083002") or uid_in(found, "00020010"))
    streams: Sequence[memoryview] = ()
    if pixels is not None:
        streams = _streams([part.data for part in parts], syntax, _frame_count(found))
        if is_encapsulated(syntax) and syntax not in VIDEO:
            found = completed(found, streams[0], syntax)
    data_set = data_set_of(found, bulks.value)
    sop_class, sop = uid_in(found, "00080016"), uid_in(found, "00080018")
    if not sop_class or not sop:
        raise MissingUid("the metadata have no SOP Class or SOP Instance UID", 0x00080018 if sop_class else 0x00080016)
    with target.open("xb", buffering=1 << 16) as file:
        file.write(file_start(sop_class, sop, syntax))
        _write(file, data_set, lambda tag: tag < PIXEL_DATA)
        if pixels is not None:
            _write_pieces(file, _pixel_data(pixels, streams, syntax))
        _write(file, data_set, lambda tag: tag >= PIXEL_DATA)


def _plain(found: Mapping[str, Any], parts: Sequence[BulkPart]) -> tuple[Json, Json, list[BulkPart]]:
    """The metadata, entry of pixel data and parts of pictures that no transfer syntax has, when they are decoded."""
    attributes, pixels = decoded([part.data for part in parts], parts[0].type)
    wide = attributes["00280100"]["Value"][0] > 8
    return {**found, **attributes}, {"vr": "OW" if wide else "OB"}, [BulkPart((), OCTETS, EXPLICIT_LE, pixels)]


def _write(file: IO[bytes], data_set: DataSet, wanted: Callable[[int], bool]) -> None:
    some = DataSet((tag, element) for tag, element in data_set.items() if wanted(tag))
    encoding = encoding_of(EXPLICIT_LE)
    _write_pieces(file, encode(some, encoding, encoding))


def _write_pieces(file: IO[bytes], pieces: Iterable[Buffer]) -> None:
    for piece in pieces:
        for part in in_parts(piece):
            file.write(part)


def _syntax(parts: Sequence[BulkPart], told: str) -> str:
    """The transfer syntax that pixel data of these parts stand in; `told` is what the metadata say of the instance."""
    if not parts:
        return EXPLICIT_LE
    part = parts[0]
    named = part.syntax if part.syntax != "*" else ""
    if named and (named not in TRANSFER_SYNTAXES or named == EXPLICIT_BE):
        raise Unsupported("the transfer syntax is not one that the archive takes", 0x00020010)
    if named:
        return named if is_encapsulated(named) else EXPLICIT_LE
    if part.type.startswith(("image/", "video/")) and part.type not in _DEFAULTS:
        raise Unsupported("the pixel data are of a media type that no transfer syntax has", 0x00020010)
    if part.type in _DEFAULTS:
        return _process(part.data) or _DEFAULTS[part.type]
    if told in TRANSFER_SYNTAXES and is_encapsulated(told) and _is_stream(bytes(part.data[:16])):
        return told
    return EXPLICIT_LE


def _is_stream(head: bytes) -> bool:
    return head.startswith((_ITEM_START, b"\xff\xd8\xff", b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP"))


def _process(stream: memoryview) -> str:
    """The transfer syntax that a JPEG or JPEG 2000 stream itself tells; empty when it does not."""
    head = bytes(stream[:_MOST_HEAD])
    if head.startswith(b"\xff\xd8"):
        marker = frame_marker(stream)
        syntax = f"{_JPEG}{_PROCESSES[marker]}" if marker else ""
        if syntax.endswith((".70", ".80")):
            usual = 1 if syntax.endswith(".70") else 0
            return syntax if _scan_parameter(head, usual) == usual else _OTHERWISE[syntax]
        return syntax
    if head.startswith((b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP")):
        style = _CODING_STYLE.search(head)
        if style and style[1] == b"\0":  # the irreversible wavelet
            return f"{_JPEG}91"
    return ""


def _scan_parameter(head: bytes, usual: int) -> int:
    """The predictor of a lossless JPEG scan, or how near a JPEG-LS scan is to the original. T.81 B.2.3, T.87 C.2.3."""
    found = _SCAN_START.search(head)
    place = found.end() + 2 * head[found.end() - 1] if found else len(head)
    return head[place] if place < len(head) else usual


def _frame_count(found: Mapping[str, Any]) -> int:
    """Number of Frames of the metadata; 1 when they have none that can be read, as PS3.3 C.7.6.6 has it."""
    entry = found.get("00280008")
    values = entry.get("Value") if isinstance(entry, dict) else None
    text = str(values[0]) if isinstance(values, list) and values else ""
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else 1


def _streams(parts: Sequence[memoryview], syntax: str, frames: int) -> Sequence[memoryview]:
    """The frames of compressed pixel data, a stream each; several streams of one part are taken apart.

    Raises `NotDicom` when there are more or fewer than the metadata say.
    """
    if not is_encapsulated(syntax) or syntax in VIDEO or bytes(parts[0][:4]) == _ITEM_START:
        return parts
    if len(parts) == 1 and frames > 1:
        whole, start = parts[0], 0
        parts = []
        for found in _NEXT_STREAM.finditer(whole):
            parts.append(whole[start : found.start() + 2])
            start = found.end()
        parts.append(whole[start:])
    if syntax.startswith(_JPEG):
        parts = [codestream(part) for part in parts]
    if len(parts) != frames:
        raise NotDicom("the pixel data have another number of frames than the metadata", PIXEL_DATA)
    return parts


def _pixel_data(entry: Mapping[str, Any], frames: Sequence[memoryview], syntax: str) -> Iterator[Buffer]:
    """The element of pixel data in pieces: encapsulated, a part a frame, or native, parts one after the other."""
    encoding = encoding_of(EXPLICIT_LE)
    if any(len(frame) >= UNDEFINED - 1 for frame in frames):
        raise NotDicom("a part of the pixel data is longer than an element can be", PIXEL_DATA)
    if not is_encapsulated(syntax):
        size = sum(map(len, frames))
        if size >= UNDEFINED - 1:
            raise NotDicom("the pixel data are longer than an element can be", PIXEL_DATA)
        yield header(PIXEL_DATA, "OB" if entry.get("vr") == "OB" else "OW", size + size % 2, encoding)
        yield from frames
        yield b"\0" * (size % 2)
        return
    yield header(PIXEL_DATA, "OB", UNDEFINED, encoding)
    if len(frames) == 1 and bytes(frames[0][:4]) == _ITEM_START:  # in items already
        yield frames[0]
        yield b"" if bytes(frames[0][-8:]) == _END else _END
        return
    yield _item(0)
    for frame in frames:
        yield _item(len(frame) + len(frame) % 2)
        yield frame
        yield b"\0" * (len(frame) % 2)
    yield _END


def _item(length: int) -> bytes:
    return struct.pack("<HHI", ITEM >> 16, ITEM & 0xFFFF, length)
