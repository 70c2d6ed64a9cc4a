"""Real series the whole way round with other people's tools: DCMTK and dicomweb-client, pixels bit for bit."""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
import pytest
import requests
from dicomweb_client import DICOMwebClient
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from tests.data_folder import shared_data
from tests.installation import installed
from tests.wire.peers import dcmtk
from tests.wire.server import WholeServer, free_port, wait_for

DATA = shared_data()
pytestmark = [
    pytest.mark.skipif(DATA is None, reason="no folder of real files on this machine"),
    pytest.mark.filterwarnings("ignore::UserWarning"),  # what real files hold makes pydicom warn
]
BY_DIMSE = (
    "ct/lidc-idri-0314_excerpt",
    "mr/dicom2nifti_siemens_anatomical_001",
    "mr/dicom2nifti_generic_compressed_jpegls_001",
    "pt",
    "us/examples_palette.dcm",
    "us/color-pl.dcm",
    "us/IM00001.fragmented_no_bot_jpeg_baseline.50.dcm",
    "us/JPGLosslessP14SV1_1s_1f_8b.dcm",
    "sr/highdicom_sr_document.dcm",
    "sr/dcmqi_sr.dcm",
    "seg/highdicom_seg_image_ct_binary.dcm",
    "seg/dcmqi_liver.dcm",
    "rt/rtplan.dcm",
    "rt/rtdose.dcm",
    "rt/dicompyler_rtss.dcm",
    "transfer_syntax/CT1_J2KR.dcm",
)
BY_STOW = (
    "ct/CT_small.dcm",
    "mr/emri_small.dcm",
    "transfer_syntax/CT2_J2KR.dcm",
    "transfer_syntax/CTImage__RLELossless_1.2.840.10008.1.2.5.dcm",
)


@dataclass
class Trip:
    """A server with the series in it; `sent` has the originals by their new SOP Instance UID."""

    server: WholeServer
    client: DICOMwebClient
    sent: dict[str, Dataset]
    new: Callable[[str], str]
    inbox: Path
    aet: str = "RECEIVER"

    def studies(self) -> set[str]:
        """New UIDs of all studies."""
        return {self.new(ds.StudyInstanceUID) for ds in self.sent.values()}


def files_of(names: tuple[str, ...]) -> list[Path]:
    assert DATA is not None
    found = [each for name in names for each in sorted([DATA / name, *(DATA / name).rglob("*")])]
    return [each for each in found if each.is_file() and pydicom.misc.is_dicom(each)]


@pytest.fixture(scope="module")
def trip(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trip]:
    """Send everything: DCMTK's dcmsend, and dicomweb-client."""
    folder = tmp_path_factory.mktemp("trip")
    port = free_port()
    with installed(folder) as app:
        app.registry.add_peer("RECEIVER", "127.0.0.1", port)
        keys = app.archive.keys_of(app.registry.snapshot().collection_named("inbox"))
    server = WholeServer(folder / "data")
    received = folder / "received"
    received.mkdir()
    storescp = shutil.which("storescp", path="/usr/bin")
    assert storescp is not None
    with subprocess.Popen([storescp, "+xa", "-aet", "RECEIVER", "-od", str(received), str(port)]) as receiver:
        try:
            server.serve()
            session = requests.Session()
            session.headers.update(server.admin)
            client = DICOMwebClient(server.dicom_web, session=session)
            sent = send(server, client, keys.map_uid)
            yield Trip(server, client, sent, keys.map_uid, received)
            session.close()
        finally:
            server.stop()
            receiver.terminate()


def send(server: WholeServer, client: DICOMwebClient, new: Callable[[str], str]) -> dict[str, Dataset]:
    """Send both lists and wait until all is published; the originals by new SOP Instance UID."""
    dimse, stow = files_of(BY_DIMSE), files_of(BY_STOW)
    dcmtk("dcmsend", "-aec", "TRIALPACS", "127.0.0.1", str(server.port), *map(str, dimse))
    client.store_instances([pydicom.dcmread(each) for each in stow])
    sent: dict[str, Dataset] = {
        new(ds.SOPInstanceUID): ds for ds in (pydicom.dcmread(each) for each in [*dimse, *stow])
    }
    assert len(sent) == len(dimse) + len(stow), "two of the files are the same object"
    wait_for(lambda: requests.get(f"{server.root}/readyz", timeout=10).json()["backlog"] == 0, 240)
    counts = server.wait_until_worked_off()
    assert counts["published"] == len(sent), counts
    return sent


