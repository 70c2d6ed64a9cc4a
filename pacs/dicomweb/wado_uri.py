"""WADO-URI: one object by query parameters. PS3.18 9. Also on ``/wado/<AE title>``, where ClearCanvas asks.

Names of parameters are matched without case, as ClearCanvas writes them in its own.
"""

import re
from collections.abc import Mapping

from flask import Blueprint, Response, request

from pacs.dicomweb.accept import AS_STORED, DICOM, Wanted, choose_instance, wanted
from pacs.dicomweb.clearcanvas import FRAME, HEADER, frame_reply, header_reply
from pacs.dicomweb.opened import opened
from pacs.dicomweb.picture_parameters import PictureParameters, annotation_of, decimal, whole_number
from pacs.dicomweb.pictures import PRESENTATION_STATES, Picture, choose_kind, kinds_of, representative_frame
from pacs.dicomweb.presented import presented
from pacs.dicomweb.rendered import content_of, single_picture
from pacs.dicomweb.reply import single_reply
from pacs.dicomweb.validators import cached, is_known, not_modified, tag_of
from pacs.dicomweb.wado import instance_part, kind_of, open_one
from pacs.errors import BadRequest, NotAcceptable, NotFound
from pacs.model import StoredInstance
from pacs.pixels.reading import layout_of
from pacs.pixels.rendering import Look, Viewport, Window
from pacs.pixels.rendering.formats import GIF, MP4

blueprint = Blueprint("wado_uri", __name__)
_UID = re.compile(r"[0-9]+(?:\.[0-9]+)*", re.ASCII)
_PICTURES_ONLY = ("rows", "columns", "region", "windowcenter", "windowwidth", "imagequality", "annotation")
_LARGEST_SIDE = 32767
_LAST_FRAME = 99999


@blueprint.get("/wado")
@blueprint.get("/wado/<aet>")
def retrieve_by_parameters(aet: str = "") -> Response:
    """The object that the parameters name, in the form that they ask for."""
    values = {name.lower(): value for name, value in reversed(list(request.args.items(multi=True)))}
    if values.get("requesttype") != "WADO":
        raise BadRequest("requestType must be WADO")
    study, series, sop = (_uid(values, name) for name in ("studyUID", "seriesUID", "objectUID"))
    if values.get("anonymize", "yes") != "yes":
        raise BadRequest("anonymize takes yes")  # which every object here is
    instance = open_one(study, series, sop)
    ways = _asked(values)
    first = ways[0].type if ways else ""
    if first == FRAME:
        return frame_reply(instance, values.get("framenumber", "0"))
    if first == HEADER:
        return header_reply(instance, values.get("stoptag", "7fe00010"))
    kinds = kinds_of(instance)
    if _wants_dicom(ways, kinds):
        return _file(instance, values)
    return _picture(instance, values, ways, kinds)


def _uid(values: Mapping[str, str], name: str) -> str:
    value = values.get(name.lower(), "").strip()
    if not _UID.fullmatch(value) or len(value) > 64:
        raise BadRequest(f"{name} must be a UID")
    return value


def _asked(values: Mapping[str, str]) -> list[Wanted]:
    """What contentType lists, else the Accept header."""
    header = request.headers.get("Accept")
    found = wanted(values["contenttype"], None) if values.get("contenttype", "").strip() else wanted(None, header)
    alone = [each for each in found if not each.multipart]  # answers have one part. PS3.18 9.4
    if found and not alone:
        raise NotAcceptable("WADO-URI answers with one object, never in multipart")
    return alone


def _wants_dicom(ways: list[Wanted], kinds: tuple[str, ...]) -> bool:
    """Whether the object itself is meant: it is asked for before any picture, or there is no picture of it."""
    if not ways:
        return not kinds
    for each in ways:
        shown = any(each.takes(kind, multipart=each.multipart) for kind in kinds)
        if each.takes(DICOM, multipart=each.multipart) and not (shown and each.type == "*/*"):
            return True
        if shown:
            return False
    return False


def _file(instance: StoredInstance, values: Mapping[str, str]) -> Response:
    """The object as a DICOM file. PS3.18 9.4.1.2.2."""
    given = [name for name in _PICTURES_ONLY if name in values]
    if given:
        raise BadRequest("parameters of pictures do not go with application/dicom")
    syntaxes = _syntaxes(values.get("transfersyntax", ""))
    way, chosen = choose_instance([Wanted(DICOM, False, syntaxes)], [kind_of(instance)], single=True)
    syntax = chosen[kind_of(instance)]
    tag = tag_of([instance], "wado", syntax)
    if is_known(tag):
        return not_modified(tag)
    part = instance_part(instance, syntax, strict=bool(way.syntaxes))
    return cached(single_reply(part), tag)


