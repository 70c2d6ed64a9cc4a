"""Rendered and thumbnail resources, in the form and with the parameters that callers send."""

import io
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageSequence
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID

from tests.builders import ct_bytes, file_bytes, make_ct, uid
from tests.dicomweb.conftest import Web, uids
from tests.dicomweb.test_wado import parts_of
from tests.installation import send, work
from tests.pixels.pictures import as_object
from tests.wire.contract import contract

BROWSER = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
SR, PDF = "1.2.840.10008.5.1.4.1.1.88.33", "1.2.840.10008.5.1.4.1.1.104.1"


def instance(web: Web) -> str:
    """The path of one instance of the largest series."""
    return "/dicom-web/studies/{}/series/{}/instances/{}".format(*uids(web))


def get(web: Web, path: str, accept: str = ""):
    return web.client.get(path, headers={"Accept": accept} if accept else {})


def picture(reply) -> Pillow.Image:
    assert reply.status_code == 200, reply.data
    return Pillow.open(io.BytesIO(reply.data))


@pytest.fixture
def moving(empty: Web) -> Web:
    """One object of three frames, dark to bright from left to right, moved by frame."""
    frames = np.stack([np.roll(np.tile(np.arange(32, dtype=np.uint8) * 8, (16, 1)), 5 * n, 1) for n in range(3)])
    send(empty.app, file_bytes(as_object(frames, frames=3, FrameTime=50)))
    assert work(empty.app)["published"] == 1
    return empty


@contract("web 6.1", "web 1.2")
@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", "image/jpeg"),
        ("*/*", "image/jpeg"),
        ("image/*", "image/jpeg"),
        ("image/png", "image/png"),
        ("image/gif", "image/gif"),
        ("image/jp2", "image/jp2"),
        ("image/png;q=0.5, image/jpeg;q=0.9", "image/jpeg"),
        ("text/html, image/png", "image/png"),
    ],
)
@pytest.mark.parametrize("place", ["", "/frames/1"])
def test_picture_is_of_the_type_asked_for(web: Web, accept, kind, place):
    reply = get(web, f"{instance(web)}{place}/rendered", accept)
    assert reply.headers["Content-Type"] == kind
    assert picture(reply).size == (8, 8)


@contract("web 6.9")
@pytest.mark.parametrize("resource", ["rendered", "thumbnail", "frames/1/rendered", "frames/1/thumbnail"])
def test_browser_gets_jpeg(web: Web, resource):
    reply = get(web, f"{instance(web)}/{resource}", BROWSER)
    assert reply.headers["Content-Type"] == "image/jpeg"
    assert picture(reply).format == "JPEG"


@contract("web 10.1", "web 5.2")
@pytest.mark.parametrize("resource", ["rendered", "thumbnail"])
def test_query_parameter_wins_over_what_ohif_sends(web: Web, resource):
    header = 'multipart/related; type="application/octet-stream"'
    reply = get(web, f"{instance(web)}/{resource}?accept=image%2Fjpeg", header)
    assert reply.headers["Content-Type"] == "image/jpeg"


@contract("web 6.1")
@pytest.mark.parametrize("accept", ["image/webp", "text/html", "application/pdf", "video/mp4", "application/dicom"])
def test_other_types_are_not_acceptable(web: Web, accept):
    assert get(web, f"{instance(web)}/rendered", accept).status_code == 406


@contract("web 6.1", "web 5.5")
def test_picture_may_go_as_multipart(web: Web):
    ((headers, raw),) = parts_of(get(web, f"{instance(web)}/rendered", 'multipart/related; type="image/png"'))
    assert headers["content-type"] == "image/png"
    assert headers["content-location"].endswith("/rendered")
    assert Pillow.open(io.BytesIO(raw)).size == (8, 8)


@contract("web 6.2")
def test_series_and_study_are_multipart(web: Web):
    study, series, _ = uids(web)
    for path, count in ((f"/dicom-web/studies/{study}", 3), (f"/dicom-web/studies/{study}/series/{series}", 2)):
        for accept in ("", "*/*", 'multipart/related; type="image/jpeg"', BROWSER):
            reply = get(web, f"{path}/rendered", accept)
            assert reply.headers["Content-Type"].startswith('multipart/related; type="image/jpeg"')
            assert [headers["content-type"] for headers, _ in parts_of(reply)] == ["image/jpeg"] * count
        for accept in ("image/jpeg", "image/png", 'multipart/related; type="text/css"'):
            assert get(web, f"{path}/rendered", accept).status_code == 406


