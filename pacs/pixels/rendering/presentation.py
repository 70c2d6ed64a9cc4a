"""Softcopy presentation states applied to the images that they refer to. PS3.3 A.33, C.10.4 to C.10.6, C.11.8, C.11.9.

Done: modality, VOI and presentation transformation, palettes, shutters but bitmaps, displayed area, rotation and flip,
graphics and text. Refused: bitmap shutters, overlays, blending.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw

from pacs.dicom.elements import DataSet
from pacs.dicom.fileformat import text_of
from pacs.dicom.syntaxes import EXPLICIT_BE, EXPLICIT_LE, Encoding
from pacs.errors import NotAcceptable
from pacs.pixels.image import Array
from pacs.pixels.palette import palette
from pacs.pixels.reading import frame_pixels
from pacs.pixels.rendering.attributes import code, number, numbers
from pacs.pixels.rendering.chain import presentation_table, voi_of, with_modality
from pacs.pixels.rendering.colours import colour_picture, palette_picture
from pacs.pixels.rendering.graphics import Placing, draw_graphics
from pacs.pixels.rendering.greys import Chain, Range, grey_picture, value_range
from pacs.pixels.rendering.options import Look
from pacs.pixels.rendering.viewport import MOST_PIXELS, fitted
from pacs.pixels.transcode import StoredFile

_SERIES, _IMAGES, _SOP, _FRAMES = 0x00081115, 0x00081140, 0x00081155, 0x00081160
_SOFTCOPY_VOI, _SHAPE, _AREAS = 0x00283110, 0x20500020, 0x0070005A
_TOP_LEFT, _BOTTOM_RIGHT = 0x00700052, 0x00700053
_MOST_BEYOND = 4  # times the image's size
_FLIP, _ROTATION = 0x00700041, 0x00700042


@dataclass(frozen=True, slots=True)
class Referenced:
    """An image that a state refers to, and the frame of it that is shown (from 1)."""

    series_uid: str
    sop_uid: str
    frame: int


def references_of(state: DataSet, encoding: Encoding) -> Iterator[Referenced]:
    """The images of a presentation state, in its order. PS3.3 C.11.11."""
    series = state.get(_SERIES)
    for outer in (series.items or []) if series is not None else []:
        images = outer.get(_IMAGES)
        for image in (images.items or []) if images is not None else []:
            frame = number(image, _FRAMES, encoding) or 1
            yield Referenced(text_of(outer, 0x0020000E), text_of(image, _SOP), max(int(frame), 1))


def render_presented(file: StoredFile, shown: Referenced, state: DataSet, encoding: Encoding, look: Look) -> Array:
    """An image as a presentation state shows it; the arrays are those of `render`. Raises `NotAcceptable`."""
    _check_known(state)
    if not 0 < shown.frame <= len(file.frames):
        raise NotAcceptable("the presentation state refers to a frame that is not there")
    picture = _tones(file, shown, state, encoding, look)
    picture = _shuttered(picture, state, encoding)
    area = _area(state, encoding, shown, picture)
    turn, flip = int(number(state, _ROTATION, encoding) or 0) % 360, code(state, _FLIP) == "Y"
    left, top, right, bottom = area
    placing = Placing(left, top, right - left, bottom - top, turn, flip)
    picture = np.rot90(_part(picture, area), -(turn // 90))
    picture = picture[:, ::-1] if flip else picture
    picture = draw_graphics(picture, placing, _mine(state, 0x00700001, shown), encoding)
    return fitted(picture, look.viewport) if look.viewport is not None else picture


def _check_known(state: DataSet) -> None:
    if "BITMAP" in text_of(state, 0x00181600).upper():
        raise NotAcceptable("presentation states with bitmap shutters are not shown here")
    if any(0x6000 <= tag >> 16 <= 0x60FF and tag & 0xFFFF == 0x3000 for tag in state):
        raise NotAcceptable("presentation states with overlays are not shown here")


def _tones(file: StoredFile, shown: Referenced, state: DataSet, encoding: Encoding, look: Look) -> Array:
    """Grey or colours of the image by the state's transformations; what it lacks is the identity."""
    pixels, now = frame_pixels(file, shown.frame - 1)
    if pixels.ndim == 3:
        return colour_picture(pixels, now)
    table = palette(state, EXPLICIT_LE if encoding.little_endian else EXPLICIT_BE)
    if now.photometric == "PALETTE COLOR":
        own = palette(file.data_set, file.transfer_syntax_uid)
        return palette_picture(pixels, *own) if own is not None else pixels.astype(np.uint8)
    chain = with_modality(Chain(), state, encoding, 0, signed=now.signed)
    voi = look.window
    item = next(_mine(state, _SOFTCOPY_VOI, shown), None)
    found = voi or (voi_of(item, encoding, 0, signed=now.signed) if item is not None else None)
    if found is None:
        ends = np.sort(chain.rescaled(np.array(value_range(pixels, now, None) or (0, 0), np.float64)))
        found = Range(float(ends[0]), float(ends[1]))
    inverted = code(state, _SHAPE) == "INVERSE"
    grey = grey_picture(
        pixels, now, replace(chain, voi=found, presentation=presentation_table(state, encoding), inverted=inverted)
    )
    if table is None:
        return grey
    colours: Array = table[1][(grey.astype(np.int64) * (len(table[1]) - 1) + 127) // 255]
    return colours


def _mine(state: DataSet, sequence: int, shown: Referenced) -> Iterator[DataSet]:
    """The items that are meant for an image: those that name it, or name none."""
    element = state.get(sequence)
    for item in (element.items or []) if element is not None else []:
        images = item.get(_IMAGES)
        named = [each for each in images.items or [] if text_of(each, _SOP) == shown.sop_uid] if images else []
        if images is None or not images.items or any(_has_frame(each, shown.frame) for each in named):
            yield item


def _has_frame(image: DataSet, frame: int) -> bool:
    frames = [each for each in text_of(image, _FRAMES).split("\\") if each.strip().isdigit()]
    return not frames or frame in map(int, frames)


def _area(state: DataSet, encoding: Encoding, shown: Referenced, picture: Array) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the displayed area in the image, before it is turned. PS3.3 C.10.4.

    It may reach beyond the image; one that reaches too far, as somebody could say to keep us busy, ends at the image.
    So does one that has more pixels than the image and than pictures that are scaled up may have.
    """
    rows, columns = picture.shape[:2]
    for item in _mine(state, _AREAS, shown):
        one, other = numbers(item, _TOP_LEFT, encoding), numbers(item, _BOTTOM_RIGHT, encoding)
        if len(one) >= 2 and len(other) >= 2:
            left, right = sorted((int(one[0]), int(other[0])))
            top, bottom = sorted((int(one[1]), int(other[1])))
            found = (left - 1, top - 1, right, bottom)
            within = (max(left - 1, 0), max(top - 1, 0), min(right, columns), min(bottom, rows))
            if within[0] >= within[2] or within[1] >= within[3]:
                continue
            is_near = right - left <= _MOST_BEYOND * columns and bottom - top <= _MOST_BEYOND * rows
            is_small = (right - left + 1) * (bottom - top + 1) <= max(rows * columns, MOST_PIXELS)
            return found if is_near and is_small else within
    return 0, 0, columns, rows


def _part(picture: Array, area: tuple[int, int, int, int]) -> Array:
    """The displayed area of a picture; black where it reaches beyond the image."""
    left, top, right, bottom = area
    rows, columns = picture.shape[:2]
    part = picture[max(top, 0) : bottom, max(left, 0) : right]
    beyond = [(max(-top, 0), max(bottom - rows, 0)), (max(-left, 0), max(right - columns, 0)), (0, 0)]
    return np.pad(part, beyond[: part.ndim])


def _shuttered(picture: Array, state: DataSet, encoding: Encoding) -> Array:
    """The picture with everything outside all shutters in the shutter's grey. PS3.3 C.7.6.11."""
    shapes = text_of(state, 0x00181600).upper().split("\\")
    masks = [mask for shape in shapes if (mask := _mask(shape.strip(), state, encoding, picture)) is not None]
    if not masks:
        return picture
    open_part = np.logical_and.reduce(masks)
    value = int(number(state, 0x00181622, encoding) or 0) >> 8
    return np.where(open_part if picture.ndim == 2 else open_part[..., None], picture, np.uint8(value & 0xFF))


def _mask(shape: str, state: DataSet, encoding: Encoding, picture: Array) -> Array | None:
    rows, columns = picture.shape[:2]
    y, x = np.ogrid[1 : rows + 1, 1 : columns + 1]
    if shape == "RECTANGULAR":
        edges = [number(state, tag, encoding) for tag in (0x00181602, 0x00181604, 0x00181606, 0x00181608)]
        left, right, top, bottom = (
            each if each is not None else usual
            for each, usual in zip(edges, (0, columns + 1, 0, rows + 1), strict=True)
        )
        rectangle: Array = (x > left) & (x < right) & (y > top) & (y < bottom)
        return rectangle
    if shape == "CIRCULAR":
        center, radius = numbers(state, 0x00181610, encoding), number(state, 0x00181612, encoding)
        if len(center) < 2 or radius is None:
            return None
        circle: Array = (y - center[0]) ** 2 + (x - center[1]) ** 2 <= radius**2
        return circle
    if shape == "POLYGONAL":
        found = numbers(state, 0x00181620, encoding)
        corners = [(found[at + 1] - 1, found[at] - 1) for at in range(0, len(found) - 1, 2)]
        if len(corners) < 3:
            return None
        mask = Pillow.new("1", (columns, rows))
        ImageDraw.Draw(mask).polygon(corners, fill=1, outline=1)
        return np.asarray(mask)
    return None
