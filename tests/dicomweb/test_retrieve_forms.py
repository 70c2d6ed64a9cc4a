"""WADO-RS in other forms than stored: compressed on request, ZIP files, pixel data and bulk data as a whole."""

import io
import re
import warnings
import zipfile

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.pixels.utils import pixel_array
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian, RLELossless

from pacs.dicomweb.accept import DEFAULT_OF_MEDIA
from pacs.pixels import ENCODABLE
from tests.builders import file_bytes, make_ct
from tests.dicomweb.conftest import Web, uids
from tests.dicomweb.test_wado import DICOM, OCTETS, parts_of, read
from tests.installation import send, work
from tests.pixels.pictures import as_object, jpeg, with_frames
from tests.wire.contract import contract
from tests.wire.holdings import publish

EXPLICIT = "1.2.840.10008.1.2.1"
PIXELS = np.random.default_rng(2).integers(-500, 500, (3, 16, 24)).astype(np.int16)
LOSSY = "1.2.840.10008.1.2.4.50"


def instance(web: Web) -> str:
    return "/dicom-web/studies/{}/series/{}/instances/{}".format(*uids(web))


def get(web: Web, path: str, accept: str = ""):
    return web.client.get(path, headers={"Accept": accept} if accept else {})


def published(web: Web, ds: pydicom.FileDataset) -> str:
    """Publish one object; its path."""
    send(web.app, file_bytes(ds))
    assert work(web.app)["published"] == 1
    return instance(web)


@pytest.fixture
def moving(empty: Web) -> str:
    """The path of a native object of three frames."""
    return published(empty, as_object(PIXELS, frames=3))


@contract("web 5.3")
@pytest.mark.parametrize("syntax", sorted(ENCODABLE))
def test_instance_is_compressed_on_request(empty: Web, moving: str, syntax):
    for accept in (f"{DICOM}; transfer-syntax={syntax}", f'application/dicom; transfer-syntax="{syntax}"'):
        reply = get(empty, moving, accept)
        raw = parts_of(reply)[0][1] if accept.startswith("multi") else reply.data
        found = read(raw)
        assert found.file_meta.TransferSyntaxUID == syntax
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom on precision of HTJ2K
            assert (pixel_array(io.BytesIO(raw), raw=True) == PIXELS).all()


@contract("web 5.6")
@pytest.mark.parametrize(("syntax", "media"), DEFAULT_OF_MEDIA)
def test_frames_are_compressed_by_media_type(empty: Web, moving: str, syntax, media):
    for accept in (f'multipart/related; type="{media}"', f"multipart/related; type={media}; transfer-syntax={syntax}"):
        ((headers, raw),) = parts_of(get(empty, f"{moving}/frames/2", accept))
        assert headers["content-type"] == f"{media}; transfer-syntax={syntax}"
        assert headers["content-location"].endswith("/frames/2")
        assert raw[:2] in (b"\xff\xd8", b"\xff\x4f", b"\2\0")  # bare, without item tags
    assert get(empty, f"{moving}/frames/2", media).data[:2] == raw[:2]


@contract("web 5.3")
@pytest.mark.parametrize(
    "syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.2", LOSSY, "1.2.840.10008.1.2.4.102", "1.2.3"]
)
@pytest.mark.parametrize("place", ["", "/frames/1"])
def test_what_cannot_be_made_is_not_acceptable(empty: Web, moving: str, syntax, place):
    kind = "application/octet-stream" if place else "application/dicom"
    assert get(empty, moving + place, f'multipart/related; type="{kind}"; transfer-syntax={syntax}').status_code == 406
    with_other = f'multipart/related; type="{kind}"; transfer-syntax={syntax}; transfer-syntax={EXPLICIT}'
    assert get(empty, moving + place, with_other).status_code == 200


