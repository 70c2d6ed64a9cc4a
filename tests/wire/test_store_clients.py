"""Storing and removing over sockets: curl, dicomweb-client, Orthanc's DICOMweb plugin, bodies that break off."""

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest
import requests
from dicomweb_client import DICOMwebClient
from pydicom.uid import RLELossless

from tests.builders import ct_bytes, file_bytes, make_ct, uid
from tests.wire.contract import contract
from tests.wire.server import WholeServer, free_port, wait_for

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
NODE_FOLDER = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "trialpacs" / "node"
STOW = ["-H", "Accept: application/dicom+json"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeServer]:
    running = WholeServer(tmp_path_factory.mktemp("store") / "data")
    running.serve()
    yield running
    running.stop()


def published(server: WholeServer) -> int:
    return server.wait_until_worked_off()["published"]


def curl(server: WholeServer, *options: str) -> tuple[int, Any]:
    """Status and JSON that curl gets from the address of storing."""
    authorization = f"Authorization: {server.admin['Authorization']}"
    command = ["curl", "-sS", "-m", "30", "-H", authorization, *STOW, "-w", "\n%{http_code}", *options]
    done = subprocess.run([*command, f"{server.dicom_web}/studies"], capture_output=True, text=True, check=True)
    body, _, status = done.stdout.rpartition("\n")
    return int(status), json.loads(body)


@contract("web 8.1", "web 10.3")
@pytest.mark.parametrize("headers", [[], ["-H", "Transfer-Encoding: chunked"], ["-H", "Expect: 100-continue"]])
def test_curl_stores_a_single_part(server: WholeServer, tmp_path: Path, headers: list[str]):
    file = tmp_path / "one.dcm"
    file.write_bytes(ct_bytes(sop=f"curl{len(headers)}", study="curl"))
    options = ["-H", "Content-Type: application/dicom", *headers, "--data-binary", f"@{file}"]
    status, answer = curl(server, *options)
    assert status == 200
    assert answer["00081199"]["Value"][0]["00081155"]["Value"] == [uid(f"curl{len(headers)}")]


@contract("web 8.1")
@pytest.mark.parametrize("chunked", [False, True])
def test_curl_stores_many_parts(server: WholeServer, tmp_path: Path, chunked: bool):
    file = tmp_path / "many"
    parts = [ct_bytes(sop=f"many{chunked}{number}", study="many") for number in range(20)]
    head = b"\r\n--a'b(c) d\r\nContent-Type: application/dicom\r\n\r\n"
    file.write_bytes(b"preamble" + b"".join(head + part for part in parts) + b"\r\n--a'b(c) d--\r\nepilogue")
    kind = 'Content-Type: multipart/related; type="application/dicom"; boundary="a\'b(c) d"'
    extra = ["-H", "Transfer-Encoding: chunked"] if chunked else []
    status, answer = curl(server, "-H", kind, *extra, "--data-binary", f"@{file}")
    assert status == 200
    assert len(answer["00081199"]["Value"]) == 20


@contract("web 8.5", "web 10.3")
def test_dicomweb_client_stores_and_removes(server: WholeServer):
    session = requests.Session()
    session.headers.update(server.admin)
    client = DICOMwebClient(server.dicom_web, session=session)
    compressed = make_ct("dc3", "dc", "dc")
    compressed.compress(RLELossless, generate_instance_uid=False)
    objects = [make_ct("dc1", "dc", "dc"), make_ct("dc2", "dc", "dc"), compressed]
    for _again in range(2):
        answer = client.store_instances(objects)
        assert [item.ReferencedSOPInstanceUID for item in answer.ReferencedSOPSequence] == [
            uid("dc1"),
            uid("dc2"),
            uid("dc3"),
        ]
        assert "FailedSOPSequence" not in answer
    published(server)
    study = answer.RetrieveURL.rpartition("/")[2]
    assert len(client.retrieve_study(study)) == 3
    series = client.search_for_series(study)[0]["0020000E"]["Value"][0]
    client.delete_series(study, series)
    assert client.search_for_studies(search_filters={"StudyInstanceUID": study}) == []
    (entry,) = [each for each in session.get(f"{server.dicom_web}/trash").json() if each["study_uid"] == study]
    assert session.post(f"{server.dicom_web}/trash/{entry['id']}/restore").json() == {"restored": 3}
    assert len(client.retrieve_study(study)) == 3


