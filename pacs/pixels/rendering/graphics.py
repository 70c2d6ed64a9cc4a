"""Graphics and text of presentation states. PS3.3 C.10.5."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw

from pacs.dicom.elements import DataSet
from pacs.dicom.syntaxes import Encoding
from pacs.dicom.values import charset_of, text_of
from pacs.pixels.image import Array
from pacs.pixels.rendering.annotate import font_of
from pacs.pixels.rendering.attributes import code, numbers

_OBJECTS, _TEXTS = 0x00700009, 0x00700008
_MOST_POINTS = 20_000
_INK = (255, 255, 0)

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Placing:
    """Where the displayed area stands in the image, and how it is turned (clockwise, degrees), then flipped."""

    left: int
    top: int
    width: int
    height: int
    turn: int
    flip: bool

    def of_pixel(self, x: float, y: float) -> Point:
        """A point of the image (0, 0 at the corner of its first pixel) in the picture."""
        x, y = x - self.left, y - self.top
        if self.turn == 90:
            x, y = self.height - y, x
        elif self.turn == 180:
            x, y = self.width - x, self.height - y
        elif self.turn == 270:
            x, y = y, self.width - x
        return (self.size[0] - x if self.flip else x), y

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture."""
        return (self.height, self.width) if self.turn in (90, 270) else (self.width, self.height)

    def point(self, x: float, y: float, units: str) -> Point:
        """A point in units of PIXEL or DISPLAY (fractions of the picture)."""
        return (x * self.size[0], y * self.size[1]) if units == "DISPLAY" else self.of_pixel(x, y)


def draw_graphics(picture: Array, placing: Placing, annotations: Iterable[DataSet], encoding: Encoding) -> Array:
    """The picture with the graphics of some Graphic Annotation items; in colour when there are any."""
    items = list(annotations)
    if not any(_items(item, tag) for item in items for tag in (_OBJECTS, _TEXTS)):
        return picture
    image = Pillow.fromarray(np.ascontiguousarray(picture)).convert("RGB")
    pen = ImageDraw.Draw(image)
    for item in items:
        for each in _items(item, _OBJECTS):
            _draw_object(pen, each, placing, encoding)
        for each in _items(item, _TEXTS):
            _draw_text(pen, each, item, placing, encoding)
    return np.asarray(image)


def _items(data_set: DataSet, tag: int) -> list[DataSet]:
    element = data_set.get(tag)
    return element.items or [] if element is not None else []


def _draw_object(pen: ImageDraw.ImageDraw, item: DataSet, placing: Placing, encoding: Encoding) -> None:
    units, kind = code(item, 0x00700005), code(item, 0x00700023)
    found = numbers(item, 0x00700022, encoding)[: 2 * _MOST_POINTS]
    points = [placing.point(found[at], found[at + 1], units) for at in range(0, len(found) - 1, 2)]
    filled = _INK if code(item, 0x00700024) == "Y" else None
    if kind == "POINT" and points:
        x, y = points[0]
        pen.line([(x - 3, y), (x + 3, y)], fill=_INK)
        pen.line([(x, y - 3), (x, y + 3)], fill=_INK)
    elif kind == "CIRCLE" and len(points) > 1:
        (x, y), edge = points[0], points[1]
        radius = float(np.hypot(edge[0] - x, edge[1] - y))
        pen.ellipse([x - radius, y - radius, x + radius, y + radius], outline=_INK, fill=filled)
    elif kind == "ELLIPSE" and len(points) > 3:
        pen.line(_ellipse(points), fill=_INK)
    elif kind in ("POLYLINE", "INTERPOLATED") and len(points) > 1:
        if filled and points[0] == points[-1]:
            pen.polygon(points, fill=filled)
        pen.line(points, fill=_INK)


def _ellipse(points: list[Point]) -> list[Point]:
    """An outline by the ends of the major and of the minor axis. PS3.3 C.10.5.1.2."""
    ends = np.array(points[:4])
    center = ends[:2].mean(axis=0)
    major, minor = (ends[1] - ends[0]) / 2, (ends[3] - ends[2]) / 2
    angles = np.linspace(0, 2 * np.pi, 73)
    outline = center + np.outer(np.cos(angles), major) + np.outer(np.sin(angles), minor)
    return [(float(x), float(y)) for x, y in outline]


def _draw_text(pen: ImageDraw.ImageDraw, item: DataSet, holder: DataSet, placing: Placing, encoding: Encoding) -> None:
    element = item.get(0x00700006)
    if element is None:
        return
    text = "\n".join(text_of(element, charset_of(item, charset_of(holder))).splitlines()[:20])[:1000]
    for tag, units in ((0x00700010, 0x00700003), (0x00700014, 0x00700004)):
        place = numbers(item, tag, encoding)
        if len(place) >= 2:
            at = placing.point(place[0], place[1], code(item, units))
            size = min(max(min(placing.size) // 32, 10), 24)
            pen.text(at, text, fill=_INK, font=font_of(size), stroke_width=1, stroke_fill=(0, 0, 0))
            return
