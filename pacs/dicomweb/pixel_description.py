"""The Image Pixel Description Macro where metadata leave it out: as compressed pixel data tell. PS3.18 10.5.2.

Pictures in forms that no transfer syntax has (PNG, GIF) are decoded, without loss.
"""

import io
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import numpy as np
from PIL import Image as Pillow
from PIL import ImageSequence

from pacs.dicom.elements import PIXEL_DATA
from pacs.dicom.syntaxes import LOSSY
from pacs.errors import NotAcceptable, NotDicom, Unsupported
from pacs.pixels.jp2 import CODESTREAM_BOX, is_jp2, jp2_boxes
from pacs.pixels.jpeg_segments import SOS, MarkerSegment, marker_segments

Json = dict[str, Any]
DECODED = {"image/png": "PNG", "image/gif": "GIF"}
_MOST_SAMPLES = 1 << 27
_JPEG_FRAMES = frozenset((0xC0, 0xC1, 0xC2, 0xC3, 0xF7))  # T.81 Table B.1, T.87 C.1.1
_LOSSLESS_FRAMES = frozenset((0xC3, 0xF7))
_COMPONENT_TRANSFORM = re.compile(rb"\xff\x52.{6}(.).{4}(.)", re.DOTALL)  # and the wavelet. T.800 A.6.1
_MOST_HEAD = 1 << 16
_LOSSY_COMPRESSION = "00282110"
_UNLIKE = "the pictures are not of one kind and size"


@dataclass(frozen=True, slots=True)
class Description:
    """What pixels are; `bits` are those stored of each sample."""

    rows: int
    columns: int
    samples: int
    bits: int
    photometric: str
    signed: bool = False

    def attributes(self) -> Json:
        """The macro as DICOM JSON. PS3.3 C.7.6.3."""
        allocated = 8 if self.bits <= 8 else 16 if self.bits <= 16 else 32
        numbers = {
            "00280002": self.samples,
            "00280010": self.rows,
            "00280011": self.columns,
            "00280100": allocated,
            "00280101": self.bits,
            "00280102": self.bits - 1,
            "00280103": int(self.signed),
        }
        if self.samples > 1:
            numbers["00280006"] = 0
        found: Json = {tag: {"vr": "US", "Value": [number]} for tag, number in numbers.items()}
        return found | {"00280004": {"vr": "CS", "Value": [self.photometric]}}


def completed(found: Mapping[str, Any], stream: memoryview, syntax: str) -> Mapping[str, Any]:
    """The metadata with what they leave out and the first frame's stream tells; as they are when it tells nothing."""
    described = _of_jpeg(stream) if bytes(stream[:2]) == b"\xff\xd8" else _of_jpeg2000(stream)
    if described is None:
        return found
    told = described.attributes()
    if syntax in LOSSY:
        told[_LOSSY_COMPRESSION] = {"vr": "CS", "Value": ["01"]}
    missing = {tag: entry for tag, entry in told.items() if not _has_value(found.get(tag))}
    return {**found, **missing} if missing else found


def _has_value(entry: object) -> bool:
    return isinstance(entry, Mapping) and bool(entry.get("Value"))


def _of_jpeg(stream: memoryview) -> Description | None:
    """What the first frame header of a JPEG or JPEG-LS stream says. T.81 B.2.2."""
    adobe = -1
    for marker, _start, content, end, _following in _segments(stream):
        segment = stream[content:end]
        if marker == 0xEE and bytes(segment[:5]) == b"Adobe" and len(segment) > 11:
            adobe = segment[11]
        if marker in _JPEG_FRAMES and len(segment) > 8:
            bits, rows, columns, samples = struct.unpack(">BHHB", segment[:6])
            if not (rows and columns and 0 < bits <= 16 and samples in (1, 3)):
                return None
            photometric = "MONOCHROME2"
            if samples == 3:
                named = len(segment) > 14 and (segment[6], segment[9], segment[12]) == (0x52, 0x47, 0x42)
                plain = marker in _LOSSLESS_FRAMES or adobe == 0 or (adobe < 0 and named)
                photometric = "RGB" if plain else "YBR_FULL" if segment[7] == 0x11 else "YBR_FULL_422"
            return Description(rows, columns, samples, bits, photometric)
    return None


