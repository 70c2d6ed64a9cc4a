"""A series of single slices as one volume, and its slices with the face removed. PS3.3 C.7.6.2, PS3.15 E.3.2.

Nothing is guessed: slices that do not stand as one straight, even stack are refused with the reason.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pacs.deid.marks import add_codes
from pacs.deid.pixels.face import Defaced, Volume, remove_face
from pacs.dicom.elements import DataSet
from pacs.dicom.fileformat import text_of
from pacs.dicom.syntaxes import LOSSY
from pacs.dicom.values import first_text, numbers_of
from pacs.errors import NotAcceptable
from pacs.pixels.blank import Blanked, repainted
from pacs.pixels.image import Array, Format, Image, image_of

CLEAN_FACES = ("113102", "Clean Recognizable Visual Features Option")
RECOGNIZABLE = 0x00280302
_MODALITY, _SERIES, _FRAME_OF_REFERENCE, _KINDS = 0x00080060, 0x0020000E, 0x00200052, 0x00080008
_POSITION, _ORIENTATION, _SPACING = 0x00200032, 0x00200037, 0x00280030
_INTERCEPT, _SLOPE = 0x00281052, 0x00281053
_FEWEST, _MOST_VOXELS = 10, 1 << 28
_UNEVEN = 0.1  # of a step between slices
_TILTED = 0.996  # cosine of the angle between stack and slices' normal


@dataclass(frozen=True, slots=True)
class HeadSeries:
    """Slices in the order in which they stand, and the volume that they make, in units after rescaling."""

    images: tuple[Image, ...]
    volume: Volume

    def without_face(self) -> tuple[Defaced, Iterator[Blanked]]:
        """The volume's face removed, and each slice anew, in their order.

        All say (0028,0302) NO, those in which something changed 113102 too. Raises `NotAcceptable` where geometry finds
        no face.
        """
        first = self.images[0].data_set
        seed = int.from_bytes(hashlib.sha256(first_text(first, _SERIES).encode()).digest()[:8])
        done = remove_face(self.volume, seed)
        return done, map(_slice, self.images, done.numbers, done.changed)


def head_series(objects: Sequence[tuple[DataSet, str]]) -> HeadSeries:
    """The volume of a series' objects, each with its transfer syntax.

    Raises `NotAcceptable` with a reason when they are no one stack of losslessly stored grey slices.
    """
    images = [image for data_set, syntax in objects if (image := image_of(data_set, syntax)) is not None]
    if len(images) != len(objects):
        raise NotAcceptable("some objects of the series have no image")
    for image in images:
        _check(image, images[0])
    if len(images) < _FEWEST:
        raise NotAcceptable("the series has too few images")
    across, down, pixel = _plane(images[0].data_set)
    normal = np.cross(across, down)
    places = np.array([_numbers(image.data_set, _POSITION, 3) for image in images])
    order = np.argsort(places @ normal, kind="stable")
    steps = np.diff(places[order], axis=0)
    lengths = np.linalg.norm(steps, axis=1)
    if lengths.min() < 1e-3:
        raise NotAcceptable("several images of the series stand in one place")
    if np.ptp(lengths) > _UNEVEN * lengths.mean():
        raise NotAcceptable("the slices stand at uneven distances, or some are missing")
    if (steps @ normal / lengths).min() < _TILTED:
        raise NotAcceptable("the slices are tilted against their stack")
    images = [images[index] for index in order]
    first = images[0].format
    if len(images) * first.rows * first.columns > _MOST_VOXELS:
        raise NotAcceptable("the volume is too large")
    numbers = np.stack([_real(image) for image in images])
    ct = first_text(images[0].data_set, _MODALITY).strip() == "CT"
    spacing = (float(lengths.mean()), pixel[0], pixel[1])
    return HeadSeries(tuple(images), Volume(numbers, spacing, (tuple(normal), tuple(down), tuple(across)), ct))


def _check(image: Image, first: Image) -> None:
    """One image of the stack, by itself and beside the first. Raises `NotAcceptable`."""
    found = image.format
    if image.transfer_syntax_uid in LOSSY:
        raise NotAcceptable("the images are compressed with loss")
    if image.count != 1:
        raise NotAcceptable("the images have several frames each")
    if found.samples != 1 or not found.photometric.startswith("MONOCHROME") or found.bits_allocated not in (8, 16):
        raise NotAcceptable("the images are not grey, of 8 or 16 bits")
    if "LOCALIZER" in text_of(image.data_set, _KINDS).upper():
        raise NotAcceptable("the series holds a localizer")
    same = all(_text(image, tag) == _text(first, tag) for tag in (_FRAME_OF_REFERENCE, _MODALITY)) and (
        found.rows,
        found.columns,
    ) == (first.format.rows, first.format.columns)
    mine, other = (
        _numbers(each.data_set, _ORIENTATION, 6) + _numbers(each.data_set, _SPACING, 2) for each in (image, first)
    )
    if not same or not np.allclose(mine, other, atol=1e-3):
        raise NotAcceptable("the images differ in size, spacing or orientation")


def _text(image: Image, tag: int) -> str:
    return first_text(image.data_set, tag).strip()


def _plane(data_set: DataSet) -> tuple[Array, Array, tuple[float, float]]:
    """Directions along a row and a column, and the distance of rows and of columns. PS3.3 C.7.6.2.1.1, 10.7.1.3."""
    cosines = np.array(_numbers(data_set, _ORIENTATION, 6)).reshape(2, 3)
    lengths = np.linalg.norm(cosines, axis=1)
    if abs(lengths - 1).max() > 0.01 or abs(cosines[0] @ cosines[1]) > 0.01:
        raise NotAcceptable("the images' orientation is garbled")
    rows, columns = _numbers(data_set, _SPACING, 2)
    return cosines[0] / lengths[0], cosines[1] / lengths[1], (rows, columns)


def _numbers(data_set: DataSet, tag: int, count: int) -> list[float]:
    element = data_set.get(tag)
    found = numbers_of(element) if element is not None and element.items is None else []
    if len(found) != count or not np.isfinite(found).all():
        raise NotAcceptable("the images do not say where they stand")
    return [float(number) for number in found]


def _rescale(data_set: DataSet) -> tuple[float, float]:
    """Slope and intercept. PS3.3 C.11.1."""
    if _SLOPE not in data_set or _INTERCEPT not in data_set:
        return 1.0, 0.0
    (slope,), (intercept,) = _numbers(data_set, _SLOPE, 1), _numbers(data_set, _INTERCEPT, 1)
    if slope <= 0:
        raise NotAcceptable("the images' rescale slope is garbled")
    return slope, intercept


def _real(image: Image) -> Array:
    pixels, _now = image.decoded(0)
    slope, intercept = _rescale(image.data_set)
    out: Array = pixels.astype(np.float32) * np.float32(slope) + np.float32(intercept)
    return -out if image.format.photometric == "MONOCHROME1" else out


def _slice(image: Image, numbers: Array, changed: Array) -> Blanked:
    slope, intercept = _rescale(image.data_set)
    found = image.format
    low = -(1 << (found.bits_stored - 1)) if found.signed else 0
    high = low + (1 << found.bits_stored) - 1
    wanted = -numbers if found.photometric == "MONOCHROME1" else numbers
    stored = np.rint((wanted.astype(np.float64) - intercept) / slope).clip(low, high)

    def paint(pixels: Array, _now: Format) -> None:
        pixels[changed] = stored[changed].astype(pixels.dtype)

    is_touched = bool(changed.any())
    done = repainted(image, paint) if is_touched else Blanked(DataSet(image.data_set), image.transfer_syntax_uid, ())
    done.data_set.put(RECOGNIZABLE, "CS", b"NO")
    if is_touched:
        add_codes(done.data_set, (CLEAN_FACES,))
    return done
