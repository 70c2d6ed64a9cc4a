"""WADO-RS: rendered and thumbnail resources. PS3.18 10.4.1.1.4 and 10.4.1.1.3."""

from collections.abc import Iterator
from itertools import chain

from flask import Blueprint, Response, request

from pacs.dicomweb.door import caller, door, key_of, public_root, url_of
from pacs.dicomweb.frames import frame_numbers
from pacs.dicomweb.opened import opened
from pacs.dicomweb.picture_parameters import PictureParameters, picture_parameters
from pacs.dicomweb.pictures import (
    HTML,
    PDF,
    PLAIN,
    PRESENTATION_STATES,
    XML,
    Picture,
    choose_kind,
    document_of,
    kinds_of,
    representative_frame,
    representative_of,
)
from pacs.dicomweb.presented import presented
from pacs.dicomweb.reply import BodyPart, multipart_reply
from pacs.dicomweb.report import report_html, report_text
from pacs.dicomweb.validators import cached, is_known, not_modified, tag_of
from pacs.dicomweb.wado import asked, in_request, open_one
from pacs.errors import BadRequest, NotAcceptable, NotFound, PacsError
from pacs.model import StoredInstance
from pacs.pixels.rendering.formats import GIF, JP2, JPEG, MP4, PNG

blueprint = Blueprint("rendered", __name__)
_INSTANCE = "/studies/<uid:study>/series/<uid:series>/instances/<uid:sop>"


@blueprint.get(f"{_INSTANCE}/rendered")
def rendered_instance(study: str, series: str, sop: str) -> Response:
    """One instance: a picture, an animation of all frames, a report as HTML, a document as it is."""
    parameters = _parameters()
    return _single(open_one(study, series, sop), parameters)


@blueprint.get(f"{_INSTANCE}/frames/<frames>/rendered")
def rendered_frames(study: str, series: str, sop: str, frames: str) -> Response:
    """Some frames; several go as multipart, or as an animation."""
    return _frames(study, series, sop, frames, thumbnail=False)


@blueprint.get(f"{_INSTANCE}/frames/<frames>/thumbnail")
def thumbnail_of_frames(study: str, series: str, sop: str, frames: str) -> Response:
    """A small picture of a frame."""
    return _frames(study, series, sop, frames, thumbnail=True)


@blueprint.get("/studies/<uid:study>/rendered")
@blueprint.get("/studies/<uid:study>/series/<uid:series>/rendered")
def rendered_many(study: str, series: str | None = None) -> Response:
    """What can be shown of a study or series: a part an instance."""
    parameters = _parameters()
    found = door().archive.open(key_of(study, series), caller())
    shown = [(each, kinds) for each in found if (kinds := _part_kinds(each))]
    if not shown:
        raise NotAcceptable("nothing here has pictures")
    tag = tag_of(found, "rendered", _query(), _accept())
    if is_known(tag):
        return not_modified(tag)
    parts = in_request(_parts(shown, parameters))
    first = next(parts, None)
    if first is None:
        raise NotAcceptable("nothing here can be shown")
    kind = first.content_type.partition(";")[0]  # of the first part, as RFC 2387 3.1 has it
    return cached(multipart_reply(chain([first], parts), kind), tag)


@blueprint.get("/studies/<uid:study>/thumbnail")
@blueprint.get("/studies/<uid:study>/series/<uid:series>/thumbnail")
@blueprint.get(f"{_INSTANCE}/thumbnail")
def thumbnail(study: str, series: str | None = None, sop: str | None = None) -> Response:
    """One small picture that stands for the study, series or instance."""
    parameters = _parameters(thumbnail=True)
    instance = representative_of(door().archive.open(key_of(study, series, sop), caller()))
    return _single(instance, parameters, thumbnail=True)


# -- one instance ------------------------------------------------------------------------------------------------------


def _single(instance: StoredInstance, parameters: PictureParameters, *, thumbnail: bool = False) -> Response:
    kinds = _stills(instance) if thumbnail else kinds_of(instance)
    kind, multipart = choose_kind(asked(), kinds, single=True)
    _check_fitting(instance, parameters, kind)
    tag = tag_of([instance], "thumbnail" if thumbnail else "rendered", kind, str(multipart), _query())
    if is_known(tag):
        return not_modified(tag)
    moving = kind in (GIF, MP4) and not thumbnail
    content = content_of(instance, parameters, kind, moving=moving, thumbnail=thumbnail)
    return cached(_reply(instance, kind, content, multipart=multipart), tag)


def _frames(study: str, series: str, sop: str, text: str, *, thumbnail: bool) -> Response:
    numbers = frame_numbers(text)
    parameters = _parameters(thumbnail=thumbnail)
    instance = open_one(study, series, sop)
    if max(numbers) > instance.frames:
        raise NotFound("the instance has fewer frames")
    kinds = _stills(instance) if thumbnail or len(numbers) == 1 else kinds_of(instance)
    kind, multipart = choose_kind(asked(), kinds, single=True)
    _check_fitting(instance, parameters, kind)
    tag = tag_of([instance], text, str(thumbnail), kind, str(multipart), _query())
    if is_known(tag):
        return not_modified(tag)
    if kind in (GIF, MP4) and not thumbnail:
        content = Picture(instance, tuple(numbers), parameters, kind).content()
        return cached(_reply(instance, kind, content, multipart=multipart), tag)
    if len(numbers) > 1 and not multipart and asked() and all(each.type != "*/*" for each in asked()):
        raise NotAcceptable("several frames are shown in multipart/related")
    pictures = in_request(Picture(instance, (number,), parameters, kind).content() for number in numbers)
    if len(numbers) == 1:
        return cached(_reply(instance, kind, next(pictures), multipart=multipart), tag)
    first = next(pictures)
    root = f"{url_of(public_root(), study, series, sop)}/frames"
    places = (f"{root}/{number}/rendered" for number in numbers)
    parts = (BodyPart(kind, [content], place) for content, place in zip(chain([first], pictures), places, strict=True))
    return cached(multipart_reply(parts, kind), tag)


