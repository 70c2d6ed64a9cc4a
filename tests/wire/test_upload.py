"""The upload page in a real browser: nothing is lost and nothing doubled, whatever interrupts it."""

import math
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.builders import ct_bytes
from tests.wire.server import WholeServer


class Uploader:
    """A signed-in submitter before the page."""

    def __init__(self, whole: WholeServer, chromium: Any, name: str) -> None:
        self.whole = whole
        self.headers = whole.token(name, "submitter", "inbox")
        self.context = chromium.new_context(viewport={"width": 1280, "height": 900})
        self.page = self.context.new_page()
        self.faults: list[str] = []
        self.most_posts: float = math.inf  # later ones wait, however slow whoever looks at the page may be
        self.posts = 0
        self.page.route("**/dicom-web/studies?**", self._on_post)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", self._on_console)
        self.page.on("dialog", lambda dialog: dialog.accept())
        self.page.goto(f"{whole.root}/login?next=/upload")
        self.page.fill("#token", self.headers["Authorization"].removeprefix("Bearer "))
        self.page.press("#token", "Enter")
        self.page.wait_for_selector("#zone")
        self.page.wait_for_load_state()  # before its scripts have run, what is dropped goes to the browser

    def _on_console(self, message: Any) -> None:
        if message.type == "error" and "Security Policy" in message.text:
            self.faults.append(message.text)

    def _on_post(self, route: Any) -> None:
        if self.posts < self.most_posts:
            self.posts += 1
            route.continue_()

    def choose(self, folder: Path) -> None:
        self.page.set_input_files("#folder", str(folder))

    def drop(self, *paths: Path, place: str = "#zone") -> None:
        """As a person drags from a file manager: the browser makes the DataTransfer itself."""
        box = self.page.locator(place).bounding_box()
        data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
        session = self.context.new_cdp_session(self.page)
        for kind in ("dragEnter", "dragOver", "drop"):
            event = {"type": kind, "x": box["x"] + 5, "y": box["y"] + 5, "data": data}
            session.send("Input.dispatchDragEvent", event)

    def count(self, name: str) -> int:
        return int(self.page.text_content(f"#count-{name}").replace(",", ""))

    def until(self, condition: Callable[[], Any]) -> None:
        for _ in range(1500):
            if condition():
                return
            self.page.wait_for_timeout(100)
        raise AssertionError((self.faults, self.page.inner_text("main"), self.received()))

    def until_done(self) -> str:
        self.until(lambda: self.page.get_attribute("#end", "data-done") == "yes")
        return str(self.page.text_content("#sum"))

    def received(self) -> dict[str, Any]:
        return dict(requests.get(f"{self.whole.root}/api/submissions", headers=self.headers, timeout=30).json())


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeServer]:
    server = WholeServer(tmp_path_factory.mktemp("upload") / "data")
    server.serve()
    yield server
    server.stop()


def make_folder(folder: Path, count: int, kind: str) -> Path:
    """Objects in folders of fifty."""
    for number in range(count):
        path = folder / f"series {number // 50}" / f"image {number}.dcm"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(ct_bytes(sop=f"{kind}{number}", series=f"{kind}{number // 50}", study=kind, patient=kind))
    return folder


