"""Reading the frames of an object: those that differ in their text, each once."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher

import numpy as np

from pacs.deid.pixels.glyphs import glyph_areas, has_changed_glyphs, has_glyphs, has_glyphs_within, hidden_glyphs
from pacs.deid.pixels.redact import SURE, shared
from pacs.pixels.image import Array, Image
from pacs.pixels.ocr import Box, Line, Reader
from pacs.pixels.picture import grey_picture, pictures, stretched

_WELL = 0.9  # of a line's score
_ALIKE = 0.7  # of two texts' letters
_REMEMBERED = 3  # frames that a new one is compared with: banners may take turns
_LARGE = 1280  # pixels of a side
_AROUND = 64  # pixels around boxes that are read again
_BAND = 512  # rows at least: the reader enlarges what is narrow, which costs memory
_SQUARE = 32  # pixels
_TALLEST = 64  # pixels, or an eighth of the image: what is taller and was not read is no line
_BUSY = 0.35  # share of a square's pixels
_DIFFERENT = 24  # of 256; less is the noise of lossy compression


@dataclass(slots=True)
class Reading:
    """Lines of all frames that were read, and the numbers of these frames.

    `guesses`: the object is likely to carry text, so that all that looks like a line counts.
    """

    lines: list[Line] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)
    guesses: bool = True


def read_frames(image: Image, reader: Callable[[], Reader], *, every: bool) -> Reading:
    """Read the first frame (with `every`), and each one in which new glyphs stand beside all that were read lately.

    Without `every` a frame is read only when it shows glyphs. `reader` is asked for when it is needed first.
    """
    found = Reading(guesses=every)
    known: deque[Array] = deque(maxlen=_REMEMBERED)
    for number in range(image.count):
        grey = grey_picture(image, number)
        if (every and number == 0) or _has_new_glyphs(grey, known):
            found.frames.append(number)
            # Nobody suspects a radiograph with letters at its side as a whole: it is read where the letters are.
            small = every or max(grey.shape) <= _LARGE
            areas = [Box(0, 0, grey.shape[1], grey.shape[0])] if small else glyph_areas(grey)
            lines = _read(image, number, grey, reader(), areas, guesses=every)
            found.lines += [line for line in lines if line not in found.lines]
            known.append(grey.copy() if image.count > 1 else grey)
    return found


def _read(image: Image, number: int, grey: Array, reader: Reader, areas: Sequence[Box], *, guesses: bool) -> list[Line]:
    """Lines of one frame, in those areas of it. What cannot be read counts as a line in rows of glyphs at least, and
    only where no picture of the frame could be read.
    """
    hidden = [mask.astype(np.uint8) * 255 for mask in hidden_glyphs(grey)]
    lines = _lines_of(pictures(image, number), areas, reader)
    sure = [line for line in lines if line.score >= SURE]
    # A mask is a coarse picture: what stands in the true one is misread in it.
    lines += [
        line
        for line in _lines_of(hidden, areas, reader)
        if not any(known.score > max(line.score, _WELL) and _is_within(line.box, known.box) for known in sure)
    ]
    lines = _each_once(lines)
    sure = [line for line in lines if line.score >= SURE]
    tallest = max(_TALLEST, grey.shape[0] // 8)
    return [
        line
        for line in lines
        if line.score >= SURE
        or (
            (line.text or not any(_is_within(line.box, known.box) for known in sure))
            and (line.text or line.box.height <= tallest)
            and (guesses or has_glyphs_within(grey, line.box))
        )
    ]


def _lines_of(seen: Iterable[Array], areas: Sequence[Box], reader: Reader) -> list[Line]:
    return [
        line.moved(area.left, area.top)
        for picture in seen
        for area in areas
        for line in reader.read(picture[area.top : area.bottom, area.left : area.right])
    ]


def _each_once(lines: Sequence[Line]) -> list[Line]:
    """Lines without those that another picture of the frame shows better: the same text, read more surely."""
    ranked = sorted(range(len(lines)), key=lambda index: (-lines[index].score, index))
    taken: list[int] = []
    for index in ranked:
        if not any(lines[other].score >= _WELL and _is_same(lines[index], lines[other]) for other in taken):
            taken.append(index)
    return [lines[index] for index in sorted(taken)]


def _is_same(line: Line, known: Line) -> bool:
    place = _is_within(line.box, known.box) and _is_within(known.box, line.box)
    return place and SequenceMatcher(None, line.text, known.text, autojunk=False).ratio() >= _ALIKE


def read_again(image: Image, before: Reading, reader: Reader, boxes: Sequence[Box], kept: Sequence[Line]) -> list[Line]:
    """Lines around the boxes that were blanked, in the frames that were read before.

    Whole rows of the image are read, so that no line is cut; what was read before and stays is not judged again.
    """
    top = max(min(box.top for box in boxes) - _AROUND, 0)
    bottom = min(max(*(box.bottom + _AROUND for box in boxes), top + _BAND), image.format.rows)
    top = max(min(top, bottom - _BAND), 0)
    area = Box(0, top, image.format.columns, bottom)
    lines: list[Line] = []
    for number in before.frames:
        lines += _read(image, number, grey_picture(image, number), reader, [area], guesses=before.guesses)
    return [line for line in lines if not any(_is_within(line.box, known.box) for known in kept)]


def _is_within(box: Box, known: Box) -> bool:
    return 2 * shared(box, known) > box.width * box.height


def _has_new_glyphs(grey: Array, known: Iterable[Array]) -> bool:
    """Whether a frame shows glyphs that none of the known ones has."""
    return has_glyphs(grey) if not known else all(_shows_more(grey, last) for last in reversed(list(known)))


def _shows_more(grey: Array, last: Array) -> bool:
    if grey.shape != last.shape or np.array_equal(grey, last):
        return grey.shape != last.shape
    low, high = float(min(grey.min(), last.min())), float(max(grey.max(), last.max()))
    now, before = stretched(grey, low, high), stretched(last, low, high)
    changed = np.abs(now.astype(np.int16) - before) > _DIFFERENT
    if not changed.any():
        return False
    # What moves is full of odd shapes in its difference: there the frame's own glyphs count.
    moving = _moving(changed)
    if moving.any() and has_changed_glyphs(now, changed & moving):
        return True
    return has_glyphs(np.where(changed & ~moving, now, 0).astype(np.uint8))


def _moving(changed: Array) -> Array:
    """Those squares of an image in which more has changed than a text could, with the squares around them."""
    rows, columns = (-(-side // _SQUARE) for side in changed.shape)
    whole = np.zeros((rows * _SQUARE, columns * _SQUARE), bool)
    whole[: changed.shape[0], : changed.shape[1]] = changed
    share = whole.reshape(rows, _SQUARE, columns, _SQUARE).mean(axis=(1, 3))
    busy = np.pad(share > _BUSY, 1)
    near = np.zeros((rows, columns), bool)
    for down in range(3):
        for right in range(3):
            near |= busy[down : down + rows, right : right + columns]
    spread = np.repeat(np.repeat(near, _SQUARE, axis=0), _SQUARE, axis=1)
    return spread[: changed.shape[0], : changed.shape[1]]
