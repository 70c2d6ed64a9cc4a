"""Encapsulated pixel data taken apart into frames and put together again. PS3.5 A.4, PS3.3 C.7.6.3.1.8."""

import io
import mmap
import struct
import tempfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from pacs.dicom.elements import ITEM, PIXEL_DATA, SEQUENCE_END, UNDEFINED, Buffer, DataSet
from pacs.errors import NotAcceptable
from pacs.mapped import in_parts

OFFSETS, LENGTHS = 0x7FE00001, 0x7FE00002
_STARTS = (b"\xff\xd8", b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0cjP")  # JPEG and JPEG-LS, JPEG 2000 stream and file
_IN_MEMORY_BYTES = 1 << 25


def fragments_of(value: Buffer) -> tuple[tuple[int, ...], list[tuple[int, memoryview]]]:
    """The basic offset table, and each fragment with the place of its item from the first fragment's item.

    Raises `NotAcceptable` when it cannot be walked.
    """
    view = memoryview(value)
    items: list[tuple[int, memoryview]] = []
    position = 0
    while position + 8 <= len(view):
        group, number, length = struct.unpack_from("<HHI", view, position)
        tag = (group << 16) | number
        if tag == SEQUENCE_END:
            break
        if tag != ITEM or length == UNDEFINED or position + 8 + length > len(view):
            raise NotAcceptable("the pixel data holds something that is no fragment")
        items.append((position, view[position + 8 : position + 8 + length]))
        position += 8 + length
    if not items:
        return (), []
    table = items[0][1]
    base = 8 + len(table)
    offsets = struct.unpack_from(f"<{len(table) // 4}I", table)
    return offsets, [(place - base, content) for place, content in items[1:]]


def frames_of(data_set: DataSet, count: int) -> list[list[memoryview]]:
    """The fragments of each frame: by the extended offset table, one fragment a frame, the basic offset table, or the
    first bytes of fragments. `count` is NumberOfFrames.
    """
    table, fragments = fragments_of(data_set[PIXEL_DATA].value)
    contents = [content for _place, content in fragments]
    extended = _by_extended_table(data_set, dict(fragments))
    if extended is not None and len(extended) == count:
        return extended
    if len(contents) == count:
        return [[content] for content in contents]
    if count == 1:
        return [contents] if contents else []
    starts = set(table)
    if len(starts) == count:
        return _grouped(contents, [place in starts for place, _content in fragments])
    return _grouped(contents, [bytes(content[:6]).startswith(_STARTS) for content in contents])


def _by_extended_table(data_set: DataSet, at: dict[int, memoryview]) -> list[list[memoryview]] | None:
    if OFFSETS not in data_set or LENGTHS not in data_set:
        return None
    offsets, lengths = bytes(data_set[OFFSETS].value), bytes(data_set[LENGTHS].value)
    if len(offsets) != len(lengths) or len(offsets) % 8 or not offsets:
        return None
    frames = []
    pairs = zip(struct.iter_unpack("<Q", offsets), struct.iter_unpack("<Q", lengths), strict=True)
    for (offset,), (length,) in pairs:
        if offset not in at or length > len(at[offset]):
            return None
        frames.append([at[offset][:length]])
    return frames


def _grouped(contents: list[memoryview], begins: list[bool]) -> list[list[memoryview]]:
    groups: list[list[memoryview]] = []
    for content, begin in zip(contents, begins, strict=True):
        if begin or not groups:
            groups.append([])
        groups[-1].append(content)
    return groups


class Scratch:
    """Bytes that are being put together: in memory while they are few, else in a nameless file in `folder`."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.file: IO[bytes] = io.BytesIO()
        self.size = 0

    def write(self, piece: Buffer) -> None:
        """Add a piece."""
        if self.folder is not None and isinstance(self.file, io.BytesIO) and self.size + len(piece) > _IN_MEMORY_BYTES:
            larger = tempfile.TemporaryFile(dir=self.folder)  # noqa: SIM115 - its mapping outlives this function
            larger.write(self.file.getbuffer())
            self.file = larger
        for part in in_parts(piece):
            self.file.write(part)
        self.size += len(piece)

    def view(self) -> memoryview:
        """What was written; the file goes when the last view of it does."""
        if isinstance(self.file, io.BytesIO):
            return self.file.getbuffer().toreadonly()
        self.file.flush()
        with self.file:
            return memoryview(mmap.mmap(self.file.fileno(), 0, access=mmap.ACCESS_READ))


def put_frames(data_set: DataSet, frames: Iterable[Buffer], folder: Path | None) -> None:
    """Replace encapsulated pixel data, in place: a fragment a frame, and the offset tables that were there before.

    An extended table takes the place of a basic one that 32 bits cannot hold.
    """
    had_table = bool(fragments_of(data_set[PIXEL_DATA].value)[0])
    had_extended = OFFSETS in data_set
    body = Scratch(folder)
    offsets, lengths = [], []
    for frame in frames:
        offsets.append(body.size)
        lengths.append(len(frame))
        body.write(struct.pack("<HHI", ITEM >> 16, ITEM & 0xFFFF, len(frame) + len(frame) % 2))
        body.write(frame)
        if len(frame) % 2:
            body.write(b"\0")
    fits = not offsets or offsets[-1] < UNDEFINED
    table = struct.pack(f"<{len(offsets)}I", *offsets) if had_table and fits and not had_extended else b""
    whole = Scratch(folder)
    whole.write(struct.pack("<HHI", ITEM >> 16, ITEM & 0xFFFF, len(table)) + table)
    whole.write(body.view())
    whole.write(struct.pack("<HHI", SEQUENCE_END >> 16, SEQUENCE_END & 0xFFFF, 0))
    for tag, numbers in ((OFFSETS, offsets), (LENGTHS, lengths)):
        if had_extended or (had_table and not fits):
            data_set.put(tag, "OV", struct.pack(f"<{len(numbers)}Q", *numbers))
        else:
            data_set.pop(tag, None)
    data_set.put(PIXEL_DATA, "OB", whole.view())
    data_set[PIXEL_DATA].encapsulated = True


def inflated_frame(content: bytes, limit_bytes: int) -> bytes:
    """A frame of Deflated Image Frame Compression. PS3.5 A.4.13. Raises `NotAcceptable`."""
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(content, limit_bytes)
    except zlib.error:
        raise NotAcceptable("a deflated frame is garbled") from None


def deflated_frame(content: bytes) -> bytes:
    """The reverse of `inflated_frame`."""
    engine = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return engine.compress(content) + engine.flush()