def check_interrupted(whole: WholeServer, chromium: Any, folder: Path, count: int) -> None:
    who = Uploader(whole, chromium, f"sam-{count}")
    who.most_posts = count * 3 // 5
    who.choose(folder)
    who.until(lambda: who.count("sent") >= count // 5)
    who.page.click("#pause")
    who.page.click("#pause")
    who.page.reload()
    assert "Choose the same folder again" in who.page.text_content("#unfinished")
    before = who.received()["received"]
    assert before < count
    who.most_posts = who.posts + count // 5
    who.choose(folder)
    who.until(lambda: who.count("sent") >= 20)
    who.context.set_offline(True)
    who.until(lambda: "no network" in who.page.text_content("#trouble"))
    who.most_posts = math.inf
    who.context.set_offline(False)
    assert who.until_done() == f"{count:,} files = {count:,} published"
    assert who.count("here") >= before
    assert who.count("failed") == 0
    found = who.received()
    assert found["sentence"] == f"{count} received = {count} published"
    assert not who.faults
    who.context.close()


def test_upload_goes_on_after_reload_and_lost_network(whole, chromium, tmp_path):
    check_interrupted(whole, chromium, make_folder(tmp_path / "study", 200, "r"), 200)


@pytest.mark.long
def test_two_thousand_files_survive_a_reload(whole, chromium, tmp_path):
    check_interrupted(whole, chromium, make_folder(tmp_path / "study", 2000, "l"), 2000)


def test_upload_accounts_for_every_file(whole, chromium, tmp_path):
    folder = make_folder(tmp_path / "study", 8, "e")
    shutil.copy(folder / "series 0" / "image 1.dcm", folder / "copy.dcm")
    (folder / "report <b>.txt").write_text("no DICOM")
    (folder / "empty").touch()
    (folder / ".DS_Store").write_text("not counted")
    who = Uploader(whole, chromium, "erna")
    who.choose(folder)
    assert who.until_done() == "11 files = 8 published + 1 the same as another file + 2 not taken"
    rows = who.page.locator("#errors tbody tr").all_text_contents()
    assert sorted(rows) == [
        "study/emptyThe file is empty.",
        "study/report <b>.txtThis is no DICOM object, or a broken one.",
    ]
    assert who.received()["sentence"] == "8 received = 8 published"
    who.page.screenshot(path=str(tmp_path / "end.png"), full_page=True)
    who.choose(folder)
    assert who.until_done() == "11 files = 8 published + 1 the same as another file + 2 not taken"
    assert (who.count("sent"), who.count("here")) == (0, 8)
    assert who.received()["received"] == 8
    assert not who.faults
    who.context.close()


def test_what_is_chosen_before_the_script_is_there_is_sent(whole, chromium, tmp_path):
    who = Uploader(whole, chromium, "early")
    late: list[Any] = []

    def keep(route: Any) -> None:
        late.append(route)

    who.page.route("**/static/upload.js", keep)
    who.page.reload(wait_until="commit")
    who.page.wait_for_selector("#zone")
    who.until(lambda: late)
    who.choose(make_folder(tmp_path / "study", 3, "early"))
    late[0].continue_()
    assert who.until_done() == "3 files = 3 published"
    assert not who.faults
    who.context.close()


def test_folder_is_dropped_with_all_below_it(whole, chromium, tmp_path):
    folder = make_folder(tmp_path / "study", 120, "d")
    (folder / "series 0" / ".hidden").write_text("not counted")
    single = tmp_path / "single.dcm"
    single.write_bytes(ct_bytes(sop="d-one", study="d", patient="d"))
    who = Uploader(whole, chromium, "dora")
    who.drop(folder, single)
    assert who.until_done() == "121 files = 121 published"
    who.drop(tmp_path / "single.dcm", place="h1")  # beside the zone
    assert who.until_done() == "1 files = 1 published"
    assert who.page.url.endswith("/upload")
    assert not who.faults
    who.context.close()


def test_file_that_changed_meanwhile_is_told(whole, chromium, tmp_path):
    folder = make_folder(tmp_path / "study", 3, "c")
    who = Uploader(whole, chromium, "carl")

    def change(route):
        _change(folder)
        route.continue_()

    who.context.route("**/api/known-files", change)
    who.choose(folder)
    assert who.until_done() == "3 files = 2 published + 1 not taken"
    assert (
        who.page.locator("#errors tbody tr").all_text_contents()[0].startswith("study/series 0/image 1.dcmThe file was")
    )
    who.context.close()


def _change(folder: Path) -> None:
    (folder / "series 0" / "image 1.dcm").unlink(missing_ok=True)


def test_upload_waits_for_who_is_signed_out(whole, chromium, tmp_path):
    who = Uploader(whole, chromium, "olga")
    cookies = who.context.cookies()
    who.context.clear_cookies()
    who.choose(make_folder(tmp_path / "study", 3, "o"))
    who.until(lambda: "signed out" in who.page.text_content("#trouble"))
    who.context.add_cookies(cookies)
    assert who.page.text_content("#pause") == "Resume"
    who.page.click("#pause")
    assert who.until_done() == "3 files = 3 published"
    who.context.close()
