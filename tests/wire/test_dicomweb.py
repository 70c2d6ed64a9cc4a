"""DICOMweb over real sockets: dicomweb-client against gunicorn and a worker."""

import json
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest
import requests
from dicomweb_client import DICOMwebClient
from pydicom.uid import RLELossless

from tests.builders import file_bytes, make_ct, uid
from tests.wire.contract import contract
from tests.wire.server import Server, free_port, wait_for


class Web:
    """A running web server, and clients of it."""

    def __init__(self, server: Server, port: int) -> None:
        self.server, self.root = server, f"http://127.0.0.1:{port}"
        token = (server.data / "admin-token").read_text()
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {token}"
        self.client = DICOMwebClient(f"{self.root}/dicom-web", session=self.session)

    def backlog(self) -> int:
        """How many objects wait."""
        return int(requests.get(f"{self.root}/readyz", timeout=10).json()["backlog"])


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """A web server with a worker, and one compressed and two native slices published through it."""
    server = Server(tmp_path_factory.mktemp("web") / "data")
    server.start("worker", "--workers", "1")
    port = free_port()
    server.start("web", "--http", str(port))
    found = Web(server, port)
    wait_for(lambda: _answers(found.root))
    compressed = make_ct("w3", "ws2", "wt")
    compressed.compress(RLELossless, generate_instance_uid=False)
    found.client.store_instances([make_ct("w1", "ws1", "wt"), make_ct("w2", "ws1", "wt"), compressed])
    wait_for(lambda: len(found.client.search_for_instances()) == 3)
    yield found
    server.stop()


def _answers(root: str) -> bool:
    try:
        return requests.get(f"{root}/healthz", timeout=5).ok
    except requests.ConnectionError:
        return False


def test_client_searches_at_each_level(web: Web):
    (study,) = web.client.search_for_studies(search_filters={"PatientID": "*INBOX*"}, fields=["StudyDescription"])
    study_uid = study["0020000D"]["Value"][0]
    series = web.client.search_for_series(study_uid)
    assert sorted(each["00201209"]["Value"][0] for each in series) == [1, 2]
    assert len(web.client.search_for_instances(study_uid)) == 3
    assert uid("wt") not in str(web.client.search_for_instances())


def test_client_retrieves_what_was_stored(web: Web):
    study = web.client.search_for_studies()[0]["0020000D"]["Value"][0]
    found = web.client.retrieve_study(study)
    assert len(found) == 3
    for each in found:
        assert isinstance(each, pydicom.Dataset)
        assert each.pixel_array.tobytes() == bytes(range(128))
        assert "Quixotic" not in str(each)


def test_client_follows_metadata_to_frames_and_bulk_data(web: Web):
    study = web.client.search_for_studies()[0]["0020000D"]["Value"][0]
    for each in web.client.retrieve_study_metadata(study):
        series, sop = each["0020000E"]["Value"][0], each["00080018"]["Value"][0]
        assert web.client.retrieve_instance_frames(study, series, sop, [1]) == [bytes(range(128))]
        bulk = web.client.retrieve_bulkdata(each["7FE00010"]["BulkDataURI"])
        assert len(bulk) == 1


@contract("web 10.3", "web 6.1", "web 5.6")
def test_client_gets_frames_in_each_form(web: Web):
    for study, series, sop in _instances(web):
        raw = bytes(range(128))
        assert web.client.retrieve_instance_frames(study, series, sop, [1]) == [raw]
        native = (("application/octet-stream", "1.2.840.10008.1.2.1"),)
        assert web.client.retrieve_instance_frames(study, series, sop, [1], media_types=native) == [raw]
        for media, syntax in (("image/jls", "80"), ("image/jp2", "90"), ("image/jpeg", "70")):
            asked = ((media, f"1.2.840.10008.1.2.4.{syntax}"),)
            (frame,) = web.client.retrieve_instance_frames(study, series, sop, [1], media_types=asked)
            assert frame[:2] in (b"\xff\xd8", b"\xff\x4f")


