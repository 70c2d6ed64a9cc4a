"""From stored numbers to 8 bits of grey: modality, VOI and presentation transformation. PS3.3 C.11.1, C.11.2, C.11.6.

For pixels of up to 16 bits the whole chain is one table, made once for all slices that share it.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from pacs.pixels.image import Array, Format
from pacs.pixels.rendering.options import LINEAR, SIGMOID, Window


@dataclass(frozen=True, slots=True)
class Table:
    """A lookup table: the first number it maps, its 16-bit entries, and bits of an entry. PS3.3 C.11.1.1.1."""

    first: int
    entries: bytes
    bits: int

    def of(self, values: Array) -> Array:
        """The entries for numbers; those beyond the ends get the last entry of that end."""
        entries = np.frombuffer(self.entries, np.uint16)
        at = np.clip(np.floor(values + 0.5) - self.first, 0, len(entries) - 1).astype(np.intp)
        found: Array = entries[at].astype(np.float64)
        return found

    @property
    def top(self) -> float:
        """The largest number that an entry can be."""
        return float((1 << self.bits) - 1)


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers that are shown from black to white."""

    low: float
    high: float


Voi = Window | Table | Range


@dataclass(frozen=True, slots=True)
class Chain:
    """The transformations of a frame, in their order."""

    slope: float = 1.0
    intercept: float = 0.0
    modality: Table | None = None
    voi: Voi = Range(0.0, 255.0)
    presentation: Table | None = None
    inverted: bool = False

    def rescaled(self, stored: Array) -> Array:
        """Numbers in the units of the modality."""
        if self.modality is not None:
            return self.modality.of(stored)
        return stored * self.slope + self.intercept

    def grey(self, stored: Array) -> Array:
        """Stored numbers as grey, 0 to 255, rounded."""
        grey = _through(self.rescaled(stored.astype(np.float64)), self.voi)
        grey = np.nan_to_num(np.clip(grey, 0.0, 255.0))
        if self.presentation is not None:
            table = self.presentation
            last = len(table.entries) // 2 - 1
            grey = table.of(grey / 255.0 * last + table.first) / table.top * 255.0
        if self.inverted:
            grey = 255.0 - grey
        return np.floor(grey + 0.5).astype(np.uint8)


def _through(values: Array, voi: Voi) -> Array:
    if isinstance(voi, Table):
        return voi.of(values) / voi.top * 255.0
    if isinstance(voi, Range):
        return (values - voi.low) * (255.0 / (voi.high - voi.low)) if voi.high > voi.low else values * 0.0
    return through_window(values, voi)


def through_window(values: Array, window: Window) -> Array:
    """Numbers as grey, 0 to 255 before clipping. PS3.3 C.11.2.1.2.1, C.11.2.1.3.1 and C.11.2.1.3.2."""
    center, width = window.center, window.width
    if window.function == SIGMOID:
        return 255.0 / (1.0 + np.exp(np.clip(-4.0 * (values - center) / width, -700.0, 700.0)))
    if window.function != LINEAR:
        return ((values - center) / width + 0.5) * 255.0
    if width <= 1:
        return np.where(values <= center - 0.5, 0.0, 255.0)
    return ((values - (center - 0.5)) / (width - 1.0) + 0.5) * 255.0


@lru_cache(maxsize=64)
def _greys_of_all(width: int, bits_stored: int, *, signed: bool, chain: Chain) -> Array:
    return chain.grey(all_numbers(width, bits_stored, signed=signed))


def all_numbers(width: int, bits_stored: int, *, signed: bool) -> Array:
    """What each pattern of `width` bytes means: bits above BitsStored count for nothing. PS3.5 8.1.1."""
    patterns = np.arange(1 << (8 * width), dtype=np.int64)
    if not 0 < bits_stored < 8 * width:
        bits_stored = 8 * width
    patterns &= (1 << bits_stored) - 1
    if signed:
        patterns = np.where(patterns >= 1 << (bits_stored - 1), patterns - (1 << bits_stored), patterns)
    return patterns


def grey_picture(pixels: Array, now: Format, chain: Chain) -> Array:
    """A frame as grey, 0 to 255."""
    width = pixels.dtype.itemsize
    if pixels.dtype.kind not in "iu" or width > 2:
        return chain.grey(pixels)
    table = _greys_of_all(width, now.bits_stored, signed=now.signed, chain=chain)
    native = pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
    picture: Array = table[np.ascontiguousarray(native).view(f"u{width}")]
    return picture


def value_range(pixels: Array, now: Format, padding: tuple[float, float] | None) -> tuple[float, float] | None:
    """The least and the largest stored number of a frame that is no padding; None when all of it is."""
    if pixels.dtype.kind in "iu" and pixels.dtype.itemsize <= 2 and 0 < now.bits_stored < pixels.dtype.itemsize * 8:
        width = pixels.dtype.itemsize
        native = np.ascontiguousarray(pixels.astype(pixels.dtype.newbyteorder("="), copy=False))
        pixels = all_numbers(width, now.bits_stored, signed=now.signed)[native.view(f"u{width}")]
    if padding is not None:
        pixels = pixels[(pixels < padding[0]) | (pixels > padding[1])]
    if pixels.dtype.kind == "f":
        pixels = pixels[np.isfinite(pixels)]
    return (float(pixels.min()), float(pixels.max())) if pixels.size else None
