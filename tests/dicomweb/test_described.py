"""Instances that come as metadata with bulk parts: the file that is written is the one that was described."""

import io
import json
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image as Pillow
from pydicom.data import get_testdata_file
from pydicom.encaps import generate_frames

from pacs.dicom.elements import MAX_DEPTH
from pacs.dicom.native_xml import native_xml
from pacs.dicomweb import pixel_description
from pacs.dicomweb.object_file import BulkPart, Bulks, write_object
from pacs.dicomweb.pixel_description import codestream, frame_marker
from pacs.errors import MissingUid, NotDicom, PacsError, Unsupported
from tests.builders import CT, make_ct, uid
from tests.dicomweb.conftest import Web
from tests.installation import work
from tests.wire.contract import contract

JSON, XML = "application/dicom+json", "application/dicom+xml"
JPEG_FILES = ["SC_rgb_jpeg_dcmtk.dcm", "JPEG-lossy.dcm", "JPEG2000.dcm", "MR_small_jp2klossless.dcm"]
JPEG_FILES += ["MR_small_jpeg_ls_lossless.dcm", "JPEGLSNearLossless_08.dcm", "SC_rgb_rle_2frame.dcm"]
ALIKE = {"1.2.840.10008.1.2.4.50": "jpeg", "1.2.840.10008.1.2.4.51": "jpeg", "1.2.840.10008.1.2.4.80": "jls"}
ALIKE |= {"1.2.840.10008.1.2.4.81": "jls", "1.2.840.10008.1.2.4.90": "jp2", "1.2.840.10008.1.2.4.91": "jp2"}
PLAIN_FILES = ["CT_small.dcm", "MR_small.dcm", "rtplan.dcm", "test-SR.dcm", "reportsi.dcm"]


def described(data_set: pydicom.Dataset, uri: str = "http://archive/bulk/1") -> tuple[dict, bytes]:
    """DICOM JSON with pixel data by URI, as pydicom writes it, and the pixel data."""
    found = data_set.to_json_dict(suppress_invalid_tags=True)
    if "7FE00010" in found:
        found["7FE00010"] = {"vr": found["7FE00010"]["vr"][:2], "BulkDataURI": uri}
    return found, bytes(data_set.get("PixelData", b""))


def written(tmp_path: Path, found: dict, *parts: BulkPart) -> pydicom.FileDataset:
    target = tmp_path / "object.dcm"
    target.unlink(missing_ok=True)
    write_object(target, found, Bulks(parts))
    return pydicom.dcmread(target)


def bulk(data: bytes, kind: str = "application/octet-stream", syntax: str = "", name: str = "http://archive/bulk/1"):
    return BulkPart((name,), kind, syntax, memoryview(data))


@contract("web 8.1")
@pytest.mark.parametrize("name", PLAIN_FILES)
def test_data_sets_are_written_as_described(tmp_path, name):
    original = pydicom.dcmread(str(get_testdata_file(name)))
    found, pixels = described(original)
    result = written(tmp_path, found, bulk(pixels))
    assert result.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
    again, _ = described(result)
    for tag in ("00080005", "FFFCFFFC"):
        again.pop(tag, None)
        found.pop(tag, None)
    # Made of text, numbers lose no digit; what pydicom reads of ours is what it read of the original.
    assert {tag: entry for tag, entry in again.items() if tag[4:] != "0000"} == {
        tag: entry for tag, entry in found.items() if tag[4:] != "0000"
    }
    assert bytes(result.get("PixelData", b"")) == pixels


@contract("web 8.1")
@pytest.mark.parametrize("told", ["type", "parameter", "octets"])
@pytest.mark.parametrize("name", JPEG_FILES)
def test_compressed_parts_become_encapsulated(tmp_path, name, told):
    original = pydicom.dcmread(str(get_testdata_file(name)))
    found, value = described(original)
    frames = list(generate_frames(value, number_of_frames=int(original.get("NumberOfFrames", 1))))
    syntax = str(original.file_meta.TransferSyntaxUID)
    kind = {"50": "image/jpeg", "51": "image/jpeg", "80": "image/jls", "81": "image/jls", "5": "image/dicom-rle"}.get(
        syntax.rpartition(".")[2], "image/jp2"
    )
    way = {"type": (kind, ""), "parameter": (kind, syntax), "octets": ("application/octet-stream", syntax)}[told]
    result = written(tmp_path, found, *(bulk(frame, *way) for frame in frames))
    assert result.file_meta.TransferSyntaxUID == syntax
    count = len(frames)
    padded = [frame.rstrip(b"\0") for frame in generate_frames(result.PixelData, number_of_frames=count)]
    assert padded == [frame.rstrip(b"\0") for frame in frames]


