"""Watched folders: what is taken, when, where to, and what becomes of the original."""

import os
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from pacs.app import App
from pacs.config import IntakeSettings
from pacs.errors import OutOfResources
from pacs.intake.folders import Watch
from pacs.registry.registry import NewCollection
from tests.builders import ct_bytes
from tests.installation import work


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "drop"
    (made / "inner").mkdir(parents=True)
    return made


def watch(app: App, folder: Path, after: str = "move", target: str = "inbox", settle_s: float = 0.0) -> Watch:
    settings = IntakeSettings({str(folder): target}, settle_s, after)
    made = Watch(app.archive, settings, app.folders.vault / "intake")
    made.recover()
    return made


def put(path: Path, sop: str) -> Path:
    path.write_bytes(ct_bytes(sop=sop, study="drop"))
    return path


def names(folder: Path) -> set[str]:
    return {each.relative_to(folder).as_posix() for each in folder.rglob("*") if each.is_file()}


def test_files_of_subfolders_are_taken_and_moved_aside(app: App, folder: Path):
    put(folder / "1.dcm", "d1")
    put(folder / "inner" / "2", "d2")
    put(folder / ".hidden", "d3")
    (folder / "link").symlink_to("/etc/hostname")
    assert watch(app, folder).look() == 2
    assert names(folder) == {".done/1.dcm", ".done/inner/2", ".hidden", "link"}
    assert work(app)["published"] == 2


def test_same_name_later_does_not_replace_what_is_done(app: App, folder: Path):
    for number in range(2):
        put(folder / "1.dcm", f"same{number}")
        assert watch(app, folder).look() == 1
    assert names(folder) == {".done/1.dcm", ".done/1.dcm.1"}


