"""Orthanc as workstation and as destination: it asks, retrieves, gets, and has what we have, bit for bit."""

import io
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import requests
from pydicom.uid import JPEGLSLossless, RLELossless

from tests.builders import file_bytes, make_ct, uid
from tests.wire.contract import contract
from tests.wire.holdings import hold
from tests.wire.peers import move
from tests.wire.server import Server, free_port, wait_for


class Orthanc:
    """A running Orthanc; `archive` is how it calls us."""

    def __init__(self, folder: Path, archive_port: int) -> None:
        self.dicom_port, http_port = free_port(), free_port()
        self.root = f"http://127.0.0.1:{http_port}"
        settings = {
            "Name": "test",
            "StorageDirectory": str(folder / "storage"),
            "IndexDirectory": str(folder / "storage"),
            "HttpPort": http_port,
            "DicomPort": self.dicom_port,
            "DicomAet": "ORTHANC",
            "RemoteAccessAllowed": False,
            "DicomAlwaysAllowStore": True,
            "DicomModalities": {"archive": ["TRIALPACS", "127.0.0.1", archive_port]},
            "OverwriteInstances": True,
        }
        file = folder / "orthanc.json"
        file.write_text(json.dumps(settings))
        path = shutil.which("Orthanc", path="/usr/sbin:/usr/bin:/usr/local/bin")
        assert path, "Orthanc is missing: run scripts/test, which installs Debian's orthanc"
        with (folder / "orthanc.log").open("wb") as log:
            self.process = subprocess.Popen(
                [path, str(file)], stdout=log, stderr=log, env=os.environ | {"TCP_NODELAY": "1"}
            )
        wait_for(self.answers)

    def answers(self) -> bool:
        try:
            return requests.get(f"{self.root}/system", timeout=2).status_code == 200
        except requests.ConnectionError:
            return False

    def get(self, path: str) -> Any:
        reply = requests.get(f"{self.root}{path}", timeout=60)
        assert reply.status_code == 200, reply.text
        return reply.json() if reply.headers["Content-Type"].startswith("application/json") else reply.content

    def post(self, path: str, body: Any) -> Any:
        reply = requests.post(f"{self.root}{path}", json=body, timeout=60)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def files(self) -> dict[str, bytes]:
        """What it has, by SOP Instance UID."""
        found = {}
        for number in self.get("/instances"):
            found[self.get(f"/instances/{number}")["MainDicomTags"]["SOPInstanceUID"]] = self.get(
                f"/instances/{number}/file"
            )
        return found

    def empty(self) -> None:
        for number in self.get("/patients"):
            requests.delete(f"{self.root}/patients/{number}", timeout=30)


def objects() -> list[Any]:
    made = [make_ct(f"o1-{n}", "o1", "o", "O", InstanceNumber=n, PatientName="Plain^Anna") for n in range(1, 4)]
    values = {"PatientName": "Müller^Zoë", "SpecificCharacterSet": "ISO_IR 192", "StudyDate": "20210203"}
    for name, syntax in (("rle", RLELossless), ("jls", JPEGLSLossless)):
        each = make_ct(name, "o2", "p", "P", NumberOfFrames=2, PixelRepresentation=0, **values)
        each.PixelData = np.arange(128, dtype="<u2").tobytes()
        each.compress(syntax, generate_instance_uid=False)
        made.append(each)
    return made


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("archive") / "data")
    hold(running.data, objects())
    running.start_scp(1)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def orthanc(archive: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    running = Orthanc(tmp_path_factory.mktemp("orthanc"), archive.port)
    archive.run("peer", "add", "ORTHANC", "127.0.0.1", str(running.dicom_port))
    yield running
    running.process.terminate()
    running.process.wait(20)


def assert_same(received: bytes, stored: bytes) -> None:
    """The same elements with the same values, pixel data bit for bit, in the same transfer syntax."""
    before, after = pydicom.dcmread(io.BytesIO(stored)), pydicom.dcmread(io.BytesIO(received))
    assert after.file_meta.TransferSyntaxUID == before.file_meta.TransferSyntaxUID
    assert after.PixelData == before.PixelData
    assert after == before


@contract("7", "5.4")
def test_orthanc_receives_what_the_archive_has(archive: Server, orthanc: Orthanc) -> None:
    orthanc.empty()
    status = move(archive.port, "ORTHANC", level="STUDY", StudyInstanceUID=[uid("o"), uid("p")])[-1][0]
    assert (status.Status, status.NumberOfCompletedSuboperations) == (0, 5)
    stored = {str(each.SOPInstanceUID): file_bytes(each) for each in objects()}
    received = orthanc.files()
    assert set(received) == set(stored)
    for name, content in received.items():
        assert_same(content, stored[name])


@contract("7", "4.10")
def test_orthanc_finds_studies_and_series(orthanc: Orthanc) -> None:
    keys = dict.fromkeys(("PatientName", "StudyDate", "ModalitiesInStudy", "NumberOfStudyRelatedInstances"), "")
    found = orthanc.post("/modalities/archive/query", {"Level": "Study", "Query": keys | {"PatientName": "m*ller*"}})
    answers = orthanc.get(f"/queries/{found['ID']}/answers?expand&simplify")
    assert [(each["PatientName"], each["NumberOfStudyRelatedInstances"]) for each in answers] == [("Müller^Zoë", "2")]
    keys = {"StudyInstanceUID": uid("o"), "Modality": "CT"}
    found = orthanc.post("/modalities/archive/query", {"Level": "Series", "Query": keys})
    assert [each["SeriesInstanceUID"] for each in orthanc.get(f"/queries/{found['ID']}/answers?expand&simplify")] == [
        uid("o1")
    ]


@contract("7", "5.1")
def test_orthanc_retrieves_what_it_found(orthanc: Orthanc) -> None:
    orthanc.empty()
    found = orthanc.post("/modalities/archive/query", {"Level": "Study", "Query": {"StudyInstanceUID": uid("p")}})
    orthanc.post(f"/queries/{found['ID']}/retrieve", {"TargetAet": "ORTHANC", "Synchronous": True})
    received = orthanc.files()
    assert set(received) == {uid("rle"), uid("jls")}


@contract("7", "5.1")
def test_orthanc_moves_by_its_own_request(orthanc: Orthanc) -> None:
    orthanc.empty()
    resources = [{"StudyInstanceUID": uid("o"), "SeriesInstanceUID": uid("o1")}]
    wanted = {"Level": "Series", "Resources": resources, "TargetAet": "ORTHANC", "Synchronous": True}
    orthanc.post("/modalities/archive/move", wanted)
    assert set(orthanc.files()) == {uid(f"o1-{n}") for n in (1, 2, 3)}


@contract("7", "2")
def test_orthanc_echoes(orthanc: Orthanc) -> None:
    orthanc.post("/modalities/archive/echo", {})
