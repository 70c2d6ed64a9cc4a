"""OHIF and the quick look in a real browser, on real files."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from pacs.web.viewer import usual_folder, viewer_folder
from tests.builders import ct_bytes
from tests.data_folder import shared_data
from tests.wire.browser import Visit
from tests.wire.contract import contract
from tests.wire.proxy import below
from tests.wire.server import WholeServer

# Kind -> files below the shared data; each becomes a collection of its own.
KINDS = {
    "ct": ["ct/lidc-idri-0314_excerpt"],
    "mr": ["mr/dicom2nifti_siemens_anatomical_001"],
    "us": ["us"],
    "cine": ["us/gcp_us_multiframe.dcm"],
    "pt": ["pt/acrin-flt-breast_1.dcm"],
    "seg": ["seg/dcmqi_24x38x3/image", "seg/dcmqi_24x38x3/seg"],
    "sr": ["aim/0022/Baseline.dcm", "aim/0022/BaselineA_aim.dcm"],
    "closed": ["ct/CT_small.dcm"],
    "rtstruct": ["rt/rtutils_mock_data_ct_1.dcm", "rt/rtutils_mock_data_rt.dcm"],
}
SLOW = pytest.mark.long
OHIF_CANVAS = "canvas.cornerstone-canvas"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeServer]:
    server = WholeServer(tmp_path_factory.mktemp("viewers") / "data")
    server.serve()
    yield server
    server.stop()


@pytest.fixture
def visit(whole: WholeServer, chromium: Any) -> Iterator[Callable[[str], Visit]]:
    """Opens pages of one browser session."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800})

    def opened(path: str) -> Visit:
        made = Visit(context.new_page(), whole.root)
        made.page.goto(whole.root + path)
        return made

    yield opened
    context.close()


def fill(whole: WholeServer, collection: str, access: str = "public") -> None:
    """Import what a collection shows, once."""
    data = shared_data()
    if data is None:
        pytest.skip("the shared data are not here")
    if collection in {each["name"] for each in json.loads(whole.run("collection", "list", "--json"))}:
        return
    whole.run("collection", "create", collection, "--release", "automatic", "--access", access)
    whole.run("import", "--collection", collection, *(str(data / name) for name in KINDS[collection]))
    whole.wait_until_worked_off()


def study_of(whole: WholeServer, collection: str, **headers: str) -> str:
    """The largest study of a collection."""
    if not headers:
        fill(whole, collection)
    found = requests.get(f"{whole.dicom_web}/studies", {"collection": collection}, headers=headers, timeout=30).json()
    return str(max(found, key=lambda each: each["00201208"]["Value"][0])["0020000D"]["Value"][0])


def wait_for_picture(seen: Visit, selector: str) -> None:
    seen.until(lambda: seen.shows_picture(selector))


needs_ohif = pytest.mark.skipif(viewer_folder("") is None, reason=f"scripts/fetch-viewer fills {usual_folder()}")


@needs_ohif
@contract("web 10.1", "web 10.2", "web 9.7")
@pytest.mark.parametrize(
    "kind", [each if each == "ct" else pytest.param(each, marks=SLOW) for each in KINDS if each != "closed"]
)
def test_ohif_shows_a_study(whole: WholeServer, visit: Callable[[str], Visit], kind: str) -> None:
    seen = visit(f"/viewer/viewer?StudyInstanceUIDs={study_of(whole, kind)}")
    wait_for_picture(seen, OHIF_CANVAS)
    assert seen.faults == []
    assert seen.outside("/viewer", "/dicom-web") == []


@needs_ohif
@contract("web 10.1")
def test_ohif_lists_studies(whole: WholeServer, visit: Callable[[str], Visit], tmp_path: Path) -> None:
    fill(whole, "pt")
    (tmp_path / "bare.dcm").write_bytes(ct_bytes(Modality="", study="bare"))
    whole.run("collection", "create", "bare", "--release", "automatic", "--access", "public")
    whole.run("import", "--collection", "bare", str(tmp_path / "bare.dcm"))
    whole.wait_until_worked_off()
    (bare,) = requests.get(f"{whole.dicom_web}/studies", {"collection": "bare"}, timeout=30).json()
    assert bare["00080061"] == {"vr": "CS"}  # no modality at all
    seen = visit("/viewer/")
    seen.page.get_by_text("PT", exact=True).first.wait_for(timeout=60_000)
    assert seen.faults == []
    assert seen.outside("/viewer", "/dicom-web") == []


