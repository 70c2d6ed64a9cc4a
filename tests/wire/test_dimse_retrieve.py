"""C-MOVE and C-GET over real sockets. PS3.4 C.4.2 and C.4.3."""

import threading
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset

from pacs.dicom.elements import DataSet
from pacs.dicom.syntaxes import EXPLICIT_LE, IMPLICIT_LE, encoding_of
from pacs.dicom.writing import encode
from pacs.dimse.messages import parse_command
from tests.wire.contract import contract
from tests.wire.peers import PATIENT_ROOT, STUDY_ROOT, Bare, Receiver, dcmtk, find, get, move
from tests.wire.server import Server, free_port, wait_for

FAILED_PARTLY, UNABLE, UNKNOWN_DESTINATION, WRONG_IDENTIFIER = 0xB000, 0xA702, 0xA801, 0xA900


def studies(archive: Server) -> list[str]:
    """All studies, the one with eight instances first."""
    rows, _status = find(archive.port, level="STUDY", StudyInstanceUID="", NumberOfStudyRelatedInstances="")
    return [str(row.StudyInstanceUID) for row in sorted(rows, key=lambda row: -row.NumberOfStudyRelatedInstances)]


def series_of(archive: Server, study: str) -> dict[int, str]:
    """Series by how many instances they have."""
    rows, _status = find(archive.port, level="SERIES", StudyInstanceUID=study, NumberOfSeriesRelatedInstances="")
    return {int(row.NumberOfSeriesRelatedInstances): str(row.SeriesInstanceUID) for row in rows}


def counters(status: Dataset) -> tuple[int, int, int]:
    return (
        status.NumberOfCompletedSuboperations,
        status.NumberOfFailedSuboperations,
        status.NumberOfWarningSuboperations,
    )


@pytest.fixture(autouse=True)
def emptied(receiver: Receiver) -> None:
    receiver.objects.clear()
    receiver.originators.clear()
    receiver.associations.clear()
    receiver.status = 0


@contract("5.1", "5.4", "5.5")
def test_moves_a_study_to_its_destination(archive: Server, receiver: Receiver) -> None:
    study = studies(archive)[0]
    answers = move(archive.port, "DEST", level="STUDY", StudyInstanceUID=study)
    assert answers[-1][0].Status == 0
    assert counters(answers[-1][0]) == (8, 0, 0)
    assert "NumberOfRemainingSuboperations" not in answers[-1][0]
    assert {each.StudyInstanceUID for each in receiver.objects} == {study}
    assert len({each.SOPInstanceUID for each in receiver.objects}) == 8
    assert len(receiver.associations) == 1


@contract("5.4")
def test_names_who_asked_for_the_move(archive: Server, receiver: Receiver) -> None:
    move(archive.port, "DEST", level="STUDY", StudyInstanceUID=studies(archive)[1])
    assert receiver.originators == [("PEER", 1)]


@contract("5.5")
def test_pending_counters_add_up_to_total(archive: Server, receiver: Receiver) -> None:
    answers = move(archive.port, "DEST", level="STUDY", StudyInstanceUID=studies(archive)[0])
    pending = [status for status, _list in answers if status.Status == 0xFF00]
    assert pending
    assert {status.NumberOfRemainingSuboperations + sum(counters(status)) for status in pending} == {8}


@contract("5.1", "W6")
def test_moves_series_and_lists_of_instances(archive: Server, receiver: Receiver) -> None:
    study = studies(archive)[0]
    series = series_of(archive, study)
    keys: dict[str, Any] = {"StudyInstanceUID": study, "SeriesInstanceUID": list(series.values())}
    assert counters(move(archive.port, "DEST", level="SERIES", **keys)[-1][0]) == (8, 0, 0)
    keys["SeriesInstanceUID"] = series[6]
    rows, _status = find(archive.port, level="IMAGE", **keys, SOPInstanceUID="")
    some = [str(row.SOPInstanceUID) for row in rows][:3]
    assert counters(move(archive.port, "DEST", level="IMAGE", **keys, SOPInstanceUID=some)[-1][0]) == (3, 0, 0)
    assert {each.SOPInstanceUID for each in receiver.objects[8:]} == set(some)