@contract("web 8.1")
@pytest.mark.parametrize("name", ["JPEG2000.dcm", "SC_rgb_jpeg_gdcm.dcm"])
def test_streams_in_one_part_become_frames(tmp_path, name):
    original = pydicom.dcmread(str(get_testdata_file(name)))
    found, value = described(original)
    (frame,) = generate_frames(value, number_of_frames=1)
    syntax, stream = str(original.file_meta.TransferSyntaxUID), frame.rstrip(b"\0")
    found["00280008"] = {"vr": "IS", "Value": [3]}
    for padding in (b"", b"\0"):
        result = written(tmp_path, found, bulk((stream + padding) * 3, "image/jpeg", syntax))
        again = [each.rstrip(b"\0") for each in generate_frames(result.PixelData, number_of_frames=3)]
        assert again == [stream] * 3
    for wrong in ([stream * 2], [stream] * 2, [stream] * 4):
        with pytest.raises(NotDicom, match="number of frames"):
            written(tmp_path, found, *(bulk(each, "image/jpeg", syntax) for each in wrong))


MACRO = ["00280002", "00280004", "00280006", *(f"002801{number:02}" for number in range(4)), "00280010", "00280011"]


@contract("web 8.1")
@pytest.mark.parametrize("name", [name for name in JPEG_FILES if "rle" not in name])
def test_streams_tell_what_metadata_leave_out(tmp_path, name):
    original = pydicom.dcmread(str(get_testdata_file(name)))
    found, _ = described(original)
    stream = next(generate_frames(original.PixelData, number_of_frames=1))
    bare = {tag: entry for tag, entry in found.items() if tag not in MACRO}
    kind = ALIKE[original.file_meta.TransferSyntaxUID]
    result = written(tmp_path, bare, bulk(stream, f"image/{kind}"))
    for keyword in ("Rows", "Columns", "SamplesPerPixel", "BitsAllocated", "BitsStored", "HighBit"):
        assert result[keyword].value == original[keyword].value, keyword
    colours = original.SamplesPerPixel == 3
    assert result.PhotometricInterpretation.startswith("YBR" if colours else "MONOCHROME2")
    assert result.get("PlanarConfiguration") == (0 if colours else None)


@contract("web 8.1")
@pytest.mark.parametrize(
    ("kind", "mode"), [("PNG", "L"), ("PNG", "RGB"), ("PNG", "I;16"), ("PNG", "P"), ("GIF", "RGB")]
)
def test_pictures_without_a_syntax_are_decoded(tmp_path, kind, mode):
    wide = np.add.outer(np.arange(7), np.arange(9)) * (4000 if mode == "I;16" else 17)
    picture = Pillow.fromarray(wide.astype("u2" if mode == "I;16" else "u1"))
    picture = picture if mode == "I;16" else picture.convert(mode)
    more = [picture.rotate(180)] if kind == "GIF" else []
    out = io.BytesIO()
    picture.save(out, kind, save_all=bool(more), append_images=more)
    found, _ = described(make_ct())
    bare = {tag: entry for tag, entry in found.items() if tag not in MACRO}
    result = written(tmp_path, bare, bulk(out.getvalue(), f"image/{kind.lower()}"))
    assert result.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
    pixels = [np.asarray(each if mode in ("L", "I;16") else each.convert("RGB")) for each in (picture, *more)]
    assert (result.pixel_array == (np.stack(pixels) if more else pixels[0])).all()
    assert result.PhotometricInterpretation == ("MONOCHROME2" if mode in ("L", "I;16") else "RGB")