@SLOW
@needs_ohif
@pytest.mark.parametrize("kind", ["seg", "rtstruct", "sr"])
def test_ohif_lays_results_over_images(whole: WholeServer, visit: Callable[[str], Visit], kind: str) -> None:
    seen = visit(f"/viewer/viewer?StudyInstanceUIDs={study_of(whole, kind)}")
    wait_for_picture(seen, OHIF_CANVAS)
    seen.page.get_by_text({"seg": "SEG", "rtstruct": "RTSTRUCT", "sr": "SR"}[kind], exact=True).first.dblclick()
    if kind == "sr":
        seen.page.get_by_text("Tracking Identifier").first.wait_for(timeout=60_000)
    else:
        seen.until(lambda: seen.shows_red(OHIF_CANVAS))
    assert seen.faults == []
    assert seen.outside("/viewer", "/dicom-web") == []


def test_quick_look_scrolls_windows_and_shows_tags(whole: WholeServer, visit: Callable[[str], Visit]) -> None:
    seen = visit(f"/look/{study_of(whole, 'ct')}")
    wait_for_picture(seen, "#picture")
    page = seen.page
    first = page.get_attribute("#picture", "src")
    assert page.text_content("#where") == "7 / 12"
    page.keyboard.press("ArrowDown")
    seen.until(lambda: page.get_attribute("#picture", "src") != first)
    assert page.text_content("#where") == "8 / 12"
    page.select_option("#presets", "-600,1500")
    seen.until(lambda: "window=-600" in (page.get_attribute("#picture", "src") or ""))
    page.click("#show-tags")
    page.fill("#filter", "00080060")
    page.get_by_text("(0008,0060)").wait_for()
    assert seen.faults == []
    assert seen.outside("/look", "/static", "/dicom-web") == []


def test_quick_look_plays_many_frames(whole: WholeServer, visit: Callable[[str], Visit]) -> None:
    seen = visit(f"/look/{study_of(whole, 'mr')}")
    wait_for_picture(seen, "#picture")
    seen.page.keyboard.press("Home")
    seen.page.keyboard.press(" ")
    seen.until(lambda: not (seen.page.text_content("#where") or "").startswith("1 /"))
    seen.page.click("#play")
    assert seen.page.text_content("#play") == "Play"
    assert seen.faults == []


def test_quick_look_plays_a_cine_at_its_own_rate(whole: WholeServer, visit: Callable[[str], Visit]) -> None:
    seen = visit(f"/look/{study_of(whole, 'cine')}")
    wait_for_picture(seen, "#picture")
    assert seen.page.text_content("#where") == "6 / 10"
    seen.page.keyboard.press(" ")
    seen.until(lambda: seen.page.input_value("#speed") == "30")
    seen.page.keyboard.press("T")
    seen.page.fill("#filter", "CineRate")
    seen.page.get_by_text("(0018,0040)").wait_for()
    seen.page.keyboard.press("Escape")
    assert not seen.page.is_visible("#tags")
    assert seen.faults == []


def test_quick_look_shows_images_before_reports_and_reports_as_text(
    whole: WholeServer, visit: Callable[[str], Visit]
) -> None:
    seen = visit(f"/look/{study_of(whole, 'sr')}")
    wait_for_picture(seen, "#picture")
    assert seen.page.get_attribute("#picture", "alt") == "CT Recon 2:, image 1 of 1"
    seen.page.keyboard.press("]")
    seen.page.frame_locator("#document").get_by_text("Tracking Identifier").first.wait_for()
    assert seen.faults == []


def test_quick_look_fits_the_window_of_pt_to_the_picture(whole: WholeServer, visit: Callable[[str], Visit]) -> None:
    seen = visit(f"/look/{study_of(whole, 'pt')}")
    wait_for_picture(seen, "#picture")
    width = float((seen.page.text_content("#window") or "").rpartition("W ")[2])
    assert width < 12_107, "the brightest value of the slice; its own window has 54,282"
    seen.page.click("#reset")
    assert seen.page.text_content("#window") == ""


def test_quick_look_says_calmly_what_it_cannot_show(whole: WholeServer, visit: Callable[[str], Visit]) -> None:
    study = study_of(whole, "ct")
    seen = visit(f"/look/{study}")
    wait_for_picture(seen, "#picture")
    seen.page.route("**/rendered*", lambda route: route.fulfill(status=500))
    seen.page.keyboard.press("End")
    seen.page.select_option("#presets", "40,400")
    seen.page.get_by_text("This object cannot be shown as a picture").wait_for()
    seen.page.unroute("**/rendered*")
    seen.page.keyboard.press("Home")
    wait_for_picture(seen, "#picture")
    seen.page.keyboard.press("End")
    wait_for_picture(seen, "#picture")
    assert seen.page.text_content("#said") == ""


