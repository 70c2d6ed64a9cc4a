"""A stored file as Explicit VR Little Endian, and single frames decoded. PS3.5 8 and Annex A."""

import mmap
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder

from pacs.dicom.elements import ITEM, PIXEL_DATA, SEQUENCE_END, UNDEFINED, WIDTH, Buffer, DataSet, parse
from pacs.dicom.fileformat import file_start, read_start, text_of
from pacs.dicom.frames import frame_ranges
from pacs.dicom.syntaxes import (
    DEFLATED_FRAMES,
    ENCAPSULATED_PLAIN,
    EXPLICIT_LE,
    Encoding,
    encoding_of,
    is_encapsulated,
)
from pacs.dicom.writing import encode, header, swapped
from pacs.errors import NotAcceptable
from pacs.model import PixelFrame
from pacs.pixels.encoding import encoded_frame, in_turn
from pacs.pixels.image import (
    RETIRED_JPEG,
    Array,
    Format,
    Image,
    check_boxes,
    decode,
    format_of,
    image_of,
    native_bytes,
    undecodable,
)
from pacs.pixels.plausible import check_plausible, check_size

_WITHOUT_DECODER = (*RETIRED_JPEG, ENCAPSULATED_PLAIN, DEFLATED_FRAMES)
_EXTENDED_TABLES = (0x7FE00001, 0x7FE00002)
_NUMBERS = {
    "rows": 0x00280010,
    "columns": 0x00280011,
    "samples_per_pixel": 0x00280002,
    "bits_allocated": 0x00280100,
    "bits_stored": 0x00280101,
    "pixel_representation": 0x00280103,
    "planar_configuration": 0x00280006,
}


@dataclass(frozen=True, eq=False)
class StoredFile:
    """A file of the archive, mapped and parsed; views into it live as long as this."""

    view: memoryview
    data_set: DataSet
    transfer_syntax_uid: str
    frames: tuple[PixelFrame, ...]

    @property
    def encoding(self) -> Encoding:
        """How its elements are written."""
        return encoding_of(self.transfer_syntax_uid)

    @cached_property
    def format(self) -> Format:
        """What its Image Pixel module says."""
        return format_of(self.data_set, self.encoding)

    def frame(self, number: int) -> bytes:
        """The stored bytes of a frame, counted from 0."""
        return b"".join(self.view[start : start + length] for start, length in self.frames[number].ranges)


def read_file(path: Path) -> StoredFile:
    """Map and parse a file of the archive. Raises OSError."""
    with path.open("rb") as file:
        view = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    start = read_start(view)
    syntax = start.transfer_syntax_uid
    data_set = parse(view[start.data_set_offset :], encoding_of(syntax))
    return StoredFile(view, data_set, syntax, frame_ranges(view, syntax))


def explicit_little_endian(file: StoredFile) -> Iterator[Buffer]:
    """The file in Explicit VR Little Endian, in pieces; compressed frames are decoded one at a time.

    The first frame is decoded at once. Raises `NotAcceptable` when there is no decoder for the pixel data.
    """
    uids = [text_of(file.data_set, tag) for tag in (0x00080016, 0x00080018)]
    return chain([file_start(uids[0], uids[1], EXPLICIT_LE)], native_data_set(file, EXPLICIT_LE))


def native_data_set(file: StoredFile, transfer_syntax_uid: str) -> Iterator[Buffer]:
    """The data set alone, in Explicit or Implicit VR Little Endian. As `explicit_little_endian` otherwise."""
    target = encoding_of(transfer_syntax_uid)
    if not is_encapsulated(file.transfer_syntax_uid) or PIXEL_DATA not in file.data_set:
        return encode(_with_wide_pixels(file), file.encoding, target)
    return _decoded(file, target)


def _with_wide_pixels(file: StoredFile) -> DataSet:
    """Big Endian pixels of 32 or 64 bits stand as whole numbers, while OW changes order by 16 bits. PS3.5 8.1.1.

    The value is turned such that turning it by 16 bits gives Little Endian numbers.
    """
    element, width = file.data_set.get(PIXEL_DATA), _number(file, 0x00280100, 8) // 8
    if element is None or file.encoding.little_endian or width <= WIDTH.get(element.vr, 1):
        return file.data_set
    changed = DataSet(file.data_set)
    changed[PIXEL_DATA] = replace(element, value=swapped(swapped(element.value, width), WIDTH.get(element.vr, 1)))
    return changed


