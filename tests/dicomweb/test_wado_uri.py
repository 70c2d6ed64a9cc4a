"""WADO-URI: parameters in any case, forms, pictures, and ClearCanvas' streaming."""

import io

import numpy as np
import pydicom
import pytest
from PIL import Image as Pillow
from pydicom.uid import RLELossless

from tests.builders import file_bytes, make_ct
from tests.dicomweb.conftest import Web, uids
from tests.dicomweb.test_rendered import picture
from tests.installation import send, work
from tests.pixels.pictures import as_object
from tests.wire.contract import contract

EXPLICIT = "1.2.840.10008.1.2.1"


def query(web: Web) -> str:
    """The parameters that name one instance."""
    return "requestType=WADO&studyUID={}&seriesUID={}&objectUID={}".format(*uids(web))


def get(web: Web, more: str = "", accept: str = "", path: str = "/wado"):
    return web.client.get(f"{path}?{query(web)}{more}", headers={"Accept": accept} if accept else {})


@pytest.fixture
def frames(empty: Web) -> Web:
    """An RLE object of three frames of 8 x 8, signed 16 bits."""
    ct = make_ct(NumberOfFrames=3, PixelData=bytes(range(128)) * 2 + bytes(128), LossyImageCompression="00")
    ct.compress(RLELossless, generate_instance_uid=False)
    send(empty.app, file_bytes(ct))
    assert work(empty.app)["published"] == 1
    return empty


@contract("web 7.1", "web 1.2")
@pytest.mark.parametrize("path", ["/wado", "/dicom-web/wado", "/wado/TRIALPACS", "/dicom-web/wado/ANY"])
def test_names_of_parameters_are_matched_without_case(web: Web, path):
    reply = web.client.get(f"{path}?{query(web).replace('requestType', 'requesttype').replace('UID', 'uid')}")
    assert (reply.status_code, reply.headers["Content-Type"]) == (200, "image/jpeg")
    assert web.client.get(f"{path}?{query(web).upper()}").status_code == 200


@contract("web 7.1")
@pytest.mark.parametrize("missing", ["requestType", "studyUID", "seriesUID", "objectUID"])
@pytest.mark.parametrize("value", [None, "", "abc", "1..2", "1.2.%00", "../1", "1." * 40 + "1"])
def test_names_are_required(web: Web, missing, value):
    pairs = dict(pair.split("=") for pair in query(web).split("&"))
    pairs.pop(missing)
    if value is not None:
        pairs[missing] = value
    path = "/wado?" + "&".join(f"{name}={text}" for name, text in pairs.items())
    assert web.client.get(path).status_code == 400


@contract("web 7.1")
@pytest.mark.parametrize("unknown", ["studyUID", "seriesUID", "objectUID"])
def test_unknown_object_is_not_found(web: Web, unknown):
    pairs = dict(pair.split("=") for pair in query(web).split("&")) | {unknown: "1.2.3.4"}
    assert web.client.get("/wado", query_string=pairs).status_code == 404


@contract("web 7.2")
@pytest.mark.parametrize(
    ("more", "accept", "kind"),
    [
        ("", "", "image/jpeg"),
        ("", "*/*", "image/jpeg"),
        ("", "image/png", "image/png"),
        ("", "application/dicom", "application/dicom"),
        ("&contentType=image/jpeg", "image/png", "image/jpeg"),
        ("&contentType=image%2Fpng", "", "image/png"),
        ("&contentType=image%2Fpng%2C+image%2Fjpeg", "", "image/png"),
        ("&contentType=image/webp,image/gif", "", "image/gif"),
        ("&contentType=application%2Fdicom", "*/*", "application/dicom"),
        ("&contenttype=image/*", "", "image/jpeg"),
    ],
)
def test_content_type_is_the_one_asked_for(web: Web, more, accept, kind):
    reply = get(web, more, accept)
    assert reply.status_code == 200, reply.data
    assert reply.headers["Content-Type"].partition(";")[0] == kind
    assert int(reply.headers["Content-Length"]) == len(reply.data)


@contract("web 7.2")
@pytest.mark.parametrize("kind", ["image/webp", "text/html", "video/mp4", "application/pdf"])
def test_other_content_types_are_not_acceptable(web: Web, kind):
    assert get(web, f"&contentType={kind}").status_code == 406


@contract("web 7.2")
@pytest.mark.parametrize(
    ("syntax", "sent"),
    [
        ("", EXPLICIT),
        (EXPLICIT, EXPLICIT),
        (RLELossless, RLELossless),
        ("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.80"),
    ],
)
def test_file_goes_in_the_syntax_asked_for(frames: Web, syntax, sent):
    more = "&contentType=application/dicom" + (f"&transferSyntax={syntax}" if syntax else "")
    found = pydicom.dcmread(io.BytesIO(get(frames, more).data))
    assert found.file_meta.TransferSyntaxUID == sent
    assert found.pixel_array.tobytes() == bytes(range(128)) * 2 + bytes(128)


@contract("web 7.2")
@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.4.50", "1.2.3"])
def test_impossible_syntax_is_not_acceptable(frames: Web, syntax):
    assert get(frames, f"&contentType=application/dicom&transferSyntax={syntax}").status_code == 406
    assert get(frames, f"&contentType=application/dicom&transferSyntax={syntax},{EXPLICIT}").status_code == 200
    assert get(frames, f"&contentType=application/dicom&transferSyntax=JPEG{syntax}").status_code == 400