def test_quick_look_of_no_study_takes_all_controls(visit: Callable[[str], Visit]) -> None:
    seen = visit("/look/1.2.3")
    seen.until(lambda: "no such study" in seen.page.locator("#said").inner_text())
    for control in ("#play", "#reset", "#show-tags"):
        seen.page.locator(control).click()
    seen.page.locator("#filter").fill("patient")
    seen.page.locator("#speed").fill("5")
    seen.page.locator("#presets").select_option("fit")
    assert not [each for each in seen.faults if each.startswith("script")]


def test_quick_look_finds_studies(whole: WholeServer, visit: Callable[[str], Visit]) -> None:
    fill(whole, "pt")
    seen = visit("/look?collection=pt")
    seen.page.get_by_text("1 study").wait_for()
    seen.page.click("#studies a")
    wait_for_picture(seen, "#picture")
    assert seen.faults == []


@pytest.fixture(scope="module")
def archive_path(whole: WholeServer) -> Iterator[str]:
    """The server behind a proxy that shows it below a path."""
    with below("/archive", whole.http_port) as base:
        yield base


@pytest.fixture
def visit_below(archive_path: str, chromium: Any) -> Iterator[Callable[[str], Visit]]:
    """Opens pages below the proxy's path."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800})

    def opened(path: str) -> Visit:
        made = Visit(context.new_page(), archive_path)
        made.page.goto(archive_path + path)
        return made

    yield opened
    context.close()


def test_quick_look_works_below_the_path_of_a_proxy(whole: WholeServer, visit_below: Callable[[str], Visit]) -> None:
    fill(whole, "pt")
    seen = visit_below("/look?collection=pt")
    seen.page.click("#studies a")
    wait_for_picture(seen, "#picture")
    seen.page.click("#show-tags")
    seen.page.get_by_text("(0008,0060)").wait_for()
    assert seen.faults == []
    assert seen.outside("/") == []


@SLOW
@needs_ohif
@contract("web 10.1", "web 10.2")
@pytest.mark.parametrize("kind", [each for each in KINDS if each != "closed"])
def test_ohif_shows_a_study_below_the_path_of_a_proxy(
    whole: WholeServer, visit_below: Callable[[str], Visit], kind: str
) -> None:
    seen = visit_below(f"/viewer/viewer?StudyInstanceUIDs={study_of(whole, kind)}")
    wait_for_picture(seen, OHIF_CANVAS)
    assert seen.faults == []
    assert seen.outside("/viewer/", "/dicom-web/") == []


@SLOW
@needs_ohif
@contract("web 10.1")
def test_ohif_goes_from_list_to_study_and_back_below_the_path_of_a_proxy(
    whole: WholeServer, visit_below: Callable[[str], Visit]
) -> None:
    fill(whole, "pt")
    seen = visit_below("/viewer/")
    seen.page.get_by_text("PT", exact=True).first.dblclick(timeout=60_000)
    wait_for_picture(seen, OHIF_CANVAS)
    assert seen.page.url.startswith(f"{seen.root}/viewer/viewer?")
    seen.page.go_back()
    seen.page.get_by_text("PT", exact=True).first.wait_for()
    assert seen.faults == []
    assert seen.outside("/viewer/", "/dicom-web/") == []


@contract("web 9.5")
def test_restricted_study_opens_with_the_sessions_cookie(whole: WholeServer, visit: Callable[[str], Visit]) -> None:
    fill(whole, "closed", "restricted")
    headers = whole.token("reader", "researcher", "closed")
    study = study_of(whole, "closed", **headers)
    seen = visit(f"/look/{study}")
    seen.page.get_by_text("There is no such study").wait_for()
    seen.page.click("#sign-in")
    seen.page.fill("#token", headers["Authorization"].removeprefix("Bearer "))
    seen.page.click("main button")
    wait_for_picture(seen, "#picture")
    if viewer_folder(""):
        seen.page.goto(f"{whole.root}/viewer/viewer?StudyInstanceUIDs={study}")
        wait_for_picture(seen, OHIF_CANVAS)


@needs_ohif
@contract("web 9.5")
@pytest.mark.parametrize("place", ["", "below"])
def test_ohif_of_a_restricted_study_asks_to_sign_in_and_comes_back(
    whole: WholeServer, visit: Callable[[str], Visit], visit_below: Callable[[str], Visit], place: str
) -> None:
    fill(whole, "closed", "restricted")
    headers = whole.token(f"reader{place}", "researcher", "closed")
    study = study_of(whole, "closed", **headers)
    seen = (visit_below if place else visit)(f"/viewer/viewer?StudyInstanceUIDs={study}")
    seen.page.locator("#token").fill(headers["Authorization"].removeprefix("Bearer "))
    seen.page.click("main button")
    wait_for_picture(seen, OHIF_CANVAS)
    assert seen.page.url.startswith(f"{seen.root}/viewer/viewer?StudyInstanceUIDs={study}")
