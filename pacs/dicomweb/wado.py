"""WADO-RS: instances, frames and bulk data. PS3.18 10.4."""

import re
from collections.abc import Iterable, Iterator

from flask import Blueprint, Response, request

from pacs.dicom.elements import Buffer, DataSet, Element
from pacs.dicom.syntaxes import EXPLICIT_LE, is_encapsulated
from pacs.dicomweb.accept import (
    DICOM,
    MEDIA_OF_SYNTAX,
    OCTETS,
    Wanted,
    choose_frames,
    choose_instance,
    wanted,
)
from pacs.dicomweb.door import caller, door, key_of, public_root, url_of
from pacs.dicomweb.reply import BodyPart, file_pieces, multipart_reply, single_reply
from pacs.dicomweb.validators import cached, is_known, not_modified, tag_of
from pacs.errors import BadRequest, NotAcceptable, NotFound
from pacs.model import StoredInstance
from pacs.pixels import StoredFile, decoded_frame, explicit_little_endian, read_file

blueprint = Blueprint("wado", __name__)
_PDF = "application/pdf"
_ENCAPSULATED_DOCUMENT, _DOCUMENT_TYPE = 0x00420011, 0x00420012
_PIXELS = 0x7FE00010


# -- instances ---------------------------------------------------------------------------------------------------------


@blueprint.get("/studies/<uid:study>")
def retrieve_study(study: str) -> Response:
    """Every instance of a study."""
    return _instances(door().archive.open(key_of(study), caller()), single=False)


@blueprint.get("/studies/<uid:study>/series/<uid:series>")
def retrieve_series(study: str, series: str) -> Response:
    """Every instance of a series."""
    return _instances(door().archive.open(key_of(study, series), caller()), single=False)


@blueprint.get("/studies/<uid:study>/series/<uid:series>/instances/<uid:sop>")
def retrieve_instance(study: str, series: str, sop: str) -> Response:
    """One instance."""
    return _instances([_one(study, series, sop)], single=True)


def _one(study: str, series: str, sop: str) -> StoredInstance:
    return door().archive.open(key_of(study, series, sop), caller())[0]


def _wanted() -> list[Wanted]:
    return wanted(request.args.get("accept"), request.headers.get("Accept"))


def _instances(found: list[StoredInstance], *, single: bool) -> Response:
    way, syntaxes = choose_instance(_wanted(), [each.transfer_syntax_uid for each in found], single=single)
    tag = tag_of(found, *sorted(syntaxes.values()), str(way.multipart))
    if is_known(tag):
        return not_modified(tag)
    strict = EXPLICIT_LE in way.syntaxes
    parts: Iterable[BodyPart] = (
        _instance_part(each, syntaxes[each.transfer_syntax_uid], strict=strict) for each in found
    )
    if single:
        parts = list(parts)  # so that an error is told before the answer begins
    if all(syntax == stored for stored, syntax in syntaxes.items()):
        parts = list(parts)  # files are opened when it is their turn; so the length is known beforehand
    response = multipart_reply(parts, DICOM) if way.multipart else single_reply(next(iter(parts)))
    return cached(response, tag)


def _instance_part(instance: StoredInstance, syntax: str, *, strict: bool) -> BodyPart:
    """A file as stored, or decoded. What cannot be decoded goes as stored, and says so in its content type.

    `strict`: the caller named Explicit VR Little Endian, so nothing else will do; raises `NotAcceptable` then.
    """
    data: Iterable[Buffer] = file_pieces(instance.path)
    size_bytes: int | None = instance.size_bytes
    if syntax != instance.transfer_syntax_uid:
        try:
            data, size_bytes = explicit_little_endian(read_file(instance.path)), None
        except NotAcceptable:
            if strict:
                raise
            syntax = instance.transfer_syntax_uid
    return BodyPart(f"{DICOM}; transfer-syntax={syntax}", data, size_bytes=size_bytes)


# -- frames ------------------------------------------------------------------------------------------------------------


@blueprint.get("/studies/<uid:study>/series/<uid:series>/instances/<uid:sop>/frames/<frames>")
def retrieve_frames(study: str, series: str, sop: str, frames: str) -> Response:
    """Frames in the order asked for."""
    numbers = _frame_numbers(frames)
    instance = _one(study, series, sop)
    if not instance.frames:
        raise NotFound("this instance has no frames")
    if max(numbers) > instance.frames:
        raise NotFound("the instance has fewer frames")
    way, media, syntax = choose_frames(_wanted(), instance.transfer_syntax_uid, single=len(numbers) == 1)
    tag = tag_of([instance], frames, media, syntax, str(way.multipart))
    if is_known(tag):
        return not_modified(tag)
    address = f"{url_of(public_root(), study, series, sop)}/frames"
    kind = media if syntax == EXPLICIT_LE and media == OCTETS else f"{media}; transfer-syntax={syntax}"
    pieces = _frame_pieces(instance, numbers, decode=syntax != instance.transfer_syntax_uid)
    parts = (BodyPart(kind, data, f"{address}/{number}") for number, data in zip(numbers, pieces, strict=True))
    response = multipart_reply(parts, media) if way.multipart else single_reply(next(parts))
    return cached(response, tag)


