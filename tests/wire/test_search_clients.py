"""Searches and metadata over real sockets: dicomweb-client, and what no client should send."""

import subprocess
import time
from collections.abc import Iterator

import pytest
import requests
from dicomweb_client import DICOMwebClient

from tests.builders import uid
from tests.dicomweb.shelf import objects
from tests.wire.contract import contract
from tests.wire.holdings import hold
from tests.wire.server import Server, free_port, wait_for

T1, S1, A1 = uid("t1"), uid("s1"), uid("a1")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The service root of a web server whose archive holds the shelf's objects."""
    server = Server(tmp_path_factory.mktemp("search") / "data")
    hold(server.data, objects())
    port = free_port()
    server.start("web", "--http", str(port))
    wait_for(lambda: _answers(port))
    yield f"http://127.0.0.1:{port}/dicom-web"
    server.stop()


def _answers(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/healthz", timeout=5).ok
    except requests.ConnectionError:
        return False


@contract("web 10.3", "web 1.1")
def test_dicomweb_client_searches(root: str):
    client = DICOMwebClient(root)
    names = {"PatientName": "anna"}
    assert len(client.search_for_studies(search_filters=names, fuzzymatching=True)) == 2
    assert len(client.search_for_studies(limit=1, offset=1)) == 1
    assert len(client.search_for_studies(limit=1, get_remaining=True)) == 4
    (row,) = client.search_for_series(T1, fields=["InstitutionName"], search_filters={"Modality": "CT"})
    assert row["00080080"]["Value"] == ["Hospital Of Testing"]
    assert len(client.search_for_series(search_filters={"PatientID": "B%1_2"})) == 1
    assert len(client.search_for_instances(T1, S1)) == 3
    assert len(client.search_for_instances(search_filters={"KVP": "102"}, fields=["KVP"])) == 1


@contract("web 10.3", "web 1.2")
def test_dicomweb_client_reads_metadata(root: str):
    client = DICOMwebClient(root)
    assert len(client.retrieve_study_metadata(T1)) == 4
    assert len(client.retrieve_series_metadata(T1, S1)) == 3
    assert client.retrieve_instance_metadata(T1, S1, A1)["00080018"]["Value"] == [A1]


@contract("web 2.16", "web 10.3")
def test_curl_gets_xml(root: str):
    accept = 'Accept: multipart/related; type="application/dicom+xml"'
    command = ["curl", "-s", "-H", accept, f"{root}/studies?PatientID=A-1"]
    found = subprocess.run(command, check=True, capture_output=True, timeout=60)
    assert found.stdout.count(b"</NativeDicomModel>") == 2


@contract("web 2.2", "web 2.17")
def test_endless_query_is_refused_at_once(root: str):
    started = time.monotonic()
    for query in ("StudyInstanceUID=" + ",".join(["1.2.3"] * 10_000), "PatientName=" + "a" * 5_000_000):
        try:
            status = requests.get(f"{root}/studies?{query}", timeout=30).status_code
        except requests.ConnectionError:
            status = 0  # closed while the rest of the line was on its way
        assert status in (0, 200, 400, 413, 414, 431)
    assert requests.get(f"{root}/studies", timeout=10).ok
    assert time.monotonic() - started < 60