@contract("web 5.1", "web 5.2")
@pytest.mark.parametrize(
    "accept", ["a b", "application/dicom;q=much", 'multipart/related; type="x', ";", "image/png, ;"]
)
@pytest.mark.parametrize("place", ["", "/frames/1", "/rendered", "/bulkdata/7FE00010", "/pixeldata", "/thumbnail"])
def test_malformed_accept_is_a_bad_request(empty: Web, moving: str, accept, place):
    assert get(empty, moving + place, accept).status_code == 400


@contract("web 5.3")
def test_lossy_goes_as_stored_unless_decoding_is_asked(empty: Web):
    pixels = np.add.outer(np.arange(32), np.arange(48)).astype(np.uint8)
    stream = jpeg(pixels, quality=95)
    path = published(empty, with_frames(as_object(pixels, LossyImageCompression="01"), [stream], LOSSY))
    ((headers, raw),) = parts_of(get(empty, path))
    assert headers["content-type"].endswith(LOSSY)
    ((headers, raw),) = parts_of(get(empty, f"{path}/frames/1"))
    assert (headers["content-type"], raw[:2]) == (f"image/jpeg; transfer-syntax={LOSSY}", b"\xff\xd8")
    ((headers, raw),) = parts_of(get(empty, f"{path}/frames/1", OCTETS))
    assert (headers["content-type"], len(raw)) == (f"application/octet-stream; transfer-syntax={EXPLICIT}", pixels.size)
    strict = parts_of(get(empty, path, f"{DICOM}; transfer-syntax={EXPLICIT}"))[0][1]
    assert np.abs(read(strict).pixel_array.astype(int) - pixels).max() < 8


@pytest.mark.parametrize("extended", [False, True])
def test_frames_in_many_fragments_are_whole(empty: Web, extended):
    frames = [jpeg(np.roll(np.add.outer(np.arange(32), np.arange(48)), 9 * n, 1).astype(np.uint8)) for n in range(3)]
    ds = as_object(np.zeros((3, 32, 48), np.uint8), frames=3)
    if extended:
        ds = with_frames(ds, frames, LOSSY, has_bot=False)
        lengths = [len(each) for each in frames]
        starts = np.cumsum([0] + [each + each % 2 + 8 for each in lengths])[:-1]
        ds.ExtendedOffsetTable = starts.astype("<u8").tobytes()
        ds.ExtendedOffsetTableLengths = np.array(lengths, "<u8").tobytes()
    else:
        ds = with_frames(ds, frames, LOSSY, fragments_per_frame=3, has_bot=False)
    path = published(empty, ds)
    parts = parts_of(get(empty, f"{path}/frames/3,1,2", f"{OCTETS}; transfer-syntax=*"))
    assert [raw.rstrip(b"\0") for _, raw in parts] == [frames[2], frames[0], frames[1]]


@contract("web 5.3")
@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_retired_encodings_never_leave(empty: Web, syntax):
    ds = make_ct()
    if syntax == ExplicitVRBigEndian:
        ds.PixelData = np.frombuffer(bytes(range(128)), "<u2").byteswap().tobytes()
    buffer = io.BytesIO()
    ds.file_meta.TransferSyntaxUID = syntax
    pydicom.dcmwrite(buffer, ds, enforce_file_format=True)
    send(empty.app, buffer.getvalue())
    assert work(empty.app)["published"] == 1
    path = instance(empty)
    for accept in ("", DICOM, f"{DICOM}; transfer-syntax=*", "application/dicom; transfer-syntax=*"):
        reply = get(empty, path, accept)
        raw = reply.data if accept.startswith("application") else parts_of(reply)[0][1]
        assert read(raw).file_meta.TransferSyntaxUID == EXPLICIT
        assert read(raw).PixelData == bytes(range(128))
        assert int(reply.headers["Content-Length"]) == len(reply.data)
    for place in ("/frames/1", "/bulkdata/7FE00010", "/pixeldata"):
        assert get(empty, path + place, "application/octet-stream; transfer-syntax=*").data == bytes(range(128))


