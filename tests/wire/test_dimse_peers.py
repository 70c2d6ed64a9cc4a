"""Other people's programs against the server, as real processes: DCMTK, dcmjs-dimse, Orthanc."""

import json
import os
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pydicom
import pytest
import requests
from pynetdicom.presentation import build_context

from tests.builders import make_ct
from tests.wire.contract import contract
from tests.wire.peers import STUDY_ROOT, association, dcmtk, find, identifier
from tests.wire.server import Server, free_port, wait_for

SCRIPT = Path(__file__).with_name("dcmjs_peer.js")
NODE_FOLDER = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "trialpacs" / "node"
STUDIES = ["-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID"]


def study_of(server: Server, patient_studies: int = 2) -> str:
    """The study of the archive that has that many series."""
    rows, _status = find(server.port, level="STUDY", StudyInstanceUID="", NumberOfStudyRelatedSeries="")
    return next(str(row.StudyInstanceUID) for row in rows if row.NumberOfStudyRelatedSeries == patient_studies)


# -- DCMTK -------------------------------------------------------------------------------------------------------------


def kept(folder: Path) -> set[str]:
    """SOP Instance UIDs of the files in a folder."""
    return {str(pydicom.dcmread(each).SOPInstanceUID) for each in folder.iterdir() if each.is_file()}


def uids_of(server: Server, study: str) -> set[str]:
    """SOP Instance UIDs that the archive has of a study."""
    found = set()
    for series in find(server.port, level="SERIES", StudyInstanceUID=study, SeriesInstanceUID="")[0]:
        keys = {"StudyInstanceUID": study, "SeriesInstanceUID": series.SeriesInstanceUID, "SOPInstanceUID": ""}
        found |= {str(each.SOPInstanceUID) for each in find(server.port, level="IMAGE", **keys)[0]}
    return found


@contract("7")
def test_dcmtk_findscu_lists_studies(archive: Server) -> None:
    said = dcmtk("findscu", "-v", "-S", *STUDIES, "127.0.0.1", str(archive.port))
    assert (said.stdout + said.stderr).count("Find Response") == 4


@contract("7")
def test_dcmtk_getscu_gets_a_study(archive: Server, tmp_path: Path) -> None:
    study = study_of(archive)
    keys = ["-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={study}"]
    dcmtk("getscu", "-S", *keys, "-od", str(tmp_path), "127.0.0.1", str(archive.port))
    assert kept(tmp_path) == uids_of(archive, study)


@contract("7")
def test_dcmtk_movescu_moves_to_itself(archive: Server, tmp_path: Path) -> None:
    study, port = study_of(archive), free_port()
    archive.run("peer", "add", "MOVESCU", "127.0.0.1", str(port))
    keys = ["-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={study}"]
    options = ["-aem", "MOVESCU", "--port", str(port), "-od", str(tmp_path)]
    dcmtk("movescu", "-S", *keys, *options, "127.0.0.1", str(archive.port))
    assert kept(tmp_path) == uids_of(archive, study)


@contract("7")
def test_dcmtk_moves_to_its_storescp(archive: Server, tmp_path: Path) -> None:
    study, port = study_of(archive), free_port()
    archive.run("peer", "add", "STORESCP", "127.0.0.1", str(port))
    keys = ["-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={study}"]
    with running("/usr/bin/storescp", "-od", str(tmp_path), str(port)):
        wait_for(lambda: dcmtk("echoscu", "127.0.0.1", str(port), check=False).returncode == 0)
        dcmtk("movescu", "-S", *keys, "-aem", "STORESCP", "127.0.0.1", str(archive.port))
    assert kept(tmp_path) == uids_of(archive, study)


@contextmanager
def running(*command: str, **more: Any) -> Iterator["subprocess.Popen[bytes]"]:
    """A process for as long as the block runs."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, **more) as process:
        try:
            yield process
        finally:
            process.kill()


@contract("7", "1.12")
def test_dcmtk_stores_queries_and_gets_over_tls(own_server: Server, tmp_path: Path) -> None:
    port, tls = free_port(), ("+tla", "-ic")
    own_server.environment["PACS_DIMSE__TLS_PORT"] = str(port)
    own_server.start_scp(1)
    own_server.start("worker", "--workers", "1")
    file, got = tmp_path / "ct.dcm", tmp_path / "got"
    got.mkdir()
    make_ct("over-tls").save_as(file, enforce_file_format=True)
    dcmtk("storescu", *tls, "127.0.0.1", str(port), str(file))
    assert own_server.wait_until_worked_off()["published"] == 1
    said = dcmtk("findscu", "-v", *tls, "-S", *STUDIES, "127.0.0.1", str(port))
    assert (said.stdout + said.stderr).count("Find Response") == 2
    # Neither getscu nor movescu of DCMTK 3.6.7 has TLS: pynetdicom stands for them.
    study = study_of(own_server, 1)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    receiver = free_port()
    own_server.run("peer", "add", "STORESCP", "127.0.0.1", str(receiver))
    with running("/usr/bin/storescp", "-od", str(got), str(receiver)):
        wait_for(lambda: dcmtk("echoscu", "127.0.0.1", str(receiver), check=False).returncode == 0)
        with association(port, [build_context(f"{STUDY_ROOT}2")], tls_args=(client, None)) as assoc:
            wanted = identifier(level="STUDY", StudyInstanceUID=study)
            answers = [status.Status for status, _ds in assoc.send_c_move(wanted, "STORESCP", f"{STUDY_ROOT}2")]
    assert answers[-1] == 0
    assert kept(got) == uids_of(own_server, study)


# -- dcmjs-dimse -------------------------------------------------------------------------------------------------------


def node_environment() -> dict[str, str]:
    """Where `scripts/test` put dcmjs-dimse; skips when it could not."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    if not (NODE_FOLDER / "node_modules" / "dcmjs-dimse").is_dir():
        pytest.skip("dcmjs-dimse is not installed: scripts/test fetches it from npm, offline it cannot")
    return os.environ | {"NODE_PATH": str(NODE_FOLDER / "node_modules")}