@contract("web 7.3")
@pytest.mark.parametrize(
    ("more", "size"),
    [
        ("&rows=16", (16, 16)),
        ("&columns=4&rows=100", (4, 4)),
        ("&region=0.25,0.5,0.75,1", (4, 4)),
        ("&region=0%2C0%2C0.5%2C1&rows=16", (8, 16)),
        ("&frameNumber=1&imageQuality=20&annotation=patient%2Ctechnique&anonymize=yes&charset=UTF-8", (8, 8)),
    ],
)
def test_parameters_of_pictures(web: Web, more, size):
    assert picture(get(web, more)).size == size


@contract("web 7.3")
def test_window_and_frame(frames: Web):
    more = "&contentType=image/png&windowCenter=8000&windowWidth=9000"
    stored = np.frombuffer(bytes(range(128)), "<i2").reshape(8, 8).astype(float) - 1024
    expected = np.floor(np.clip(((stored - 7999.5) / 8999 + 0.5) * 255, 0, 255) + 0.5)
    assert (np.asarray(picture(get(frames, f"{more}&frameNumber=2"))) == expected).all()
    assert not np.asarray(picture(get(frames, f"{more}&frameNumber=3"))).any()


@contract("web 7.3")
@pytest.mark.parametrize(
    "more",
    [
        "&rows=0",
        "&rows=x",
        "&columns=-3",
        "&columns=999999",
        "&region=0,0,1",
        "&region=0,0,2,2",
        "&region=0.5,0,0.25,1",
        "&region=a,b,c,d",
        "&windowCenter=40",
        "&windowWidth=400",
        "&windowCenter=40&windowWidth=0",
        "&windowCenter=x&windowWidth=5",
        "&windowCenter=%1D40&windowWidth=5",
        "&rows=%1D5",
        "&imageQuality=0",
        "&imageQuality=101",
        "&imageQuality=good",
        "&frameNumber=0",
        "&frameNumber=x",
        "&annotation=all",
        "&anonymize=no",
        "&transferSyntax=1.2.840.10008.1.2.1",
        "&presentationUID=1.2",
        "&contentType=application/dicom&rows=5",
        "&contentType=%3B",
    ],
)
def test_bad_values_are_refused(web: Web, more):
    assert get(web, more).status_code == 400


@contract("web 7.3")
def test_frame_beyond_the_last_is_refused(web: Web):
    assert get(web, "&frameNumber=1").status_code == 200
    assert get(web, "&frameNumber=2").status_code == 400


# -- ClearCanvas -------------------------------------------------------------------------------------------------------


@contract("web 7.4")
def test_clearcanvas_gets_bare_frames_with_their_facts(frames: Web):
    for number in range(3):
        more = f"&frameNumber={number}&contentType=application/clearcanvas"
        reply = get(frames, more, "application/dicom,application/clearcanvas,image/jpeg", "/wado/TRIALPACS")
        assert reply.status_code == 200
        assert int(reply.headers["Content-Length"]) == len(reply.data)
        facts = {name: reply.headers[name] for name in ("IsLast", "Compressed", "TransferSyntaxUid", "NumberOfFrames")}
        assert facts == {
            "IsLast": str(number == 2).lower(),
            "Compressed": "true",
            "TransferSyntaxUid": RLELossless,
            "NumberOfFrames": "3",
        }
        assert (reply.headers["ImageHeight"], reply.headers["ImageWidth"]) == ("8", "8")
        assert reply.headers["BitsAllocated"] == "16"
        assert reply.data[:4] == b"\2\0\0\0"  # two segments
    assert get(frames, "&frameNumber=3&contentType=application/clearcanvas").status_code == 404


@contract("web 7.4")
def test_clearcanvas_gets_native_pixels_in_little_endian(empty: Web):
    pixels = np.arange(64, dtype=np.uint16).reshape(8, 8)
    ds = as_object(pixels)
    ds.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian
    send(empty.app, file_bytes(ds))
    work(empty.app)
    reply = get(empty, "&frameNumber=0&contentType=application/clearcanvas")
    assert reply.data == pixels.tobytes()
    assert (reply.headers["TransferSyntaxUid"], reply.headers["Compressed"]) == (EXPLICIT, "false")
    head = get(empty, "&stopTag=7fe00010&contentType=application/clearcanvas-header")
    found = pydicom.dcmread(io.BytesIO(head.data))
    assert found.file_meta.TransferSyntaxUID == EXPLICIT
    assert (found.Rows, "PixelData" in found) == (8, False)
    assert head.headers["Content-Type"] == "application/clearcanvas-header"
    assert get(empty, "&stopTag=xyz&contentType=application/clearcanvas-header").status_code == 400


def test_picture_is_the_rendered_one(web: Web):
    path = "/dicom-web/studies/{}/series/{}/instances/{}/rendered".format(*uids(web))
    theirs = Pillow.open(io.BytesIO(web.client.get(path, headers={"Accept": "image/png"}).data))
    assert (np.asarray(picture(get(web, "&contentType=image/png"))) == np.asarray(theirs)).all()


@contract("web 7.1")
@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ('*/*;q=0, multipart/related;type="image/jpeg"', None),
        ("multipart/*", None),
        ('multipart/related;type="image/*", image/jpeg;q=0', None),
        ("application/dicom;q=0.5, multipart/*", "application/dicom"),
        ('multipart/related;type="*/*", image/png', "image/png"),
    ],
)
def test_answers_are_never_multipart(web: Web, accept, kind):
    reply = get(web, accept=accept)
    assert (reply.status_code, reply.mimetype) == ((200, kind) if kind else (406, "application/json"))