def test_reports_among_compressed_images_stay_explicit(web: Web):
    study, _, _ = uids(web)
    found = parts_of(get(web, f"/dicom-web/studies/{study}", f"{DICOM}; transfer-syntax={RLELossless}"))
    assert {read(raw).file_meta.TransferSyntaxUID for _, raw in found} == {RLELossless}


@contract("web 1.2", "web 5.2")
def test_zip_holds_all_instances_by_new_names(web: Web):
    study, series, sop = uids(web)
    root = f"/dicom-web/studies/{study}"
    for path, count in ((root, 3), (f"{root}/series/{series}", 2), (f"{root}/series/{series}/instances/{sop}", 1)):
        reply = get(web, path, "application/zip")
        assert reply.headers["Content-Type"] == "application/zip"
        with zipfile.ZipFile(io.BytesIO(reply.data)) as archive:
            assert archive.testzip() is None
            names = archive.namelist()
            assert len(names) == count
            for name in names:
                found = read(archive.read(name))
                assert name == f"{found.SeriesInstanceUID}/{found.SOPInstanceUID}.dcm"
                assert archive.getinfo(name).date_time[0] == 1980
    assert f"{series}/{sop}.dcm" in names


@contract("web 1.2")
def test_pixel_data_of_each_level(web: Web):
    study, series, sop = uids(web)
    root = f"/dicom-web/studies/{study}"
    for path, count in (("", 3), (f"/series/{series}", 2), (f"/series/{series}/instances/{sop}", 1)):
        parts = parts_of(get(web, f"{root}{path}/pixeldata", OCTETS))
        assert [raw for _, raw in parts] == [bytes(range(128))] * count
    alone = get(web, f"{root}/series/{series}/instances/{sop}/pixeldata", "application/octet-stream")
    assert alone.data == bytes(range(128))
    assert get(web, f"{root}/pixeldata", "application/octet-stream").status_code == 406


def test_compressed_pixel_data_has_a_part_a_frame(empty: Web):
    ds = as_object(PIXELS, frames=3)
    ds.compress(RLELossless, generate_instance_uid=False)
    frames = list(generate_frames(ds.PixelData, number_of_frames=3))
    path = published(empty, ds)
    for place in ("/pixeldata", "/bulkdata/7FE00010"):
        parts = parts_of(get(empty, path + place, "multipart/related; type=image/*; transfer-syntax=*"))
        assert [raw for _, raw in parts] == frames
        assert get(empty, path + place, "application/octet-stream").data == PIXELS.tobytes()
        assert get(empty, path + place, "image/dicom-rle").status_code == 406, "a part a frame takes multipart"


@contract("web 3.1", "web 5.7")
def test_the_syntax_that_is_told_is_the_one_that_is_sent(empty: Web):
    ds = as_object(PIXELS, frames=3)
    ds.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    path = published(empty, ds)
    for place, name in ((path, "metadata"), (path.rpartition("/")[0], "")):
        (found,) = empty.client.get(f"{place}/{name}".rstrip("/")).get_json(force=True)
        assert found["00083002"]["Value"] == [EXPLICIT]
    (one,) = parts_of(get(empty, f"{path}/frames/2", 'multipart/related; type="application/octet-stream"'))
    assert one[0]["content-type"].endswith(EXPLICIT)


