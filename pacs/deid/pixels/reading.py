"""Reading the frames of an object: those that differ in their text, each once."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from pacs.deid.pixels.glyphs import has_glyphs, hidden_glyphs
from pacs.pixels.image import Array, Image
from pacs.pixels.ocr import Line, Reader
from pacs.pixels.picture import grey_picture, pictures, stretched

_DIFFERENT = 24  # of 256; less is the noise of lossy compression


@dataclass(slots=True)
class Reading:
    """Lines of all frames that were read, and the numbers of these frames."""

    lines: list[Line] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)


def read_frames(image: Image, reader: Callable[[], Reader], *, every: bool) -> Reading:
    """Read the first frame (with `every`), and each one in which new glyphs stand since the last that was read.

    Without `every` a frame is read only when it shows glyphs. `reader` is asked for when it is needed first.
    """
    found = Reading()
    last: Array | None = None
    for number in range(image.count):
        if every and number == 0 and image.count == 1:
            _read(image, number, reader(), found)
            break
        grey = grey_picture(image, number)
        if (every and number == 0) or _has_new_glyphs(grey, last):
            _read(image, number, reader(), found)
            last = grey.copy()
    return found


def read_again(image: Image, before: Reading, reader: Reader) -> list[Line]:
    """Lines of the frames that were read before, now that the image has changed."""
    again = Reading()
    for number in before.frames:
        _read(image, number, reader, again)
    return again.lines


def _read(image: Image, number: int, reader: Reader, found: Reading) -> None:
    found.frames.append(number)
    hidden = [mask.astype(np.uint8) * 255 for mask in hidden_glyphs(grey_picture(image, number))]
    for picture in (*pictures(image, number), *hidden):
        found.lines += [line for line in reader.read(picture) if line not in found.lines]


def _has_new_glyphs(grey: Array, last: Array | None) -> bool:
    if last is None:
        return has_glyphs(grey)
    if grey.shape != last.shape or np.array_equal(grey, last):
        return grey.shape != last.shape
    low, high = float(min(grey.min(), last.min())), float(max(grey.max(), last.max()))
    now, before = stretched(grey, low, high), stretched(last, low, high)
    changed = np.abs(now.astype(np.int16) - before) > _DIFFERENT
    if not changed.any():
        return False
    return has_glyphs(np.where(changed, now, 0).astype(np.uint8))
