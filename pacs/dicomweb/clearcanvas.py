"""The streaming form of ClearCanvas: bare pixels of a frame with what they are in headers, and headers alone."""

import re

from flask import Response

from pacs.dicom.elements import DataSet
from pacs.dicom.fileformat import file_start, text_of
from pacs.dicom.syntaxes import EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, encoding_of
from pacs.dicom.writing import encode
from pacs.dicomweb.accept import OCTETS
from pacs.dicomweb.frames import frame_parts
from pacs.dicomweb.opened import opened
from pacs.dicomweb.picture_parameters import whole_number
from pacs.dicomweb.reply import single_reply
from pacs.errors import BadRequest, NotFound
from pacs.model import StoredInstance
from pacs.pixels.reading import layout_of

FRAME, HEADER = "application/clearcanvas", "application/clearcanvas-header"
_TAG = re.compile(r"[0-9a-fA-F]{8}", re.ASCII)
_LOSSY = {
    "LossyImageCompression": 0x00282110,
    "LossyImageCompressionMethod": 0x00282114,
    "LossyImageCompressionRatio": 0x00282112,
    "DerivationDescription": 0x00082111,
}
_DECODED = (IMPLICIT_LE, EXPLICIT_BE)  # the web sends neither


def frame_reply(instance: StoredInstance, number: str) -> Response:
    """The pixels of a frame, as stored; frames are counted from 0 here."""
    place = whole_number(number, "frameNumber", 0, 99999)
    if place >= instance.frames:
        raise NotFound("the instance has no such frame")
    stored = instance.transfer_syntax_uid
    syntax = EXPLICIT_LE if stored in _DECODED else stored
    part = next(iter(frame_parts(instance, [place + 1], OCTETS, syntax)))
    response = single_reply(part)
    response.headers["Content-Type"] = FRAME
    file = opened(instance)
    found = layout_of(file)
    facts: dict[str, object] = {
        "IsLast": str(place == instance.frames - 1).lower(),
        "Compressed": str(syntax != EXPLICIT_LE).lower(),
        "TransferSyntaxUid": syntax,
        "BitsAllocated": found.bits_allocated,
        "BitsStored": found.bits_stored,
        "HighBit": found.bits_stored - 1,
        "ImageHeight": found.rows,
        "ImageWidth": found.columns,
        "NumberOfFrames": instance.frames,
        "PhotometricInterpretation": found.photometric,
        "PixelRepresentation": int(found.signed),
        "PlanarConfiguration": found.planar,
        "SamplesPerPixel": found.samples,
        **{name: value for name, tag in _LOSSY.items() if (value := _plain(file.data_set, tag))},
    }
    for name, fact in facts.items():
        response.headers[name] = str(fact)
    return response


def _plain(data_set: DataSet, tag: int) -> str:
    """Text that may stand in a header."""
    return "".join(each for each in text_of(data_set, tag) if " " <= each <= "~")[:1000]


def header_reply(instance: StoredInstance, stop: str) -> Response:
    """The object up to a tag, as a DICOM file."""
    if not _TAG.fullmatch(stop):
        raise BadRequest("stopTag is a tag of eight hexadecimal digits")
    file = opened(instance)
    syntax = EXPLICIT_LE if instance.transfer_syntax_uid in _DECODED else instance.transfer_syntax_uid
    before = DataSet({tag: element for tag, element in file.data_set.items() if tag < min(int(stop, 16), 0x7FE00008)})
    start = file_start(instance.sop_class_uid, instance.sop_uid, syntax)
    body = b"".join([start, *(bytes(piece) for piece in encode(before, file.encoding, encoding_of(syntax)))])
    response = Response(body, 200)
    response.headers["Content-Type"] = HEADER
    return response
