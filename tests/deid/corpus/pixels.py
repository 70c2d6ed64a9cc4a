"""Pixels of the corpus: backgrounds, text burned in, and codestreams with metadata."""

import io
import random
import struct
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from pydicom.encaps import encapsulate

Array = np.ndarray[Any, Any]
Box = list[int]  # left, top, right, bottom; right and bottom excluded
JPEG, JPEG_LS, J2K, RLE = (
    "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.5",
)


def noise(rng: random.Random, shape: tuple[int, ...], top: int) -> Array:
    """A disc in quiet noise, so that no two images are alike."""
    made = np.random.default_rng(rng.randrange(1 << 30))
    rows, columns = shape[-2:]
    y, x = np.ogrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j]
    disc = (x * x + y * y < 0.35) * (top * 0.4)
    return np.clip(disc + made.normal(top * 0.05, top * 0.02, shape), 0, top)


def burn(frame: Array, text: str, corner: tuple[int, int], height: int, ink: int) -> Box:
    """Write text into a frame (rows, columns), in place; returns the box of its ink."""
    font = ImageFont.load_default(height)
    mask = Image.new("L", (frame.shape[1], frame.shape[0]))
    ImageDraw.Draw(mask).text(corner, text, fill=255, font=font)
    drawn = np.asarray(mask)
    frame[drawn > 96] = ink
    ys, xs = np.nonzero(drawn > 96)
    return [int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1]


def jpeg(frame: Array, *segments: bytes, quality: int = 95) -> bytes:
    """A baseline JPEG of one frame, with marker segments after SOI. ITU-T T.81 B.2."""
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "JPEG", quality=quality)
    return _after(buffer.getvalue(), 2, segments)


def com(text: str) -> bytes:
    """A COM segment. ITU-T T.81 B.2.4.5; JPEG-LS has the same."""
    return b"\xff\xfe" + struct.pack(">H", len(text.encode()) + 2) + text.encode()


def app1(text: str) -> bytes:
    """An APP1 segment with XMP."""
    content = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta><dc:title>" + text.encode() + b"</dc:title></x:xmpmeta>"
    return b"\xff\xe1" + struct.pack(">H", len(content) + 2) + content


def j2k_com(text: str) -> bytes:
    """A COM segment of JPEG 2000 with Latin text. ISO 15444-1 A.9.2."""
    return b"\xff\x64" + struct.pack(">HH", len(text.encode()) + 4, 1) + text.encode()


def with_segments(codestream: bytes, *segments: bytes) -> bytes:
    """Insert segments after SOI (JPEG-LS), or after SIZ (JPEG 2000)."""
    if codestream[:4] == b"\xff\x4f\xff\x51":
        return _after(codestream, 4 + struct.unpack_from(">H", codestream, 4)[0], segments)
    return _after(codestream, 2, segments)


def _after(codestream: bytes, position: int, segments: tuple[bytes, ...]) -> bytes:
    return codestream[:position] + b"".join(segments) + codestream[position:]


def in_jp2(codestream: bytes, rows: int, columns: int, text: str) -> bytes:
    """A JP2 file around a codestream with a uuid and an xml box. ISO 15444-1 Annex I."""

    def box(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content) + 8) + name + content

    image_header = box(b"ihdr", struct.pack(">IIHBBBB", rows, columns, 1, 11, 7, 0, 0))
    colour = box(b"colr", struct.pack(">BBBI", 1, 0, 0, 17))
    return b"".join(
        (
            box(b"jP  ", b"\r\n\x87\n"),
            box(b"ftyp", b"jp2 \0\0\0\0jp2 "),
            box(b"jp2h", image_header + colour),
            box(b"xml ", f"<patient>{text}</patient>".encode()),
            box(b"uuid", b"\x12" * 16 + text.encode()),
            box(b"jp2c", codestream),
        )
    )


def movie(text: str) -> bytes:
    """The shape of an MP4 with an H.264 user-data SEI and a user-data box. Nothing can decode it."""

    def box(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content) + 8) + name + content

    message = b"\x11" * 16 + text.encode()
    sei = b"\0\0\0\1\x06\x05" + bytes([len(message)]) + message + b"\x80"
    name = box(b"udta", box(b"\xa9nam", text.encode()))
    return (
        box(b"ftyp", b"isom\0\0\2\0isomavc1") + box(b"moov", name) + box(b"mdat", sei + b"\0\0\0\1\x65" + b"\x88" * 64)
    )


def encapsulated(frames: list[bytes]) -> bytes:
    """Frames as encapsulated pixel data. PS3.5 A.4."""
    return encapsulate(frames, has_bot=True)
