"""Rectangles of all frames made black, everything else bit for bit as it was. PS3.5 8, PS3.3 C.7.6.3.

Native pixels are changed in the layout they stand in, sequential JPEG block by block (`jpeg_blank`). Other compressed
ones are decoded, changed and encoded without loss: in their own syntax or one of their kin where there is an encoder,
else as Explicit VR Little Endian. What was lost before is still said.
"""

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.pixels.encoders.base import get_encoder

from pacs.dicom.elements import PIXEL_DATA, Buffer, DataSet, Element
from pacs.dicom.syntaxes import (
    DEFLATED_FRAMES,
    ENCAPSULATED_PLAIN,
    EXPLICIT_LE,
    LOSSY,
    RLE,
    encoding_of,
)
from pacs.dicom.writing import swapped
from pacs.errors import NotAcceptable
from pacs.pixels.codestream import clear_unused_bits, precision_of, unused_bits_set
from pacs.pixels.encapsulated import LENGTHS, OFFSETS, Scratch, deflated_frame, put_frames
from pacs.pixels.image import Array, Format, Image, decode
from pacs.pixels.jpeg_blank import blank_jpeg, widened
from pacs.pixels.ocr import Box
from pacs.pixels.palette import palette

_PREFIX = "1.2.840.10008.1.2.4."
_LS, _J2K = _PREFIX + "80", _PREFIX + "90"
# The syntax that a compressed object has afterwards, where an encoder exists.
_ENCODED_AS = {RLE: RLE, _LS: _LS, _PREFIX + "81": _LS, _J2K: _J2K, _PREFIX + "91": _J2K}
_ENCODED_AS |= {ENCAPSULATED_PLAIN: ENCAPSULATED_PLAIN, DEFLATED_FRAMES: DEFLATED_FRAMES}
# No encoder is at hand for lossless JPEG and HTJ2K.
_ENCODED_AS |= {_PREFIX + number: _LS for number in ("57", "70")}
_ENCODED_AS |= {_PREFIX + number: _J2K for number in ("201", "202", "203")}
_BASELINE = (_PREFIX + "50", _PREFIX + "51")
_NEAR = 64  # of 256: quantization leaves this of what a block should be filled with
_LOSSY_FLAG, _LOSSY_METHOD = 0x00282110, 0x00282114
_METHODS = {"8": "ISO_14495_1", "9": "ISO_15444_1", "2": "ISO_15444_15"}
_SMALLEST, _LARGEST = 0x00280106, 0x00280107
_MAX_NATIVE = 0xFFFFFFFE
Paint = Callable[[Array, Format], None]
Black = Callable[[Format, Array, DataSet, str], Any]


@dataclass(frozen=True, slots=True)
class Blanked:
    """The object with its new pixel data, the transfer syntax that it has now, and the boxes as far as pixels may have
    changed for them: the boxes asked for, but for JPEG, where whole blocks are written anew.
    """

    data_set: DataSet
    transfer_syntax_uid: str
    boxes: tuple[Box, ...]


def black_of(found: Format, pixels: Array, data_set: DataSet, syntax: str) -> Any:
    """The number, or numbers per sample, of black. PS3.3 C.7.6.3.1.2; grey takes the darkest of the frame itself,
    so that automatic windows stay as they were.
    """
    if found.samples == 1:
        if found.photometric == "MONOCHROME1":
            return pixels.max()
        if found.photometric == "PALETTE COLOR":
            return _darkest(data_set, syntax)
        return pixels.min()
    return _black_of_colours(found)


def _black_of_colours(found: Format) -> tuple[int, int, int]:
    middle = 1 << (found.bits_stored - 1)
    if found.photometric.startswith("YBR_PARTIAL"):
        return (16 << (found.bits_stored - 8), middle, middle)
    if found.photometric in ("YBR_FULL", "YBR_FULL_422"):
        return (0, middle, middle)
    return (0, 0, 0)


def _darkest(data_set: DataSet, syntax: str) -> int:
    table = palette(data_set, syntax)
    if table is None:
        return 0
    first, colours = table
    return first + int(colours.astype(np.int32).sum(axis=1).argmin())


def zero_of(found: Format, _pixels: Array, _data_set: DataSet, _syntax: str) -> Any:
    """The number 0, which RSNA CTP fills with whatever it means there; in luminance and chrominance it is black."""
    return 0 if found.samples == 1 else _black_of_colours(found)


