"""WADO-RS: frames, and pixel data as a whole. PS3.18 10.4, 8.7.3.3.2."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from flask import Blueprint, Response

from pacs.dicom.elements import Buffer
from pacs.dicom.syntaxes import EXPLICIT_LE, IMPLICIT_LE, is_encapsulated
from pacs.dicomweb.accept import choose_frames
from pacs.dicomweb.decoded import decoded
from pacs.dicomweb.door import caller, door, key_of, public_root, url_of
from pacs.dicomweb.opened import check_whole, opened
from pacs.dicomweb.reply import BodyPart, FilePieces, multipart_reply, single_reply
from pacs.dicomweb.validators import cached, is_known, not_modified, tag_of
from pacs.dicomweb.wado import asked, in_request, open_one
from pacs.errors import BadRequest, NotAcceptable, NotFound
from pacs.model import PixelFrame, StoredInstance
from pacs.pixels import StoredFile, decoded_frame, encoded_frame, frame_pixels, read_file

blueprint = Blueprint("frames", __name__)
_LITTLE = (EXPLICIT_LE, IMPLICIT_LE)
_MOST_FRAMES = 10_000  # in one list


@blueprint.get("/studies/<uid:study>/series/<uid:series>/instances/<uid:sop>/frames/<frames>")
def retrieve_frames(study: str, series: str, sop: str, frames: str) -> Response:
    """Frames in the order asked for."""
    numbers = frame_numbers(frames)
    instance = open_one(study, series, sop)
    if not instance.frames:
        raise NotFound("this instance has no frames")
    if max(numbers) > instance.frames:
        raise NotFound("the instance has fewer frames")
    way, media, syntax = choose_frames(asked(), instance.transfer_syntax_uid, single=len(numbers) == 1)
    tag = tag_of([instance], frames, media, syntax, str(way.multipart))
    if is_known(tag):
        return not_modified(tag)
    parts = frame_parts(instance, numbers, media, syntax)
    if len(numbers) == 1:
        parts = list(parts)  # its length is known then
    response = multipart_reply(parts, media) if way.multipart else single_reply(next(iter(parts)))
    return cached(response, tag)


def frame_numbers(text: str) -> list[int]:
    """Numbers joined by commas. Raises `BadRequest`."""
    if not re.fullmatch(r" *[0-9]{1,9} *(, *[0-9]{1,9} *)*", text):
        raise BadRequest("frames are given as numbers from 1, joined by commas")
    numbers = [int(each) for each in text.split(",")]
    if min(numbers) < 1:
        raise BadRequest("frames are counted from 1")
    if len(numbers) > _MOST_FRAMES:
        raise BadRequest(f"one request is for at most {_MOST_FRAMES} frames")
    return numbers


def frame_parts(instance: StoredInstance, numbers: Sequence[int], media: str, syntax: str) -> Iterable[BodyPart]:
    """A part for each frame. The first is made at once, so that errors are told."""
    root = public_root()
    address = f"{url_of(root, instance.study_uid, instance.series_uid, instance.sop_uid)}/frames"
    kind = f"{media}; transfer-syntax={syntax}"
    file = opened(instance) if instance.frames > 1 else None
    ranges = file.frames if file else door().archive.frames(instance)
    if max(numbers) > len(ranges):
        raise NotAcceptable("the pixel data is shorter than its attributes say")
    if _as_they_are(instance, ranges, syntax):
        if file is None:
            check_whole(instance)
        return (
            BodyPart(kind, FilePieces(instance.file, spans), f"{address}/{number}", sum(size for _, size in spans))
            for number, spans in ((number, ranges[number - 1].ranges) for number in numbers)
        )
    made = _made(instance, file or opened(instance), numbers, syntax)
    first = next(made)
    return (
        BodyPart(kind, [data], f"{address}/{number}", len(data))
        for number, data in zip(numbers, chain([first], made), strict=True)
    )


def _as_they_are(instance: StoredInstance, ranges: Sequence[PixelFrame], syntax: str) -> bool:
    """Whether the stored bytes of frames are what is asked for."""
    stored = instance.transfer_syntax_uid
    if stored in _LITTLE and syntax == EXPLICIT_LE:
        return not _share_bytes(ranges)
    return stored == syntax and is_encapsulated(stored)


def _share_bytes(ranges: Sequence[PixelFrame]) -> bool:
    """Whether native frames overlap: one-bit pixels that do not fill whole bytes."""
    if len(ranges) < 2:
        return False
    start, length = ranges[0].ranges[0]
    return start + length > ranges[1].ranges[0][0]


def _made(instance: StoredInstance, file: StoredFile, numbers: Sequence[int], syntax: str) -> Iterator[bytes]:
    """Frames decoded, or compressed in another way."""
    if syntax != EXPLICIT_LE:
        for number in numbers:
            yield encoded_frame(*frame_pixels(file, number - 1), syntax)
        return
    if is_encapsulated(instance.transfer_syntax_uid):
        for number in numbers:
            yield decoded.frame(instance, file, number - 1)
        return
    # Big Endian pixels may have to be turned as a whole.
    file = file if instance.transfer_syntax_uid in _LITTLE else read_file(instance.path)
    for number in numbers:
        yield decoded_frame(file, number - 1)


# -- pixel data --------------------------------------------------------------------------------------------------------


@blueprint.get("/studies/<uid:study>/pixeldata")
@blueprint.get("/studies/<uid:study>/series/<uid:series>/pixeldata")
@blueprint.get("/studies/<uid:study>/series/<uid:series>/instances/<uid:sop>/pixeldata")
def retrieve_pixel_data(study: str, series: str | None = None, sop: str | None = None) -> Response:
    """Pixel data of all images: in Little Endian a part an instance, compressed a part a frame. PS3.18 10.4.1.1.6."""
    found = [each for each in door().archive.open(key_of(study, series, sop), caller()) if each.frames]
    if not found:
        raise NotFound("nothing here has pixel data")
    one = sop is not None
    taken = asked()
    forms = [
        choose_frames(taken, each.transfer_syntax_uid, single=one and each.frames == 1, joined=one) for each in found
    ]
    way, media, _syntax = forms[0]
    tag = tag_of(found, "pixeldata", *(f"{form[1]} {form[2]}" for form in forms), str(way.multipart))
    if is_known(tag):
        return not_modified(tag)
    parts = in_request(
        part
        for each, form in zip(found, forms, strict=True)
        for part in pixel_parts(each, form[1], form[2], f"{each.sop_uid}/pixeldata")
    )
    first = next(parts)  # so that an error is told before the answer begins
    if way.multipart:
        return cached(multipart_reply(chain([first], parts), media), tag)  # of the first part. RFC 2387 3.1
    if next(parts, None) is not None:
        raise NotAcceptable("this pixel data has several parts, which are sent as multipart/related")
    return cached(single_reply(first), tag)


def pixel_parts(instance: StoredInstance, media: str, syntax: str, location: str) -> Iterable[BodyPart]:
    """All frames of an instance; uncompressed ones as one part."""
    numbers = range(1, instance.frames + 1)
    parts = frame_parts(instance, numbers, media, syntax)
    if syntax != EXPLICIT_LE:
        return parts
    address = f"{url_of(public_root(), instance.study_uid, instance.series_uid)}/instances/{location}"
    ranges = opened(instance).frames if instance.frames > 1 else door().archive.frames(instance)
    if _as_they_are(instance, ranges, syntax):
        spans = tuple(span for frame in ranges for span in frame.ranges)
        size = sum(length for _start, length in spans)
        return [BodyPart(f"{media}; transfer-syntax={syntax}", FilePieces(instance.file, spans), address, size)]
    rest = iter(parts)
    first = next(rest)
    return [BodyPart(first.content_type, _joined(first, rest), address)]


def _joined(first: BodyPart, rest: Iterator[BodyPart]) -> Iterator[Buffer]:
    yield from first.data
    for part in rest:
        yield from part.data