@contract("web 8.1")
def test_process_is_that_of_the_stream_itself(tmp_path):
    found, _ = described(make_ct())
    bare = {tag: entry for tag, entry in found.items() if tag not in MACRO}
    for progressive, syntax in ((False, "50"), (True, "55")):
        small, out = io.BytesIO(), io.BytesIO()
        Pillow.fromarray(np.eye(8, dtype="u1")).save(small, "JPEG", progressive=not progressive)
        thumbnail = b"Exif\0\0" + small.getvalue()
        Pillow.fromarray(np.eye(24, dtype="u1")).save(out, "JPEG", progressive=progressive, exif=thumbnail)
        result = written(tmp_path, bare, bulk(out.getvalue(), "image/jpeg"))
        assert (result.file_meta.TransferSyntaxUID, result.Rows) == (f"1.2.840.10008.1.2.4.{syntax}", 24)


@contract("web 8.1")
def test_codestreams_leave_their_boxes(tmp_path):
    out = io.BytesIO()
    Pillow.fromarray(np.eye(16, dtype="u1")).save(out, "JPEG2000")
    assert out.getvalue()[4:6] == b"jP"
    found, _ = described(make_ct(Rows=16, Columns=16, BitsAllocated=8, BitsStored=8, HighBit=7, PixelRepresentation=0))
    result = written(tmp_path, found, bulk(out.getvalue(), "image/jp2"))
    assert next(generate_frames(result.PixelData, number_of_frames=1))[:4] == b"\xff\x4f\xff\x51"
    assert (result.pixel_array == np.eye(16)).all()


@contract("web 8.4")
@pytest.mark.parametrize(
    ("kind", "content", "error"),
    [
        ("video/webm", bytes(128), Unsupported),
        ("image/png", bytes(128), NotDicom),
        ("image/png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x10\2", Unsupported),
        ("image/gif", b"GIF89a\xff\xff\xff\xff", NotDicom),
    ],
)
def test_pictures_that_cannot_be_kept_are_refused(tmp_path, kind, content, error):
    found, _ = described(make_ct())
    with pytest.raises(error):
        written(tmp_path, found, bulk(content, kind))


@contract("web 8.4")
def test_streams_of_markers_alone_are_given_up():
    header = b"\xff\xc0\0\x0b\x08\0\x02\0\x02\x01\x01\x11\0"
    assert frame_marker(memoryview(b"\xff\xd8" + b"\xff\xe0\0\2" * 1000 + header)) == 0xC0
    assert frame_marker(memoryview(b"\xff\xd8" + b"\xff\xe0\0\2" * 10_000 + header)) == 0
    for filling in (b"\xff\1", b"\xff"):
        assert frame_marker(memoryview(b"\xff\xd8" + filling * 10_000_000 + header)) == 0xC0
    boxes = b"\0\0\0\x0cjP  \r\n\x87\n" + b"\0\0\0\x08free" * 10_000 + b"\0\0\0\0jp2c"
    assert codestream(memoryview(boxes)) == boxes


@contract("web 8.4")
def test_unlike_pictures_end_at_the_second(monkeypatch):
    made = []

    def counted(image, **_):
        made.append(image.size)
        return np.asarray(image)

    monkeypatch.setattr(pixel_description, "_pixels", counted)
    pictures = [io.BytesIO() for _ in range(3)]
    for size, out in zip((9, 8, 7), pictures, strict=True):
        Pillow.fromarray(np.eye(size, dtype="u1")).save(out, "PNG")
    with pytest.raises(NotDicom, match="not of one kind"):
        pixel_description.decoded([memoryview(each.getvalue()) for each in pictures], "image/png")
    assert made == [(9, 9)]


def test_items_that_stand_in_a_part_stay(tmp_path):
    original = pydicom.dcmread(str(get_testdata_file("JPEG2000.dcm")))
    found, value = described(original)
    syntax = original.file_meta.TransferSyntaxUID
    assert written(tmp_path, found, bulk(value, syntax=syntax)).PixelData == value
    found["00083002"] = {"vr": "UI", "Value": [syntax]}
    assert written(tmp_path, found, bulk(value)).file_meta.TransferSyntaxUID == syntax