def _syntaxes(text: str) -> tuple[str, ...]:
    """The transfer syntaxes that are taken; ``*``: any. PS3.18 8.7.3.6."""
    found = tuple(each.strip() for each in text.split(",")) if text.strip() else ()
    if not all(each == AS_STORED or _UID.fullmatch(each) for each in found):
        raise BadRequest("transferSyntax takes UIDs or *")
    return found


def _picture(
    instance: StoredInstance, values: Mapping[str, str], ways: list[Wanted], kinds: tuple[str, ...]
) -> Response:
    kind, _multipart = choose_kind([each for each in ways if not each.multipart], kinds, single=True)
    if "transfersyntax" in values:
        raise BadRequest("transferSyntax goes with application/dicom only")
    frame = _frame(values, instance)
    tag = tag_of([instance], "wado", kind, request.query_string.decode("latin-1"))
    if is_known(tag):
        return not_modified(tag)
    if "presentationuid" in values or "presentationseriesuid" in values:
        return single_picture(_presented(instance, values, kind, frame), kind)
    if not instance.frames:
        return cached(single_picture(content_of(instance, PictureParameters(Look()), kind, moving=False), kind), tag)
    parameters = _parameters(values, instance)
    if kind in (GIF, MP4) and frame is None:
        frames = tuple(range(1, instance.frames + 1))
    else:
        frames = (frame or representative_frame(instance, thumbnail=False),)
    return cached(single_picture(Picture(instance, frames, parameters, kind).content(), kind), tag)


def _frame(values: Mapping[str, str], instance: StoredInstance) -> int | None:
    if "framenumber" not in values:
        return None
    number = whole_number(values["framenumber"], "frameNumber", 1, _LAST_FRAME)
    if number > instance.frames:
        raise BadRequest("the instance has fewer frames")
    return number


def _presented(instance: StoredInstance, values: Mapping[str, str], kind: str, frame: int | None) -> bytes:
    """The image as a presentation state of the same study shows it. PS3.18 9.4.1.2.3.8."""
    if "windowcenter" in values or "windowwidth" in values:
        raise BadRequest("a window does not go with a presentation state")
    series, sop = (_uid(values, name) for name in ("presentationSeriesUID", "presentationUID"))
    try:
        state = open_one(instance.study_uid, series, sop)
    except NotFound:
        raise BadRequest("there is no such presentation state in the study") from None
    if state.sop_class_uid not in PRESENTATION_STATES:
        raise BadRequest("presentationUID names no presentation state")
    return presented(state, _parameters(values, instance), kind, instance.sop_uid, frame or 0)


def _parameters(values: Mapping[str, str], instance: StoredInstance) -> PictureParameters:
    quality = whole_number(values["imagequality"], "imageQuality", 1, 100) if "imagequality" in values else None
    annotation = annotation_of(values["annotation"]) if values.get("annotation") else ()
    return PictureParameters(Look(_window(values), _viewport(values, instance)), quality, annotation)


def _window(values: Mapping[str, str]) -> Window | None:
    given = [values.get(name) for name in ("windowcenter", "windowwidth")]
    if given == [None, None]:
        return None
    center, width = (decimal(each or "", "windowCenter and windowWidth") for each in given)
    if not Window(center, width).valid:
        raise BadRequest("windowWidth is too small")
    return Window(center, width)


def _viewport(values: Mapping[str, str], instance: StoredInstance) -> Viewport | None:
    """rows and columns as a viewport; region as a part of the image, in its pixels. PS3.18 9.4.1.2.3.3 and .4."""
    sides = [
        whole_number(values[name], name, 1, _LARGEST_SIDE) if name in values else _LARGEST_SIDE
        for name in ("columns", "rows")
    ]
    if "region" not in values:
        return Viewport(*sides) if "rows" in values or "columns" in values else None
    parts = values["region"].split(",")
    if len(parts) != 4:
        raise BadRequest("region is xmin,ymin,xmax,ymax")
    x0, y0, x1, y1 = (decimal(each, "region") for each in parts)
    if not (0 <= x0 < x1 <= 1 and 0 <= y0 < y1 <= 1):
        raise BadRequest("region takes numbers from 0 to 1, the smaller ones first")
    found = layout_of(opened(instance))
    wide, high = (x1 - x0) * found.columns, (y1 - y0) * found.rows
    if "rows" not in values and "columns" not in values:
        sides = [max(round(wide), 1), max(round(high), 1)]
    return Viewport(sides[0], sides[1], x0 * found.columns, y0 * found.rows, wide, high)