@contract("web 10.3", "web 6.1", "web 6.2")
def test_client_gets_pictures(web: Web):
    study, series, sop = _instances(web)[0]
    params = {"viewport": "64,64", "window": "0,4000,linear", "quality": 80}
    for kind, start in (("image/jpeg", b"\xff\xd8"), ("image/png", b"\x89PNG"), ("image/gif", b"GIF8")):
        shown = web.client.retrieve_instance_rendered(study, series, sop, media_types=(kind,), params=params)
        assert shown.startswith(start)
    frame = web.client.retrieve_instance_frames_rendered(study, series, sop, [1], media_types=("image/png",))
    assert frame.startswith(b"\x89PNG")
    with pytest.raises(requests.HTTPError):
        web.client.retrieve_instance_rendered(study, series, sop, params={"quality": 1000})


@contract("web 9.1", "web 7.2")
def test_answers_have_their_length(web: Web):
    octets = {"Accept": 'multipart/related; type="application/octet-stream"; transfer-syntax=*'}
    for study, series, sop in _instances(web):  # one is compressed, and is decoded for those who name no syntax
        path = f"{web.root}/dicom-web/studies/{study}/series/{series}/instances/{sop}"
        named = f"requestType=WADO&studyUID={study}&seriesUID={series}&objectUID={sop}"
        for address in (path, f"{path}/frames/1", f"{path}/rendered", f"{path}/thumbnail", f"{web.root}/wado?{named}"):
            reply = web.session.get(address, headers=octets if "frames" in address else {"Accept": "*/*"}, timeout=10)
            assert reply.status_code == 200
            assert int(reply.headers["Content-Length"]) == len(reply.content)


def _instances(web: Web) -> list[tuple[str, str, str]]:
    """Study, series and instance UIDs of all that is there."""
    rows = web.client.search_for_instances()
    return [tuple(row[tag]["Value"][0] for tag in ("0020000D", "0020000E", "00080018")) for row in rows]


@pytest.mark.parametrize("described", [False, True])
def test_large_upload_leaves_memory_flat(web: Web, described: bool):
    """200 MB arrive in one part, chunked; no web process grows by more than 50 MB."""
    before = _peak_kib(web)
    pixels = bytes(1 << 20)
    head = file_bytes(make_ct("big", "big", "big", Rows=1024, Columns=1024, BitsAllocated=8, BitsStored=8, HighBit=7))
    start = head[: head.index(b"\xe0\x7f\x10\x00")]
    count = 200

    def body() -> Iterator[bytes]:
        if described:
            metadata = make_ct("large", "large", "large", Rows=1024, Columns=1024).to_json_dict()
            metadata["7FE00010"] = {"vr": "OW", "BulkDataURI": "/bulk"}
            yield b"--x\r\nContent-Type: application/dicom+json\r\n\r\n" + json.dumps(metadata).encode()
            yield b"\r\n--x\r\nContent-Type: application/octet-stream\r\nContent-Location: /bulk\r\n\r\n"
        else:
            yield b"--x\r\nContent-Type: application/dicom\r\n\r\n" + start
            yield b"\xe0\x7f\x10\x00OW\0\0" + (count << 20).to_bytes(4, "little")
        for _ in range(count):
            yield pixels
        yield b"\r\n--x--\r\n"

    reply = web.session.post(
        f"{web.root}/dicom-web/studies",
        data=body(),
        headers={"Content-Type": f'multipart/related; type="application/dicom{"+json" * described}"; boundary=x'},
        timeout=120,
    )
    assert reply.status_code == 200, reply.text
    assert _peak_kib(web) - before < 50 * 1024


def _peak_kib(web: Web) -> int:
    """The largest anonymous memory of the server's processes, KiB."""
    found = 0
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            command = status.with_name("cmdline").read_bytes()
            lines = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
        except (OSError, ValueError):
            continue
        if str(web.server.data).encode() in command and b"\0web\0" in command:
            found = max(found, int(lines.get("RssAnon", "0 kB").split()[0]))
    return found