def test_parts_are_named_by_path_and_by_content_id(tmp_path):
    found, pixels = described(make_ct(), uri="/dicom-web/bulk/1")
    assert written(tmp_path, found, bulk(pixels, name="http://other/dicom-web/bulk/1")).PixelData == pixels
    found, pixels = described(make_ct(), uri="cid:one@two")
    assert written(tmp_path, found, bulk(pixels, name="cid:one@two")).PixelData == pixels


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        ({"vr": "US", "Value": [1, 65535]}, b"\x01\0\xff\xff"),
        ({"vr": "SL", "Value": ["-2"]}, b"\xfe\xff\xff\xff"),
        ({"vr": "UV", "Value": [2**64 - 1]}, b"\xff" * 8),
        ({"vr": "FD", "Value": ["NaN"]}, np.array([np.nan]).tobytes()),
        ({"vr": "AT", "Value": ["00100020"]}, b"\x10\0\x20\0"),
        ({"vr": "DS", "Value": [0.1 + 0.2, 7]}, b"0.3\\7 "),
        ({"vr": "IS", "Value": [12]}, b"12"),
        ({"vr": "PN", "Value": [{"Alphabetic": "A^B", "Phonetic": "C"}, None]}, b"A^B==C\\ "),
        ({"vr": "LO", "Value": ["M\u00fcller", None, "x"]}, "M\u00fcller\\\\x".encode()),
        ({"vr": "OB", "InlineBinary": "AAEC"}, b"\0\1\2\0"),
        ({"vr": "SQ"}, b""),
        ({"vr": "UN", "InlineBinary": ""}, b""),
        ({"vr": "OB or OW", "InlineBinary": "AAEC"}, b"\0\1\2\0"),  # as pydicom passes on what it did not decide
        ({"vr": "US or SS", "Value": [1]}, b"\x01\0"),
        ({"vr": "US or SS", "Value": [-1]}, b"\xff\xff"),
    ],
)
def test_each_vr_is_written(tmp_path, entry, value):
    found, _ = described(make_ct())
    del found["7FE00010"]
    target = tmp_path / "object.dcm"
    write_object(target, found | {"00411001": entry, "00410010": {"vr": "LO", "Value": ["MAKER"]}}, Bulks(()))
    content = target.read_bytes()
    at = content.index(b"\x41\0\x01\x10")
    vr = content[at + 4 : at + 6].decode()
    assert vr in {entry["vr"], *entry["vr"].split(" or ")}
    assert content[at:].startswith(content[at : at + (12 if vr in ("OB", "OW", "UN", "UV", "SQ") else 8)] + value)


WRONG = [
    {"vr": "US", "Value": [65536]},
    {"vr": "US", "Value": [10**400]},
    {"vr": "US", "Value": ["x"]},
    {"vr": "US", "Value": [True]},
    {"vr": "US", "Value": [1.5]},
    {"vr": "US", "Value": "1"},
    {"vr": "FD", "Value": [None]},
    {"vr": "FL", "Value": [1e300]},
    {"vr": "XX", "Value": ["1"]},
    {"vr": "LO", "Value": [1]},
    {"vr": "LO", "Value": [{}]},
    {"vr": "LT", "Value": ["a", "b"]},
    {"vr": "PN", "Value": [{"Alphabetic": 1}]},
    {"vr": "AT", "Value": ["zz"]},
    {"vr": "OB", "InlineBinary": "?"},
    {"vr": "OB", "InlineBinary": 5},
    {"vr": "OB", "Value": ["AAAA"]},
    {"vr": "SQ", "Value": [5]},
    {"vr": "SQ", "InlineBinary": "AAAA"},
    {"vr": "SQ", "BulkDataURI": "http://archive/bulk/1"},
    {"vr": "OB", "InlineBinary": "AAAA", "BulkDataURI": "x"},
    {"vr": "OB", "BulkDataURI": "http://archive/nothing"},
    {"vr": "OB", "BulkDataURI": "http://[archive"},
    {"vr": ["LO"], "Value": ["x"]},
    [],
    "x",
]


