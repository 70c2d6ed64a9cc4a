"""The pixels of one object as arrays: in the layout they are stored in, and as people see them. PS3.3 C.7.6.3, PS3.5 8.

Nothing is read before it is asked for, and one frame at a time; native frames are views into the object's bytes.
"""

import struct
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from libjpeg import utils as libjpeg
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder

from pacs.dicom.elements import PIXEL_DATA, Buffer, DataSet
from pacs.dicom.fileformat import text_of
from pacs.dicom.syntaxes import DEFLATED_FRAMES, ENCAPSULATED_PLAIN, VIDEO, Encoding, encoding_of, is_encapsulated
from pacs.dicom.writing import swapped
from pacs.errors import NotAcceptable
from pacs.mapped import let_go
from pacs.pixels.encapsulated import frames_of, inflated_frame
from pacs.pixels.jp2 import CODESTREAM_BOX, is_jp2, jp2_boxes
from pacs.pixels.jpeg import whole_spectrum

Array = npt.NDArray[Any]
_IN_SIGHT_BYTES = 1 << 26
# Spectral selection and full progression: pydicom has no decoder for these retired syntaxes, the library has.
RETIRED_JPEG = ("1.2.840.10008.1.2.4.53", "1.2.840.10008.1.2.4.55")
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
SEQUENTIAL_JPEG = (JPEG_BASELINE, "1.2.840.10008.1.2.4.51")
RLE = "1.2.840.10008.1.2.5"
_MOST_BITS = 1 << 28  # of one frame of one-bit pixels, each a byte in memory; a run of 2 bytes can claim 1024 of them
_END_OF_JPEG = b"\xff\xd9"
_PLAIN = (ENCAPSULATED_PLAIN, DEFLATED_FRAMES)  # frames that are native once they are out of their fragments


@dataclass(frozen=True, slots=True)
class Format:
    """What the Image Pixel module says. PS3.3 C.7.6.3.1; `frames` is at least 1."""

    rows: int
    columns: int
    samples: int
    photometric: str
    planar: int
    bits_allocated: int
    bits_stored: int
    signed: bool
    frames: int

    @property
    def subsampled(self) -> bool:
        """Whether native pixels share their chrominance in pairs. PS3.3 C.7.6.3.1.2."""
        return self.photometric in ("YBR_FULL_422", "YBR_PARTIAL_422") and self.samples == 3

    @property
    def frame_bits(self) -> int:
        """Bits of a native frame."""
        return self.rows * self.columns * (2 if self.subsampled else self.samples) * self.bits_allocated


def format_of(data_set: DataSet, encoding: Encoding) -> Format:
    """Read the module; what is absent counts as zero, or as the usual value."""

    def number(tag: int, default: int) -> int:
        element = data_set.get(tag)
        if element is None or len(element.value) < 2:
            return default
        return int(struct.unpack_from("<H" if encoding.little_endian else ">H", element.value)[0])

    allocated = number(0x00280100, 8)
    found = Format(
        rows=number(0x00280010, 0),
        columns=number(0x00280011, 0),
        samples=number(0x00280002, 1),
        photometric=text_of(data_set, 0x00280004).upper() or "MONOCHROME2",
        planar=number(0x00280006, 0),
        bits_allocated=allocated,
        bits_stored=number(0x00280101, allocated),
        signed=number(0x00280103, 0) == 1,
        frames=1,
    )
    return replace(found, frames=_frames_of(data_set, found))


def _frames_of(data_set: DataSet, one: Format) -> int:
    """NumberOfFrames; where it is no number, as many as the native pixel data holds."""
    try:
        return max(int(text_of(data_set, 0x00280008).split("\\")[0] or 1), 1)
    except ValueError:
        element = data_set.get(PIXEL_DATA)
        held = len(element.value) * 8 // one.frame_bits if element is not None and one.frame_bits else 1
        return max(held, 1)


