"""Pictures cut, flipped and scaled to a viewport. PS3.18 8.3.5.1.3."""

import math

import numpy as np
from PIL import Image as Pillow

from pacs.errors import BadRequest
from pacs.pixels.image import Array
from pacs.pixels.rendering.options import Viewport

MOST_PIXELS = 1 << 24  # of a picture that is scaled up


def fitted(picture: Array, viewport: Viewport, aspect: float = 1.0) -> Array:
    """The picture, as large as possible within the viewport: first cut, then flipped, then scaled.

    `aspect` is the height of a pixel by its width. Raises `BadRequest` when the region lies outside the picture.
    """
    rows, columns = picture.shape[:2]
    box = region(viewport, rows, columns)
    cut = picture[_whole(box[1], box[3], rows), _whole(box[0], box[2], columns)]
    if (viewport.region_width or 1) < 0:
        cut = cut[:, ::-1]
    if (viewport.region_height or 1) < 0:
        cut = cut[::-1]
    return scaled(cut, *size_within(cut.shape[1], cut.shape[0] * aspect, viewport.width, viewport.height))


def region(viewport: Viewport, rows: int, columns: int) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of what is shown. Raises `BadRequest`."""
    left, top = abs(viewport.left), abs(viewport.top)
    right = min(left + abs(viewport.region_width), columns) if viewport.region_width is not None else columns
    bottom = min(top + abs(viewport.region_height), rows) if viewport.region_height is not None else rows
    if left >= right or top >= bottom:
        raise BadRequest("the region of the viewport lies outside the image")
    return left, top, right, bottom


def _whole(start: float, end: float, size: int) -> slice:
    """Whole pixels, at least one."""
    first = min(math.floor(start + 0.5), size - 1)
    return slice(first, max(math.floor(end + 0.5), first + 1))


def size_within(width: float, height: float, most_wide: int, most_high: int) -> tuple[int, int]:
    """The largest size of that shape within a viewport; scaling up ends at `MOST_PIXELS`."""
    scale = min(most_wide / width, most_high / height)
    if scale > 1:
        scale = max(1.0, min(scale, math.sqrt(MOST_PIXELS / (width * height))))
    return max(1, min(most_wide, round(width * scale))), max(1, min(most_high, round(height * scale)))


def scaled(picture: Array, width: int, height: int) -> Array:
    """The picture at another size; smaller ones are averaged."""
    if (height, width) == picture.shape[:2]:
        return picture
    smaller = width <= picture.shape[1] and height <= picture.shape[0]
    way = Pillow.Resampling.BOX if smaller else Pillow.Resampling.BICUBIC
    reducing = 2.0 if smaller else None
    image = Pillow.fromarray(np.ascontiguousarray(picture))
    return np.asarray(image.resize((width, height), way, reducing_gap=reducing))
