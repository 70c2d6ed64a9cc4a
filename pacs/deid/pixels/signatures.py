"""Known devices: which rectangles of their images hold the patient's data. Two sources of them.

`built_in` are the project's own, in `pacs/deid/data/pixel_signatures.toml`; `pixel_script` reads the files of RSNA CTP
that sites bring. The first signature that fits an object counts.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from pacs.dicom.elements import DataSet
from pacs.pixels.image import Format
from pacs.pixels.ocr import Box


class Rectangle(NamedTuple):
    """As written: a negative left or top counts from the right or the bottom. Pixels."""

    left: int
    top: int
    width: int
    height: int

    def box(self, rows: int, columns: int) -> Box:
        """Within an image of this size."""
        left = self.left + columns if self.left < 0 else self.left
        top = self.top + rows if self.top < 0 else self.top
        right, bottom = min(left + self.width, columns), min(top + self.height, rows)
        return Box(min(max(left, 0), columns), min(max(top, 0), rows), max(right, 0), max(bottom, 0))


class Signature(NamedTuple):
    """A name, the question whether an object is such a device's, and the rectangles."""

    name: str
    fits: Callable[[DataSet], bool]
    rectangles: tuple[Rectangle, ...]


def regions_of(data_set: DataSet, found: Format, signatures: Sequence[Signature]) -> tuple[str, list[Box]] | None:
    """Name and boxes of the first signature that fits; None without one."""
    for signature in signatures:
        if signature.fits(data_set):
            boxes = [rectangle.box(found.rows, found.columns) for rectangle in signature.rectangles]
            return signature.name, [box for box in boxes if box.width > 0 and box.height > 0]
    return None
