"""WADO-RS: instances, metadata, frames, bulk data, in the form that the caller takes."""

import io
from pathlib import Path

import pydicom
import pytest
from pydicom.uid import RLELossless

from pacs.dicomweb.multipart import MultipartReader
from tests.builders import file_bytes, make_ct
from tests.dicomweb.conftest import Web, uids
from tests.installation import send, work
from tests.wire.contract import contract

OCTETS = 'multipart/related; type="application/octet-stream"'
EXPLICIT = "1.2.840.10008.1.2.1"
DICOM = 'multipart/related; type="application/dicom"'


def parts_of(reply) -> list[tuple[dict[str, str], bytes]]:
    boundary = reply.headers["Content-Type"].partition("boundary=")[2]
    reader = MultipartReader(io.BytesIO(reply.data).read, boundary)
    return [(part.headers, b"".join(part.data)) for part in reader.parts()]


def read(raw: bytes) -> pydicom.Dataset:
    return pydicom.dcmread(io.BytesIO(raw))


@pytest.fixture
def compressed(empty: Web) -> Web:
    """One RLE slice of three frames."""
    ct = make_ct(NumberOfFrames=3, PixelData=bytes(range(128)) * 3)
    ct.compress(RLELossless, generate_instance_uid=False)
    send(empty.app, file_bytes(ct))
    assert work(empty.app)["published"] == 1
    return empty


@contract("web 1.2", "web 5.5")
def test_retrieves_each_level(web: Web):
    study, series, sop = uids(web)
    for path, count in ((f"/studies/{study}", 3), (f"/studies/{study}/series/{series}", 2)):
        reply = web.client.get(f"/dicom-web{path}")
        assert reply.headers["Content-Type"].startswith(f"{DICOM}; boundary=")
        parts = parts_of(reply)
        assert len(parts) == count
        assert all(each.StudyInstanceUID == study for each in (read(raw) for _, raw in parts))
        for headers, raw in parts:
            assert headers["content-location"].endswith(f"/instances/{read(raw).SOPInstanceUID}")
            assert headers["content-length"] == str(len(raw))
    reply = web.client.get(f"/dicom-web/studies/{study}/series/{series}/instances/{sop}")
    assert [read(raw).SOPInstanceUID for _, raw in parts_of(reply)] == [sop]


@contract("web 5.4")
def test_single_instance_alone(web: Web):
    study, series, sop = uids(web)
    reply = web.client.get(
        f"/dicom-web/studies/{study}/series/{series}/instances/{sop}", headers={"Accept": "application/dicom"}
    )
    assert reply.headers["Content-Type"] == "application/dicom; transfer-syntax=1.2.840.10008.1.2.1"
    assert read(reply.data).SOPInstanceUID == sop


@pytest.mark.parametrize(
    ("accept", "syntax"),
    [
        (DICOM, "1.2.840.10008.1.2.1"),
        (f"{DICOM}; transfer-syntax=*", RLELossless),
        (f'{DICOM}; transfer-syntax="*"', RLELossless),
        (f"{DICOM}; transfer-syntax={RLELossless}", RLELossless),
        (f"{DICOM}; transfer-syntax=1.2.840.10008.1.2.4.50; transfer-syntax={RLELossless}", RLELossless),
        (f"{DICOM};q=0.3;transfer-syntax=*, {DICOM};q=0.7", "1.2.840.10008.1.2.1"),
        ("multipart/related; type=application/dicom; transfer-syntax=*", RLELossless),
        ("*/*", "1.2.840.10008.1.2.1"),
    ],
)
def test_transfer_syntax_is_negotiated(compressed: Web, accept, syntax):
    study, _, _ = uids(compressed)
    ((headers, raw),) = parts_of(compressed.client.get(f"/dicom-web/studies/{study}", headers={"Accept": accept}))
    assert headers["content-type"] == f"application/dicom; transfer-syntax={syntax}"
    got = read(raw)
    assert got.file_meta.TransferSyntaxUID == syntax
    assert got.pixel_array.tobytes() == bytes(range(128)) * 3


@contract("web 5.2", "web 5.3")
@pytest.mark.parametrize(
    "accept",
    [
        f"{DICOM}; transfer-syntax=1.2.840.10008.1.2.4.81",
        "image/png",
        "text/html",
        'multipart/related; type="image/png"',
    ],
)
def test_impossible_forms_are_not_acceptable(compressed: Web, accept):
    study, _, _ = uids(compressed)
    assert compressed.client.get(f"/dicom-web/studies/{study}", headers={"Accept": accept}).status_code == 406


def test_implicit_is_never_sent_as_stored(empty: Web):
    send(empty.app, file_bytes(make_ct(syntax=pydicom.uid.ImplicitVRLittleEndian)))
    work(empty.app)
    study, _, _ = uids(empty)
    reply = empty.client.get(f"/dicom-web/studies/{study}", headers={"Accept": f"{DICOM}; transfer-syntax=*"})
    ((_, raw),) = parts_of(reply)
    assert read(raw).file_meta.TransferSyntaxUID == pydicom.uid.ExplicitVRLittleEndian
    assert read(raw).PixelData == bytes(range(128))


