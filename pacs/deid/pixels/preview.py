"""A picture for curators: a frame before and after, with the rectangles that were blanked. The left half identifies."""

import io

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw

from pacs.deid.pixels.clean import PixelOutcome
from pacs.deid.pixels.face import Volume, extent, render
from pacs.dicom.elements import DataSet
from pacs.errors import NotAcceptable
from pacs.pixels.image import image_of
from pacs.pixels.picture import pictures

_GAP = 8
_FACE_HEIGHT = 400  # pixels
_LARGEST = 1200  # pixels of one half's longer side


def preview(before: DataSet, before_syntax: str, outcome: PixelOutcome, frame: int = 0) -> bytes:
    """A PNG: the frame before, with red rectangles (blanked, or held for), and after. It belongs inside the wall.

    Raises `NotAcceptable` when the frame cannot be decoded.
    """
    left, right = _half(before, before_syntax, frame), _half(outcome.data_set, outcome.transfer_syntax_uid, frame)
    draw = ImageDraw.Draw(left)
    for region in (*outcome.regions, *outcome.suspects):
        ends = region.left + region.width, region.top + region.height
        draw.rectangle((region.left - 1, region.top - 1, *ends), outline=(255, 40, 40), width=1)
    whole = Pillow.new("RGB", (left.width + _GAP + right.width, max(left.height, right.height)), (90, 90, 90))
    whole.paste(left, (0, 0))
    whole.paste(right, (left.width + _GAP, 0))
    whole.thumbnail((2 * _LARGEST + _GAP, _LARGEST))
    out = io.BytesIO()
    whole.save(out, "PNG")
    return out.getvalue()


def face_preview(before: Volume, after: Volume) -> bytes:
    """A PNG of a head's surface before and after, from the front. The left half identifies.

    Raises `NotAcceptable` as `render` does.
    """
    halves = [Pillow.fromarray(render(each)) for each in (before, after)]
    height_mm, breadth_mm = (max(extent(before, axis), 1.0) for axis in (2, 0))
    size = round(_FACE_HEIGHT * breadth_mm / height_mm), _FACE_HEIGHT
    whole = Pillow.new("L", (2 * size[0] + _GAP, size[1]), 90)
    for number, half in enumerate(halves):
        whole.paste(half.resize(size), (number * (size[0] + _GAP), 0))
    out = io.BytesIO()
    whole.save(out, "PNG")
    return out.getvalue()


def _half(data_set: DataSet, syntax: str, frame: int) -> Pillow.Image:
    image = image_of(data_set, syntax)
    if image is None or frame >= image.count:
        raise NotAcceptable("the object has no such frame")
    return Pillow.fromarray(np.ascontiguousarray(pictures(image, frame)[0])).convert("RGB")
