"""Query parameters of pictures. PS3.18 8.3.5. Raises `BadRequest` for every value that is none of theirs."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pacs.errors import BadRequest
from pacs.pixels.rendering import Look, Viewport, Window
from pacs.pixels.rendering.options import FUNCTIONS

ANNOTATIONS = ("patient", "technique")
PROFILES = ("no", "yes", "srgb", "adobergb", "rommrgb")
THUMBNAIL_PIXELS = 128
_SIZE = re.compile(r"[0-9]{1,5}", re.ASCII)
_DECIMAL = re.compile(r"[+-]?(?:[0-9]{1,12}(?:\.[0-9]{0,12})?|\.[0-9]{1,12})(?:[eE][+-]?[0-9]{1,2})?", re.ASCII)
_LARGEST_SIDE = 32767


@dataclass(frozen=True, slots=True)
class PictureParameters:
    """How a picture is wanted. `quality` None is the usual one; `profile` is one of `PROFILES`."""

    look: Look
    quality: int | None = None
    annotation: tuple[str, ...] = ()
    profile: str = "no"


def picture_parameters(values: Mapping[str, str], *, thumbnail: bool) -> PictureParameters:
    """Parameters of a rendered resource, or of a thumbnail, which heeds viewport alone; nonsense is refused."""
    viewport = viewport_of(values["viewport"], thumbnail=thumbnail) if values.get("viewport") is not None else None
    window = window_of(values["window"]) if "window" in values else None
    found = PictureParameters(
        Look(window, viewport),
        whole_number(values["quality"], "quality", 1, 100) if "quality" in values else None,
        annotation_of(values["annotation"]) if "annotation" in values else (),
        profile_of(values.get("iccprofile", "no")),
    )
    if thumbnail:
        return PictureParameters(Look(None, viewport or Viewport(THUMBNAIL_PIXELS, THUMBNAIL_PIXELS), coarse=True))
    return found


def viewport_of(text: str, *, thumbnail: bool = False) -> Viewport:
    """``vw,vh`` or, but for thumbnails, ``vw,vh[,sx,sy,sw,sh]`` in which single values may be left out."""
    parts = [each.strip() for each in text.split(",")]
    if not 2 <= len(parts) <= (2 if thumbnail else 6):
        raise BadRequest("viewport is vw,vh" + ("" if thumbnail else " or vw,vh,sx,sy,sw,sh"))
    width, height = (whole_number(each, "viewport", 1, _LARGEST_SIDE) for each in parts[:2])
    left, top, wide, high = (decimal(each, "viewport") if each else None for each in [*parts[2:], "", "", "", ""][:4])
    if wide == 0 or high == 0:
        raise BadRequest("the region of viewport is empty")
    return Viewport(width, height, left or 0.0, top or 0.0, wide, high)


def window_of(text: str) -> Window:
    """``center,width,function``."""
    parts = [each.strip() for each in text.split(",")]
    if len(parts) != 3 or parts[2].lower() not in FUNCTIONS:
        raise BadRequest(f"window is center,width,function; functions are {', '.join(FUNCTIONS)}")
    found = Window(decimal(parts[0], "window"), decimal(parts[1], "window"), parts[2].lower())
    if not found.valid:
        raise BadRequest("the width of window is too small")
    return found


def annotation_of(text: str) -> tuple[str, ...]:
    """A list of `ANNOTATIONS`."""
    found = tuple(each.strip().lower() for each in text.split(","))
    if not set(found) <= set(ANNOTATIONS):
        raise BadRequest(f"annotation is a list of {' and '.join(ANNOTATIONS)}")
    return tuple(each for each in ANNOTATIONS if each in found)


def profile_of(text: str) -> str:
    """One of `PROFILES`."""
    if text.strip().lower() not in PROFILES:
        raise BadRequest(f"iccprofile is one of {', '.join(PROFILES)}")
    return text.strip().lower()


def whole_number(text: str, name: str, least: int, most: int) -> int:
    """A number from `least` to `most`."""
    text = text.strip(" ")
    if not _SIZE.fullmatch(text) or not least <= int(text) <= most:
        raise BadRequest(f"{name} takes whole numbers from {least} to {most}")
    return int(text)


def decimal(text: str, name: str) -> float:
    """A finite decimal number."""
    text = text.strip(" ")
    if not _DECIMAL.fullmatch(text):
        raise BadRequest(f"{name} takes decimal numbers")
    return float(text)