def blanked(image: Image, boxes: Sequence[Box], folder: Path | None = None, *, black: Black = black_of) -> Blanked:
    """Make the rectangles black in every frame. `folder` takes the temporary file of large objects.

    `black` says what black is: `black_of`, or `zero_of`. Raises `NotAcceptable` when a frame cannot be decoded, or the
    result is too long for a native syntax.
    """
    if not image.encapsulated and image.format.bits_allocated == 1:
        whole = _native(image, None, folder, _one_bit(image, boxes, black))
        return Blanked(whole, image.transfer_syntax_uid, tuple(boxes))
    if image.transfer_syntax_uid in _BASELINE and boxes:
        try:
            return _in_jpeg(image, boxes, folder, black)
        except NotAcceptable:
            pass  # no sequential stream, or one that decoders take another way: decoded pixels are the way out

    def paint(pixels: Array, now: Format) -> None:
        fill(pixels, boxes, now, black(now, pixels, image.data_set, image.transfer_syntax_uid))

    return replace(repainted(image, paint, folder), boxes=tuple(boxes))


def repainted(image: Image, paint: Paint, folder: Path | None = None) -> Blanked:
    """Every frame painted on, in place, by a function of its pixels (native ones in the layout they stand in) and
    their format; stored without loss. Raises as `blanked`.
    """
    if not image.encapsulated:
        return Blanked(_native(image, paint, folder), image.transfer_syntax_uid, ())
    syntax = _ENCODED_AS.get(image.transfer_syntax_uid)
    if syntax is not None:
        encoded = _encoded(image, paint, syntax, folder)
        if encoded is not None:
            return Blanked(encoded, syntax, ())
    return Blanked(_decoded(image, paint, folder), EXPLICIT_LE, ())


def without_unused_bits(image: Image, folder: Path | None = None) -> Blanked | None:
    """A compressed object whose pixels use bits above BitsStored, where overlays of old stood, without these; None when
    it uses none. Native ones are cleared by `codestream`.
    """
    found = image.format
    if not image.encapsulated or found.bits_stored >= found.bits_allocated:
        return None
    for number in range(image.count):
        content = bytes(image.encoded(number))
        if precision_of(content) > found.bits_stored:
            pixels, _now = decode(content, image.transfer_syntax_uid, found, raw=True, unused_bits=True)
            if unused_bits_set(image, pixels):
                return blanked(image, (), folder)
    return None


