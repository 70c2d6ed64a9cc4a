"""Reading text in pixels, offline: the models stand in the wheel of `rapidocr`. Pure.

The reader is made once per process, at the first image that needs it; importing this module costs nothing. Why
(2026-11): of the engines that work without a network, this one found 0.96 of words and none where there is no text.
"""

import logging
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple, Protocol

import numpy as np

from pacs.pixels.image import Array

THREADS = 1
_LARGEST = 1280  # pixels of a side; larger images are read in tiles of this size, which bounds the memory to half a GB
_OVERLAP = 200
_SMALL = 400  # images whose shorter side has less are read twice as large
_MARGIN = 12


class Box(NamedTuple):
    """A rectangle in pixels: left, top, and the first column and row outside."""

    left: int
    top: int
    right: int
    bottom: int

    def moved(self, right: int, down: int) -> "Box":
        """The box farther right and down."""
        return Box(self.left + right, self.top + down, self.right + right, self.bottom + down)

    @property
    def height(self) -> int:
        """Rows."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """Columns."""
        return self.right - self.left


class Word(NamedTuple):
    """A word as it was read; text in pixels is identified data."""

    text: str
    box: Box


class Line(NamedTuple):
    """A line of text, its words from left to right, and how sure the reader is (0 to 1).

    The text is empty where something was seen that looks like a line, in letters that the reader does not know.
    """

    text: str
    box: Box
    score: float
    words: tuple[Word, ...]

    def moved(self, right: int, down: int) -> "Line":
        """The line in the coordinates of an image of which only a part was read."""
        words = tuple(Word(word.text, word.box.moved(right, down)) for word in self.words)
        return Line(self.text, self.box.moved(right, down), self.score, words)


class Reader(Protocol):
    """Reads images."""

    def read(self, picture: Array) -> list[Line]:
        """Lines of text in an 8-bit picture, (rows, columns) or (rows, columns, 3), in its coordinates."""


@cache
def reader(threads: int = THREADS) -> Reader:
    """The reader of this process."""
    return _RapidReader(threads)


class _RapidReader:
    def __init__(self, threads: int) -> None:
        from rapidocr import RapidOCR  # noqa: PLC0415 - half a second and 100 MB, for those alone who read

        cv2 = __import__("cv2")
        cv2.setNumThreads(threads)
        self.engine: Any = RapidOCR(
            params={
                "Global.use_cls": False,  # burned-in text is hardly ever upside down
                "Global.text_score": 0.0,  # what cannot be read is text all the same; the caller decides
                "Global.log_level": "error",
                "EngineConfig.onnxruntime.intra_op_num_threads": threads,
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            }
        )
        logging.getLogger("RapidOCR").handlers.clear()  # its lines may quote what it reads
        self.unread: Any = ()
        self._build = self.engine.build_final_output
        vars(self.engine)["build_final_output"] = self._with_unread

    def _with_unread(self, image: Array, found: Any, turned: Any, read: Any, parts: Any, record: Any) -> Any:
        """The engine's last step, which leaves out lines that were seen but not read: they are remembered first."""
        from rapidocr.utils.process_img import map_boxes_to_original  # noqa: PLC0415 - see above

        self.unread = ()
        blank = [index for index, text in enumerate(read.txts or ()) if not text.strip()]
        if blank and found.boxes is not None:
            self.unread = map_boxes_to_original(found.boxes[blank].copy(), record, *image.shape[:2])
        return self._build(image, found, turned, read, parts, record)

    def read(self, picture: Array) -> list[Line]:
        rows, columns = picture.shape[:2]
        lines: list[Line] = []
        for top in _starts(rows):
            for left in _starts(columns):
                tile = picture[top : top + _LARGEST, left : left + _LARGEST]
                lines += [line.moved(left, top) for line in self._read_tile(tile)]
        return lines

    def _read_tile(self, tile: Array) -> list[Line]:
        scale = 2 if min(tile.shape[:2]) < _SMALL else 1
        enlarged = np.repeat(np.repeat(tile, scale, axis=0), scale, axis=1) if scale > 1 else tile
        around = [(_MARGIN, _MARGIN), (_MARGIN, _MARGIN), (0, 0)][: enlarged.ndim]
        # Letters at the very edge are found better with some ground around them.
        framed = np.pad(np.ascontiguousarray(enlarged), around, mode="edge")
        found = self.engine(framed, return_word_box=True)
        lines = [Line("", _box(corners, scale, tile), 0.0, ()) for corners in self.unread]
        if found.boxes is None or not found.txts:
            return lines
        words = found.word_results or [() for _ in found.txts]
        for corners, text, score, parts in zip(found.boxes, found.txts, found.scores, words, strict=True):
            read = tuple(Word(part[0], _box(part[2], scale, tile)) for part in parts or () if part[2] is not None)
            lines.append(Line(text, _box(corners, scale, tile), float(score), read))
        return lines


def _starts(size: int) -> Sequence[int]:
    return range(0, max(size - _OVERLAP, 1), _LARGEST - _OVERLAP)


def _box(corners: Any, scale: int, tile: Array) -> Box:
    points = (np.asarray(corners, dtype=float) - _MARGIN) / scale
    rows, columns = tile.shape[:2]
    left, top = np.floor(points.min(axis=0)).astype(int)
    right, bottom = np.ceil(points.max(axis=0)).astype(int)
    return Box(max(int(left), 0), max(int(top), 0), min(int(right), columns), min(int(bottom), rows))