def dcmjs(action: str, server: Server, *arguments: str) -> list[dict[str, Any]]:
    """What a dcmjs-dimse client says, event by event."""
    command = ["node", str(SCRIPT), action, str(server.port), *arguments]
    done = subprocess.run(command, env=node_environment(), capture_output=True, text=True, timeout=120, check=False)
    said = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert done.returncode == 0, done.stdout + done.stderr
    return said


@contract("7")
def test_dcmjs_echoes_and_stores(server: Server, tmp_path: Path) -> None:
    assert dcmjs("echo", server) == [{"status": 0}]
    before = server.status()["waiting"]
    file = tmp_path / "ct.dcm"
    make_ct("dcmjs").save_as(file, enforce_file_format=True)
    assert dcmjs("store", server, str(file)) == [{"status": 0}]
    assert server.status()["waiting"] == before + 1


@contract("7", "W26")
def test_dcmjs_finds_studies(archive: Server) -> None:
    said = dcmjs("find", archive, json.dumps({"StudyInstanceUID": "", "PatientName": "*", "ModalitiesInStudy": ""}))
    assert [each["status"] for each in said] == [0xFF00] * 3 + [0]
    assert {each["row"]["ModalitiesInStudy"] for each in said[:3]} == {"CT"}


@contract("7", "W27")
def test_dcmjs_gets_a_study(archive: Server) -> None:
    study = study_of(archive)
    said = dcmjs("get", archive, study)
    assert {each["stored"] for each in said if "stored" in each} == uids_of(archive, study)
    assert (said[-1]["status"], said[-1]["completed"]) == (0, 8)


@contract("7")
def test_dcmjs_moves_to_dcmjs(archive: Server) -> None:
    study, port = study_of(archive), free_port()
    archive.run("peer", "add", "DCMJSSCP", "127.0.0.1", str(port))
    with running("node", str(SCRIPT), "serve", str(port), env=node_environment()) as receiver:
        assert receiver.stdout is not None
        events = (json.loads(line) for line in receiver.stdout if line.startswith(b"{"))
        assert next(events) == {"listening": port}
        said = dcmjs("move", archive, study, "DCMJSSCP")
        stored = [next(events)["stored"] for _ in range(8)]
    assert (said[-1]["status"], said[-1]["completed"]) == (0, 8)
    assert set(stored) == uids_of(archive, study)


# -- Orthanc -----------------------------------------------------------------------------------------------------------


@contextmanager
def orthanc(folder: Path, modality_port: int) -> Iterator[str]:
    """Debian's Orthanc, which knows us as ARCHIVE; the root of its web addresses."""
    program = shutil.which("Orthanc", path="/usr/sbin:/usr/bin")
    if program is None:
        pytest.skip("Orthanc is not installed: scripts/test installs Debian's orthanc")
    http = free_port()
    settings = {
        "Name": "peer",
        "StorageDirectory": str(folder / "db"),
        "IndexDirectory": str(folder / "db"),
        "HttpPort": http,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomServerEnabled": False,
        "DicomAet": "ORTHANC",
        "DicomModalities": {"archive": ["TRIALPACS", "127.0.0.1", modality_port]},
        "Plugins": [],
    }
    file = folder / "orthanc.json"
    file.write_text(json.dumps(settings))
    root = f"http://127.0.0.1:{http}"
    with running(program, str(file)):
        wait_for(lambda: _answers(f"{root}/system"), 60)
        yield root


def _answers(address: str) -> bool:
    try:
        return requests.get(address, timeout=2).ok
    except requests.ConnectionError:
        return False


@contract("7")
def test_orthanc_sends_to_us(own_server: Server, tmp_path: Path) -> None:
    own_server.start_scp(1)
    own_server.start("worker", "--workers", "1")
    with orthanc(tmp_path, own_server.port) as root:
        ids = []
        for number in range(5):
            file = tmp_path / f"{number}.dcm"
            make_ct(f"orthanc-{number}", InstanceNumber=number).save_as(file, enforce_file_format=True)
            posted = requests.post(f"{root}/instances", data=file.read_bytes(), timeout=30)
            ids.append(posted.json()["ID"])
        assert requests.post(f"{root}/modalities/archive/echo", json={}, timeout=30).ok
        sent = requests.post(f"{root}/modalities/archive/store", json={"Resources": ids}, timeout=60).json()
    assert (sent["InstancesCount"], sent["FailedInstancesCount"]) == (5, 0)
    assert own_server.wait_until_worked_off()["published"] == 5