@dataclass(slots=True)
class Image:
    """The pixel data of one object. Raises `NotAcceptable` where it cannot be decoded."""

    data_set: DataSet = field(repr=False)
    transfer_syntax_uid: str
    format: Format
    _frames: list[list[memoryview]] | None = field(default=None, repr=False)
    _whole: Buffer | None = field(default=None, repr=False)
    _touched: int = 0

    @property
    def encapsulated(self) -> bool:
        """Whether its frames stand in fragments."""
        return self.data_set[PIXEL_DATA].encapsulated

    @property
    def frames(self) -> list[list[memoryview]]:
        """The fragments of each encapsulated frame."""
        if self._frames is None:
            self._frames = frames_of(self.data_set, self.format.frames)
        return self._frames

    @property
    def count(self) -> int:
        """How many frames there truly are."""
        if self.encapsulated:
            return len(self.frames)
        bits = self.format.frame_bits
        return min(self.format.frames, len(self.data_set[PIXEL_DATA].value) * 8 // bits) if bits else 0

    def encoded(self, number: int) -> bytes | memoryview:
        """The stored bytes of an encapsulated frame."""
        parts = self.frames[number]
        self._pass(sum(map(len, parts)), self.data_set[PIXEL_DATA].value)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def stored(self, number: int) -> Array:
        """A native frame in the layout it is stored in, without copying where that is possible.

        Shapes: (rows, columns), (rows, columns, samples), (samples, rows, columns) when planar, and
        (rows, columns / 2, 4) as Y Y Cb Cr when chrominance is shared. One-bit pixels are 0 and 1.
        """
        whole = self.native_bytes()
        self._pass(self.format.frame_bits // 8, whole)
        return native_frame(whole, self.format, number, encoding_of(self.transfer_syntax_uid))

    def _pass(self, size: int, whole: Buffer) -> None:
        """Count bytes that are read; a large object passes through memory a part at a time."""
        self._touched += size
        if self._touched > _IN_SIGHT_BYTES:
            self._touched = 0
            let_go(whole)

    def check_whole(self) -> None:
        """Raise `NotAcceptable` where the pixel data is no whole number of frames: nobody could read what is left."""
        held = len(self.data_set[PIXEL_DATA].value) if not self.encapsulated else 0
        rest = held - self.count * self.format.frame_bits // 8
        if not self.count or (self.count < self.format.frames and rest > 1):
            raise NotAcceptable("the pixel data is shorter than its attributes say")

    def native_bytes(self) -> Buffer:
        """The value of native pixel data such that 8-bit pixels stand in their order. PS3.5 8.1.1 and A.3."""
        if self._whole is None:
            element = self.data_set[PIXEL_DATA]
            turned = not encoding_of(self.transfer_syntax_uid).little_endian and element.vr == "OW"
            narrow = self.format.bits_allocated <= 8
            self._whole = swapped(element.value, 2) if turned and narrow else element.value
        return self._whole

    def decoded(self, number: int, *, raw: bool = True) -> tuple[Array, Format]:
        """A frame as (rows, columns) or (rows, columns, samples), and what its pixels are now.

        `raw` keeps the colour space that the decoder gives; else colour becomes RGB.
        """
        if not self.encapsulated:
            return by_pixel(self.stored(number), self.format), self.format
        if self.transfer_syntax_uid in _PLAIN:
            content = bytes(self.encoded(number))
            if self.transfer_syntax_uid == DEFLATED_FRAMES:
                content = inflated_frame(content, self.format.frame_bits // 8 + 1)
            return by_pixel(native_frame(content, self.format, 0, encoding_of("")), self.format), self.format
        if self.transfer_syntax_uid in VIDEO:
            raise NotAcceptable("video cannot be decoded here")
        return decode(bytes(self.encoded(number)), self.transfer_syntax_uid, self.format, raw=raw)


def image_of(data_set: DataSet, transfer_syntax_uid: str) -> Image | None:
    """The image of an object, or None when it has no pixel data of whole numbers."""
    element = data_set.get(PIXEL_DATA)
    if element is None or not len(element.value):
        return None
    found = format_of(data_set, encoding_of(transfer_syntax_uid))
    if element.encapsulated != is_encapsulated(transfer_syntax_uid) and not element.encapsulated:
        raise NotAcceptable("the pixel data has no fragments although its transfer syntax wants them")
    return Image(data_set, transfer_syntax_uid, found)


def native_frame(value: Buffer, found: Format, number: int, encoding: Encoding) -> Array:
    """One frame of native pixel data; see `Image.stored`. Raises `NotAcceptable` when it is not all there."""
    bits = found.frame_bits
    first, last = number * bits, (number + 1) * bits
    if not bits or last > len(value) * 8:
        raise NotAcceptable("the pixel data is shorter than its attributes say")
    if found.bits_allocated == 1:
        start = first // 8
        loose = np.unpackbits(np.frombuffer(value[start : -(-last // 8)], np.uint8), bitorder="little")
        return loose[first - start * 8 :][:bits].reshape(found.rows, found.columns)
    kind = {8: "1", 16: "2", 32: "4"}.get(found.bits_allocated)
    if kind is None:
        raise NotAcceptable(f"pixels of {found.bits_allocated} bits cannot be read")
    order = "<" if encoding.little_endian else ">"
    kind = order + ("i" if found.signed else "u") + kind
    flat = np.frombuffer(value[first // 8 : last // 8], kind)
    if found.subsampled:
        return flat.reshape(found.rows, found.columns // 2, 4)
    if found.samples == 1:
        return flat.reshape(found.rows, found.columns)
    if found.planar:
        return flat.reshape(found.samples, found.rows, found.columns)
    return flat.reshape(found.rows, found.columns, found.samples)


def by_pixel(stored: Array, found: Format) -> Array:
    """A stored frame as (rows, columns) or (rows, columns, samples)."""
    if found.subsampled:
        pairs = stored.reshape(found.rows, -1, 4)
        out = np.empty((found.rows, pairs.shape[1] * 2, 3), stored.dtype)
        out[:, 0::2, 0], out[:, 1::2, 0] = pairs[..., 0], pairs[..., 1]
        out[..., 1:] = np.repeat(pairs[..., 2:], 2, axis=1)
        return out
    return np.moveaxis(stored, 0, -1) if found.samples > 1 and found.planar else stored


def check_boxes(content: bytes) -> None:
    """Raise `NotAcceptable` for a JP2 file with a box that does not lead on: pydicom would follow it for ever.

    It reads no lengths of 64 bits, nor "to the end", both of which boxes may have (ISO/IEC 15444-1 I.4).
    """
    if not is_jp2(content):
        return
    for kind, _content, box in jp2_boxes(memoryview(content)):
        if kind == CODESTREAM_BOX:
            return
        if int.from_bytes(box[:4], "big") < 8:
            raise NotAcceptable("a JP2 frame has a box without a length of its own")
    raise NotAcceptable("a JP2 frame holds no codestream")


def undecodable(error: BaseException) -> NotAcceptable:
    """What to raise for an error of a decoder; its own words are left out, as they may quote the object.

    Panics of decoders in Rust are no `Exception`. Raises what is meant for the whole program again.
    """
    if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
        raise error
    return NotAcceptable(f"the pixel data cannot be decoded ({type(error).__name__})")


def _by_pydicom(
    content: bytes, transfer_syntax_uid: str, *, raw: bool, options: dict[str, Any]
) -> tuple[Array, dict[str, Any]]:
    """One frame by the decoders that pydicom knows. What libjpeg-turbo takes it decodes in a third of the time."""
    decoder, stream = get_decoder(transfer_syntax_uid), encapsulate([content])
    if transfer_syntax_uid == JPEG_BASELINE:
        with suppress(Exception):
            return decoder.as_array(stream, index=0, raw=raw, decoding_plugin="pillow", **options)
    try:
        return decoder.as_array(stream, index=0, raw=raw, **options)
    except Exception:
        mended = whole_spectrum(content) if transfer_syntax_uid in SEQUENTIAL_JPEG else content
        if mended == content:
            raise
        return _by_pydicom(mended, transfer_syntax_uid, raw=raw, options=options)


def _colours(content: bytes, transfer_syntax_uid: str, found: Format) -> Array | None:
    """A whole frame of JPEG baseline in luminance and chrominance as RGB; None for anything else.

    Why not pydicom (2026-11): it computes RGB from the decoder's YBR in floating point, which takes five times as long,
    and does so too where the decoder made RGB already, as Pillow does for streams with Adobe's marker.
    """
    if transfer_syntax_uid != JPEG_BASELINE or found.photometric not in ("YBR_FULL", "YBR_FULL_422"):
        return None
    if not content.rstrip(b"\0").endswith(_END_OF_JPEG):  # libjpeg would fill up what is missing
        return None
    import imagecodecs  # noqa: PLC0415 - many libraries in one; only who needs them loads it

    with suppress(Exception):
        pixels: Array = imagecodecs.jpeg8_decode(content, outcolorspace="RGB")
        if pixels.dtype == np.uint8 and pixels.shape == (found.rows, found.columns, 3):
            return pixels
    return None


def _packed_bits(content: bytes, found: Format) -> Array:
    """A frame of one-bit pixels, whose bytes of eight are what is run-length encoded. PS3.5 8.1.1, G.3."""
    from rle import utils as rle  # noqa: PLC0415 - pydicom takes no more than 65535 columns, and here all bytes are one row

    count = found.rows * found.columns
    if count > _MOST_BITS:
        raise NotAcceptable("the pixel data cannot be decoded: a frame of it is too large")
    try:
        packed = rle.decode_pixel_data(content, version=2, rows=1, columns=-(-count // 8), bits_allocated=8)
        bits = np.unpackbits(np.frombuffer(packed, np.uint8), count=count, bitorder="little")
    except BaseException as error:  # noqa: BLE001 - as below
        raise undecodable(error) from None
    return bits.reshape(found.rows, found.columns)


def decode(
    content: bytes, transfer_syntax_uid: str, found: Format, *, raw: bool, unused_bits: bool = False
) -> tuple[Array, Format]:
    """Decode one compressed frame; decoders may clear bits above BitsStored unless `unused_bits` asks for them.

    Raises `NotAcceptable` without the decoder's own words: they may quote the object.
    """
    if transfer_syntax_uid == RLE and found.bits_allocated == 1 and found.samples == 1:
        return _packed_bits(content, found), found
    options: dict[str, Any] = {
        "rows": found.rows,
        "columns": found.columns,
        "samples_per_pixel": found.samples,
        "bits_allocated": found.bits_allocated,
        "bits_stored": found.bits_stored,
        "pixel_representation": int(found.signed),
        "planar_configuration": found.planar,
        "photometric_interpretation": found.photometric,
        "number_of_frames": 1,
        "pixel_keyword": "PixelData",
        "correct_unused_bits": not unused_bits,
    }
    facts: dict[str, Any] = {}
    check_boxes(content)
    pixels = None if raw else _colours(content, transfer_syntax_uid, found)
    try:
        if pixels is not None:
            facts = {"photometric_interpretation": "RGB"}
        elif transfer_syntax_uid in RETIRED_JPEG and found.samples == 1:
            pixels = libjpeg.decode(content)
        else:
            pixels, facts = _by_pydicom(content, transfer_syntax_uid, raw=raw, options=options)
    except BaseException as error:  # noqa: BLE001 - the libraries below raise whatever they like on damaged streams
        raise undecodable(error) from None
    now = Format(
        rows=int(facts.get("rows", found.rows)),
        columns=int(facts.get("columns", found.columns)),
        samples=int(facts.get("samples_per_pixel", found.samples)),
        photometric=str(facts.get("photometric_interpretation", found.photometric)),
        planar=0,
        bits_allocated=pixels.dtype.itemsize * 8,
        bits_stored=int(facts.get("bits_stored", found.bits_stored)),
        signed=pixels.dtype.kind == "i",
        frames=found.frames,
    )
    return pixels, now


def native_bytes(pixels: Array, found: Format) -> bytes:
    """A frame as Little Endian pixels, rows x columns x samples; one-bit pixels packed from their first bit."""
    if found.bits_allocated == 1:
        return np.packbits(pixels.ravel(), bitorder="little").tobytes()
    return np.ascontiguousarray(pixels).astype(pixels.dtype.newbyteorder("<"), copy=False).tobytes()
