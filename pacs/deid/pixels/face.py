"""Making a face unrecognizable in a volume of the head: its surface becomes background. PS3.15 E.3.2; off by default.

Geometry on a thresholded, filled head: what lies in front of the ears between brow and chin, with the nose down to the
plane of the face and the skin below it, deeper at mouth and chin where no brain is. Nothing above the brow is touched.
It is no segmentation: what it cannot do stands in docs/pixels.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pacs.errors import NotAcceptable
from pacs.pixels.image import Array

DEPTH_MM = 12.0  # of what is replaced behind the skin, from the front
SKIN_MM = 7.0  # and no deeper than this below the nearest skin, down to the mouth: behind it may be brain
MOUTH_DEPTH_MM = 18.0  # behind mouth and chin
# Measures of heads, adults and children alike within these margins. Millimetres.
_BROW_ABOVE_NOSE, _CHIN_BELOW_NOSE = 42.0, 85.0
_NOSE_BELOW_TOP = (70.0, 175.0)
_HALF_FACE, _MIDDLE = 62.0, 12.0
_HALF_NOSE, _NOSE_HEIGHT, _MOUTH_BELOW_NOSE = 24.0, 34.0, 22.0
_EARS_BEHIND_NOSE = 85.0
_LEAST_SPAN, _LEAST_WIDTH = 60.0, 90.0
_LEAST_FRONT = 30.0
_FULLEST = 0.9  # of a volume, that a head takes
_CT_SKIN = -300.0
_COARSE, _COARSEST = 2.2, 5.0  # voxels of a volume that shows a face: in its finest plane, and across
_LEAST_NOSE = 12.0  # it stands out at least so far; brains without their skull have none


@dataclass(frozen=True, slots=True)
class Volume:
    """Numbers as (slices, rows, columns), and where they stand.

    `spacing_mm` is the distance between neighbours along each axis; `directions` are the patient's directions (left,
    posterior, superior) of each axis as unit vectors. `ct`: numbers are Hounsfield units.
    """

    numbers: Array
    spacing_mm: tuple[float, float, float]
    directions: tuple[Sequence[float], Sequence[float], Sequence[float]]
    ct: bool = False


@dataclass(frozen=True, slots=True)
class Defaced:
    """The volume with its face replaced, and the voxels that changed, in the order of the input."""

    numbers: Array
    changed: Array


@dataclass(slots=True)
class _Upright:
    """A view of a volume with axes bottom to top, front to back, right to left."""

    numbers: Array
    spacing: tuple[float, float, float]
    mask: Array
    front: Array  # first voxel of the head from the front, per (height, column); its depth where there is none

    def count(self, axis: int, length_mm: float) -> int:
        """Voxels that a length takes."""
        return round(length_mm / self.spacing[axis])


def remove_face(volume: Volume, seed: int = 0) -> Defaced:
    """Replace the face's surface by noise as it stands around the head; the same result for the same input and seed.

    Raises `NotAcceptable` when there is no head that geometry could understand; then nothing is known of a face.
    """
    finest, middling, coarsest = sorted(volume.spacing_mm)
    if finest <= 0 or middling > _COARSE or coarsest > _COARSEST:
        raise NotAcceptable("the volume is too coarse to show a face")
    upright = _upright(volume)
    nose_height, nose_depth, middle = _nose(upright)
    region = _face_region(upright, nose_height, nose_depth, middle)
    if not region.any():
        raise NotAcceptable("no face surface was found in the volume")
    numbers = volume.numbers.copy()
    changed = np.zeros(numbers.shape, bool)
    order, flips = _axes(volume)
    turned = np.transpose(changed, order)[flips]
    turned[...] = region
    pool = _background(upright)
    numbers[changed] = np.random.default_rng(seed).choice(pool, int(changed.sum()))
    return Defaced(numbers, changed)


def _axes(volume: Volume) -> tuple[tuple[int, ...], tuple[slice, ...]]:
    """Which axes are height, depth and breadth, and which of them have to be turned around."""
    cosines = np.abs(np.array(volume.directions, float))
    order = [int(np.argmax(cosines[:, component])) for component in (2, 1, 0)]
    if sorted(order) != [0, 1, 2]:
        raise NotAcceptable("the volume stands too oblique")
    signs = [volume.directions[axis][component] for axis, component in zip(order, (2, 1, 0), strict=True)]
    return tuple(order), tuple(slice(None, None, 1 if sign > 0 else -1) for sign in signs)


def _upright(volume: Volume) -> _Upright:
    order, flips = _axes(volume)
    numbers = np.transpose(volume.numbers, order)[flips]
    spacing = tuple(volume.spacing_mm[axis] for axis in order)
    mask = _head(numbers, ct=volume.ct)
    front = np.where(mask.any(axis=1), mask.argmax(axis=1), mask.shape[1])
    return _Upright(numbers, (spacing[0], spacing[1], spacing[2]), mask, front)


def _head(numbers: Array, *, ct: bool) -> Array:
    """The head as one filled shape per horizontal slice."""
    import cv2  # noqa: PLC0415 - faces are looked at by few processes

    threshold = _CT_SKIN if ct else _noise_ends(numbers)
    mask = np.zeros(numbers.shape, np.uint8)
    kernel = np.ones((3, 3), np.uint8)
    for index, plane in enumerate(numbers):
        loose = cv2.morphologyEx((plane > threshold).astype(np.uint8), cv2.MORPH_OPEN, kernel)
        outlines, _tree = cv2.findContours(loose, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        areas = [cv2.contourArea(outline) for outline in outlines]
        whole = [outline for outline, area in zip(outlines, areas, strict=True) if area >= 0.2 * max(areas)]
        cv2.drawContours(mask[index], whole, -1, 1, cv2.FILLED)
    return mask.astype(bool)


def _noise_ends(numbers: Array) -> float:
    """Between background and tissue: Otsu's threshold of the lower half of the numbers, halved towards the dark."""
    some = numbers[::2, ::2, ::2].astype(np.float32).ravel()
    low, high = np.percentile(some, (1, 99))
    if high <= low:
        raise NotAcceptable("the volume is empty")
    counts, edges = np.histogram(some.clip(low, high), 128)
    middles = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    sums = np.cumsum(counts * middles)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    otsu = middles[int(np.nanargmax(between[:-1]))]
    return float(low + 0.5 * (otsu - low))


