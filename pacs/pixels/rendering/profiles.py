"""Colour spaces of pictures. PS3.18 8.3.5.1.5, PS3.3 C.11.15; ICC.1:2022."""

import io
import struct
from functools import lru_cache

import numpy as np
from PIL import Image as Pillow
from PIL import ImageCms

from pacs.dicom.elements import DataSet
from pacs.pixels.image import Array
from pacs.pixels.rendering.attributes import item_of

_PROFILE, _OPTICAL_PATHS = 0x00282000, 0x00480105
# XYZ of the primaries under D50, and the exponent of the tone curve: Adobe RGB (1998) 4.3, ISO 22028-2.
_ADOBE = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
_ROMM = ((0.79767, 0.28804, 0.0), (0.13519, 0.71188, 0.0), (0.03134, 0.00009, 0.82491))
_D50 = (0.9642, 1.0, 0.8249)


def in_profile(picture: Array, data_set: DataSet, name: str) -> tuple[Array, bytes | None]:
    """The picture in a colour space, and the profile to put into its file.

    `no`: none; `yes`: the object's own, sRGB when it has none. Grey becomes RGB, since the profiles are of colours.
    """
    if name == "no":
        return picture, None
    if picture.ndim == 2:
        picture = np.repeat(picture[..., np.newaxis], 3, axis=2)
    own = own_profile(data_set)
    if name == "yes":
        return picture, own or named_profile("srgb")
    target = named_profile(name)
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(own or named_profile("srgb")))
        image = Pillow.fromarray(np.ascontiguousarray(picture))
        turned = ImageCms.profileToProfile(image, source, ImageCms.ImageCmsProfile(io.BytesIO(target)))
    except (ImageCms.PyCMSError, OSError):
        return picture, target
    return (np.asarray(turned), target) if turned is not None else (picture, target)


def own_profile(data_set: DataSet) -> bytes | None:
    """The ICC profile of an object, or of its first optical path."""
    for holder in (data_set, item_of(data_set, _OPTICAL_PATHS)):
        element = holder.get(_PROFILE) if holder is not None else None
        if element is not None and len(element.value) > 128:
            return bytes(element.value)
    return None


@lru_cache(maxsize=4)
def named_profile(name: str) -> bytes:
    """The profile of ``srgb``, ``adobergb`` or ``rommrgb``."""
    if name == "srgb":
        return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    if name == "adobergb":
        return _matrix_profile("Adobe RGB (1998) compatible", 563 / 256, _ADOBE)
    return _matrix_profile("ROMM RGB compatible", 1.8, _ROMM)


def _matrix_profile(title: str, exponent: float, primaries: tuple[tuple[float, float, float], ...]) -> bytes:
    """A display profile of three primaries and one exponent, version 2."""
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(exponent * 256)) + bytes(2)
    text = title.encode("ascii") + b"\0"
    description = b"desc" + bytes(4) + struct.pack(">I", len(text)) + text + bytes(78)
    description += b"\0" * (-len(description) % 4)
    tags = [(b"desc", description), (b"cprt", b"text" + bytes(4) + b"public domain\0\0\0")]
    tags += [(b"wtpt", _xyz(_D50))]
    tags += [(name, _xyz(each)) for name, each in zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries, strict=True)]
    tags += [(name, curve) for name in (b"rTRC", b"gTRC", b"bTRC")]
    at = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, content in tags:
        table += name + struct.pack(">II", at + len(body), len(content))
        body += content
    head = struct.pack(">I4sI4s4s4s", at + len(body), bytes(4), 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    return (head + _xyz(_D50)[8:]).ljust(128, b"\0") + table + body


def _xyz(values: tuple[float, float, float]) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(each * 65536) for each in values))
