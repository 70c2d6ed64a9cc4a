"""Results and metadata in the two media types of the DICOM models: JSON, and XML one part a data set. PS3.18 8.7.3."""

from collections.abc import Iterable, Iterator, Sequence

import orjson
from flask import Response, request

from pacs.dicom.native_xml import native_xml
from pacs.dicomweb.accept import JSON, Wanted, wanted
from pacs.dicomweb.reply import BodyPart, multipart_reply, single_reply
from pacs.errors import NotAcceptable

XML = "application/dicom+xml"
_PIECE_BYTES = 1 << 18


def chosen_model(*, single: bool = False) -> Wanted:
    """How the caller takes data sets: as one JSON array, or as XML parts. Nothing asked is JSON.

    `single`: there is one data set, so that XML may come as a single part. Raises `NotAcceptable`.
    """
    for each in asked() or [Wanted(JSON, multipart=False)]:
        if not each.multipart and (each.type == "application/json" or each.takes(JSON, multipart=False)):
            return Wanted(JSON, multipart=False)
        if single and not each.multipart and (each.type == "application/xml" or each.takes(XML, multipart=False)):
            return Wanted(XML, multipart=False)
        if (each.multipart or each.is_anything) and each.takes(XML, multipart=True):
            return Wanted(XML, multipart=True)
    raise NotAcceptable(f'data sets are sent as {JSON}, or as multipart/related; type="{XML}"')


def asked() -> Sequence[Wanted]:
    """What the caller takes, best first."""
    return wanted(request.args.get("accept"), request.headers.get("Accept"))


def model_reply(way: Wanted, data_sets: Iterable[bytes]) -> Response:
    """Data sets, each a JSON object in UTF-8, in the way that was chosen. They are read as they are sent."""
    if way.type == JSON:
        if isinstance(data_sets, list):
            return Response(b"[%b]" % b",".join(data_sets), mimetype=JSON)
        return Response(json_array(data_sets), mimetype=JSON)
    parts = (BodyPart(XML, [native_xml(orjson.loads(text))]) for text in data_sets)
    return multipart_reply(parts, XML) if way.multipart else single_reply(next(parts))


def json_array(objects: Iterable[bytes]) -> Iterator[bytes]:
    """A JSON array, a few objects at a time, so that memory stays flat."""
    pieces, size = [b"["], 0
    for number, text in enumerate(objects):
        pieces += (b",", text) if number else (text,)
        size += len(text)
        if size > _PIECE_BYTES:
            yield b"".join(pieces)
            pieces, size = [], 0
    pieces.append(b"]")
    yield b"".join(pieces)