def _stills(instance: StoredInstance) -> tuple[str, ...]:
    """The kinds that one frame can be shown in: a video only where nothing but the stored one can be sent."""
    kinds = kinds_of(instance)
    return tuple(each for each in kinds if each != MP4) or kinds


def _check_fitting(instance: StoredInstance, parameters: PictureParameters, kind: str) -> None:
    """Raise `BadRequest` for parameters that do not go with what is shown. PS3.18 8.3.5.1.3 to 8.3.5.1.5."""
    if kind == GIF and parameters.profile != "no":
        raise BadRequest("iccprofile does not go with image/gif, which holds no profile")
    look = parameters.look
    if instance.sop_class_uid in PRESENTATION_STATES:
        if look.window is not None:
            raise BadRequest("a window does not go with a presentation state, which has its own")
        if look.viewport is not None and look.viewport.is_part:
            raise BadRequest("viewport of a presentation state is vw,vh")


def content_of(
    instance: StoredInstance, parameters: PictureParameters, kind: str, *, moving: bool, thumbnail: bool = False
) -> bytes:
    """An instance in one of its kinds. Raises `NotAcceptable`."""
    if kind in (HTML, PLAIN):
        return report_html(opened(instance)) if kind == HTML else report_text(opened(instance))
    if kind in (PDF, XML):
        return document_of(opened(instance))
    if instance.sop_class_uid in PRESENTATION_STATES:
        return presented(instance, parameters, kind)
    frames = tuple(range(1, instance.frames + 1))
    if not moving or len(frames) < 2:
        frames = (representative_frame(instance, thumbnail=thumbnail),)
    return Picture(instance, frames, parameters, kind).content()


def _reply(instance: StoredInstance, kind: str, content: bytes, *, multipart: bool) -> Response:
    if multipart:
        address = url_of(public_root(), instance.study_uid, instance.series_uid, instance.sop_uid)
        return multipart_reply([BodyPart(_named(kind), [content], f"{address}/rendered", len(content))], kind)
    return single_picture(content, kind)


def _parameters(*, thumbnail: bool = False) -> PictureParameters:
    """The parameters of this request. Raises `BadRequest`, and `NotAcceptable` for text in another charset."""
    parameters = picture_parameters(request.args, thumbnail=thumbnail)
    if not takes_utf8(request.args.get("charset", "")):
        raise NotAcceptable("text is sent in UTF-8")
    return parameters


def takes_utf8(charset: str) -> bool:
    """Whether a charset parameter allows UTF-8. PS3.18 8.3.3.2."""
    names = [each.partition(";")[0].strip().lower() for each in charset.split(",")]
    return not charset.strip() or any(each in ("utf-8", "utf8", "iso_ir 192", "*") for each in names)


def _named(kind: str) -> str:
    return f"{kind}; charset=utf-8" if kind in (HTML, PLAIN) else kind


def single_picture(content: bytes, kind: str) -> Response:
    """A picture, page or document alone."""
    response = Response(content, 200)
    response.headers["Content-Type"] = _named(kind)
    if kind in (HTML, XML):  # nothing in it may run, wherever it is shown
        response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    return response


# -- many instances ----------------------------------------------------------------------------------------------------


def _part_kinds(instance: StoredInstance) -> tuple[str, ...]:
    """The kinds of an instance in a multipart answer that the caller takes; empty: it is left out."""
    kinds = tuple(each for each in kinds_of(instance) if each != MP4 or instance.frames == 1)
    taken = asked()
    if not taken:
        return kinds
    ways = [each for each in taken if each.multipart or each.is_anything]
    if not ways:
        raise NotAcceptable("pictures of a study or series are sent as multipart/related")
    every = (JPEG, PNG, GIF, JP2, HTML, PLAIN, PDF, XML, MP4)
    if not any(way.takes(kind, multipart=True) for way in ways for kind in every):
        raise NotAcceptable("pictures are sent as image/jpeg, image/png, image/gif or image/jp2")
    return tuple(kind for way in ways for kind in kinds if way.takes(kind, multipart=True))


def _parts(shown: list[tuple[StoredInstance, tuple[str, ...]]], parameters: PictureParameters) -> Iterator[BodyPart]:
    """A part an instance; what cannot be decoded is left out."""
    root = public_root()
    for instance, kinds in shown:
        try:
            content = content_of(instance, parameters, kinds[0], moving=kinds[0] == GIF)
        except PacsError:
            continue
        address = url_of(root, instance.study_uid, instance.series_uid, instance.sop_uid)
        yield BodyPart(_named(kinds[0]), [content], f"{address}/rendered", len(content))


def _query() -> str:
    return request.query_string.decode("latin-1")


def _accept() -> str:
    return request.headers.get("Accept", "")
