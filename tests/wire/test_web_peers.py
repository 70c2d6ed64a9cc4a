"""Other people's DICOMweb clients as processes: Orthanc's plugin pulls and pushes, dcmjs' reads."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.builders import make_ct, uid
from tests.dicomweb.shelf import objects
from tests.wire.contract import contract
from tests.wire.holdings import hold
from tests.wire.server import Server, free_port, wait_for

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
SCRIPT = Path(__file__).with_name("dicomweb_reader.js")
NODE_FOLDER = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "trialpacs" / "node"
T1, S1, A1 = uid("t1"), uid("s1"), uid("a1")


class Web:
    """A web server with a worker on the shelf's objects."""

    def __init__(self, server: Server) -> None:
        self.server, port = server, free_port()
        server.start("worker", "--workers", "1")
        server.start("web", "--http", str(port))
        self.root = f"http://127.0.0.1:{port}/dicom-web"
        self.token = (server.data / "admin-token").read_text()
        wait_for(lambda: _answers(f"http://127.0.0.1:{port}/healthz"))


def _answers(address: str) -> bool:
    try:
        return requests.get(address, timeout=2).ok
    except requests.ConnectionError:
        return False


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    server = Server(tmp_path_factory.mktemp("peers") / "data")
    hold(server.data, objects())
    yield Web(server)
    server.stop()


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory, web: Web) -> Iterator[str]:
    """Debian's Orthanc, to which we are the DICOMweb server `archive`."""
    program = shutil.which("Orthanc", path="/usr/sbin:/usr/bin")
    if program is None or not PLUGIN.exists():
        pytest.skip("Orthanc and its DICOMweb plugin are not installed: scripts/test installs Debian's")
    folder, port = tmp_path_factory.mktemp("orthanc"), free_port()
    archive = {"Url": web.root, "HttpHeaders": {"Authorization": f"Bearer {web.token}"}, "HasDelete": True}
    settings = {
        "StorageDirectory": str(folder),
        "IndexDirectory": str(folder),
        "HttpPort": port,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomServerEnabled": False,
        "Plugins": [str(PLUGIN)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/", "Servers": {"archive": archive}},
    }
    (folder / "orthanc.json").write_text(json.dumps(settings))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, str(folder / "orthanc.json")], stdout=log, stderr=log)
    root = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: _answers(f"{root}/system"), 60)
        yield root
    finally:
        process.terminate()
        process.wait(30)


def ask(orthanc: str, action: str, body: dict[str, Any]) -> Any:
    """A request to Orthanc that makes it ask us."""
    reply = requests.post(f"{orthanc}/dicom-web/servers/archive/{action}", json=body, timeout=60)
    assert reply.status_code == 200, reply.text
    return reply.json()


@contract("web 10.3", "web 1.1")
def test_orthanc_searches_here(orthanc: str):
    found = ask(orthanc, "qido", {"Uri": "/studies", "Arguments": {"PatientID": "A-1"}})
    assert {each["0020000D"]["Value"] for each in found} == {T1, uid("t4")}
    found = ask(orthanc, "qido", {"Uri": f"/studies/{T1}/series", "Arguments": {"Modality": "CT"}})
    assert [each["0020000E"]["Value"] for each in found] == [S1]


@contract("web 10.3", "web 1.2")
def test_orthanc_pulls_study_series_and_instance(orthanc: str):
    wanted: list[tuple[dict[str, str], int]] = [
        ({"Study": T1, "Series": S1, "Instance": A1}, 1),
        ({"Study": T1, "Series": S1}, 3),
        ({"Study": T1}, 4),
        ({"Study": uid("t2")}, 5),
    ]
    for resource, count in wanted:
        ask(orthanc, "retrieve", {"Resources": [resource], "Synchronous": True})
        assert len(requests.get(f"{orthanc}/instances", timeout=30).json()) == count


@contract("web 10.3", "web 4.1")
def test_orthanc_passes_our_metadata_on(orthanc: str):
    found = ask(orthanc, "get", {"Uri": f"/studies/{T1}/metadata"})
    assert len(found) == 4


@contract("web 10.3", "web 8.1")
def test_orthanc_pushes_to_us(orthanc: str, web: Web, tmp_path: Path):
    make_ct("pushed", "ps", "pt").save_as(tmp_path / "a.dcm", enforce_file_format=True)
    posted = requests.post(f"{orthanc}/instances", data=(tmp_path / "a.dcm").read_bytes(), timeout=30).json()
    before = web.server.status()["published"]
    ask(orthanc, "stow", {"Resources": [posted["ID"]], "Synchronous": True})
    wait_for(lambda: web.server.status()["published"] == before + 1)


def dcmjs(*arguments: str) -> dict[str, Any]:
    """What dcmjs' client found."""
    if shutil.which("node") is None or not (NODE_FOLDER / "node_modules" / "dicomweb-client").is_dir():
        pytest.skip("dcmjs' dicomweb-client is not installed: scripts/test fetches it from npm, offline it cannot")
    environment = os.environ | {"NODE_PATH": str(NODE_FOLDER / "node_modules")}
    command = ["node", str(SCRIPT), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@contract("web 10.3", "web 1.1", "web 1.2", "web 4.2", "web 6.1")
def test_dcmjs_client_reads_everything(web: Web):
    found = dcmjs(web.root, T1, S1, A1)
    size = found.pop("instance")
    assert found == {
        "studies": 2,
        "series": 2,
        "instances": 3,
        "metadata": 3,
        "frames": [128],
        "allOfSeries": 3,
        "allOfStudy": 4,
        "bulk": [128],
        "picture": list(b"PNG"),
    }
    assert size > 500