@contract("web 1.2", "web 6.3")
def test_thumbnail_of_each_level_is_one_small_picture(web: Web):
    study, series, sop = uids(web)
    path = f"/dicom-web/studies/{study}"
    for level in (
        "",
        f"/series/{series}",
        f"/series/{series}/instances/{sop}",
        f"/series/{series}/instances/{sop}/frames/1",
    ):
        assert picture(get(web, f"{path}{level}/thumbnail?viewport=64,40")).size == (40, 40)
        assert max(picture(get(web, f"{path}{level}/thumbnail")).size) == 128
        assert get(web, f"{path}{level}/thumbnail?viewport=64,40,0,0,1,1").status_code == 400


@contract("web 6.3", "web 6.4", "web 6.5", "web 6.6", "web 6.7")
@pytest.mark.parametrize(
    "query",
    [
        "viewport=20",
        "viewport=0,20",
        "viewport=-5,20",
        "viewport=a,b",
        "viewport=1.5,20",
        "viewport=20,20,1,1,1,1,1",
        "viewport=20,20,nan,0",
        "viewport=20,20,0,0,0,0",
        "viewport=20,20,500,500,1,1",
        "viewport=99999999999999999999,1",
        "viewport=",
        "window=40",
        "window=40,400",
        "window=40,400,cubic",
        "window=a,400,linear",
        "window=40,0,linear",
        "window=40,-1,sigmoid",
        "window=40,0.5,linear",
        "window=1e999,5,linear",
        "window=inf,nan,linear",
        "window=",
        "quality=0",
        "quality=101",
        "quality=x",
        "quality=",
        "quality=50.5",
        "annotation=everything",
        "annotation=patient,everything",
        "iccprofile=maybe",
        "iccprofile=yes&accept=image/gif",
        "iccprofile=",
    ],
)
@pytest.mark.parametrize("resource", ["rendered", "thumbnail"])
def test_bad_values_are_refused_and_not_repeated(web: Web, resource, query):
    if resource == "thumbnail" and query == "iccprofile=yes&accept=image/gif":
        return  # a thumbnail has no profile
    reply = get(web, f"{instance(web)}/{resource}?{query}")
    assert reply.status_code == 400, query
    value = query.partition("=")[2]
    assert len(value) < 5 or value not in reply.get_json()["error"]


@contract("web 6.3")
@pytest.mark.parametrize(
    ("viewport", "size"),
    [
        ("4,4", (4, 4)),
        ("100,16", (16, 16)),
        ("16,16,,,4,2", (16, 8)),
        ("4,8,2,0,-2,4", (4, 8)),
        ("20,20,1", (18, 20)),
    ],
)
def test_viewport_forms(web: Web, viewport, size):
    assert picture(get(web, f"{instance(web)}/rendered?viewport={viewport}", "image/png")).size == size


@contract("web 6.4")
def test_window_is_in_rescaled_units(web: Web):
    reply = get(web, f"{instance(web)}/rendered?window=8000,9000,linear-exact", "image/png")
    stored = np.frombuffer(bytes(range(128)), "<i2").reshape(8, 8).astype(float) - 1024
    expected = np.floor(np.clip(((stored - 8000) / 9000 + 0.5) * 255, 0, 255) + 0.5)
    assert (np.asarray(picture(reply)) == expected).all()


@contract("web 6.6")
def test_annotation_shows_new_values_only(web: Web, monkeypatch: pytest.MonkeyPatch):
    from pacs.dicomweb import pictures

    seen: list[str] = []

    def noted(array: np.ndarray, lines: list[str]) -> np.ndarray:
        seen.extend(lines)
        return array

    monkeypatch.setattr(pictures, "annotated", noted)
    picture(get(web, f"{instance(web)}/rendered?annotation=patient,technique"))
    assert any("INBOX" in line for line in seen)
    assert "CT" in seen
    assert not any(word in " ".join(seen) for word in ("Quixotic", "4711", "19600101"))