def zipped(path: Path, *contents: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, content in enumerate(contents):
            archive.writestr(f"../{number}", content)
    return path


def test_zip_is_unpacked_and_the_rest_of_it_told(app: App, folder: Path):
    zipped(folder / "1.zip", ct_bytes(sop="z1"), b"readme", ct_bytes(sop="z2"), b"notes")
    zipped(folder / "2.zip", b"readme")
    zipped(folder / "3.zip", bytes(64 << 20))
    assert watch(app, folder).look() == 3
    assert names(folder) == {
        ".done/1.zip", ".refused/1.zip.reason.txt", ".refused/2.zip", ".refused/2.zip.reason.txt", ".refused/3.zip",
        ".refused/3.zip.reason.txt",
    }  # fmt: skip
    assert (folder / ".refused" / "1.zip.reason.txt").read_text().startswith("2 in it: ")
    assert work(app)["published"] == 2


def test_zip_that_was_under_way_is_taken_anew(app: App, folder: Path, monkeypatch: pytest.MonkeyPatch):
    zipped(folder / "1.zip", ct_bytes(sop="z1"), ct_bytes(sop="z2"))
    watching, receive = watch(app, folder), type(app.archive).receive

    def stop_at_second(*arguments: Any) -> Any:
        if watching.archive.parts.spool.backlog():
            raise SystemExit
        return receive(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(type(app.archive), "receive", stop_at_second)
        with pytest.raises(SystemExit):
            watching.look()
    assert watch(app, folder).look() == 1
    counts = work(app)
    assert (counts["published"], counts["duplicate"]) == (2, 1)


def test_file_that_still_grows_is_not_taken(app: App, folder: Path):
    watching = watch(app, folder, settle_s=0.05)
    path = put(folder / "1.dcm", "grow")
    whole = path.read_bytes()
    path.write_bytes(whole[:200])
    assert watching.look() == 0
    time.sleep(0.06)
    path.write_bytes(whole)
    assert watching.look() == 0  # it has changed since
    time.sleep(0.06)
    assert watching.look() == 1


def test_left_originals_are_taken_once_and_again_when_changed(app: App, folder: Path):
    path = put(folder / "1.dcm", "left")
    assert watch(app, folder, "leave").look() == 1
    assert watch(app, folder, "leave").look() == 0  # after a restart too
    put(path, "left2")
    os.utime(path, ns=(1, 1))
    assert watch(app, folder, "leave").look() == 1
    assert names(folder) == {"1.dcm"}
    assert b"1.dcm" not in (app.folders.vault / "intake" / "seen").read_bytes()


def test_originals_are_deleted_when_so_set(app: App, folder: Path):
    put(folder / "1.dcm", "gone")
    assert watch(app, folder, "delete").look() == 1
    assert names(folder) == set()
    assert work(app)["published"] == 1


def test_what_is_no_object_goes_aside_with_its_reason(app: App, folder: Path):
    (folder / "notes.txt").write_text("Doe")
    put(folder / "1.dcm", "good")
    watch(app, folder).look()
    assert names(folder) == {".done/1.dcm", ".refused/notes.txt", ".refused/notes.txt.reason.txt"}
    assert "Doe" not in (folder / ".refused" / "notes.txt.reason.txt").read_text()


def test_subfolders_name_their_collections(app: App, folder: Path):
    app.create_collection(NewCollection("lung", "tcia", "", 1))
    (folder / "lung").mkdir()
    for path in (folder / "lung" / "1", folder / "inner" / "2", folder / "3"):
        put(path, path.name)
    assert watch(app, folder, target="*").look() == 1
    assert names(folder) == {".done/lung/1", "inner/2", "3"}  # of no collection: left alone


def test_files_without_a_collection_are_counted_and_not_named(app: App, folder: Path, caplog: pytest.LogCaptureFixture):
    put(folder / "inner" / "1", "left")
    put(folder / "2", "left")
    watching, left = watch(app, folder, target="*"), app.archive.parts.spool.left
    for _ in range(2):
        watching.look()
    assert left.count() == 2
    (told,) = [vars(each) for each in caplog.records if "are left" in each.msg]
    assert (told["count"], told["args"], "inner" in str(told)) == (2, (1,), False)
    app.create_collection(NewCollection("inner", "tcia", "", 1))
    (folder / "2").unlink()
    watching.look()
    assert left.count() == 0


def test_full_disk_leaves_files_where_they_are(app: App, folder: Path, monkeypatch: pytest.MonkeyPatch):
    put(folder / "1.dcm", "full")

    def full(*_: Any, **__: Any) -> None:
        raise OutOfResources("full")

    watching = watch(app, folder)
    with monkeypatch.context() as patched:
        patched.setattr(type(app.archive), "receive", full)
        with pytest.raises(OutOfResources):
            watching.look()
    assert watch(app, folder).look() == 1


class Killed(BaseException):
    """Stands for kill -9: nothing after it runs."""


@pytest.mark.parametrize("where", ["before", "after"])
def test_crash_neither_loses_nor_doubles(app: App, folder: Path, monkeypatch: pytest.MonkeyPatch, where: str):
    put(folder / "1.dcm", "crash")
    put(folder / "2.dcm", "crash2")
    receive = type(app.archive).receive

    def dying(*values: Any, **more: Any) -> None:
        if where == "after":
            receive(*values, **more)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(type(app.archive), "receive", dying)
        with pytest.raises(Killed):
            watch(app, folder).look()
    if where == "after":
        work(app)  # it is not in the spool any more when the next process starts
    assert watch(app, folder).look() == (1 if where == "after" else 2)
    counts = work(app)
    assert (counts["published"], counts["duplicate"]) == (2, 0)
    assert names(folder) == {".done/1.dcm", ".done/2.dcm"}


def test_file_that_cannot_be_moved_is_not_taken_twice(app: App, folder: Path):
    put(folder / "1.dcm", "stuck")
    (folder / ".done").write_text("in the way")
    assert watch(app, folder).look() == 1
    assert watch(app, folder).look() == 0
    assert work(app)["published"] == 1