def _nose(upright: _Upright) -> tuple[int, int, int]:
    """Height and depth of the tip of the nose, and the column between the eyes."""
    filled = np.flatnonzero(upright.mask.any(axis=(1, 2)))
    if not len(filled) or len(filled) * upright.spacing[0] < _LEAST_SPAN:
        raise NotAcceptable("the volume covers too little of a head")
    top = int(filled[-1])
    wide = np.flatnonzero(upright.mask.any(axis=(0, 1)))
    if upright.mask.mean() > _FULLEST:
        raise NotAcceptable("the volume has no background around a head")
    if len(wide) * upright.spacing[2] < _LEAST_WIDTH:
        raise NotAcceptable("what the volume shows is too narrow for a head")
    middle = int(wide[0] + wide[-1]) // 2
    reach = max(upright.count(2, _MIDDLE), 1)
    profile = upright.front[:, max(middle - reach, 0) : middle + reach + 1].min(axis=1)
    lowest = max(top - upright.count(0, _NOSE_BELOW_TOP[1]), int(filled[0]))
    highest = top - upright.count(0, _NOSE_BELOW_TOP[0])
    if highest <= lowest:
        raise NotAcceptable("the volume ends above the nose")
    height = lowest + int(profile[lowest:highest].argmin())
    if profile[height] == 0:
        raise NotAcceptable("the face is cut off at the edge of the volume")
    return height, int(profile[height]), middle


def _face_region(upright: _Upright, nose_height: int, nose_depth: int, middle: int) -> Array:
    """The voxels to replace."""
    heights, depths, columns = upright.mask.shape
    front = upright.front
    height, column = np.arange(heights)[:, None], np.arange(columns)[None, :]
    ears = nose_depth + upright.count(1, _EARS_BEHIND_NOSE)
    is_face = (height <= nose_height + upright.count(0, _BROW_ABOVE_NOSE)) & (front < ears)
    is_face &= height >= nose_height - upright.count(0, _CHIN_BELOW_NOSE)
    is_face &= np.abs(column - middle) <= upright.count(2, _HALF_FACE)
    plane = np.array([_plane(front[index], is_face[index], depths) for index in range(heights)])[:, None]
    # The nose goes down to where the face would be without it; what is left has a skin of its own, which goes too.
    cheeks = _cheeks(upright, nose_height, middle)
    if not cheeks[nose_height, middle] - nose_depth >= upright.count(1, _LEAST_NOSE):
        raise NotAcceptable("the volume shows no nose, so what is there may be a brain without its skull")
    skin = np.where(front < cheeks, cheeks, front)
    is_mouth = height < nose_height - upright.count(0, _MOUTH_BELOW_NOSE)
    flat = np.minimum(
        np.maximum(plane, front) + upright.count(1, MOUTH_DEPTH_MM), front + upright.count(1, _LEAST_FRONT)
    )
    end = np.where(is_mouth, flat, skin + upright.count(1, DEPTH_MM))
    before = max(upright.count(1, 4.0), 1)  # skin that the threshold missed
    depth = np.arange(depths)[None, :, None]
    region = (depth >= (front - before)[:, None, :]) & (depth < end[:, None, :]) & is_face[:, None, :]
    deep = _deeper_than(upright, depth >= skin[:, None, :])
    safe: Array = region & (is_mouth[:, None, :] | ~deep)
    return safe


