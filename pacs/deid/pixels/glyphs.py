"""A quick look for drawn text: thin strokes of one value, in a row, on ground of another value.

A few milliseconds for a slice, so that every image can have it. It finds what software draws, not faint or blurred
writing; where it says yes, the image is read.
"""

import math
from collections.abc import Callable, Iterator

import numpy as np

from pacs.pixels.image import Array
from pacs.pixels.ocr import Box

_MIN_STROKE_PIXELS = 24
_MAX_SHARE = 0.08  # text that covers more of an image than this is no small print, and is found by its class
_MAX_RUN = 9.0  # mean pixels of a stroke's width, at 512 columns
_EXTREME = 0.04  # share of the range of values that counts as full white or black
_BRIGHT = 0.55  # small smoothed letters do not reach full white
_GREY = 0.35  # in the margins grey letters count too
_MARGIN = 8  # the margins are an eighth of the image at each side
_BARELY = 0.03  # share of the range by which writing may differ from an even ground without being seen
_EVEN = 0.2  # share of an image that makes an even ground
_MIN_CHAIN = 3
_MAX_GLYPHS = 400
_FRESH = 0.3  # share of a glyph's pixels that makes it a new one
_CELL = 64  # pixels; areas to read are made of such squares


def has_glyphs(pixels: Array) -> bool:
    """Whether an image of one sample, (rows, columns), shows rows of glyphs."""
    return any(_shows_text(mask) for mask in _strokes(pixels))


def has_changed_glyphs(pixels: Array, changed: Array) -> bool:
    """Whether rows of glyphs stand in an image that were not there before: much of their strokes is in `changed`."""
    for mask in _visible(pixels, *_extremes(pixels)):
        for glyphs in _rows_of_glyphs(mask):
            fresh = 0
            for left, top, width, height, area in glyphs:
                place = slice(top, top + height), slice(left, left + width)
                fresh += bool(np.count_nonzero(mask[place] & changed[place]) > _FRESH * area)
            if fresh >= _MIN_CHAIN:
                return True
    return False


def has_glyphs_within(pixels: Array, box: Box) -> bool:
    """Whether a row of glyphs stands within a box of an image."""
    for mask in _strokes(pixels):
        for glyphs in _rows_of_glyphs(mask):
            across, down = glyphs[:, 0] + glyphs[:, 2] / 2, glyphs[:, 1] + glyphs[:, 3] / 2
            inside = (across >= box.left) & (across < box.right) & (down >= box.top) & (down < box.bottom)
            if _chains(glyphs[inside])[0] >= _MIN_CHAIN:
                return True
    return False


def hidden_glyphs(pixels: Array) -> "list[Array]":
    """Masks of glyphs that differ little from what is around them: writing that people may not see, but programs do."""
    return [mask for mask in _hidden(pixels, *_extremes(pixels)) if _shows_text(mask)]


def _extremes(pixels: Array) -> tuple[float, float]:
    return pixels.min().item(), pixels.max().item()


def _strokes(pixels: Array) -> Iterator[Array]:
    """All masks of pixels that may be strokes."""
    low, high = _extremes(pixels)
    yield from _visible(pixels, low, high)
    yield from _hidden(pixels, low, high)


def _visible(pixels: Array, low: float, high: float) -> Iterator[Array]:
    """Masks of pixels that may be strokes: the brightest, the darkest, and grey ones in the margins."""
    span = high - low
    if span < 2:
        return
    step = span * _EXTREME
    some = pixels[::4]
    # Whole numbers are held against whole numbers: against others numpy would turn every pixel into one of those.
    up, down = (math.ceil, math.floor) if pixels.dtype.kind in "iu" else (float, float)
    bright, dark, rather_bright = up(high - step), down(low + step), up(low + span * _BRIGHT)
    tests: tuple[Callable[[Array], Array], ...] = (
        lambda part: part >= bright,
        lambda part: part <= dark,
        lambda part: part >= rather_bright,
    )
    for test in tests:
        # Every fourth row tells whether the mask is far too large, as it is for most of them.
        if np.count_nonzero(test(some)) <= _MAX_SHARE * pixels.size / 2:
            mask = test(pixels)
            if _is_thin(mask):
                yield mask
    mask = _in_margins(pixels, up(low + span * _GREY))
    if _is_thin(mask):
        yield mask


def _hidden(pixels: Array, smallest: float, largest: float) -> Iterator[Array]:
    """Masks of values that stand out by their number, and of those just beside an even ground."""
    low, high = int(smallest), int(largest)
    span = high - low
    if span < 1 or pixels.dtype.itemsize > 2:
        return
    # Every other row is counted.
    counts = np.bincount(np.subtract(pixels[::2], low, dtype=np.intp).ravel(), minlength=span + 1)
    if span > 255:
        for value in _spikes(counts):
            mask = pixels == value + low
            if _is_thin(mask):
                yield mask
    barely = max(int(span * _BARELY), 1)
    for ground, near in ((low, counts[1 : barely + 1]), (high, counts[-barely - 1 : -1])):
        much = 2 * counts[ground - low] > _EVEN * pixels.size
        if much and 2 * int(near.sum()) <= 2 * _MAX_SHARE * pixels.size:
            mask = (
                (pixels > low) & (pixels <= low + barely)
                if ground == low
                else (pixels < high) & (pixels >= high - barely)
            )
            if _is_thin(mask):
                yield mask