@pytest.mark.parametrize("big", [False, True])
def test_frames_of_native_pixels(empty: Web, big):
    ct = make_ct(NumberOfFrames=3, PixelData=bytes(range(128)) * 2 + bytes(128))
    send(empty.app, file_bytes(ct))
    work(empty.app)
    study, series, sop = uids(empty)
    path = f"/dicom-web/studies/{study}/series/{series}/instances/{sop}/frames"
    reply = empty.client.get(f"{path}/3,1", headers={"Accept": OCTETS})
    assert [raw for _, raw in parts_of(reply)] == [bytes(128), bytes(range(128))]
    assert parts_of(reply)[0][0]["content-location"].endswith("/frames/3")
    alone = empty.client.get(f"{path}/2", headers={"Accept": "application/octet-stream"})
    assert (alone.status_code, alone.data) == (200, bytes(range(128)))


@contract("web 5.6")
@pytest.mark.parametrize(
    ("accept", "kind", "decoded"),
    [
        (OCTETS, f"application/octet-stream; transfer-syntax={EXPLICIT}", True),
        ('multipart/related; type="*/*"', f"application/octet-stream; transfer-syntax={EXPLICIT}", True),
        (f'{OCTETS}; transfer-syntax="*"', f"application/octet-stream; transfer-syntax={RLELossless}", False),
        ('multipart/related; type="image/dicom-rle"', f"image/dicom-rle; transfer-syntax={RLELossless}", False),
        (
            "multipart/related; type=image/*; transfer-syntax=*",
            f"image/dicom-rle; transfer-syntax={RLELossless}",
            False,
        ),
    ],
)
def test_frames_of_compressed_pixels(compressed: Web, accept, kind, decoded):
    study, series, sop = uids(compressed)
    path = f"/dicom-web/studies/{study}/series/{series}/instances/{sop}/frames/2"
    ((headers, raw),) = parts_of(compressed.client.get(path, headers={"Accept": accept}))
    assert headers["content-type"] == kind
    assert (raw == bytes(range(128))) == decoded


@contract("web 5.7")
@pytest.mark.parametrize(
    ("frames", "status"),
    [("0", 400), ("x", 400), ("1,", 400), ("4", 404), ("1%2C3", 200), ("-1", 400), ("1.5", 400), ("1%0A", 400)],
)
def test_bad_frame_lists_are_refused(compressed: Web, frames, status):
    study, series, sop = uids(compressed)
    path = f"/dicom-web/studies/{study}/series/{series}/instances/{sop}/frames/{frames}"
    assert compressed.client.get(path).status_code == status


def test_frames_of_one_bit_pixels_start_at_their_bit(empty: Web):
    seg = make_ct(Rows=3, Columns=3, BitsAllocated=1, BitsStored=1, HighBit=0, NumberOfFrames=2)
    seg.PixelData = (0b101010101 | 0b111000111 << 9).to_bytes(4, "little")
    send(empty.app, file_bytes(seg))
    work(empty.app)
    study, series, sop = uids(empty)
    path = f"/dicom-web/studies/{study}/series/{series}/instances/{sop}/frames/1,2"
    raws = [raw for _, raw in parts_of(empty.client.get(path))]
    assert [int.from_bytes(raw, "little") for raw in raws] == [0b101010101, 0b111000111]


def test_metadata_of_each_level(web: Web):
    study, series, sop = uids(web)
    for path, count in (("", 3), (f"/series/{series}", 2), (f"/series/{series}/instances/{sop}", 1)):
        found = web.json(f"/studies/{study}{path}/metadata")
        assert len(found) == count
        for each in found:
            address = each["7FE00010"]["BulkDataURI"]
            assert address.startswith(f"http://localhost/dicom-web/studies/{study}/series/")
            assert "InlineBinary" not in each["7FE00010"]
            assert each["0020000D"]["Value"] == [study]


@contract("web 4.2")
def test_bulk_data_address_resolves(web: Web):
    study, series, sop = uids(web)
    address = web.json(f"/studies/{study}/series/{series}/instances/{sop}/metadata")[0]["7FE00010"]["BulkDataURI"]
    reply = web.client.get(address.removeprefix("http://localhost"))
    assert (reply.headers["Content-Type"], reply.data) == (
        f"application/octet-stream; transfer-syntax={EXPLICIT}",
        bytes(range(128)),
    )
    reply = web.client.get(address.removeprefix("http://localhost"), headers={"Accept": OCTETS})
    assert [raw for _, raw in parts_of(reply)] == [bytes(range(128))]


