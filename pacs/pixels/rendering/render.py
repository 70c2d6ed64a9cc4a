"""One frame as a picture of 8 bits."""

import io
from contextlib import suppress
from dataclasses import replace

import numpy as np
from PIL import Image as Pillow

from pacs.dicom.elements import DataSet
from pacs.dicom.syntaxes import Encoding
from pacs.errors import NotAcceptable
from pacs.pixels.image import Array, Format
from pacs.pixels.palette import palette
from pacs.pixels.plausible import size_in_stream
from pacs.pixels.reading import frame_pixels, layout_of
from pacs.pixels.rendering.attributes import holders, numbers
from pacs.pixels.rendering.chain import chain_of
from pacs.pixels.rendering.colours import colour_picture, palette_picture
from pacs.pixels.rendering.greys import Chain, grey_picture
from pacs.pixels.rendering.options import Look, Viewport
from pacs.pixels.rendering.viewport import fitted, region, size_within
from pacs.pixels.transcode import StoredFile

_BASELINE = "1.2.840.10008.1.2.4.50"
_MEASURES, _SPACINGS, _ASPECT = 0x00289110, (0x00280030, 0x00181164, 0x00182010), 0x00280034


def render(file: StoredFile, frame: int, look: Look) -> Array:
    """A frame (from 0) as (rows, columns) of grey or (rows, columns, 3) of RGB, 8 bits.

    Raises `NotAcceptable` when it cannot be decoded or is no image, `BadRequest` for a region outside it.
    """
    pixels, now, viewport = source_pixels(file, frame, look)
    picture = shown(file, frame, pixels, now, look)
    if viewport is None:
        return picture
    return fitted(picture, viewport, pixel_aspect(file.data_set, file.encoding, frame))


def source_pixels(file: StoredFile, frame: int, look: Look) -> tuple[Array, Format, Viewport | None]:
    """The decoded frame, already smaller where a coarse picture is enough, and the viewport that is left to do."""
    viewport = look.viewport
    found = layout_of(file)
    if viewport is None or not look.coarse:
        quick = _draft(file, frame, found, None)
        return (quick, _drafted(found), viewport) if quick is not None else (*_in_bounds(file, frame), viewport)
    region(viewport, found.rows, found.columns)
    small = size_within(found.columns, found.rows, viewport.width, viewport.height)
    quick = _draft(file, frame, found, small)
    if quick is not None:
        return quick, _drafted(found), viewport
    pixels, now = _in_bounds(file, frame)
    step = max(min(pixels.shape[1] // (2 * small[0]), pixels.shape[0] // (2 * small[1])), 1)
    return pixels[::step, ::step], now, viewport


def _in_bounds(file: StoredFile, frame: int) -> tuple[Array, Format]:
    if not 0 <= frame < len(file.frames):
        raise NotAcceptable("the pixel data is shorter than its attributes say")
    return frame_pixels(file, frame)


def _drafted(found: Format) -> Format:
    colour = found.photometric if found.samples == 1 else "RGB"
    return replace(found, photometric=colour, bits_allocated=8, bits_stored=8, signed=False)


def _draft(file: StoredFile, frame: int, found: Format, size: tuple[int, int] | None) -> Array | None:
    """A baseline JPEG frame by the quickest decoder there is; None when it is none, or none that is plain.

    With a size, at a half, a quarter or an eighth of its own, but twice that size at least: coefficients are left out.
    """
    if file.transfer_syntax_uid != _BASELINE or found.photometric in ("RGB", "PALETTE COLOR"):
        return None
    if not 0 <= frame < len(file.frames):
        return None
    content = file.frame(frame)
    if size_in_stream(content) != (found.columns, found.rows):
        return None
    with suppress(OSError, ValueError, SyntaxError), Pillow.open(io.BytesIO(content), formats=["JPEG"]) as image:
        if image.mode != ("L" if found.samples == 1 else "RGB"):
            return None
        if size is not None:
            image.draft(image.mode, (2 * size[0], 2 * size[1]))
        return np.asarray(image)
    return None


def shown(file: StoredFile, frame: int, pixels: Array, now: Format, look: Look, chain: Chain | None = None) -> Array:
    """Decoded pixels as grey or RGB of 8 bits; `chain` takes the place of the object's own transformations."""
    if pixels.ndim == 3:
        return colour_picture(pixels, now)
    if now.photometric == "PALETTE COLOR" and pixels.dtype.kind in "iu":
        found = palette(file.data_set, file.transfer_syntax_uid)
        if found is not None:
            return palette_picture(pixels, *found)
    if chain is None:
        chain = chain_of(file, frame, pixels, now, look)
    return grey_picture(pixels, now, chain)


def pixel_aspect(data_set: DataSet, encoding: Encoding, frame: int) -> float:
    """The height of a pixel by its width: by its spacing, else by PixelAspectRatio. PS3.3 C.7.6.3.1.7, 10.7.1.3."""
    for tag in _SPACINGS:
        for holder in holders(data_set, frame, _MEASURES):
            spacing = numbers(holder, tag, encoding)
            if len(spacing) >= 2 and min(spacing[:2]) > 0:
                return _sensible(spacing[0] / spacing[1])
    ratio = numbers(data_set, _ASPECT, encoding)
    return _sensible(ratio[0] / ratio[1]) if len(ratio) >= 2 and min(ratio[:2]) > 0 else 1.0


def _sensible(aspect: float) -> float:
    return aspect if 0.05 < aspect < 20 and abs(aspect - 1) > 0.005 else 1.0
