"""Single frames of a stored file, found by the offsets that the index keeps: what stands before the pixel data is
parsed, of the pixel data only the frame that is asked for is touched.
"""

import mmap
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pacs.dicom.elements import PIXEL_TAGS, parse
from pacs.dicom.fileformat import read_start
from pacs.dicom.frames import frame_ranges
from pacs.dicom.syntaxes import DEFLATED_FRAMES, ENCAPSULATED_PLAIN, VIDEO, encoding_of, is_encapsulated
from pacs.errors import NotAcceptable, NotDicom, Truncated
from pacs.model import PixelFrame
from pacs.pixels.image import Array, Format, by_pixel, decode, image_of, native_frame
from pacs.pixels.plausible import check_plausible, check_size
from pacs.pixels.transcode import StoredFile

FLOAT_PIXELS, DOUBLE_PIXELS = 0x7FE00008, 0x7FE00009
_FRAGMENTS = b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0"
_PLAIN = (ENCAPSULATED_PLAIN, DEFLATED_FRAMES)


def read_frames(path: Path, frames: Sequence[PixelFrame] = ()) -> StoredFile:
    """Map a file and parse what stands before its pixel data; `frames` are their ranges, found anew when empty.

    Raises `NotAcceptable` when the file is damaged or gone.
    """
    try:
        with path.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError):  # gone, or empty
        raise NotAcceptable("the stored file cannot be read") from None
    view = memoryview(mapped)
    try:
        start = read_start(view)
        syntax = start.transfer_syntax_uid
        ranges = tuple(frames) or frame_ranges(view, syntax)
        at = _start_of_pixels(mapped, ranges, syntax) if ranges and syntax not in _PLAIN else None
        end = len(view) if at is None else at
        return StoredFile(view, parse(view[start.data_set_offset : end], encoding_of(syntax)), syntax, ranges)
    except (NotDicom, Truncated, struct.error):
        raise NotAcceptable("the stored file is damaged") from None


def _start_of_pixels(mapped: mmap.mmap, frames: Sequence[PixelFrame], syntax: str) -> int | None:
    """Where the header of the pixel data begins; None when it is not where it should be."""
    first = frames[0].ranges[0][0] if frames[0].ranges else 0
    if is_encapsulated(syntax):
        found = mapped.rfind(_FRAGMENTS, 0, first)
        return found if found > 0 else None
    encoding = encoding_of(syntax)
    if not encoding.little_endian:
        return None
    at = first - (12 if encoding.explicit else 8)
    tag = int.from_bytes(mapped[at : at + 2], "little") << 16 | int.from_bytes(mapped[at + 2 : at + 4], "little")
    return at if at > 0 and tag in PIXEL_TAGS else None


def layout_of(file: StoredFile) -> Format:
    """The Image Pixel module. Raises `NotAcceptable` for what can be no image, or would exhaust memory."""
    found = file.format
    if not file.frames or not found.frame_bits:
        raise NotAcceptable("this object has no pictures")
    check_size(found)
    return found


def frame_pixels(file: StoredFile, number: int) -> tuple[Array, Format]:
    """A frame, counted from 0, as (rows, columns) or (rows, columns, samples), and what its pixels are; colours that
    were compressed are RGB. Raises `NotAcceptable` when it cannot be decoded.
    """
    found = layout_of(file)
    if file.transfer_syntax_uid in VIDEO:
        raise NotAcceptable("video cannot be decoded here")
    if is_encapsulated(file.transfer_syntax_uid) and file.transfer_syntax_uid not in _PLAIN:
        content = file.frame(number)
        check_plausible(content, found, file.transfer_syntax_uid)
        return decode(content, file.transfer_syntax_uid, found, raw=False)
    kind = _float_kind(file)
    if kind:
        return _floats(file, number, found, kind), found
    if not file.encoding.little_endian or file.transfer_syntax_uid in _PLAIN:
        image = image_of(file.data_set, file.transfer_syntax_uid)
        if image is None:
            raise NotAcceptable("this object has no pictures")
        return image.decoded(number, raw=False)
    start, (last, length) = file.frames[0].ranges[0][0], file.frames[-1].ranges[0]
    value = file.view[start : last + length]
    return by_pixel(native_frame(value, found, number, file.encoding), found), found


def _float_kind(file: StoredFile) -> str:
    """The dtype of Float or Double Float Pixel Data, or empty. PS3.3 C.7.6.24."""
    at = file.frames[0].ranges[0][0] - (12 if file.encoding.explicit else 8)
    for tag, kind in ((FLOAT_PIXELS, "f4"), (DOUBLE_PIXELS, "f8")):
        if tag in file.data_set:
            return kind
        if bytes(file.view[at : at + 4]) == bytes((0xE0, 0x7F, tag & 0xFF, 0)):
            return kind
    return ""


def _floats(file: StoredFile, number: int, found: Format, kind: str) -> Array:
    order = "<" if file.encoding.little_endian else ">"
    raw = file.frame(number)
    if len(raw) != found.rows * found.columns * int(kind[1]):
        raise NotAcceptable("the pixel data is shorter than its attributes say")
    return np.frombuffer(raw, order + kind).reshape(found.rows, found.columns)