@pytest.mark.parametrize("place", ["00420011", "xx", "00081140/0/00420011", "7FE00010/0", "../../metadata", "0008"])
def test_other_bulk_data_is_not_found(web: Web, place):
    study, series, sop = uids(web)
    path = f"/dicom-web/studies/{study}/series/{series}/instances/{sop}/bulkdata/{place}"
    assert web.client.get(path).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/studies/1.2.3",
        "/studies/1.2.3/metadata",
        "/studies/1.2.3/series/1.2/metadata",
        "/studies/abc",
        "/studies/1..2",
        "/studies/%00",
        "/studies/../../etc/passwd",
        "/studies/" + "1." * 100 + "1",
        "/nothing",
    ],
)
def test_unknown_resources_are_not_found(web: Web, path):
    reply = web.client.get(f"/dicom-web{path}")
    assert reply.status_code == 404
    assert "error" in reply.get_json()


@contract("web 4.3")
def test_child_of_another_parent_is_not_found(web: Web):
    study, series, sop = uids(web)
    other = next(row for row in web.json("/studies") if row["0020000D"]["Value"] != [study])["0020000D"]["Value"][0]
    for path in (f"/studies/{other}/series/{series}", f"/studies/{other}/series/{series}/instances/{sop}"):
        assert web.client.get(f"/dicom-web{path}").status_code == 404


@contract("web 9.2")
@pytest.mark.parametrize("path", ["", "/metadata", "/frames/1", "/bulkdata/7FE00010"])
def test_unchanged_content_is_not_sent_again(web: Web, path):
    study, series, sop = uids(web)
    whole = f"/dicom-web/studies/{study}/series/{series}/instances/{sop}{path}"
    first = web.client.get(whole)
    assert "immutable" not in first.headers["Cache-Control"]
    again = web.client.get(whole, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert web.client.get(whole, headers={"If-None-Match": '"other"'}).status_code == 200
    head = web.client.head(whole)
    assert (head.status_code, head.data, head.headers["ETag"]) == (200, b"", first.headers["ETag"])


def test_methods_and_origins_are_told(web: Web):
    reply = web.client.options("/dicom-web/studies", headers={"Origin": "https://viewer.example"})
    assert reply.status_code == 200
    assert {"GET", "POST"} <= set(reply.headers["Allow"].split(", "))
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    assert "Authorization" in reply.headers["Access-Control-Allow-Headers"]
    assert web.client.delete("/dicom-web/studies").status_code == 405
    assert web.client.get("/dicom-web/studies?limit=x").headers["Access-Control-Allow-Origin"] == "*"


def compressed_ct(number: int) -> bytes:
    """Three frames in run lengths."""
    ct = make_ct(sop=f"i{number}", InstanceNumber=number, NumberOfFrames=3, PixelData=bytes(range(128)) * 3)
    ct.compress(RLELossless, generate_instance_uid=False)
    return file_bytes(ct)


def spoil(blob: Path) -> None:
    """What a bad disk does to the first frame."""
    raw = bytearray(blob.read_bytes())
    first = raw.index(b"\xfe\xff\x00\xe0", raw.index(b"\xe0\x7f\x10\x00") + 24)
    raw[first + 8 : first + 72] = b"\xff" * 64
    blob.chmod(0o600)
    blob.write_bytes(raw)


@contract("web 5.3")
@pytest.mark.parametrize("single", [True, False])
def test_what_cannot_be_decoded_goes_as_stored(empty: Web, single):
    send(empty.app, compressed_ct(1))
    work(empty.app)
    (blob,) = empty.app.folders.blobs.rglob("*.dcm")
    spoil(blob)
    study, series, sop = uids(empty)
    path = f"/dicom-web/studies/{study}" + (f"/series/{series}/instances/{sop}" if single else "")
    ((headers, _),) = parts_of(empty.client.get(path))
    assert headers["content-type"].endswith(RLELossless)
    strict = f"{DICOM}; transfer-syntax=1.2.840.10008.1.2.1"
    assert empty.client.get(path, headers={"Accept": strict}).status_code == 406


@contract("web 5.3")
def test_one_that_cannot_be_decoded_keeps_none_behind_it(empty: Web):
    for number in (1, 2, 3):
        send(empty.app, compressed_ct(number))
    work(empty.app)
    second = sorted(empty.json("/instances"), key=lambda row: row["00200013"]["Value"][0])[1]["00080018"]["Value"][0]
    for blob in empty.app.folders.blobs.rglob("*.dcm"):
        if pydicom.dcmread(blob).SOPInstanceUID == second:
            spoil(blob)
    study = uids(empty)[0]
    explicit = "1.2.840.10008.1.2.1"
    headers = {"Accept": f"{DICOM}; transfer-syntax={explicit}"}
    parts = parts_of(empty.client.get(f"/dicom-web/studies/{study}", headers=headers))
    said = [part["content-type"].rpartition("=")[2] for part, _ in parts]
    assert said == [explicit, RLELossless, explicit]
    assert said == [pydicom.dcmread(io.BytesIO(raw)).file_meta.TransferSyntaxUID for _, raw in parts]