@contract("web 8.4")
@pytest.mark.parametrize("entry", WRONG, ids=range(len(WRONG)))
def test_what_does_not_fit_is_refused(tmp_path, entry):
    found, pixels = described(make_ct())
    with pytest.raises(NotDicom) as caught:
        written(tmp_path, found | {"00104000": entry}, bulk(pixels))
    assert "65536" not in str(caught.value)


def test_deep_items_are_refused(tmp_path):
    found, pixels = described(make_ct())
    item: dict = {}
    for _ in range(100):
        item = {"00400275": {"vr": "SQ", "Value": [item]}}
    with pytest.raises(NotDicom):
        written(tmp_path, found | item, bulk(pixels))
    assert MAX_DEPTH > 80


@contract("web 8.4")
@pytest.mark.parametrize(("syntax", "error"), [("1.2.3", Unsupported), ("1.2.840.10008.1.2.2", Unsupported)])
def test_unknown_syntaxes_are_refused(tmp_path, syntax, error):
    found, pixels = described(make_ct())
    with pytest.raises(error):
        written(tmp_path, found, bulk(pixels, syntax=syntax))


@pytest.mark.parametrize("tag", ["00080016", "00080018"])
@pytest.mark.parametrize("value", [[], ["x"], [5], [None], ["1." * 40]])
def test_instances_without_uids_are_refused(tmp_path, tag, value):
    found, pixels = described(make_ct())
    with pytest.raises((MissingUid, NotDicom)):
        written(tmp_path, found | {tag: {"vr": "UI", "Value": value}}, bulk(pixels))


# -- by HTTP -----------------------------------------------------------------------------------------------------------


def body_of(*parts: tuple[str, str, bytes]) -> bytes:
    """Parts as (type, location, content)."""
    pieces = [
        f"\r\n--b-1\r\nContent-Type: {kind}\r\n".encode()
        + (f"Content-Location: {place}\r\n".encode() if place else b"")
        + b"\r\n"
        + data
        for kind, place, data in parts
    ]
    return b"".join(pieces) + b"\r\n--b-1--\r\n"


def post(web: Web, *parts: tuple[str, str, bytes], kind: str = JSON, path: str = "/studies", **headers: str):
    return web.client.post(
        f"/dicom-web{path}",
        data=body_of(*parts),
        content_type=f'multipart/related; type="{kind}"; boundary=b-1',
        headers=web.admin | headers,
    )


def answer_of(reply) -> tuple[list, list]:
    """Items of what was stored and of what failed."""
    found = json.loads(reply.data)
    return found.get("00081199", {}).get("Value", []), found.get("00081198", {}).get("Value", [])


def objects(*sops: str) -> tuple[list[dict], list[tuple[str, str, bytes]]]:
    metadata, parts = [], []
    for sop in sops:
        found, pixels = described(make_ct(sop=sop), uri=f"http://archive/bulk/{sop}")
        metadata.append(found)
        parts.append(("application/octet-stream", f"http://archive/bulk/{sop}", pixels))
    return metadata, parts


@contract("web 8.1", "web 8.3")
@pytest.mark.parametrize("form", ["json array", "json object", "xml", "bulk first"])
def test_described_objects_are_published(empty: Web, form):
    metadata, parts = objects("i1", "i2")
    text = [(JSON, "", json.dumps(metadata).encode())]
    if form == "json object":
        text = [(JSON, "", json.dumps(each).encode()) for each in metadata]
    if form == "xml":
        text = [(XML, "", native_xml(each)) for each in metadata]
    sent = [*parts, *text] if form == "bulk first" else [*text, *parts]
    reply = post(empty, *sent, kind=XML if form == "xml" else JSON)
    assert reply.status_code == 200, reply.data
    stored, failed = answer_of(reply)
    assert ([item["00081155"]["Value"][0] for item in stored], failed) == ([uid("i1"), uid("i2")], [])
    assert work(empty.app)["published"] == 2
    assert list(empty.app.archive.incoming.iterdir()) == []
    path = stored[0]["00081190"]["Value"][0].removeprefix("http://localhost")
    whole = empty.client.get(path, headers={"Accept": "application/dicom"})
    assert pydicom.dcmread(io.BytesIO(whole.data)).PixelData == parts[0][2]


