"""WADO-RS: bulk data, by its address in the metadata or all at once. PS3.18 10.4.1.1.5, 8.7.3.3.2."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain

from flask import Blueprint, Response

from pacs.dicom.elements import PIXEL_TAGS, WIDTH, Buffer, DataSet, Element
from pacs.dicom.json import BULK_PLACEHOLDER
from pacs.dicom.writing import swapped
from pacs.dicomweb.accept import AS_STORED, OCTETS, Wanted, choose_frames
from pacs.dicomweb.door import caller, door, key_of, public_root, url_of
from pacs.dicomweb.frames import pixel_parts
from pacs.dicomweb.reply import BodyPart, multipart_reply, single_reply
from pacs.dicomweb.validators import cached, is_known, not_modified, tag_of
from pacs.dicomweb.wado import asked, in_request, open_one
from pacs.errors import NotAcceptable, NotDicom, NotFound, Truncated
from pacs.model import StoredInstance
from pacs.pixels import StoredFile, read_file

blueprint = Blueprint("bulk_data", __name__)
_ENCAPSULATED_DOCUMENT, _DOCUMENT_TYPE = 0x00420011, 0x00420012
_PLACE = re.compile(r"[0-9A-Fa-f]{8}(/[0-9]{1,6}/[0-9A-Fa-f]{8})*")
_PIECE_BYTES = 1 << 20
_PLACES = re.compile(re.escape(BULK_PLACEHOLDER) + rb'bulkdata/([0-9A-F/]+)"')


@blueprint.get("/studies/<uid:study>/series/<uid:series>/instances/<uid:sop>/bulkdata/<path:place>")
def retrieve_bulk_data(study: str, series: str, sop: str, place: str) -> Response:
    """The value that a BulkDataURI of the metadata names."""
    instance = open_one(study, series, sop)
    if _is_pixel_data(place) and instance.frames:
        return _pixel_data(instance, place)
    element, holder, file = _opened(instance, place)
    way, kind = _choose(_kind_of(element, holder))
    tag = tag_of([instance], place, kind, str(way.multipart))
    if is_known(tag):
        return not_modified(tag)
    part = _part(instance, place, kind, element, file)
    return cached(multipart_reply([part], kind) if way.multipart else single_reply(part), tag)


@blueprint.get("/studies/<uid:study>/bulkdata")
@blueprint.get("/studies/<uid:study>/series/<uid:series>/bulkdata")
@blueprint.get("/studies/<uid:study>/series/<uid:series>/instances/<uid:sop>/bulkdata")
def retrieve_all_bulk_data(study: str, series: str | None = None, sop: str | None = None) -> Response:
    """Every value that the metadata only gives an address for; a part each, named by that address."""
    found = door().archive.open(key_of(study, series, sop), caller())
    ways = [each for each in asked() or [_ANY] if each.multipart or each.is_anything]
    if not ways:
        raise NotAcceptable("all bulk data is sent as multipart/related")
    tag = tag_of(found, "bulkdata", str(ways))
    if is_known(tag):
        return not_modified(tag)
    forms = [choose_frames(ways, each.transfer_syntax_uid, single=False)[1:] if each.frames else None for each in found]
    parts = in_request(_all_parts(found, forms, ways))
    first = next(parts, None)
    if first is None:
        if any(_PLACES.search(text) for text in door().archive.metadata(found)):
            raise NotAcceptable("no bulk data here is of a type that is asked for")
        raise NotFound("nothing here has bulk data")
    kind = first.content_type.partition(";")[0]  # of the first part, as RFC 2387 3.1 has it
    return cached(multipart_reply(chain([first], parts), kind), tag)


_ANY = Wanted("*/*", multipart=True)


def _all_parts(
    found: list[StoredInstance], forms: list[tuple[str, str] | None], ways: list[Wanted]
) -> Iterator[BodyPart]:
    """A part a value, compressed pixel data a part a frame; values in no form that is asked for are left out."""
    for instance, form, text in zip(found, forms, door().archive.metadata(found), strict=False):
        for place in (each.decode() for each in _PLACES.findall(text)):
            if _is_pixel_data(place) and form is not None:
                yield from pixel_parts(instance, *form, f"{instance.sop_uid}/bulkdata/{place}")
                continue
            element, holder, file = _opened(instance, place)
            kinds = (_kind_of(element, holder), OCTETS)
            kind = next((each for way in ways for each in kinds if way.takes(each, multipart=True)), None)
            if kind is not None:
                yield _part(instance, place, kind, element, file)


def _is_pixel_data(place: str) -> bool:
    return place.upper() in {f"{tag:08X}" for tag in PIXEL_TAGS}


def _pixel_data(instance: StoredInstance, place: str) -> Response:
    single, stored = instance.frames == 1, instance.transfer_syntax_uid
    way, media, syntax = choose_frames(_unmultiplied(), stored, single=single, joined=True)
    tag = tag_of([instance], place, media, syntax, str(way.multipart))
    if is_known(tag):
        return not_modified(tag)
    location = f"{instance.sop_uid}/bulkdata/{place}"
    try:
        parts = list(pixel_parts(instance, media, syntax, location))
    except NotAcceptable:
        if any(each.type != "*/*" or each.syntaxes for each in asked()):
            raise
        # Whoever takes anything is better served with the stored bytes than with nothing.
        as_stored = [replace(each, syntaxes=(AS_STORED,)) for each in asked() or [_ANY]]
        alone = [replace(each, refused=(*each.refused, ("*/*", True))) for each in as_stored]
        way, media, syntax = choose_frames([*alone, *as_stored], stored, single=single)
        parts = list(pixel_parts(instance, media, syntax, location))
    return cached(multipart_reply(parts, media) if way.multipart else single_reply(parts[0]), tag)


def _unmultiplied() -> list[Wanted]:
    """What the caller takes; bulk data that may have any form goes as a single part if it can."""
    found = asked() or [Wanted("*/*", multipart=False)]
    alone = [replace(each, type=OCTETS) for each in found if each.is_anything and each.takes(OCTETS, multipart=False)]
    return [*alone, *found] if found[0].is_anything else found


def _opened(instance: StoredInstance, place: str) -> tuple[Element, DataSet, StoredFile]:
    """The element at a path ``TAG`` or ``TAG/item/TAG``, what holds it, and its file. Raises `NotFound`."""
    if not _PLACE.fullmatch(place):
        raise NotFound("there is no such bulk data")
    try:
        file = read_file(instance.path)
    except (OSError, ValueError, NotDicom, Truncated):
        raise NotAcceptable("the stored file is damaged") from None
    holder = file.data_set
    steps = place.split("/")
    for sequence, number in zip(steps[:-1:2], steps[1:-1:2], strict=True):
        outer = holder.get(int(sequence, 16))
        if outer is None or not outer.items or int(number) >= len(outer.items):
            raise NotFound("there is no such bulk data")
        holder = outer.items[int(number)]
    element = holder.get(int(steps[-1], 16))
    if element is None or element.items is not None or not len(element.value):
        raise NotFound("there is no such bulk data")
    return element, holder, file


def _kind_of(element: Element, holder: DataSet) -> str:
    document = holder.get(_DOCUMENT_TYPE)
    if element.tag == _ENCAPSULATED_DOCUMENT and document is not None:
        kind = bytes(document.value).decode("latin-1").strip(" \0").lower()
        if re.fullmatch(r"[a-z0-9.+-]+/[a-z0-9.+-]+", kind):
            return kind
    return OCTETS


def _choose(kind: str) -> tuple[Wanted, str]:
    """The first way in which the caller takes the value. Raises `NotAcceptable`."""
    for each in asked() or [Wanted("*/*", multipart=False)]:
        for multipart in (False, True) if each.is_anything else (each.multipart,):
            for form in (kind, OCTETS):
                if each.takes(form, multipart=multipart):
                    return Wanted(form, multipart), form
    raise NotAcceptable(f"this value is sent as {kind} or {OCTETS}")


def _part(instance: StoredInstance, place: str, kind: str, element: Element, file: StoredFile) -> BodyPart:
    address = url_of(public_root(), instance.study_uid, instance.series_uid, instance.sop_uid)
    value = element.value
    if not file.encoding.little_endian and WIDTH.get(element.vr, 1) > 1:
        value = swapped(value, WIDTH[element.vr])
    return BodyPart(kind, _pieces(value), f"{address}/bulkdata/{place}", len(value))


def _pieces(value: Buffer) -> Iterable[bytes]:
    for start in range(0, len(value), _PIECE_BYTES):
        yield bytes(value[start : start + _PIECE_BYTES])
