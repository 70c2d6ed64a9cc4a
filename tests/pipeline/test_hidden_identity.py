"""Places where identity hid in objects that a hostile reader made: none of it is published."""

import re
import struct

import pytest

from pacs.dicom.elements import parse
from pacs.dicom.fileformat import read_start
from pacs.dicom.syntaxes import encoding_of
from pacs.dicom.writing import encode
from tests.builders import ct_bytes
from tests.installation import send, work


def explicit(tag: int, vr: bytes, value: bytes) -> bytes:
    """An explicit element header and value. PS3.5 7.1.2."""
    value += b" " * (len(value) % 2)
    if vr in (b"UN", b"SQ"):
        return struct.pack("<HH2sHI", tag >> 16, tag & 0xFFFF, vr, 0, len(value)) + value
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr, len(value)) + value


def with_bytes(content: bytes, at_tag: int, extra: bytes) -> bytes:
    """A file with raw element bytes put in before the first element from `at_tag` on."""
    start = read_start(content)
    encoding = encoding_of(start.transfer_syntax_uid)
    data_set = parse(content[start.data_set_offset :], encoding)
    before = type(data_set)({tag: each for tag, each in data_set.items() if tag < at_tag})
    after = type(data_set)({tag: each for tag, each in data_set.items() if tag >= at_tag})
    pieces = (
        content[: start.data_set_offset],
        *encode(before, encoding, encoding),
        extra,
        *encode(after, encoding, encoding),
    )
    return b"".join(pieces)


def published_bytes(app) -> bytes:
    """Everything outside the wall, without new UIDs."""
    blobs = b"".join(path.read_bytes() for path in app.folders.blobs.rglob("*.dcm"))
    index = app.archive.parts.index
    rows = app.archive.parts.database.execute_sql("SELECT id FROM instance").fetchall()
    found = blobs + b"".join(index.metadata([row[0] for row in rows]))
    return re.sub(rb"2\.25\.\d+", b"", found)  # new UIDs may hold any digits


@pytest.mark.parametrize("first", [0x00100010, 0x00100020])
def test_earlier_of_two_equal_tags_is_read_too(app, first):
    """PatientName twice: the one that does not count still identifies, wherever else it stands."""
    vr = b"PN" if first == 0x00100010 else b"LO"
    content = with_bytes(ct_bytes(SoftwareVersions="VX Zqdopwix"), first, explicit(first, vr, b"Zqdopwix"))
    send(app, content)
    work(app)
    assert b"qdopwix" not in published_bytes(app).lower()


def test_items_under_another_vr_are_entered_and_go(app):
    item = struct.pack("<HHI", 0xFFFE, 0xE000, 16) + struct.pack("<HHI", 0x0010, 0x0010, 8) + b"Zqfalwix"
    for vr in (b"UN", b"LO"):
        content = ct_bytes(sop=f"i{vr!r}", SequenceName="Zqfalwix")
        send(app, with_bytes(content, 0x00181021, explicit(0x00181020, vr, item)))
    work(app)
    assert b"qfalwix" not in published_bytes(app).lower()


@pytest.mark.parametrize(
    ("patient", "typed"),
    [("00812345", b"812345"), ("12-34.567/8", b"12345678"), ("MRN7700009", b"7700009"), ("ABC 7700009", b"7700009")],
)
def test_id_goes_however_its_digits_are_copied(app, patient, typed):
    send(app, ct_bytes(PatientID=patient, PixelData=bytes(128), SoftwareVersions=f"VB20A {typed.decode()}"))
    assert work(app)["published"] == 1
    found = published_bytes(app)
    assert typed not in found
    assert b"VB20A" in found


@pytest.mark.parametrize("typed", ["09DEC2003", "9. Dec 2003", "2003-12-09", "09.12.2003"])
def test_own_date_goes_in_any_form_without_a_hold(app, typed):
    send(app, ct_bytes(StudyDate="20031209", ConvolutionKernel=f"B30f {typed}"))
    assert work(app)["published"] == 1
    found = published_bytes(app)
    assert b"2003" not in found
    assert b"B30f" in found


def test_name_goes_in_the_possessive(app):
    send(app, ct_bytes(PatientName="Zqbebwix^Ann", SoftwareVersions="VB20A Zqbebwixs scan"))
    assert work(app)["published"] == 1
    assert b"qbebwix" not in published_bytes(app).lower()