def _cheeks(upright: _Upright, nose_height: int, middle: int) -> Array:
    """Where the skin would be if there were no nose: a parabola over the cheeks, per height; 0 elsewhere."""
    heights, depths, columns = upright.mask.shape
    out = np.zeros((heights, columns))
    aside = np.abs(np.arange(columns) - middle) * upright.spacing[2]
    beside, over = (aside > _HALF_NOSE - 4.0) & (aside < _HALF_NOSE + 24.0), aside <= _HALF_NOSE
    reach = upright.count(0, _NOSE_HEIGHT)
    for height in range(max(nose_height - reach, 0), min(nose_height + reach + 1, heights)):
        line = upright.front[height]
        use = beside & (line < depths)
        if np.count_nonzero(use & (np.arange(columns) < middle)) < 3 or np.count_nonzero(use) < 6:
            continue
        bend, centre = np.polyfit(aside[use] ** 2, line[use].astype(float), 1)
        out[height, over] = np.floor(centre + bend * aside[over] ** 2)
    return out


def _deeper_than(upright: _Upright, behind: Array) -> Array:
    """Where a horizontal plane of the head is deeper below the skin than may be touched at the height of the brain."""
    import cv2  # noqa: PLC0415 - faces are looked at by few processes

    deep = np.zeros(upright.mask.shape, bool)
    step = min(upright.spacing[1:])
    size = [
        max(round(count * spacing / step), 1)
        for count, spacing in zip(upright.mask.shape[1:], upright.spacing[1:], strict=True)
    ]
    for index, plane in enumerate(upright.mask & behind):
        even = cv2.resize(np.pad(plane, 1).astype(np.uint8), (size[1], size[0]), interpolation=cv2.INTER_NEAREST)
        distance = cv2.distanceTransform(even, cv2.DIST_L2, 5) * step
        back = cv2.resize(distance, (plane.shape[1] + 2, plane.shape[0] + 2), interpolation=cv2.INTER_LINEAR)
        deep[index] = back[1:-1, 1:-1] > SKIN_MM
    return deep


def _plane(front: Array, is_face: Array, depths: int) -> float:
    found = front[is_face & (front < depths)]
    return float(np.percentile(found, 35)) if len(found) else 0.0


def _background(upright: _Upright) -> Array:
    """Numbers from around the head."""
    outside = upright.numbers[~upright.mask]
    low = np.percentile(outside, 60) if len(outside) else 0
    pool = outside[outside <= low]
    return pool[:: max(len(pool) // 100_000, 1)] if len(pool) else np.array([upright.numbers.min()])


def extent(volume: Volume, component: int) -> float:
    """How far a volume reaches, in mm, along the patient's direction 0 (left), 1 (posterior) or 2 (superior)."""
    axis = int(np.argmax([abs(direction[component]) for direction in volume.directions]))
    return float(volume.numbers.shape[axis] * volume.spacing_mm[axis])


def render(volume: Volume) -> Array:
    """The head from the front as a shaded 8-bit picture (height, breadth): what a viewer would show of the surface."""
    upright = _upright(volume)
    depth = upright.front * upright.spacing[1]
    rise, across = np.gradient(depth, upright.spacing[0], upright.spacing[2])
    shade = 1.0 / np.sqrt(1.0 + rise**2 + across**2)
    near = 1.0 - (depth - depth.min()) / max(float(np.ptp(depth)), 1.0) * 0.5
    picture = np.where(upright.front < upright.mask.shape[1], 255 * shade * near, 0)
    return np.ascontiguousarray(picture[::-1].clip(0, 255).astype(np.uint8))
