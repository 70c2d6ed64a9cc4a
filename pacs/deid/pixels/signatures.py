"""Known devices: which rectangles of their images hold the patient's data. Two sources of them.

`built_in` are the project's own, in `pacs/deid/data/pixel_signatures.toml`; `pixel_script` reads the files of RSNA CTP
that sites bring. The first signature that fits an object counts.
"""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from pacs.dicom.dictionary import tag_of
from pacs.dicom.elements import DataSet
from pacs.dicom.syntaxes import Encoding
from pacs.dicom.values import first_text, numbers_of
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
    """A name, the question whether an object is such a device's, and the rectangles.

    `complete`: nothing else in such an image identifies, so it is not read. `as_ctp`: its rectangles get the number 0,
    and no mark says so.
    """

    name: str
    fits: Callable[[DataSet, Encoding], bool]
    rectangles: tuple[Rectangle, ...]
    complete: bool = True
    as_ctp: bool = False

    def boxes(self, found: Format) -> list[Box]:
        """The rectangles within an image, without those that miss it."""
        boxes = (rectangle.box(found.rows, found.columns) for rectangle in self.rectangles)
        return [box for box in boxes if box.width > 0 and box.height > 0]


def signature_of(data_set: DataSet, signatures: Sequence[Signature], encoding: Encoding) -> Signature | None:
    """The first signature that fits an object; `encoding` is how it was read."""
    return next((signature for signature in signatures if signature.fits(data_set, encoding)), None)


@cache
def built_in() -> tuple[Signature, ...]:
    """The project's own signatures."""
    content = (files("pacs") / "deid" / "data" / "pixel_signatures.toml").read_text(encoding="utf-8")
    return tuple(
        Signature(
            entry["name"],
            _all_equal(entry["if"]),
            tuple(Rectangle(*each) for each in entry["rectangles"]),
            entry.get("complete", False),
        )
        for entry in tomllib.loads(content)["signature"]
    )


def _all_equal(wanted: Mapping[str, Sequence[str | int]]) -> Callable[[DataSet, Encoding], bool]:
    """Whether an object has one of the values of each attribute."""
    conditions = [
        (tag_of(keyword), frozenset(str(value).lower() for value in values)) for keyword, values in wanted.items()
    ]

    def fits(data_set: DataSet, encoding: Encoding) -> bool:
        return all(_value(data_set, tag, encoding) in values for tag, values in conditions)

    return fits


def _value(data_set: DataSet, tag: int, encoding: Encoding) -> str:
    element = data_set.get(tag)
    if element is None or element.items is not None:
        return ""
    if element.vr in ("US", "SS"):
        return "\\".join(str(number) for number in numbers_of(element, little_endian=encoding.little_endian))
    return first_text(data_set, tag).strip().lower()