@contract("5.1")
def test_moves_a_patient_in_patient_root(archive: Server, receiver: Receiver) -> None:
    rows, _status = find(archive.port, PATIENT_ROOT, level="PATIENT", PatientID="", NumberOfPatientRelatedInstances="")
    patient = next(row.PatientID for row in rows if row.NumberOfPatientRelatedInstances == 9)
    answers = move(archive.port, "DEST", PATIENT_ROOT, level="PATIENT", PatientID=patient)
    assert counters(answers[-1][0]) == (9, 0, 0)
    assert {each.PatientID for each in receiver.objects} == {patient}


@contract("5.2", "W29")
@pytest.mark.parametrize(
    "keys",
    [
        {"level": "STUDY", "StudyInstanceUID": ""},
        {"level": "STUDY", "StudyInstanceUID": "*"},
        {"level": "STUDY"},
        {"level": "SERIES", "StudyInstanceUID": "1.2.3"},
        {"level": "SERIES", "StudyInstanceUID": "", "SeriesInstanceUID": "1.2.3"},
        {"level": "IMAGE", "StudyInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.4", "SOPInstanceUID": ""},
        {"StudyInstanceUID": "1.2.3"},
    ],
    ids=lambda keys: "-".join(f"{key}={value}" for key, value in keys.items()),
)
def test_never_moves_without_a_unique_key(archive: Server, receiver: Receiver, keys: Any) -> None:
    answers = move(archive.port, "DEST", **keys)
    assert [status.Status for status, _list in answers] == [WRONG_IDENTIFIER]
    assert receiver.associations == []


@contract("5.8", "5.9", "W12")
def test_unknown_study_moves_nothing(archive: Server, receiver: Receiver) -> None:
    status = move(archive.port, "DEST", level="STUDY", StudyInstanceUID="1.2.3")[-1][0]
    assert (status.Status, counters(status)) == (0, (0, 0, 0))
    assert receiver.associations == []


@contract("5.3", "W19")
def test_refuses_unknown_destination(archive: Server) -> None:
    assert move(archive.port, "NOBODY", level="STUDY", StudyInstanceUID="1.2.3")[-1][0].Status == UNKNOWN_DESTINATION


@contract("5.3")
def test_says_when_destination_does_not_answer(archive: Server) -> None:
    study = studies(archive)[1]
    status, failed = move(archive.port, "DEAD", level="STUDY", StudyInstanceUID=study)[-1]
    assert (status.Status, counters(status)) == (UNABLE, (0, 1, 0))
    assert failed is not None
    assert failed.FailedSOPInstanceUIDList


@contract("5.5", "W13")
def test_counts_and_lists_what_the_destination_refuses(archive: Server, receiver: Receiver) -> None:
    receiver.status = 0xA700
    status, failed = move(archive.port, "DEST", level="STUDY", StudyInstanceUID=studies(archive)[0])[-1]
    assert (status.Status, counters(status)) == (UNABLE, (0, 8, 0))
    assert failed is not None
    assert len(failed.FailedSOPInstanceUIDList) == 8


@contract("5.5")
def test_counts_warnings_of_the_destination(archive: Server, receiver: Receiver) -> None:
    receiver.status = 0xB000
    status = move(archive.port, "DEST", level="STUDY", StudyInstanceUID=studies(archive)[0])[-1][0]
    assert (status.Status, counters(status)) == (FAILED_PARTLY, (0, 0, 8))


@contract("5.7", "W30")
def test_receiver_of_implicit_only_gets_implicit(archive: Server, tmp_path: Path) -> None:
    with Receiver("IMPLICIT", tmp_path, syntaxes=[IMPLICIT_LE]) as plain:
        archive.run("peer", "add", "IMPLICIT", "127.0.0.1", str(plain.port))
        answers = move(archive.port, "IMPLICIT", level="STUDY", StudyInstanceUID=studies(archive)[1])
    assert counters(answers[-1][0]) == (1, 0, 0)
    assert plain.objects[0].file_meta.TransferSyntaxUID == IMPLICIT_LE
    assert plain.objects[0].PixelData == bytes(range(128))


@contract("5.10", "W8")
def test_gets_a_study_over_the_same_association(archive: Server) -> None:
    study = studies(archive)[0]
    objects, statuses = get(archive.port, level="STUDY", StudyInstanceUID=study)
    assert statuses[-1].Status == 0
    assert counters(statuses[-1]) == (8, 0, 0)
    assert len({each.SOPInstanceUID for each in objects}) == 8
    assert all(each.PixelData == bytes(range(128)) for each in objects)