def _frame_numbers(text: str) -> list[int]:
    if not re.fullmatch(r"\s*[0-9]{1,9}\s*(,\s*[0-9]{1,9}\s*)*", text):
        raise BadRequest("frames are given as numbers from 1, joined by commas")
    numbers = [int(each) for each in text.split(",")]
    if min(numbers) < 1:
        raise BadRequest("frames are counted from 1")
    return numbers


def _frame_pieces(instance: StoredInstance, numbers: list[int], *, decode: bool) -> Iterator[Iterable[Buffer]]:
    """The bytes of each frame: cut out by stored offsets, or decoded. The first is made at once, so errors are told."""
    one_bit = False
    if not decode:
        ranges = door().archive.frames(instance)
        one_bit = not is_encapsulated(instance.transfer_syntax_uid) and _shares_bytes(ranges[0].ranges, ranges)
    if not decode and not one_bit:
        return (file_pieces(instance.path, ranges[number - 1].ranges) for number in numbers)
    file = read_file(instance.path)
    first = decoded_frame(file, numbers[0] - 1)
    return _decoded_pieces(file, numbers, first)


def _shares_bytes(first: tuple[tuple[int, int], ...], ranges: tuple[object, ...]) -> bool:
    """Whether native frames overlap: one-bit pixels that do not fill whole bytes."""
    if len(ranges) < 2:
        return False
    following = getattr(ranges[1], "ranges")[0][0]  # noqa: B009
    return bool(first[0][0] + first[0][1] > following)


def _decoded_pieces(file: StoredFile, numbers: list[int], first: bytes) -> Iterator[Iterable[Buffer]]:
    yield [first]
    for number in numbers[1:]:
        yield [decoded_frame(file, number - 1)]


# -- bulk data ---------------------------------------------------------------------------------------------------------


@blueprint.get("/studies/<uid:study>/series/<uid:series>/instances/<uid:sop>/bulkdata/<path:place>")
def retrieve_bulk_data(study: str, series: str, sop: str, place: str) -> Response:
    """The value that a BulkDataURI of the metadata names. PS3.18 10.4.1.1.5."""
    instance = _one(study, series, sop)
    file = read_file(instance.path)
    element, holder = _find(file.data_set, place)
    kind = _kind_of(element, holder)
    way, kind = _choose_bulk(kind)
    tag = tag_of([instance], place, kind, str(way.multipart))
    if is_known(tag):
        return not_modified(tag)
    address = f"{url_of(public_root(), study, series, sop)}/bulkdata/{place}"
    parts = [BodyPart(kind, data, address) for data in _bulk_values(file, element)]
    if element.encapsulated:
        syntax = instance.transfer_syntax_uid
        media = MEDIA_OF_SYNTAX.get(syntax, OCTETS)
        parts = [BodyPart(f"{media}; transfer-syntax={syntax}", part.data, address) for part in parts]
        kind = media
    single = not way.multipart and len(parts) == 1
    return cached(single_reply(parts[0]) if single else multipart_reply(parts, kind), tag)


def _find(data_set: DataSet, place: str) -> tuple[Element, DataSet]:
    """The element at a path ``TAG`` or ``TAG/item/TAG``. Raises `NotFound`."""
    steps = place.split("/")
    holder = data_set
    if not re.fullmatch(r"[0-9A-Fa-f]{8}(/[0-9]{1,6}/[0-9A-Fa-f]{8})*", place):
        raise NotFound("there is no such bulk data")
    for sequence, number in zip(steps[:-1:2], steps[1:-1:2], strict=True):
        outer = holder.get(int(sequence, 16))
        if outer is None or not outer.items or int(number) >= len(outer.items):
            raise NotFound("there is no such bulk data")
        holder = outer.items[int(number)]
    element = holder.get(int(steps[-1], 16))
    if element is None or element.items is not None or not len(element.value):
        raise NotFound("there is no such bulk data")
    return element, holder


def _kind_of(element: Element, holder: DataSet) -> str:
    document = holder.get(_DOCUMENT_TYPE)
    if element.tag == _ENCAPSULATED_DOCUMENT and document is not None:
        kind = bytes(document.value).decode("latin-1").strip(" \0").lower()
        if re.fullmatch(r"[a-z0-9.+-]+/[a-z0-9.+-]+", kind):
            return kind
    return OCTETS


def _choose_bulk(kind: str) -> tuple[Wanted, str]:
    """The first way in which the caller takes the value. Raises `NotAcceptable`."""
    for each in _wanted() or [Wanted("*/*", multipart=False)]:
        group = each.type.partition("/")[0]
        if each.type in ("*/*", kind) or each.type == f"{group}/*" == f"{kind.partition('/')[0]}/*":
            return each, kind
        if each.type == OCTETS:
            return each, OCTETS
    raise NotAcceptable(f"this value is sent as {kind} or {OCTETS}")


def _bulk_values(file: StoredFile, element: Element) -> Iterator[Iterable[Buffer]]:
    """The value in Little Endian; encapsulated pixel data frame by frame."""
    if element.encapsulated and element.tag == _PIXELS:
        for number in range(len(file.frames)):
            yield [file.frame(number)]
        return
    yield _pieces(element.value)


def _pieces(value: Buffer) -> Iterator[bytes]:
    for start in range(0, len(value), 1 << 20):
        yield bytes(value[start : start + (1 << 20)])
