"""Lines of text on a picture, readable on any ground. PS3.18 8.3.5.1.1."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from pacs.pixels.image import Array

_LEAST, _MOST = 10, 28  # pixels of a letter's height
_LETTERS = 96


def annotated(picture: Array, lines: Sequence[str]) -> Array:
    """The picture with lines of text at its upper left corner, white with a black edge; long lines are cut."""
    if not lines:
        return picture
    image = Pillow.fromarray(np.ascontiguousarray(picture))
    pen = ImageDraw.Draw(image)
    size = min(max(min(image.size) // 28, _LEAST), _MOST)
    font = font_of(size)
    white, black = (255, 0) if image.mode == "L" else ((255, 255, 255), (0, 0, 0))
    for number, line in enumerate(lines):
        place = (size // 2, size // 2 + number * (size * 5 // 4))
        pen.text(place, line[:_LETTERS], fill=white, font=font, stroke_width=max(size // 12, 1), stroke_fill=black)
    return np.asarray(image)


@lru_cache(maxsize=8)
def font_of(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The letters that come with Pillow, at a height in pixels."""
    return ImageFont.load_default(size)