@contract("5.10", "W13")
def test_get_counts_classes_without_context_as_failed(archive: Server) -> None:
    from pynetdicom.presentation import build_context

    from tests.wire.peers import STUDY_ROOT, association, identifier

    with association(archive.port, [build_context(f"{STUDY_ROOT}3", [EXPLICIT_LE])]) as assoc:
        answers = list(
            assoc.send_c_get(identifier(level="STUDY", StudyInstanceUID=studies(archive)[0]), f"{STUDY_ROOT}3")
        )
    status, failed = answers[-1]
    assert (status.Status, counters(status)) == (UNABLE, (0, 8, 0))
    assert failed is not None
    assert len(failed.FailedSOPInstanceUIDList) == 8


@contract("7", "5.4")
def test_move_brings_the_same_bytes_as_the_blob(archive: Server, tmp_path: Path) -> None:
    port = free_port()
    archive.run("peer", "add", "STORESCP", "127.0.0.1", str(port))
    import subprocess

    from tests.wire.server import _connects, wait_for

    process = subprocess.Popen(
        ["/usr/bin/storescp", "+B", "-od", str(tmp_path), str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: _connects(port))
        study = studies(archive)[0]
        done = dcmtk(
            *("movescu", "-v", "-S", "-aem", "STORESCP", "-k", "QueryRetrieveLevel=STUDY"),
            *("-k", f"StudyInstanceUID={study}", "127.0.0.1", str(archive.port)),
        )
        assert "Received Final Move Response (Success)" in done.stdout + done.stderr
    finally:
        process.terminate()
        process.wait()
    blobs = {blob.read_bytes()[-700:] for blob in (archive.data / "blobs").rglob("*.dcm")}
    received = [path for path in tmp_path.iterdir() if path.is_file()]
    assert len(received) == 8
    assert all(path.read_bytes()[-700:] in blobs for path in received)


@contract("7", "W9")
def test_dcmtk_getscu_gets(archive: Server, tmp_path: Path) -> None:
    study = studies(archive)[0]
    dcmtk(
        *("getscu", "-S", "-od", str(tmp_path), "-k", "QueryRetrieveLevel=STUDY"),
        *("-k", f"StudyInstanceUID={study}", "127.0.0.1", str(archive.port)),
    )
    files = list(tmp_path.iterdir())
    assert len(files) == 8
    assert {str(pydicom.dcmread(each).StudyInstanceUID) for each in files} == {study}


@contract("5.12")
def test_cancelled_move_stops_before_the_next_object(archive: Server, receiver: Receiver) -> None:
    """PS3.4 C.4.2.3: FE00H, with what remains; the association serves on."""
    study = studies(archive)[0]
    gate = threading.Event()
    receiver.gate = gate
    bare = Bare(archive.port)
    try:
        assert bare.associate(f"{STUDY_ROOT}2", EXPLICIT_LE)[0] == 2
        move_rq: dict[int, int | str] = {
            0x0002: f"{STUDY_ROOT}2",
            0x0100: 0x0021,
            0x0110: 7,
            0x0700: 0,
            0x0800: 1,
            0x0600: "DEST",
        }
        bare.command(move_rq)
        query = DataSet()
        query.put(0x00080052, "CS", b"STUDY")
        query.put(0x0020000D, "UI", study.encode())
        encoding = encoding_of(EXPLICIT_LE)
        bare.data_set(b"".join(map(bytes, encode(query, encoding, encoding))))
        wait_for(lambda: receiver.waiting)
        bare.command({0x0100: 0x0FFF, 0x0120: 7, 0x0800: 0x0101})
        gate.set()
        statuses = [parse_command(bare.pdu()[1][6:])]
        while statuses[-1].number(0x0900) == 0xFF00:
            statuses.append(parse_command(bare.pdu()[1][6:]))
        last = statuses[-1]
        assert last.number(0x0900) == 0xFE00
        assert last.number(0x1020) + last.number(0x1021) == 8
        assert last.number(0x1020) > 0
        assert len(receiver.objects) == last.number(0x1021) < 8
    finally:
        receiver.gate = None
        gate.set()
        bare.close()