@contract("web 6.1")
def test_animation_and_frames_of_an_instance(moving: Web):
    path = instance(moving)
    animation = picture(get(moving, f"{path}/rendered", "image/gif"))
    assert (len(list(ImageSequence.Iterator(animation))), animation.info["duration"]) == (3, 50)
    assert len(list(ImageSequence.Iterator(picture(get(moving, f"{path}/frames/1,3/rendered", "image/gif"))))) == 2
    stills = [np.asarray(picture(get(moving, f"{path}/frames/{n}/rendered", "image/png"))) for n in (1, 2, 3)]
    assert (np.roll(stills[0], 5, 1) == stills[1]).all()
    assert (np.asarray(picture(get(moving, f"{path}/rendered", "image/png"))) == stills[0]).all()
    parts = parts_of(get(moving, f"{path}/frames/3,1/rendered", 'multipart/related; type="image/png"'))
    assert [headers["content-location"].rpartition("/frames/")[2] for headers, _ in parts] == [
        "3/rendered",
        "1/rendered",
    ]
    assert (np.asarray(Pillow.open(io.BytesIO(parts[0][1]))) == stills[2]).all()
    assert get(moving, f"{path}/frames/1,2/rendered", "image/png").status_code == 406
    assert len(parts_of(moving.client.get(f"{path}/frames/1,2/rendered"))) == 2


