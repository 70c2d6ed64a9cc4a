"""Graphics and text of presentation states. PS3.3 C.10.5.

Pillow walks along all of a line, also where no picture is, so that one line to far away would keep us busy for minutes.
What reaches far beyond the picture is cut before it is drawn; all else goes to Pillow as it is.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

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
_MOST_POINTS = 20_000  # of one object
_MOST_IN_ALL = 50_000  # points and letters of all objects and texts of a state
_FILLING = 50  # points that count for filling, which may touch every pixel
_MARGIN = 4096  # pixels around the picture within which nothing is cut, or its larger side if that is more
_FARTHEST = 1e9  # pixels; beyond it, differences of coordinates lose what matters near the picture
_INK = (255, 255, 0)

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Reach:
    """A rectangle around the picture: what lies within is drawn as it is, what leaves it is cut at its edges."""

    left: float
    top: float
    right: float
    bottom: float

    @classmethod
    def around(cls, width: int, height: int) -> "Reach":
        """That of a picture."""
        margin = max(width, height, _MARGIN)
        return cls(-margin, -margin, width + margin, height + margin)

    def holds(self, points: Iterable[Point]) -> bool:
        """Whether all the points lie within."""
        return all(self.left <= x <= self.right and self.top <= y <= self.bottom for x, y in points)

    def segment(self, start: Point, end: Point) -> list[Point]:
        """Both ends of the part of a segment that lies within, or nothing. After Liang and Barsky."""
        (x, y), (across, down) = start, (end[0] - start[0], end[1] - start[1])
        first, last = 0.0, 1.0  # where the part begins and ends, as fractions of the segment
        for step, low, high in ((across, self.left - x, self.right - x), (down, self.top - y, self.bottom - y)):
            if step:
                near, far = sorted((low / step, high / step))
                first, last = max(first, near), min(last, far)
            elif not low <= 0 <= high:
                return []
        return [(x + at * across, y + at * down) for at in (first, last)] if first <= last else []

    def polygon(self, corners: list[Point]) -> list[Point]:
        """The corners of the part of a polygon that lies within, or nothing. After Sutherland and Hodgman."""
        for axis, edge, side in ((0, self.left, 1), (0, self.right, -1), (1, self.top, 1), (1, self.bottom, -1)):
            kept: list[Point] = []
            for before, now in zip([*corners[-1:], *corners[:-1]], corners, strict=True):
                was, is_now = (side * (each[axis] - edge) for each in (before, now))
                if (was < 0) != (is_now < 0):
                    share = was / (was - is_now)
                    kept.append(_between(before, now, share))
                if is_now >= 0:
                    kept.append(now)
            corners = kept
        return corners


def _between(one: Point, other: Point, share: float) -> Point:
    return one[0] + share * (other[0] - one[0]), one[1] + share * (other[1] - one[1])


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
    drawing = _Drawing(ImageDraw.Draw(image), placing, encoding, Reach.around(*placing.size))
    for item in items:
        for each in _items(item, _OBJECTS):
            drawing.graphic(each)
        for each in _items(item, _TEXTS):
            drawing.text(each, item)
    return np.asarray(image)


def _items(data_set: DataSet, tag: int) -> list[DataSet]:
    element = data_set.get(tag)
    return element.items or [] if element is not None else []


@dataclass(slots=True)
class _Drawing:
    """A picture that is drawn on, and how much may be drawn still."""

    pen: ImageDraw.ImageDraw
    placing: Placing
    encoding: Encoding
    reach: Reach
    left: int = _MOST_IN_ALL

    def graphic(self, item: DataSet) -> None:
        """Draw an item of the Graphic Object Sequence. PS3.3 C.10.5.1.2."""
        if self.left <= 0:
            return
        units, kind = code(item, 0x00700005), code(item, 0x00700023)
        found = numbers(item, 0x00700022, self.encoding)[: 2 * min(_MOST_POINTS, self.left)]
        points = [self.placing.point(found[at], found[at + 1], units) for at in range(0, len(found) - 1, 2)]
        filled = code(item, 0x00700024) == "Y"
        self.left -= len(points) + (_FILLING if filled else 0)
        if not all(abs(x) <= _FARTHEST and abs(y) <= _FARTHEST for x, y in points):
            return  # that is no place, nor is an infinity or NaN
        if kind == "POINT" and points:
            x, y = points[0]
            self.line([(x - 3, y), (x + 3, y)])
            self.line([(x, y - 3), (x, y + 3)])
        elif kind == "CIRCLE" and len(points) > 1:
            self.circle(points[0], points[1], filled=filled)
        elif kind == "ELLIPSE" and len(points) > 3:
            self.line(_ellipse(points))
        elif kind in ("POLYLINE", "INTERPOLATED") and len(points) > 1:
            if filled and points[0] == points[-1]:
                self.area(points)
            self.line(points)

    def line(self, points: list[Point]) -> None:
        """Lines from point to point."""
        if self.reach.holds(points):
            self.pen.line(points, fill=_INK)
            return
        for start, end in pairwise(points):
            if part := self.reach.segment(start, end):
                self.pen.line(part, fill=_INK)

    def area(self, corners: list[Point]) -> None:
        """The inside of a polygon."""
        within = corners if self.reach.holds(corners) else self.reach.polygon(corners)
        if len(within) > 1:
            self.pen.polygon(within, fill=_INK)

    def circle(self, center: Point, edge: Point, *, filled: bool) -> None:
        """A circle by its center and a point of it; one that reaches far beyond the picture is drawn by lines."""
        x, y = center
        radius = float(np.hypot(edge[0] - x, edge[1] - y))
        corners = [(x - radius, y - radius), (x + radius, y + radius)]
        if self.reach.holds(corners):
            self.pen.ellipse([*corners[0], *corners[1]], outline=_INK, fill=_INK if filled else None)
            return
        outline = _ellipse([(x - radius, y), (x + radius, y), (x, y - radius), (x, y + radius)])
        if filled:
            self.area(outline)
        self.line(outline)

    def text(self, item: DataSet, holder: DataSet) -> None:
        """Draw an item of the Text Object Sequence where its box or its anchor is. PS3.3 C.10.5.1.1."""
        element = item.get(0x00700006)
        if element is None or self.left <= 0:
            return
        text = "\n".join(text_of(element, charset_of(item, charset_of(holder))).splitlines()[:20])[:1000]
        self.left -= len(text)
        for tag, units in ((0x00700010, 0x00700003), (0x00700014, 0x00700004)):
            place = numbers(item, tag, self.encoding)
            if len(place) >= 2:
                at = self.placing.point(place[0], place[1], code(item, units))
                size = min(max(min(self.placing.size) // 32, 10), 24)
                if self.reach.holds([at]):
                    self.pen.text(at, text, fill=_INK, font=font_of(size), stroke_width=1, stroke_fill=(0, 0, 0))
                return


def _ellipse(points: list[Point]) -> list[Point]:
    """An outline by the ends of the major and of the minor axis. PS3.3 C.10.5.1.2."""
    ends = np.array(points[:4])
    center = ends[:2].mean(axis=0)
    major, minor = (ends[1] - ends[0]) / 2, (ends[3] - ends[2]) / 2
    angles = np.linspace(0, 2 * np.pi, 73)
    outline = center + np.outer(np.cos(angles), major) + np.outer(np.sin(angles), minor)
    return [(float(x), float(y)) for x, y in outline]
