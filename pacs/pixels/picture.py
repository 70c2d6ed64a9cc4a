"""Frames as people see them: 8-bit pictures in which text can be read. PS3.3 C.11.2, C.7.9."""

from typing import Any

import numpy as np

from pacs.dicom.elements import DataSet
from pacs.dicom.values import numbers_of
from pacs.pixels.image import Array, Format, Image
from pacs.pixels.palette import palette

CENTER, WIDTH, INTERCEPT, SLOPE = 0x00281050, 0x00281051, 0x00281052, 0x00281053


def pictures(image: Image, number: int) -> list[Array]:
    """A frame as one or two 8-bit pictures, grey or RGB; two where text may show in only one of its windows.

    Raises `NotAcceptable` when the frame cannot be decoded.
    """
    pixels, now = image.decoded(number, raw=False)
    if pixels.ndim == 3:
        return [_colours(pixels, now)]
    if image.format.photometric == "PALETTE COLOR":
        table = palette(image.data_set, image.transfer_syntax_uid)
        if table is not None:
            first, colours = table
            return [colours[np.clip(pixels.astype(np.int64) - first, 0, len(colours) - 1)]]
    return _greys(image.data_set, image.transfer_syntax_uid, pixels)


def grey_picture(image: Image, number: int) -> Array:
    """A frame in one sample, for quick looks; grey numbers are as stored."""
    pixels, now = image.decoded(number)
    if pixels.ndim == 2:
        if image.format.photometric != "PALETTE COLOR":
            return pixels
        picture = pictures(image, number)[0]
        return picture.max(axis=2) if picture.ndim == 3 else picture
    return np.asarray(pixels[..., 0] if now.photometric.startswith("YBR") else pixels.max(axis=2))


def _colours(pixels: Array, now: Format) -> Array:
    if now.photometric.startswith("YBR"):  # native pixels: the letters are in the luminance
        pixels = pixels[..., 0]
    if pixels.dtype == np.uint8:
        return pixels
    shift = max(now.bits_stored - 8, 0)
    return (pixels >> shift).clip(0, 255).astype(np.uint8)


def _greys(data_set: DataSet, transfer_syntax_uid: str, pixels: Array) -> list[Array]:
    low, high = float(pixels.min()), float(pixels.max())
    whole = stretched(pixels, low, high)
    if pixels.dtype.itemsize == 1:
        return [whole]
    window = _window(data_set, transfer_syntax_uid)
    if window is None:
        ends = np.percentile(pixels[::2, ::2], (2.0, 99.0))
        window = float(ends[0]), float(ends[1])
    bottom, top = max(window[0], low), min(window[1], high)
    narrow = bottom < top and top - bottom < 0.6 * (high - low)
    return [whole, stretched(pixels, bottom, top)] if narrow else [whole]


def stretched(pixels: Array, low: float, high: float) -> Array:
    """Numbers from `low` to `high` as 0 to 255."""
    scale = 255.0 / max(high - low, 1e-9)
    return ((pixels.astype(np.float32) - np.float32(low)) * np.float32(scale)).clip(0, 255).astype(np.uint8)


def _window(data_set: DataSet, transfer_syntax_uid: str) -> tuple[float, float] | None:
    """The first VOI window, in stored numbers. PS3.3 C.11.2.1.2."""

    def first(tag: int) -> Any:
        element = data_set.get(tag)
        numbers = numbers_of(element) if element is not None and element.items is None else []
        return numbers[0] if numbers else None

    center, width, slope, intercept = (first(tag) for tag in (CENTER, WIDTH, SLOPE, INTERCEPT))
    if center is None or not width or width < 1:
        return None
    slope, intercept = slope or 1.0, intercept or 0.0
    ends = [(center + side * width / 2 - intercept) / slope for side in (-1, 1)]
    return min(ends), max(ends)
