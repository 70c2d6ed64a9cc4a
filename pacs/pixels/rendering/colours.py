"""Colours: RGB, luminance and chrominance, palettes. PS3.3 C.7.6.3.1.2 and C.7.9."""

import numpy as np
from PIL import Image as Pillow

from pacs.errors import NotAcceptable
from pacs.pixels.image import Array, Format

_THREE = 3


def colour_picture(pixels: Array, now: Format) -> Array:
    """A frame of several samples as RGB of 8 bits. Raises `NotAcceptable` for what is no colour space of ours."""
    eight = _eight_bits(pixels, now)
    kind = now.photometric
    if kind == "ARGB" and eight.shape[2] > _THREE:
        return eight[..., 1:4]
    if kind == "CMYK" and eight.shape[2] > _THREE:
        return _converted(eight[..., :4], "CMYK")
    if eight.shape[2] < _THREE:
        return eight[..., 0]
    eight = eight[..., :3]
    if kind.startswith("YBR_PARTIAL"):
        return _from_partial(eight)
    mode = "YCbCr" if kind.startswith("YBR_FULL") else "HSV" if kind == "HSV" else ""
    return _converted(eight, mode) if mode else eight


def _converted(pixels: Array, mode: str) -> Array:
    # from bytes, as the mode cannot be told from an array
    image = Pillow.frombytes(mode, (pixels.shape[1], pixels.shape[0]), np.ascontiguousarray(pixels).tobytes())
    return np.asarray(image.convert("RGB"))


def _eight_bits(pixels: Array, now: Format) -> Array:
    if pixels.dtype.kind == "f":
        raise NotAcceptable("colours of floating point numbers cannot be shown")
    unsigned = pixels.astype(np.int64) if pixels.dtype.kind == "i" else pixels
    bits = now.bits_stored if 0 < now.bits_stored <= now.bits_allocated else now.bits_allocated
    if bits > 8:
        return (unsigned >> (bits - 8)).clip(0, 255).astype(np.uint8)
    if bits < 8:
        return (unsigned * (255 / ((1 << bits) - 1))).clip(0, 255).astype(np.uint8)
    return unsigned.astype(np.uint8, copy=False)


def _from_partial(pixels: Array) -> Array:
    """ITU-R BT.601 with head room: luminance from 16 to 235, chrominance from 16 to 240."""
    luminance = (pixels[..., 0].astype(np.float32) - 16) * 1.164383
    blue, red = (pixels[..., place].astype(np.float32) - 128 for place in (1, 2))
    out = np.stack(
        (luminance + 1.596027 * red, luminance - 0.391762 * blue - 0.812968 * red, luminance + 2.017232 * blue), axis=-1
    )
    return (out + 0.5).clip(0, 255).astype(np.uint8)


def palette_picture(pixels: Array, first: int, colours: Array) -> Array:
    """A frame of palette numbers as RGB of 8 bits."""
    if pixels.dtype.itemsize > 2 or pixels.dtype.kind == "f":
        return colours[np.clip(pixels.astype(np.int64) - first, 0, len(colours) - 1)]
    width = pixels.dtype.itemsize
    patterns = np.arange(1 << 8 * width, dtype=np.int64)
    if pixels.dtype.kind == "i":
        patterns = patterns.astype(f"u{width}").view(f"i{width}").astype(np.int64)
    native = np.ascontiguousarray(pixels.astype(pixels.dtype.newbyteorder("="), copy=False))
    picture: Array = colours[np.clip(patterns - first, 0, len(colours) - 1)][native.view(f"u{width}")]
    return picture