def same_but_for_text(received: Dataset, came: bytes | None, went: bytes | None) -> bool:
    """Whether pixels are the same; text that was burned in may be black now, if the object says so (113101)."""
    if came == went or came is None or went is None:
        return came == went
    if len(came) != len(went) or not says_text_is_gone(received):
        return False
    return sum(a != b for a, b in zip(came, went, strict=True)) < len(went) / 10


def says_text_is_gone(received: Dataset) -> bool:
    return "113101" in {item.CodeValue for item in received.DeidentificationMethodCodeSequence}


def assert_same_pixels_and_no_identifier(trip: Trip, received: Dataset, raw: bytes) -> None:
    """One object that came back, against its original."""
    original = trip.sent[received.SOPInstanceUID]
    came, went = received.file_meta.TransferSyntaxUID, original.file_meta.TransferSyntaxUID
    if went.is_compressed and says_text_is_gone(received):
        assert came in (went, ExplicitVRLittleEndian)  # cleaned: what nothing here encodes goes as it is
    elif went.is_compressed:
        assert came == went  # comments in the stream may be gone: the image is the same
        if received.get("PixelData") != original.get("PixelData"):
            assert np.array_equal(received.pixel_array, original.pixel_array)
    else:
        assert came == went or {came, went} == {ExplicitVRLittleEndian, ImplicitVRLittleEndian}
        for keyword in ("PixelData", "FloatPixelData", "DoubleFloatPixelData"):
            assert same_but_for_text(received, received.get(keyword), original.get(keyword))
    assert received.SOPClassUID == original.SOPClassUID
    for keyword in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "PatientID", "PatientName"):
        value = str(original.get(keyword) or "")
        assert len(value) < 6 or value.encode() not in raw, keyword


def test_findscu_finds_every_study(trip: Trip):
    keys = ["-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID", "-k", "PatientID", "-k", "PatientName"]
    done = dcmtk("findscu", "-S", "-aec", "TRIALPACS", *keys, "127.0.0.1", str(trip.server.port))
    told = done.stdout + done.stderr
    assert set(re.findall(r"\(0020,000d\) UI \[([\d.]+)", told)) == trip.studies()
    for ds in trip.sent.values():
        assert ds.StudyInstanceUID not in told


def test_movescu_brings_back_identical_pixels(trip: Trip):
    for study in trip.studies():
        keys = ["-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={study}"]
        to = ["-aec", "TRIALPACS", "-aem", trip.aet, "127.0.0.1", str(trip.server.port)]
        dcmtk("movescu", "-S", *keys, *to)
    files = list(trip.inbox.iterdir())
    assert len(files) == len(trip.sent)
    for file in files:
        assert_same_pixels_and_no_identifier(trip, pydicom.dcmread(file), file.read_bytes())


def test_getscu_brings_back_identical_pixels(trip: Trip, tmp_path: Path):
    plain = [uid for uid, ds in trip.sent.items() if not ds.file_meta.TransferSyntaxUID.is_compressed]
    for study in {trip.new(trip.sent[uid].StudyInstanceUID) for uid in plain}:
        keys = ["-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={study}"]
        dcmtk("getscu", "-S", "-aec", "TRIALPACS", "-od", str(tmp_path), *keys, "127.0.0.1", str(trip.server.port))
    came = {ds.SOPInstanceUID: ds for ds in map(pydicom.dcmread, tmp_path.iterdir())}
    assert came.keys() >= set(plain)
    for uid in plain:
        assert same_but_for_text(came[uid], came[uid].get("PixelData"), trip.sent[uid].get("PixelData"))


def test_web_client_brings_back_identical_pixels(trip: Trip):
    found = trip.client.search_for_studies()
    assert {each["0020000D"]["Value"][0] for each in found} == trip.studies()
    came = 0
    for study in trip.studies():
        for ds in trip.client.retrieve_study(study, media_types=(("application/dicom", "*"),)):
            address = f"{trip.server.dicom_web}/studies/{study}/series/{ds.SeriesInstanceUID}/instances"
            accept = {"Accept": "application/dicom; transfer-syntax=*"}
            raw = requests.get(f"{address}/{ds.SOPInstanceUID}", headers=trip.server.admin | accept, timeout=30).content
            assert_same_pixels_and_no_identifier(trip, ds, raw)
            came += 1
    assert came == len(trip.sent)


def test_no_original_uid_stands_outside_the_wall(trip: Trip):
    names = ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
    originals = {str(ds[name].value).encode() for ds in trip.sent.values() for name in names}
    wall = ("spool", "quarantine", "vault")
    files = [each for each in trip.server.data.rglob("*") if each.is_file()]
    outside = [each for each in files if each.relative_to(trip.server.data).parts[0] not in wall]
    for file in [*outside, trip.server.log]:
        content = file.read_bytes()
        assert not [uid for uid in originals if uid in content], file
