"""A site's kit: its lines and its script, run as they stand in it against a running server; its CTP files, read."""

import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pacs.ctp.configuration import read_configuration
from pacs.deid.ctp.lookup import read_lookup
from pacs.deid.ctp.script import read_script
from tests.builders import ct_bytes, uid
from tests.wire.server import WholeServer


class Kit:
    """An unpacked kit and the server that it is for."""

    def __init__(self, server: WholeServer, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.images = folder.parent / "images"
        self.images.mkdir()

    def image(self, sop: str) -> Path:
        path = self.images / sop
        path.mkdir()
        (path / "1.dcm").write_bytes(ct_bytes(sop=sop, study="kit"))
        return path

    def run(self, *command: object) -> str:
        done = subprocess.run(
            [str(each) for each in command], cwd=self.folder, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def published(self) -> int:
        return self.server.wait_until_worked_off()["published"]


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kit]:
    folder = tmp_path_factory.mktemp("kit")
    server = WholeServer(folder / "data")
    server.run("collection", "create", "LUNG", "--release", "automatic", "--called-aet", "LUNG")
    server.serve()
    server.environment = {"PACS_HTTP__PORT": str(server.http_port), "PACS_DIMSE__PORT": str(server.port)}
    out = folder / "kit.zip"
    server.run("kit", "LUNG", "--site", "St. Elsewhere", "--user", "elsewhere", "--out", str(out))
    assert out.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(out) as archive:
        archive.extractall(folder)
    yield Kit(server, folder / "kit-LUNG")
    server.stop()


def test_curl_line_sends(kit: Kit):
    before = kit.published()
    kit.run("sh", "send-with-curl.sh", kit.image("kc") / "1.dcm")
    assert kit.published() == before + 1


def test_storescu_line_sends(kit: Kit):
    before = kit.published()
    line = (kit.folder / "send-with-dcmtk.sh").read_text().replace("storescu ", "/usr/bin/storescu ", 1)
    kit.run("sh", "-c", line, kit.folder / "send-with-dcmtk.sh", kit.image("ks"))
    assert kit.published() == before + 1


def test_storescu_line_sends_without_an_aet_of_the_collection(kit: Kit, tmp_path: Path):
    """The archive's own title is called: its user submits to one collection alone."""
    kit.server.run("collection", "create", "HEAD", "--release", "automatic")
    kit.server.run("kit", "HEAD", "--site", "St. Elsewhere", "--user", "head", "--out", str(tmp_path / "kit.zip"))
    with zipfile.ZipFile(tmp_path / "kit.zip") as archive:
        archive.extractall(tmp_path)
    before, script = kit.published(), tmp_path / "kit-HEAD" / "send-with-dcmtk.sh"
    kit.run("sh", "-c", script.read_text().replace("storescu ", "/usr/bin/storescu ", 1), script, kit.image("kh"))
    assert kit.published() == before + 1
    (found,) = json.loads(kit.server.run("trace", uid("kh"), "--json"))
    assert found["collection"] == "HEAD"


def test_script_sends_and_remembers_what_it_sent(kit: Kit):
    before = kit.published()
    folder = kit.image("kp")
    (folder / "note.txt").write_text("no DICOM")
    assert (
        kit.run(sys.executable, "send.py", folder) == "1 sent, 0 sent before, 0 refused, 1 left out (no DICOM files)\n"
    )
    assert (
        kit.run(sys.executable, "send.py", folder) == "0 sent, 1 sent before, 0 refused, 1 left out (no DICOM files)\n"
    )
    assert kit.published() == before + 1


def test_files_for_ctp_are_read_by_our_own_readers(kit: Kit):
    root = read_configuration((kit.folder / "ctp" / "config.xml").read_bytes())
    (pipeline,) = [each for each in root.parts if each.kind == "Pipeline"]
    stages = {each.kind: each.attributes for each in pipeline.parts}
    assert stages["HttpExportService"]["url"] == f"{kit.server.root}/ctp/LUNG"
    assert stages["HttpExportService"]["password"] == (kit.folder / "token.txt").read_text().strip()
    anonymizer = stages["DicomAnonymizer"]
    script = read_script((kit.folder / "ctp" / anonymizer["script"]).read_bytes(), "kit.script")
    assert script.rules
    assert read_lookup((kit.folder / "ctp" / anonymizer["lookupTable"]).read_text(), is_csv=False) == {}


def test_page_explains_each_way(kit: Kit):
    page = (kit.folder / "READ-ME.html").read_text()
    for file in ("send.py", "send-with-curl.sh", "send-with-dcmtk.sh", "ctp/config.xml"):
        assert file in page
    assert "St. Elsewhere" in page
    assert (kit.folder / "token.txt").read_text().strip() not in page


def test_kit_is_refused_for_who_may_do_more(kit: Kit):
    kit.server.run("user", "add", "boss", "--role", "curator", "--collection", "LUNG")
    for user in ("boss", "admin"):
        with pytest.raises(AssertionError, match="may do more"):
            kit.server.run("kit", "LUNG", "--site", "S", "--user", user, "--out", str(kit.folder / "no.zip"))
    assert not (kit.folder / "no.zip").exists()