@contract("web 8.1", "web 10.3")
def test_javascript_client_stores(server: WholeServer, tmp_path: Path):
    if shutil.which("node") is None or not (NODE_FOLDER / "node_modules" / "dicomweb-client").is_dir():
        pytest.skip("dicomweb-client is not installed: scripts/test fetches it from npm, offline it cannot")
    file = tmp_path / "one.dcm"
    file.write_bytes(ct_bytes(sop="js", study="js"))
    script = Path(__file__).with_name("dicomweb_peer.js")
    done = subprocess.run(
        ["node", str(script), server.dicom_web, server.admin["Authorization"], str(file)],
        env=os.environ | {"NODE_PATH": str(NODE_FOLDER / "node_modules")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    stored = json.loads(done.stdout)["stored"]["00081199"]["Value"]
    assert [item["00081155"]["Value"] for item in stored] == [[uid("js")]] * 2


# -- Orthanc -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def orthanc(server: WholeServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The root of an Orthanc whose DICOMweb plugin knows us as `archive`."""
    path = shutil.which("Orthanc", path="/usr/sbin:/usr/bin:/usr/local/bin")
    assert path, "Orthanc is missing: run scripts/test, which installs Debian's orthanc"
    assert PLUGIN.exists(), "Orthanc's DICOMweb plugin is missing: run scripts/test, which installs it"
    folder, port = tmp_path_factory.mktemp("orthanc"), free_port()
    token = (server.data / "admin-token").read_text()
    settings = {
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
        "HttpPort": port,
        "DicomServerEnabled": False,
        "RemoteAccessAllowed": False,
        "Plugins": [str(PLUGIN)],
        "DicomWeb": {
            "Enable": True,
            "Servers": {"archive": {"Url": server.dicom_web, "HttpHeaders": {"Authorization": f"Bearer {token}"}}},
        },
    }
    (folder / "orthanc.json").write_text(json.dumps(settings))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([path, str(folder / "orthanc.json")], stdout=log, stderr=log)
    root = f"http://127.0.0.1:{port}"
    wait_for(lambda: _answers(root))
    yield root
    process.terminate()
    process.wait(20)


def _answers(root: str) -> bool:
    try:
        return requests.get(f"{root}/system", timeout=5).ok
    except requests.ConnectionError:
        return False


@contract("web 8.1", "web 10.3")
def test_orthanc_pushes_and_pulls(server: WholeServer, orthanc: str):
    before = published(server)
    for number in range(3):
        content = file_bytes(make_ct(f"or{number}", "or", "or", InstanceNumber=number + 1))
        assert requests.post(f"{orthanc}/instances", content, timeout=30).ok
    studies = requests.get(f"{orthanc}/studies", timeout=30).json()
    pushed = requests.post(
        f"{orthanc}/dicom-web/servers/archive/stow", json={"Resources": studies, "Synchronous": True}, timeout=60
    )
    assert pushed.ok, pushed.text
    assert published(server) == before + 3
    for each in studies:
        requests.delete(f"{orthanc}/studies/{each}", timeout=30)
    rows = requests.get(f"{server.dicom_web}/instances", headers=server.admin, timeout=30).json()
    new = {row["0020000D"]["Value"][0] for row in rows}
    for study in new:
        pulled = requests.post(
            f"{orthanc}/dicom-web/servers/archive/retrieve",
            json={"Resources": [{"Study": study}], "Synchronous": True},
            timeout=60,
        )
        assert pulled.ok, pulled.text
    assert len(requests.get(f"{orthanc}/instances", timeout=30).json()) == len(rows)


# -- faults ------------------------------------------------------------------------------------------------------------


def descriptors(server: WholeServer) -> int:
    """Open files of all processes of the server."""
    found, waiting = 0, [process.pid for process in server.processes]
    while waiting:
        pid = waiting.pop()
        try:
            found += len(os.listdir(f"/proc/{pid}/fd"))
            for task in Path(f"/proc/{pid}/task").iterdir():
                waiting += [int(each) for each in (task / "children").read_text().split()]
        except OSError:
            continue
    return found


@contract("web 8.2", "web 9.6")
@pytest.mark.parametrize("kind", ["application/dicom", "application/dicom+json"])
def test_callers_that_go_away_leave_nothing(server: WholeServer, kind: str):
    """Cut in mid-body: no temporary file, no descriptor stays, and the next caller is served."""
    head = (
        f"POST /dicom-web/studies HTTP/1.1\r\nHost: a\r\nAuthorization: {server.admin['Authorization']}\r\n"
        f'Content-Type: multipart/related; type="{kind}"; boundary=b\r\nContent-Length: 1000000\r\n\r\n'
        f"--b\r\nContent-Type: {kind}\r\n\r\n"
    ).encode()
    content = ct_bytes() if kind == "application/dicom" else b'[{"00080018":{"vr":"UI","Value":['
    for size in range(0, len(head) + len(content), 97):
        with socket.create_connection(("127.0.0.1", server.http_port)) as connection:
            connection.sendall((head + content)[:size])
    assert requests.get(f"{server.dicom_web}/studies", timeout=30).ok
    wait_for(lambda: server.temporary_files() == [])


def test_bodies_that_end_too_early_leave_no_descriptor(server: WholeServer):
    """Each thread opens its connection to the database once; so what counts is the second hundred."""
    raw = b"--b\r\n\r\n" + ct_bytes()[:-100]
    metadata = b"--b\r\n\r\n[{}]\r\n--b\r\nContent-Type: image/jpeg\r\nContent-Location: /x\r\n\r\nx\r\n--b--"
    json_type = "multipart/related; type=application/dicom+json; boundary=b"

    def spoil() -> int:
        for _ in range(100):
            for kind, body in (("multipart/related; boundary=b", raw), (json_type, metadata)):
                reply = requests.post(
                    f"{server.dicom_web}/studies", body, headers=server.admin | {"Content-Type": kind}, timeout=30
                )
                assert reply.status_code in (400, 409)
        return descriptors(server)

    spoil()
    assert spoil() - spoil() > -100  # two hundred requests, each of which would leave one
    assert server.temporary_files() == []


@contract("web 8.2")
def test_part_with_a_million_headers_is_malformed(server: WholeServer):
    raw = b"--b\r\n" + b"A: b\r\n" * 1_000_000
    headers = server.admin | {"Content-Type": "multipart/related; type=application/dicom; boundary=b"}
    try:
        reply = requests.post(f"{server.dicom_web}/studies", raw, headers=headers, timeout=30)
        assert reply.status_code == 400
    except requests.ConnectionError:
        pass  # refused while the rest was on its way
    wait_for(lambda: server.temporary_files() == [])


def test_no_original_uid_is_logged(server: WholeServer):
    text = server.log.read_text()
    assert '"event":"object accepted"' in text or "object accepted" in text
    assert not any(uid(name) in text for name in ("curl0", "dc1", "dc", "or1", "or", "curl"))
    assert pydicom.__version__
