"""What identifies inside pixel data, taken out without touching the image. Pure; bytes in, bytes out.

`clean_codestream` treats one compressed frame; `clean_pixel_value` an object's pixel data: encapsulated frames, what
follows native ones, and unused bits. Nothing is copied where nothing has to go.
"""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from pacs.dicom.elements import PIXEL_DATA, Buffer, DataSet
from pacs.dicom.syntaxes import RLE, VIDEO
from pacs.errors import NotAcceptable
from pacs.pixels.encapsulated import Scratch, fragments_of, put_frames
from pacs.pixels.image import Array, Image
from pacs.pixels.jpeg import clean_jpeg
from pacs.pixels.jpeg2000 import clean_jpeg2000
from pacs.pixels.rle import clean_rle, without_tail
from pacs.pixels.video import check_video

# SOF markers of JPEG and JPEG-LS, and the precision that follows their length.
_FRAME_HEADER = re.compile(rb"\xff[\xc0-\xc3\xc5-\xc7\xc9-\xcb\xcd-\xcf\xf7]..(.)", re.DOTALL)
_PREFIX = "1.2.840.10008.1.2.4."
JPEG = frozenset(_PREFIX + n for n in ("50", "51", "53", "55", "57", "70", "80", "81"))
JPEG2000 = frozenset(_PREFIX + n for n in ("90", "91", "92", "93", "201", "202", "203"))


def clean_codestream(frame: Buffer, transfer_syntax_uid: str) -> Buffer:
    """One compressed frame without metadata; the same object when it has none.

    Raises `NotAcceptable` when it is no stream of its syntax, or holds what cannot be taken out (video).
    """
    if transfer_syntax_uid in JPEG:
        return clean_jpeg(frame)
    if transfer_syntax_uid in JPEG2000:
        return clean_jpeg2000(frame)
    if transfer_syntax_uid == RLE:
        return clean_rle(frame)
    if transfer_syntax_uid in VIDEO:
        check_video(frame)
    return frame


def precision_of(frame: bytes) -> int:
    """Bits of a sample as the stream itself says; 16 for RLE, which says nothing, 0 for what is no still image."""
    if frame[:4] == b"\xff\x4f\xff\x51" and len(frame) > 42:  # Ssiz of the first component
        return (frame[42] & 0x7F) + 1
    if frame[:2] == b"\xff\xd8":
        found = _FRAME_HEADER.search(frame)
        return found[1][0] if found else 0
    return 16 if 1 <= int.from_bytes(frame[:4], "little") <= 15 and frame[4:8] == b"\x40\0\0\0" else 0


def clean_pixel_value(image: Image, folder: Path | None) -> DataSet | None:
    """The object with clean pixel data, or None when it is clean already.

    Video is judged as a whole. Raises `NotAcceptable`.
    """
    if image.encapsulated:
        return _clean_encapsulated(image, folder)
    return _clean_native(image, folder)


def _clean_encapsulated(image: Image, folder: Path | None) -> DataSet | None:
    syntax = image.transfer_syntax_uid
    _table, fragments = fragments_of(image.data_set[PIXEL_DATA].value)
    if syntax in VIDEO:
        check_video(b"".join(content for _place, content in fragments))
        return None
    frames: list[Buffer] = [image.encoded(number) for number in range(image.count)]
    clean = [clean_codestream(frame, syntax) for frame in frames]
    if syntax == RLE:
        clean = [without_tail(frame, image.format.rows * image.format.columns) for frame in clean]
    in_frames = sum(len(parts) for parts in image.frames)
    extra = in_frames != len(fragments) or _has_tail(image, fragments)
    if not extra and all(new is old for new, old in zip(clean, frames, strict=True)):
        return None
    changed = DataSet(image.data_set)
    put_frames(changed, clean, folder)
    return changed


def _has_tail(image: Image, fragments: list[tuple[int, memoryview]]) -> bool:
    """Whether fragments are longer than the frames in them, as an extended offset table allows."""
    held = sum(len(content) for _place, content in fragments)
    used = sum(len(part) + len(part) % 2 for parts in image.frames for part in parts)
    return held > used


def _clean_native(image: Image, folder: Path | None) -> DataSet | None:
    found = image.format
    element = image.data_set[PIXEL_DATA]
    size = -(-found.frames * found.frame_bits // 8)
    size += size % 2
    value = memoryview(element.value)
    changed = None
    if found.frame_bits and len(value) > size:
        changed = DataSet(image.data_set)
        changed[PIXEL_DATA] = replace(element, value=value[:size])
    cleared = _without_unused_bits(image, folder)
    if cleared is not None:
        changed = changed or DataSet(image.data_set)
        changed[PIXEL_DATA] = replace(element, value=cleared[:size])
    return changed


def unused_bits_set(image: Image, pixels: Array) -> bool:
    """Whether numbers go beyond BitsStored: overlays of old stood in those bits. PS3.5 8.1.2 (retired)."""
    found = image.format
    if found.bits_stored >= found.bits_allocated or found.bits_stored <= 0 or not pixels.size:
        return False
    as_words = pixels.flags.c_contiguous and pixels.dtype.isnative and pixels.nbytes % 8 == 0
    if not found.signed and as_words and pixels.dtype.itemsize * 8 == found.bits_allocated:
        # Eight bytes at a time: every object of a native syntax is looked at.
        words = pixels.reshape(-1).view(np.uint64)
        unused = ((1 << found.bits_allocated) - 1) ^ ((1 << found.bits_stored) - 1)
        every = sum(unused << shift for shift in range(0, 64, found.bits_allocated))
        return bool(int(np.bitwise_or.reduce(words)) & every)
    top = 1 << (found.bits_stored - 1 if found.signed else found.bits_stored)
    low = -top if found.signed else 0
    return bool(pixels.max() >= top or pixels.min() < low)


def clear_unused_bits(image: Image, pixels: Array) -> None:
    """Clear them in place; signed numbers get their sign again."""
    found = image.format
    unused = found.bits_allocated - found.bits_stored
    pixels <<= unused
    pixels >>= unused


def _without_unused_bits(image: Image, folder: Path | None) -> memoryview | None:
    found = image.format
    if found.bits_allocated not in (8, 16, 32) or found.bits_stored >= found.bits_allocated:
        return None
    whole = image.native_bytes()
    if not any(unused_bits_set(image, image.stored(number)) for number in range(image.count)):
        return None
    out = Scratch(folder)
    for number in range(image.count):
        pixels = image.stored(number).copy()
        clear_unused_bits(image, pixels)
        out.write(pixels.tobytes())
    if out.size % 2:
        out.write(b"\0")
    if whole is not image.data_set[PIXEL_DATA].value:
        raise NotAcceptable("unused bits of Big Endian pixels in words cannot be cleared")
    return out.view()