def _decoded(file: StoredFile, target: Encoding) -> Iterator[Buffer]:
    if not file.frames:
        raise NotAcceptable("the stored pixel data has no frames that could be decoded")
    first, facts = _decode(file, 0)
    rest = (_same_size(_decode(file, number)[0], len(first)) for number in range(1, len(file.frames)))
    frames: Iterator[bytes] = chain([first], rest)
    total = len(first) * len(file.frames)
    if int(facts["bits_allocated"]) == 1:
        frames, total = (
            _without_gaps(frames, file.format.frame_bits),
            -(-file.format.frame_bits * len(file.frames) // 8),
        )
    if total >= 0xFFFFFFFE:
        raise NotAcceptable("the pixel data is too long for a native transfer syntax")
    before, after = _without_pixels(file, facts)
    vr = "OW" if int(facts.get("bits_allocated", 8)) > 8 else "OB"
    return chain(
        encode(before, file.encoding, target),
        [header(PIXEL_DATA, vr, total + total % 2, target)],
        frames,
        [b"\0" * (total % 2)],
        encode(after, file.encoding, target),
    )


def _same_size(frame: bytes, size: int) -> bytes:
    if len(frame) != size:
        raise NotAcceptable("the frames of the object differ in size")
    return frame


def _without_gaps(frames: Iterable[bytes], frame_bits: int) -> Iterator[bytes]:
    """Frames of one-bit pixels follow each other without padding. PS3.5 8.1.1."""
    left = count = 0
    for frame in frames:
        left |= (int.from_bytes(frame, "little") & ((1 << frame_bits) - 1)) << count
        whole, count = divmod(count + frame_bits, 8)
        yield (left & ((1 << 8 * whole) - 1)).to_bytes(whole, "little")
        left >>= 8 * whole
    if count:
        yield bytes([left])


def _without_pixels(file: StoredFile, facts: dict[str, Any]) -> tuple[DataSet, DataSet]:
    """The elements before and after the pixel data, in the file's encoding, which say what was decoded. PS3.5 8.2."""
    data_set, number = file.data_set, "<H" if file.encoding.little_endian else ">H"
    before = DataSet({tag: element for tag, element in data_set.items() if tag < PIXEL_DATA})
    for tag in _EXTENDED_TABLES:
        before.pop(tag, None)
    for name, tag in _NUMBERS.items():
        if name in facts and (tag in before or name == "planar_configuration"):
            before.put(tag, "US", struct.pack(number, int(facts[name])))
    before.put(0x00280004, "CS", str(facts["photometric_interpretation"]).encode("ascii"))
    if int(facts.get("samples_per_pixel", 1)) == 1:
        before.pop(0x00280006, None)
    return before, DataSet({tag: element for tag, element in data_set.items() if tag > PIXEL_DATA})


def compressed(file: StoredFile, transfer_syntax_uid: str) -> Iterator[Buffer]:
    """The file in a lossless compressed syntax, in pieces; frames are made one at a time, the first at once.

    Raises `NotAcceptable` for an object without pixel data, and for pixels that the syntax cannot hold.
    """
    image = image_of(file.data_set, file.transfer_syntax_uid)
    if image is None or not image.count:
        raise NotAcceptable("an object without pixel data has no compressed form")
    pixels, now = upright(image, 0)
    first = encoded_frame(pixels, now, transfer_syntax_uid)
    before, after = _without_pixels(file, _facts(now))
    uids = [text_of(file.data_set, tag) for tag in (0x00080016, 0x00080018)]
    target = encoding_of(transfer_syntax_uid)
    return chain(
        [file_start(uids[0], uids[1], transfer_syntax_uid)],
        encode(before, file.encoding, target),
        [header(PIXEL_DATA, "OB", UNDEFINED, target), _item(0)],
        _in_items(image, first, transfer_syntax_uid),
        [struct.pack("<HHI", SEQUENCE_END >> 16, SEQUENCE_END & 0xFFFF, 0)],
        encode(after, file.encoding, target),
    )


def _in_items(image: Image, first: bytes, transfer_syntax_uid: str) -> Iterator[bytes]:
    """A fragment a frame. PS3.5 A.4."""
    for number in range(image.count):
        frame = encoded_frame(*upright(image, number), transfer_syntax_uid) if number else first
        yield _item(len(frame) + len(frame) % 2)
        yield frame + b"\0" * (len(frame) % 2)


def _item(length: int) -> bytes:
    return struct.pack("<HHI", ITEM >> 16, ITEM & 0xFFFF, length)


def upright(image: Image, number: int) -> tuple[Array, Format]:
    """A decoded frame by pixel and what its pixels are, each with its own chrominance. Raises `NotAcceptable`."""
    pixels, now = image.decoded(number, raw=False)
    if image.format.bits_allocated < 8:
        raise NotAcceptable("pixels of one bit have no compressed form here")
    if now.subsampled:
        now = replace(now, photometric=now.photometric.replace("_422", ""))
    return pixels, replace(now, planar=0)


def decoded_frame(file: StoredFile, number: int) -> bytes:
    """A frame as Little Endian pixels, rows x columns x samples; one-bit pixels packed from their first bit.

    Raises `NotAcceptable` when there is no decoder for it.
    """
    if is_encapsulated(file.transfer_syntax_uid):
        return _decode(file, number)[0]
    raw = file.frame(number)
    bits = _number(file, 0x00280100, 8)
    if bits == 1:
        return _from_first_bit(file, raw, number)
    element = file.data_set.get(PIXEL_DATA)
    if element is None or file.encoding.little_endian or WIDTH.get(element.vr, 1) == 1:
        return raw
    # 8-bit pixels stand two to a word, so a frame may begin in the middle of one: the whole value is turned.
    whole = swapped(element.value, max(bits // 8, WIDTH[element.vr]))
    start = file.frames[number].ranges[0][0] - file.frames[0].ranges[0][0]
    return whole[start : start + len(raw)]


def _from_first_bit(file: StoredFile, raw: bytes, number: int) -> bytes:
    """Frames of one-bit pixels follow each other without padding. PS3.5 8.1.1."""
    pixels = _number(file, 0x00280010, 0) * _number(file, 0x00280011, 0)
    shifted = int.from_bytes(raw, "little") >> (pixels * number % 8)
    return (shifted & ((1 << pixels) - 1)).to_bytes(-(-pixels // 8), "little")


def _number(file: StoredFile, tag: int, default: int) -> int:
    element = file.data_set.get(tag)
    if element is None or len(element.value) < 2:
        return default
    order = "<H" if file.encoding.little_endian else ">H"
    return int(struct.unpack_from(order, element.value)[0])


def _decode(file: StoredFile, number: int) -> tuple[bytes, dict[str, Any]]:
    """Decoded pixels and what they are now; colour becomes RGB, by pixel."""
    if file.transfer_syntax_uid in _WITHOUT_DECODER or file.format.bits_allocated == 1:
        return _decode_image(file, number)
    content = file.frame(number)
    check_size(file.format)
    check_plausible(content, file.format, file.transfer_syntax_uid)
    check_boxes(content)
    options: dict[str, Any] = {name: _number(file, tag, 0) for name, tag in _NUMBERS.items()}
    options |= {
        "photometric_interpretation": text_of(file.data_set, 0x00280004) or "MONOCHROME2",
        "number_of_frames": 1,
        "pixel_keyword": "PixelData",
    }
    try:
        decoder = get_decoder(file.transfer_syntax_uid)
        with in_turn(file.format.frame_bits // 8):
            pixels, facts = decoder.as_array(encapsulate([content]), index=0, **options)
    except BaseException as error:  # noqa: BLE001 - as `decode` has it
        undecodable(error)  # raises what is meant for the whole program
        return _decode_otherwise(file, content)
    return pixels.tobytes(), dict(facts)


def _decode_otherwise(file: StoredFile, content: bytes) -> tuple[bytes, dict[str, Any]]:
    """As `_decode`, where pydicom alone refuses: `decode` knows streams whose fault does not matter."""
    with in_turn(file.format.frame_bits // 8):
        pixels, now = decode(content, file.transfer_syntax_uid, file.format, raw=False)
    return native_bytes(pixels, now), _facts(now)


def _decode_image(file: StoredFile, number: int) -> tuple[bytes, dict[str, Any]]:
    """As `_decode`, for what pydicom has no decoder for."""
    image = image_of(file.data_set, file.transfer_syntax_uid)
    if image is None:
        raise NotAcceptable("the stored pixel data cannot be decoded")
    pixels, now = image.decoded(number, raw=False)
    return native_bytes(pixels, now), _facts(now)


def _facts(now: Format) -> dict[str, Any]:
    return {
        "rows": now.rows,
        "columns": now.columns,
        "samples_per_pixel": now.samples,
        "bits_allocated": now.bits_allocated,
        "bits_stored": now.bits_stored,
        "pixel_representation": int(now.signed),
        "photometric_interpretation": now.photometric,
        "planar_configuration": 0,
    }