@contract("web 1.2", "web 4.2")
def test_all_bulk_data_is_what_metadata_names(empty: Web):
    inner = Dataset()
    inner.CodeValue, inner.CodingSchemeDesignator, inner.CodeMeaning = "T-1", "SRT", "Chest"
    ds = make_ct(RedPaletteColorLookupTableData=bytes(range(256)) * 8, AnatomicRegionSequence=Sequence([inner]))
    path = published(empty, ds)
    found = empty.client.get(f"{path}/metadata").get_json(force=True)[0]
    named = {each["BulkDataURI"] for each in found.values() if "BulkDataURI" in each}
    assert len(named) >= 1
    for level in (path, path.partition("/instances")[0], path.partition("/series")[0]):
        parts = parts_of(get(empty, f"{level}/bulkdata"))
        assert {headers["content-location"] for headers, _ in parts} == named
    for address in named:
        alone = get(empty, address.removeprefix("http://localhost"), "application/octet-stream")
        assert alone.data in [raw for _, raw in parts]
    assert get(empty, f"{path}/bulkdata", "text/html").status_code == 406


@contract("web 4.2")
def test_pixel_data_beyond_decoding_goes_as_stored(empty: Web):
    ds = with_frames(as_object(PIXELS[0]), [b"\xff\xd8 no picture \xff\xd9"], "1.2.840.10008.1.2.4.70")
    publish(empty.app, [ds])
    address = f"{instance(empty)}/bulkdata/7FE00010"
    reply = get(empty, address, "*/*")
    assert (reply.status_code, reply.mimetype) == (200, "image/jpeg")
    assert reply.data.startswith(b"\xff\xd8 no picture")
    assert get(empty, address, "application/octet-stream").status_code == 406


@contract("web 5.2")
@pytest.mark.parametrize(
    ("below", "least"),
    [
        ("", 2),
        ("/frames/1", 8),
        ("/frames/1,2", 5),
        ("/pixeldata", 6),
        ("/bulkdata", 1),
        ("/bulkdata/7FE00010", 2),
        ("/metadata", 3),
        ("/rendered", 4),
        ("/thumbnail", 3),
    ],
)
def test_who_refuses_what_was_sent_gets_something_else_or_nothing(empty: Web, moving: str, below, least):
    refused: list[str] = []
    while (reply := get(empty, moving + below, ", ".join(["*/*", *refused]))).status_code == 200:
        content_type = reply.headers["Content-Type"]
        kind = re.search(r'multipart/related; type="([^"]+)"', content_type)
        form = f'multipart/related; type="{kind[1]}"; q=0' if kind else f"{content_type.partition(';')[0]}; q=0"
        assert form not in refused
        refused.append(form)
    assert reply.status_code == 406
    assert len(refused) >= least, refused


@contract("web 5.2", "web 6.1")
@pytest.mark.parametrize("below", ["/frames/1/rendered", "/thumbnail", "/frames/2/thumbnail"])
@pytest.mark.parametrize("accept", ["image/*;q=0.9, */*", "*/*;q=0.5, video/mp4", "image/jpeg;q=0.5, image/*;q=0, */*"])
def test_one_frame_is_never_taken_for_a_video(empty: Web, moving: str, below, accept):
    reply = get(empty, moving + below, accept)
    assert (reply.status_code, reply.mimetype) == (200, "image/jpeg")


@contract("web 4.2", "web 5.2")
def test_all_bulk_data_comes_as_it_is_asked_for(empty: Web):
    pixels = np.full((16, 16), 90, np.uint8)
    path = published(empty, with_frames(as_object(pixels), [jpeg(pixels)], LOSSY))
    stored = 'multipart/related; type="image/jpeg"; transfer-syntax=*'
    for accept, kind in {stored: "image/jpeg", OCTETS: "application/octet-stream", "*/*": "image/jpeg"}.items():
        reply = get(empty, f"{path}/bulkdata", accept)
        ((headers, raw),) = parts_of(reply)
        assert headers["content-type"].startswith(f"{kind}; transfer-syntax=")
        assert f'type="{kind}"' in reply.headers["Content-Type"]
        assert (raw[:2] == b"\xff\xd8") == (kind == "image/jpeg")
    for accept in ("image/png", f"{OCTETS};transfer-syntax=1.2.3.4", 'multipart/related;type="video/mp4"'):
        assert get(empty, f"{path}/bulkdata", accept).status_code == 406