def fill(pixels: Array, boxes: Iterable[Box], found: Format, black: Any) -> None:
    """Fill rectangles of a frame in its stored layout, in place."""
    for left, top, right, bottom in boxes:
        if found.subsampled and pixels.ndim == 3 and pixels.shape[2] == 4:
            luminance, blue, red = black
            pixels[top:bottom, left // 2 : -(-right // 2)] = (luminance, luminance, blue, red)
        elif found.samples > 1 and found.planar and pixels.shape[0] == found.samples:
            pixels[:, top:bottom, left:right] = np.reshape(black, (-1, 1, 1))
        else:
            pixels[top:bottom, left:right] = black


def _native(image: Image, paint: Paint | None, folder: Path | None, one_bit: bytes = b"") -> DataSet:
    found, syntax = image.format, image.transfer_syntax_uid
    element = image.data_set[PIXEL_DATA]
    whole = image.native_bytes()
    out = Scratch(folder)
    extremes = _Extremes()
    if paint is None:
        out.write(one_bit)
    else:
        for number in range(image.count):
            pixels = image.stored(number).copy()
            paint(pixels, found)
            extremes.add(pixels)
            out.write(pixels.tobytes())
        out.write(whole[out.size :])  # padding, or a frame that is not all there
    value: Buffer = out.view()
    if whole is not element.value:
        value = swapped(value, 2)
    changed = DataSet(image.data_set)
    changed[PIXEL_DATA] = Element(PIXEL_DATA, element.vr, value)
    extremes.put(changed, found, little_endian=encoding_of(syntax).little_endian)
    return changed


def _one_bit(image: Image, boxes: Sequence[Box], black: Black) -> bytes:
    """Frames of one-bit pixels follow each other without padding. PS3.5 8.1.1."""
    bits = np.unpackbits(np.frombuffer(image.native_bytes(), np.uint8), bitorder="little")
    size = image.format.frame_bits
    for number in range(image.count):
        frame = bits[number * size : (number + 1) * size].reshape(image.format.rows, image.format.columns)
        is_white = image.format.photometric == "MONOCHROME1" and black is not zero_of
        fill(frame, boxes, image.format, int(is_white))
    return np.packbits(bits, bitorder="little").tobytes()


def _painted(image: Image, paint: Paint, extremes: "_Extremes") -> Iterator[tuple[Array, Format]]:
    for number in range(image.count):
        pixels, now = image.decoded(number)
        pixels = np.array(pixels)
        if unused_bits_set(image, pixels):  # decoders do not agree whether these bits are theirs to clear
            clear_unused_bits(image, pixels)
            now = replace(now, bits_stored=image.format.bits_stored)
        paint(pixels, now)
        extremes.add(pixels)
        yield pixels, now


def _encoded(image: Image, paint: Paint, syntax: str, folder: Path | None) -> DataSet | None:
    """In a lossless syntax; None when it would not give back the same pixels."""
    changed = DataSet(image.data_set)
    extremes = _Extremes()
    plain = syntax in (ENCAPSULATED_PLAIN, DEFLATED_FRAMES)
    photometric = image.format.photometric

    def frames() -> Iterator[bytes]:
        for pixels, now in _painted(image, paint, extremes):
            yield _plain(pixels, image, syntax) if plain else _compressed(pixels, now, image, syntax)

    try:
        put_frames(changed, frames(), folder)
    except _NotTheSame:
        return None
    if not plain and image.format.samples > 1:
        changed.put(0x00280006, "US", struct.pack("<H", image.format.planar if syntax == RLE else 0))
        photometric = _photometric(photometric, syntax)
        changed.put(0x00280004, "CS", photometric.encode())
    extremes.put(changed, image.format, little_endian=True)
    _say_lossy(changed, image.transfer_syntax_uid)
    return changed


def _in_jpeg(image: Image, boxes: Sequence[Box], folder: Path | None, black: Black) -> Blanked:
    """JPEG frames in their own syntax. Raises `NotAcceptable` when one of them cannot be blanked as a stream, or when
    decoding does not show every pixel outside as it was and black inside.
    """
    changed = DataSet(image.data_set)
    extremes = _Extremes()
    around = widened(bytes(image.encoded(0)), boxes)

    def frames() -> Iterator[bytes]:
        for number in range(image.count):
            content = bytes(image.encoded(number))
            if widened(content, boxes) != around:
                raise NotAcceptable("frames of one object differ in their form")
            frame, pixels = _jpeg_frame(content, image, boxes, around, black)
            extremes.add(pixels)
            yield frame

    put_frames(changed, frames(), folder)
    extremes.put(changed, image.format, little_endian=True)
    _say_lossy(changed, image.transfer_syntax_uid)
    return Blanked(changed, image.transfer_syntax_uid, tuple(around))


def _jpeg_frame(
    content: bytes, image: Image, boxes: Sequence[Box], around: Sequence[Box], black_for: Black
) -> tuple[bytes, Array]:
    """A frame blanked, and its pixels. Components may hold another colour space than the attributes say."""
    syntax = image.transfer_syntax_uid
    before, now = decode(content, syntax, image.format, raw=True)
    outside = np.ones(before.shape[:2], bool)
    for box in around:
        outside[box.top : box.bottom, box.left : box.right] = False
    black = np.atleast_1d(black_for(now, before, image.data_set, syntax)).tolist()
    middle = 1 << (now.bits_stored - 1)
    for values in (black, [0, middle, middle], [0, 0, 0]):
        if len(values) != now.samples:
            continue
        frame = blank_jpeg(content, boxes, values)
        after, _now = decode(frame, syntax, image.format, raw=True)
        if after.shape != before.shape or not np.array_equal(after[outside], before[outside]):
            raise NotAcceptable("a JPEG frame does not decode as it should")
        if all(_is_filled(after, box, black, now) for box in boxes):
            return frame, after
    raise NotAcceptable("a JPEG frame does not decode as it should")


def _is_filled(pixels: Array, box: Box, black: Sequence[int], now: Format) -> bool:
    """Whether what stands in a box is black, but for what quantization leaves."""
    inside = pixels[box.top : box.bottom, box.left : box.right].astype(np.int64)
    return bool((np.abs(inside - np.array(black)).mean() if inside.size else 0) <= _NEAR << max(now.bits_stored - 8, 0))


def _photometric(before: str, syntax: str) -> str:
    """What stands in the object after encoding: JPEG 2000 transforms reversibly. PS3.5 8.2.4."""
    if syntax == _J2K and before == "YBR_ICT":
        return "YBR_RCT"
    return "YBR_FULL" if before == "YBR_FULL_422" else before


class _NotTheSame(Exception):
    """An encoder failed, or did not keep the pixels."""


def _plain(pixels: Array, image: Image, syntax: str) -> bytes:
    if image.format.samples > 1 and image.format.planar:
        pixels = np.moveaxis(pixels, -1, 0)
    if image.format.subsampled or image.format.bits_allocated == 1:
        raise _NotTheSame
    content = pixels.tobytes()
    return deflated_frame(content) if syntax == DEFLATED_FRAMES else content


def _compressed(pixels: Array, now: Format, image: Image, syntax: str) -> bytes:
    options: dict[str, Any] = {
        "rows": now.rows,
        "columns": now.columns,
        "samples_per_pixel": now.samples,
        "bits_allocated": now.bits_allocated,
        "bits_stored": now.bits_stored,
        "pixel_representation": int(now.signed),
        "photometric_interpretation": _photometric(image.format.photometric, syntax),
        "number_of_frames": 1,
        "planar_configuration": 0,
    }
    if now.samples == 1:
        options.pop("planar_configuration")
    try:
        content = bytes(get_encoder(syntax).encode(pixels.tobytes(), index=0, **options))
        again, _now = decode(content, syntax, image.format, raw=True)
    except Exception:  # noqa: BLE001 - encoders raise what they like; native pixels are the way out
        raise _NotTheSame from None
    if again.shape != pixels.shape or not np.array_equal(again, pixels):
        raise _NotTheSame
    return content


def _decoded(image: Image, paint: Paint, folder: Path | None) -> DataSet:
    out = Scratch(folder)
    extremes = _Extremes()
    last = image.format
    for pixels, now in _painted(image, paint, extremes):
        out.write(pixels.astype(pixels.dtype.newbyteorder("<"), copy=False).tobytes())
        last = now
        if out.size > _MAX_NATIVE:
            raise NotAcceptable("the pixel data is too long for a native transfer syntax")
    if out.size % 2:
        out.write(b"\0")
    changed = DataSet(image.data_set)
    for tag in (OFFSETS, LENGTHS):
        changed.pop(tag, None)
    changed[PIXEL_DATA] = Element(PIXEL_DATA, "OW" if last.bits_allocated > 8 else "OB", out.view())
    _describe(changed, last)
    extremes.put(changed, last, little_endian=True)
    _say_lossy(changed, image.transfer_syntax_uid)
    return changed


def _describe(data_set: DataSet, now: Format) -> None:
    """Make the Image Pixel module say what the pixels are now."""
    photometric = "YBR_FULL" if now.photometric == "YBR_FULL_422" else now.photometric
    data_set.put(0x00280004, "CS", photometric.encode())
    numbers = {0x00280002: now.samples, 0x00280100: now.bits_allocated, 0x00280101: now.bits_stored}
    numbers |= {0x00280102: now.bits_stored - 1, 0x00280103: int(now.signed)}
    for tag, number in numbers.items():
        data_set.put(tag, "US", struct.pack("<H", number))
    if now.samples > 1:
        data_set.put(0x00280006, "US", struct.pack("<H", 0))
    else:
        data_set.pop(0x00280006, None)


def _say_lossy(data_set: DataSet, before: str) -> None:
    """What was compressed with loss stays so, whatever its syntax is now. PS3.3 C.7.6.1.1.5."""
    if before not in LOSSY:
        return
    data_set.put(_LOSSY_FLAG, "CS", b"01")
    method = data_set.get(_LOSSY_METHOD)
    if method is None or not bytes(method.value).strip(b" \0"):
        family = before.removeprefix(_PREFIX)[:1]
        data_set.put(_LOSSY_METHOD, "CS", _METHODS.get(family, "ISO_10918_1").encode())


class _Extremes:
    """The smallest and largest number of all frames."""

    def __init__(self) -> None:
        self.low: int | None = None
        self.high: int | None = None

    def add(self, pixels: Array) -> None:
        """Count a frame in."""
        low, high = int(pixels.min()), int(pixels.max())
        self.low = low if self.low is None else min(low, self.low)
        self.high = high if self.high is None else max(high, self.high)

    def put(self, data_set: DataSet, found: Format, *, little_endian: bool) -> None:
        """Write the two attributes anew where the object has them. PS3.3 C.7.6.3."""
        for tag, number in ((_SMALLEST, self.low), (_LARGEST, self.high)):
            if tag in data_set and number is not None and found.bits_allocated <= 16:
                code = "h" if found.signed else "H"
                value = struct.pack(("<" if little_endian else ">") + code, number)
                data_set.put(tag, "SS" if found.signed else "US", value)