def _in_margins(pixels: Array, least: float) -> Array:
    """The mask of what is at least so bright, without the middle of the image, where anatomy is."""
    high, wide = pixels.shape[0] // _MARGIN, pixels.shape[1] // _MARGIN
    mask = np.zeros(pixels.shape, bool)
    for part in (np.s_[:high], np.s_[pixels.shape[0] - high :], np.s_[:, :wide], np.s_[:, pixels.shape[1] - wide :]):
        mask[part] = pixels[part] >= least
    return mask


def _spikes(counts: Array) -> list[int]:
    """Values between the extremes that are far more frequent than those around them, by their place in `counts`."""
    often = np.flatnonzero(counts >= _MIN_STROKE_PIXELS)
    ends = np.pad(counts, 1)
    # What stands out from 48 values around it stands out from the next ones: nearly none does.
    often = often[counts[often] > 6 * np.maximum(ends[often], ends[often + 2])]
    if not len(often):
        return []
    around = np.lib.stride_tricks.sliding_window_view(np.pad(counts, 24, mode="reflect"), 49)[often]
    ordered = np.partition(around, -2, axis=1)
    standing_out = often[counts[often] > 6 * np.maximum(ordered[:, -2], 2)]
    return sorted((int(value) for value in standing_out), key=lambda value: -int(counts[value]))[:4]


def _is_thin(mask: Array) -> bool:
    """Whether a mask can be strokes at all: few pixels, in short horizontal runs."""
    count = int(np.count_nonzero(mask))
    if not _MIN_STROKE_PIXELS <= count <= _MAX_SHARE * mask.size:
        return False
    runs = int(np.count_nonzero(mask[:, 1:] > mask[:, :-1])) + int(np.count_nonzero(mask[:, 0]))
    return bool(count / max(runs, 1) <= _MAX_RUN * max(mask.shape[1] / 512, 1))


def _shows_text(mask: Array) -> bool:
    """Whether connected strokes of like height stand side by side on one line."""
    return next(_rows_of_glyphs(mask), None) is not None


def _rows_of_glyphs(mask: Array) -> Iterator[Array]:
    """Glyphs (left, top, width, height, pixels) of a part of the mask each time that some of them stand in a row."""
    import cv2  # noqa: PLC0415 - wanted by one image in many

    _count, _labels, stats, _centres = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    stats = stats[1:]
    height, width, area = stats[:, 3], stats[:, 2], stats[:, 4]
    tallest = max(40, mask.shape[0] // 10)
    fits = (height >= 5) & (height <= tallest) & (width <= 3 * height)
    fits &= (area >= 5) & (area <= 0.98 * height * width + 12)
    glyphs = stats[fits]
    glyphs = glyphs[np.argsort(glyphs[:, 1], kind="stable")]
    for start in range(0, len(glyphs), _MAX_GLYPHS):
        part = glyphs[start : start + _MAX_GLYPHS]
        longest, in_row = _chains(part)
        if longest >= _MIN_CHAIN:
            yield part[in_row]


def _chains(glyphs: Array) -> tuple[int, Array]:
    """How many glyphs stand in one row at most (like heights, one base line, gaps below the height), and which have
    a neighbour at all.
    """
    if len(glyphs) < _MIN_CHAIN:
        return 0, np.zeros(len(glyphs), bool)
    left, top, width, height = (glyphs[:, column].astype(np.int64) for column in range(4))
    bottom = top + height
    taller = np.maximum(height[:, None], height[None, :])
    alike = np.minimum(height[:, None], height[None, :]) * 10 >= taller * 6
    level = np.abs(bottom[:, None] - bottom[None, :]) * 5 <= taller
    gap = left[None, :] - (left + width)[:, None]
    beside = alike & level & (gap >= -1) & (gap * 10 <= taller * 8)
    longest = np.ones(len(glyphs), np.int64)
    for index in np.argsort(left):
        before = np.flatnonzero(beside[:, index])
        if len(before):
            longest[index] = longest[before].max() + 1
    in_row: Array = np.logical_or(beside.any(axis=0), beside.any(axis=1))
    return int(longest.max()), in_row


def glyph_areas(pixels: Array) -> list[Box]:
    """Rectangles with much room around the glyphs of an image, so that of a large one only these need be read."""
    import cv2  # noqa: PLC0415 - wanted by one image in many

    rows, columns = pixels.shape
    coarse = np.zeros((rows // _CELL + 1, columns // _CELL + 1), np.uint8)
    for mask in _strokes(pixels):
        for glyphs in _rows_of_glyphs(mask):
            for left, top, width, height, _area in glyphs:
                room = _CELL + 2 * height
                down = slice(max(top - room, 0) // _CELL, (top + height + room) // _CELL + 1)
                coarse[down, max(left - room, 0) // _CELL : (left + width + room) // _CELL + 1] = 1
    _count, _labels, stats, _centres = cv2.connectedComponentsWithStats(coarse, connectivity=8)
    ends = ((left, top, left + width, top + height) for left, top, width, height, _area in stats[1:] * _CELL)
    return [Box(int(a), int(b), min(int(c), columns), min(int(d), rows)) for a, b, c, d in ends]
