"""Instances that come as metadata in JSON or XML, with their bulk data in parts of their own. PS3.18 10.5.1, 8.7.3.

Bulk parts go into one file inside the wall as they arrive, are mapped from there, and are written into PS3.10 files
without ever being in memory; from then on the instances are as any other.
"""

import mmap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from werkzeug.exceptions import RequestEntityTooLarge

from pacs.dicom.native_xml_reader import json_of
from pacs.dicomweb.accept import JSON
from pacs.dicomweb.door import door
from pacs.dicomweb.models import XML
from pacs.dicomweb.multipart import Part
from pacs.dicomweb.object_file import BulkPart, Bulks, uid_in, write_object
from pacs.dicomweb.stored import Store
from pacs.errors import NotDicom, OutOfResources, PacsError

_MOST_METADATA = 1 << 25  # bytes of one part; parsed, it takes several times as much memory
_MOST_METADATA_IN_ALL = 1 << 26


@dataclass(slots=True)
class _Sent:
    """What a request holds: metadata as they came, and bulk parts by where they stand in the file."""

    metadata: list[tuple[str, bytes]]
    places: list[tuple[BulkPart, int, int]]


def take_described(store: Store, parts: Iterator[Part], kind: str) -> None:
    """Take every instance that the metadata describe; `kind` is the type of parts that name none.

    A bulk part that no metadata name is told as a failure of its own. Raises `BadRequest` when the body breaks off,
    since nothing says then which bulk data are whole.
    """
    file = door().archive.parts.spool.temporary()
    try:
        sent = _read_parts(parts, kind, file)
        if sent.metadata:
            bulks = _mapped(file, sent.places)
            for media_type, text in sent.metadata:
                _take_instances(store, media_type, text, bulks)
            for _ in bulks.unused():
                store.refuse(NotDicom("a part holds bulk data that no metadata name"))
        elif sent.places:
            store.refuse(NotDicom("bulk data came without metadata"))
    except OSError as error:
        raise OutOfResources("the archive's disk refused the request; send again later") from error
    finally:
        file.unlink(missing_ok=True)


def _read_parts(parts: Iterator[Part], kind: str, file: Path) -> _Sent:
    sent, limit = _Sent([], []), door().max_body_bytes
    with file.open("xb", buffering=1 << 16) as bulk:
        for part in parts:
            media = part.kind(kind)
            if media.type in (JSON, XML, "application/json"):
                room = min(_MOST_METADATA, _MOST_METADATA_IN_ALL - sum(len(text) for _, text in sent.metadata))
                sent.metadata.append((media.type, _whole(part.data, room)))
                continue
            start = bulk.tell()
            for piece in part.data:
                bulk.write(piece)
                if bulk.tell() > limit:
                    raise RequestEntityTooLarge
            described = BulkPart(part.names(), media.type, "".join(media.values("transfer-syntax")[:1]))
            sent.places.append((described, start, bulk.tell()))
    return sent


def _whole(data: Iterator[bytes], room: int) -> bytes:
    text = bytearray()
    for piece in data:
        text += piece
        if len(text) > room:
            raise RequestEntityTooLarge
    return bytes(text)


def _mapped(file: Path, places: list[tuple[BulkPart, int, int]]) -> Bulks:
    """The bulk parts with views of their bytes; the mapping goes with the last view."""
    view = memoryview(b"")
    if file.stat().st_size:
        with file.open("rb") as source:
            view = memoryview(mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ))
    for part, start, stop in places:
        part.data = view[start:stop]
    return Bulks([part for part, _, _ in places])


def _take_instances(store: Store, media_type: str, text: bytes, bulks: Bulks) -> None:
    try:
        found = _instances(media_type, text)
    except PacsError as error:
        store.refuse(NotDicom(str(error)))
        return
    for each in found:
        if not isinstance(each, dict):
            store.refuse(NotDicom("the metadata have something that is no data set"))
            continue
        _take_instance(store, each, bulks)


def _take_instance(store: Store, found: Mapping[str, Any], bulks: Bulks) -> None:
    sop_class, sop = uid_in(found, "00080016"), uid_in(found, "00080018")
    store.take(lambda target: write_object(target, found, bulks), sop_class, sop)


def _instances(media_type: str, text: bytes) -> list[object]:
    if media_type == XML:
        return [json_of(text)]
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise NotDicom("the metadata are no JSON") from None
    return found if isinstance(found, list) else [found]