@contract("web 6.1")
def test_video_has_all_frames_at_their_rate(moving: Web, tmp_path: Path):
    program = shutil.which("ffmpeg")
    assert program, "ffmpeg is missing: scripts/test installs Debian's"
    path = instance(moving)
    reply = get(moving, f"{path}/rendered", "video/mp4")
    assert (reply.status_code, reply.headers["Content-Type"]) == (200, "video/mp4")
    film = tmp_path / "film.mp4"
    film.write_bytes(reply.data)
    as_pixels = ["-f", "rawvideo", "-pix_fmt", "gray", "-fps_mode", "passthrough", "-"]
    told = subprocess.run([program, "-v", "error", "-i", film, *as_pixels], check=True, capture_output=True)
    shown = np.frombuffer(told.stdout, np.uint8)
    stills = [picture(get(moving, f"{path}/frames/{n}/rendered", "image/png")).convert("L") for n in (1, 2, 3)]
    wanted = np.stack([np.asarray(each) for each in stills])
    rows, columns = (-(-side // 2) * 2 for side in wanted.shape[1:])
    found = shown.reshape(-1, rows, columns)[:, : wanted.shape[1], : wanted.shape[2]]
    assert len(found) == 3
    assert np.abs(found.astype(int) - wanted).mean() < 6
    assert get(moving, f"{path}/frames/2/rendered", "video/mp4").status_code == 406


@contract("web 6.8", "web 6.1")
def test_frames_without_window_share_one_range(empty: Web):
    frames = np.stack([np.full((8, 8), 40 * n, np.uint8) for n in range(4)])
    send(empty.app, file_bytes(as_object(frames, frames=4)))
    work(empty.app)
    path = instance(empty)
    stills = [np.asarray(picture(get(empty, f"{path}/frames/{n}/rendered", "image/png"))) for n in (1, 2, 3, 4)]
    assert [set(each.flat) for each in stills] == [{0}, {85}, {170}, {255}]
    animation = picture(get(empty, f"{path}/rendered", "image/gif"))
    assert [int(np.asarray(each.convert("L"))[0, 0]) for each in ImageSequence.Iterator(animation)] == [0, 85, 170, 255]


@contract("web 5.7")
@pytest.mark.parametrize(("frames", "status"), [("0", 400), ("x", 400), ("4", 404), ("999999999", 404), ("1%00", 400)])
@pytest.mark.parametrize("resource", ["rendered", "thumbnail"])
def test_frames_that_are_not_there(moving: Web, frames, status, resource):
    assert get(moving, f"{instance(moving)}/frames/{frames}/{resource}").status_code == status


@contract("web 9.2")
def test_picture_is_not_sent_again(web: Web):
    path = f"{instance(web)}/rendered"
    etag = get(web, path).headers["ETag"]
    assert web.client.get(path, headers={"If-None-Match": etag}).status_code == 304
    for other in (f"{path}?quality=50", f"{path}?accept=image/png"):
        assert web.client.get(other, headers={"If-None-Match": etag}).status_code == 200


# -- other objects -----------------------------------------------------------------------------------------------------


def without_pixels(sop_class: str, **values) -> Dataset:
    ds = make_ct(SOPClassUID=sop_class, **values)
    ds.file_meta.MediaStorageSOPClassUID = UID(sop_class)
    for keyword in ("PixelData", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"):
        delattr(ds, keyword)
    del ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.RescaleIntercept, ds.RescaleSlope
    return ds


def coded(meaning: str, value: str = "1") -> Sequence:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, "DCM", meaning
    return Sequence([code])


def content(kind: str, meaning: str, **values) -> Dataset:
    found = Dataset()
    found.RelationshipType, found.ValueType, found.ConceptNameCodeSequence = "CONTAINS", kind, coded(meaning)
    for keyword, value in values.items():
        setattr(found, keyword, value)
    return found


@pytest.fixture
def report(empty: Web) -> Web:
    """A structured report with an item of the usual kinds."""
    measured = Dataset()
    measured.NumericValue, measured.MeasurementUnitsCodeSequence = "12.5", coded("millimeter", "mm")
    inner = content("CONTAINER", "Measurements", ContinuityOfContent="SEPARATE")
    inner.ContentSequence = Sequence([content("NUM", "Diameter", MeasuredValueSequence=Sequence([measured]))])
    items = [
        content("CODE", "Finding", ConceptCodeSequence=coded("Mass <b>")),
        content("TEXT", "Impression", TextValue="5 < 6 & <script>alert(1)</script>"),
        inner,
    ]
    ds = without_pixels(SR, Modality="SR", ValueType="CONTAINER", ConceptNameCodeSequence=coded("Imaging Report"))
    ds.ContentSequence, ds.CompletionFlag, ds.VerificationFlag = Sequence(items), "COMPLETE", "UNVERIFIED"
    send(empty.app, file_bytes(ds))
    assert work(empty.app)["published"] == 1
    return empty


@contract("web 6.1")
def test_report_is_a_safe_page(report: Web):
    reply = get(report, f"{instance(report)}/rendered")
    assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in reply.headers["Content-Security-Policy"]
    page = reply.get_data(as_text=True)
    for words in ("Imaging Report", "Finding", "Mass &lt;b&gt;", "Measurements", "Diameter", "12.5 mm", "COMPLETE"):
        assert words in page
    assert "<script" not in page
    assert "Quixotic" not in page
    assert get(report, f"{instance(report)}/rendered", "image/jpeg").status_code == 406
    reply = get(report, f"{instance(report)}/rendered", "text/plain, text/html;q=0.5")
    assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"
    lines = reply.get_data(as_text=True).splitlines()
    assert lines[0] == "Imaging Report"
    assert lines[-4:] == [
        "Finding: Mass <b>",
        "Impression: 5 < 6 & <script>alert(1)</script>",
        "Measurements",
        "  Diameter: 12.5 mm",
    ]
    assert get(report, f"{instance(report)}/frames/1/rendered").status_code == 404
    assert get(report, f"{instance(report)}/thumbnail").status_code == 404


@contract("web 6.1", "web 10.1")
def test_document_is_given_as_it_is(empty: Web):
    document = b"%PDF-1.4\n" + b"x" * 2000 + b"\n%%EOF\n"
    ds = without_pixels(PDF, Modality="DOC", MIMETypeOfEncapsulatedDocument="application/pdf")
    ds.EncapsulatedDocument = document + b"\0" * (len(document) % 2)
    ds.EncapsulatedDocumentLength = len(document)
    empty.app.registry.set_collection("inbox", {"documents": "blank"})  # others are held
    send(empty.app, file_bytes(ds))
    assert work(empty.app)["published"] == 1
    path = instance(empty)
    reply = get(empty, f"{path}/rendered")
    assert (reply.headers["Content-Type"], reply.data[:5]) == ("application/pdf", b"%PDF-")
    ohif = 'multipart/related; type="application/pdf", multipart/related; type="application/octet-stream"'
    ((headers, raw),) = parts_of(get(empty, f"{path}/bulkdata/00420011", ohif))
    assert headers["content-type"] == "application/pdf"
    assert raw[:5] == b"%PDF-"


@pytest.fixture
def presented(empty: Web) -> Web:
    """A slice, and a presentation state that turns it, windows it, shuts its right half and draws on it."""
    pixels = np.tile(np.arange(32, dtype=np.int16) * 10, (16, 1))
    send(empty.app, file_bytes(as_object(pixels)))
    state = without_pixels("1.2.840.10008.5.1.4.1.1.11.1", sop="ps", series="pss", Modality="PR", ContentLabel="X")
    image, series, voi = Dataset(), Dataset(), Dataset()
    image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", uid("i1")
    series.SeriesInstanceUID, series.ReferencedImageSequence = uid("s1"), Sequence([image])
    voi.WindowCenter, voi.WindowWidth, voi.VOILUTFunction = 155, 310, "LINEAR_EXACT"
    state.ReferencedSeriesSequence, state.SoftcopyVOILUTSequence = Sequence([series]), Sequence([voi])
    state.PresentationLUTShape, state.ImageRotation, state.ImageHorizontalFlip = "INVERSE", 90, "N"
    state.ShutterShape, state.ShutterPresentationValue = "RECTANGULAR", 0
    state.ShutterLeftVerticalEdge, state.ShutterRightVerticalEdge = 0, 17
    state.ShutterUpperHorizontalEdge, state.ShutterLowerHorizontalEdge = 0, 17
    send(empty.app, file_bytes(state))
    assert work(empty.app)["published"] == 2
    return empty


def rows_of(web: Web) -> dict[str, str]:
    """Paths by modality."""
    return {
        row["00080060"]["Value"][0]: "/dicom-web/studies/{}/series/{}/instances/{}".format(
            *(row[tag]["Value"][0] for tag in ("0020000D", "0020000E", "00080018"))
        )
        for row in web.json("/instances")
    }


@contract("web 6.1")
def test_presentation_state_is_applied_to_its_image(presented: Web):
    shown = np.asarray(picture(get(presented, f"{rows_of(presented)['PR']}/rendered", "image/png"))).astype(int)
    assert shown.shape == (32, 16)  # turned
    values = np.arange(32) * 10
    grey = 255 - np.clip(((values - 155) / 310 + 0.5) * 255, 0, 255)
    grey[16:] = 0
    assert np.abs(shown[:, 0] - grey).max() <= 1


@contract("web 6.3", "web 6.4")
def test_presentation_state_has_its_own_window_and_region(presented: Web):
    path = f"{rows_of(presented)['PR']}/rendered"
    assert picture(get(presented, f"{path}?viewport=8,8")).size == (4, 8)
    assert get(presented, f"{path}?viewport=8,8,1,1,4,4").status_code == 400
    assert get(presented, f"{path}?window=40,400,linear").status_code == 400


@contract("web 7.3")
def test_uri_applies_presentation_state(presented: Web):
    paths = rows_of(presented)
    study, series, sop = paths["CT"].split("/")[3::2]
    state = paths["PR"].split("/")
    query = f"requestType=WADO&studyUID={study}&seriesUID={series}&objectUID={sop}&contentType=image/png"
    named = f"&presentationSeriesUID={state[5]}&presentationUID={state[7]}"
    assert picture(get(presented, f"/wado?{query}{named}")).size == (16, 32)
    assert get(presented, f"/wado?{query}{named}&windowCenter=1&windowWidth=2").status_code == 400
    assert get(presented, f"/wado?{query}&presentationUID={state[7]}").status_code == 400
    assert get(presented, f"/wado?{query}&presentationSeriesUID={state[5]}&presentationUID=1.2").status_code == 400


def test_damaged_file_is_no_server_error(empty: Web):
    send(empty.app, ct_bytes())
    work(empty.app)
    path = instance(empty)
    (blob,) = empty.app.folders.blobs.rglob("*.dcm")
    raw = blob.read_bytes()
    blob.chmod(0o600)
    for length in (len(raw) - 64, 700, 140, 0):
        blob.write_bytes(raw[:length])
        for resource in ("/rendered", "/thumbnail", "/frames/1/rendered", "/frames/1", "/pixeldata", "/bulkdata", ""):
            reply = get(empty, f"{path}{resource}")
            assert reply.status_code == 406, (length, resource)
    blob.unlink()
    assert get(empty, f"{path}/rendered").status_code == 406


@contract("web 6.1")
@pytest.mark.parametrize("resource", ["/rendered", "/thumbnail", "/frames/1/rendered", "/frames/1/thumbnail"])
def test_other_charsets_are_not_acceptable(web: Web, resource):
    path = instance(web)
    assert get(web, f"{path}{resource}?charset=iso-8859-1").status_code == 406
    assert get(web, f"{path}{resource}?charset=iso-8859-1,utf-8").status_code == 200
    assert get(web, f"{path.partition('/instances')[0]}/rendered?charset=iso-8859-1").status_code == 406