def frame_marker(stream: memoryview) -> int:
    """The start of frame of a JPEG or JPEG-LS stream, not of a small picture inside its segments; 0: there is none."""
    return next((segment.marker for segment in _segments(stream) if segment.marker in _JPEG_FRAMES), 0)


def _segments(stream: memoryview) -> Iterator[MarkerSegment]:
    """Marker segments up to the first scan, or to what is garbled."""
    with suppress(NotAcceptable):
        yield from takewhile(lambda segment: segment.marker != SOS, marker_segments(stream))


def _of_jpeg2000(stream: memoryview) -> Description | None:
    """What the SIZ and COD segments of a codestream say. T.800 A.5.1, A.6.1."""
    if bytes(stream[:4]) != b"\xff\x4f\xff\x51" or len(stream) < 43:
        return None
    right, bottom, left, top = struct.unpack(">4I", stream[8:24])
    (samples,) = struct.unpack(">H", stream[40:42])
    rows, columns, bits = bottom - top, right - left, (stream[42] & 0x7F) + 1
    if not (0 < rows < 65536 and 0 < columns < 65536 and bits <= 32 and samples in (1, 3)):
        return None
    photometric = "MONOCHROME2"
    if samples == 3:
        style = _COMPONENT_TRANSFORM.search(bytes(stream[:_MOST_HEAD]))
        photometric = "RGB"
        if style is not None and style[1] == b"\1":
            photometric = "YBR_RCT" if style[2] == b"\1" else "YBR_ICT"
    return Description(rows, columns, samples, bits, photometric, signed=bool(stream[42] & 0x80))


def codestream(stream: memoryview) -> memoryview:
    """A JPEG 2000 stream without the boxes of a JP2 file around it. PS3.5 A.4.4."""
    if is_jp2(stream):
        with suppress(NotAcceptable):
            return next((content for kind, content, _box in jp2_boxes(stream) if kind == CODESTREAM_BOX), stream)
    return stream


def decoded(parts: Sequence[memoryview], kind: str) -> tuple[Json, memoryview]:
    """Pictures of one of the types `DECODED`, a frame each, as attributes and native pixels.

    Raises `NotDicom` for what is no such picture, `Unsupported` for one whose pixels would lose something.
    """
    frames: list[np.ndarray[Any, Any]] = []
    for part in parts:
        if kind == "image/png" and bytes(part[24:25]) == b"\x10" and bytes(part[25:26]) != b"\0":
            raise Unsupported("pictures of 16 bits a colour are not taken", PIXEL_DATA)
        try:
            with Pillow.open(io.BytesIO(part), formats=[DECODED[kind]]) as image:
                for each in ImageSequence.Iterator(image):
                    if image.width * image.height * (len(frames) + 1) * 3 > _MOST_SAMPLES:
                        raise NotDicom("the picture is larger than this server decodes", PIXEL_DATA)
                    if frames and frames[0].shape[:2] != (image.height, image.width):
                        raise NotDicom(_UNLIKE, PIXEL_DATA)  # before it is decoded: many that shrink are as large
                    frames.append(_pixels(each, colours=kind == "image/gif"))
        except NotDicom:
            raise
        except Exception as error:  # Pillow raises whatever it likes on garbled pictures
            raise NotDicom("a picture is garbled", PIXEL_DATA) from error
    if not frames or any(each.shape != frames[0].shape or each.dtype != frames[0].dtype for each in frames):
        raise NotDicom(_UNLIKE, PIXEL_DATA)
    rows, columns = frames[0].shape[:2]
    colours, bits = frames[0].ndim == 3, 8 * frames[0].dtype.itemsize
    attributes = Description(rows, columns, 3 if colours else 1, bits, "RGB" if colours else "MONOCHROME2").attributes()
    if len(frames) > 1:
        attributes["00280008"] = {"vr": "IS", "Value": [len(frames)]}
    return attributes, memoryview(b"".join(each.tobytes() for each in frames))


def _pixels(image: Pillow.Image, *, colours: bool) -> np.ndarray[Any, Any]:
    """A picture as grey or RGB; `colours`: as RGB anyway. What is transparent is shown. PS3.18 10.5.2."""
    if colours:
        return np.asarray(image.convert("RGBA").convert("RGB"))
    if image.mode in ("I", "I;16", "I;16B"):
        return np.asarray(image).astype("<u2")
    if image.mode in ("1", "L", "LA"):
        return np.asarray(image.convert("L"))
    return np.asarray(image.convert("RGBA").convert("RGB"))