@contract("web 8.1")
def test_metadata_alone_may_be_a_single_part(empty: Web):
    found, _ = described(make_ct())
    del found["7FE00010"]
    for kind, text in ((JSON, json.dumps([found]).encode()), (XML, native_xml(found))):
        reply = empty.client.post("/dicom-web/studies", data=text, content_type=kind, headers=empty.admin)
        assert reply.status_code == 200, reply.data


@contract("web 8.1", "web 3.2")
def test_parts_are_named_by_uuid(empty: Web):
    found, pixels = described(make_ct(), uri="1b4e28ba")
    text = native_xml(found).replace(b'uri="1b4e28ba"', b'uuid="1b4e28ba"')
    assert b"uuid=" in text
    body = body_of((XML, "", text), ("application/octet-stream", "elsewhere", pixels))
    body = body.replace(b"Content-Location: elsewhere", b"Content-ID: <1b4e28ba>")
    kind = f'multipart/related; type="{XML}"; boundary=b-1'
    reply = empty.client.post("/dicom-web/studies", data=body, content_type=kind, headers=empty.admin)
    assert reply.status_code == 200, reply.data


@contract("web 8.3", "web 8.4")
def test_each_instance_and_part_is_accounted_for(empty: Web):
    metadata, parts = objects("i1", "i2", "i3")
    metadata[1]["00280010"] = {"vr": "US", "Value": ["x"]}
    sent = [(JSON, "", json.dumps([*metadata, 5]).encode()), (JSON, "", b"{"), (XML, "", b"<x/>")]
    reply = post(empty, *sent, *parts[:2], ("application/octet-stream", "http://archive/unnamed", b"x"))
    assert reply.status_code == 202
    stored, failed = answer_of(reply)
    assert [item["00081155"]["Value"][0] for item in stored] == [uid("i1")]
    named = [item["00081155"].get("Value", [""])[0] for item in failed]
    # Two instances, what is no data set, two documents, and the part that nothing (whole) names twice.
    assert named[:2] == [uid("i2"), uid("i3")]
    assert named[2:] == [""] * 4
    assert {item["00081197"]["Value"][0] for item in failed} == {0xC000}
    assert failed[0]["00081150"]["Value"] == [CT]
    assert list(empty.app.archive.incoming.iterdir()) == []


@contract("web 8.2")
@pytest.mark.parametrize(
    ("parts", "status"),
    [
        ([(JSON, "", b"[]")], 400),
        ([(JSON, "", b"{}")], 409),
        ([(JSON, "", b"not json")], 409),
        ([(JSON, "", b"[" * 100_000)], 409),
        ([(JSON, "", b'{"00280010":{"vr":"US","Value":[1e999]}}')], 409),
        ([(JSON, "", b"\xff\xfe")], 409),
        ([("application/octet-stream", "http://archive/1", b"x")], 409),
        ([("text/plain; x=\x01", "http://archive/1", b"x")], 409),
    ],
)
def test_malformed_metadata_are_refused(empty: Web, parts, status):
    reply = post(empty, *parts)
    assert reply.status_code == status, reply.data
    assert list(empty.app.archive.incoming.iterdir()) == []


@pytest.mark.parametrize("cut", [10, 200, 5000])
def test_body_that_breaks_off_stores_nothing(empty: Web, cut):
    metadata, parts = objects("i1")
    whole = body_of((JSON, "", json.dumps(metadata).encode()), *parts)
    reply = empty.client.post(
        "/dicom-web/studies",
        data=whole[:-cut],
        content_type=f'multipart/related; type="{JSON}"; boundary=b-1',
        headers=empty.admin,
    )
    assert reply.status_code == 400
    assert list(empty.app.archive.incoming.iterdir()) == []


def test_described_objects_of_another_study_are_refused(empty: Web):
    metadata, parts = objects("i1")
    reply = post(empty, (JSON, "", json.dumps(metadata).encode()), *parts, path="/studies/1.2.3")
    assert reply.status_code == 409
    assert answer_of(reply)[1][0]["00081197"]["Value"] == [43265]


def test_errors_of_the_reader_are_ours():
    for kind in (MissingUid, NotDicom, Unsupported):
        assert issubclass(kind, PacsError)
