"""C-FIND over real sockets: levels, keys, what a row holds, statuses. PS3.4 C.4.1."""

from typing import Any

import pytest
from pydicom.uid import UID
from pynetdicom.presentation import build_context

from pacs.dicom.syntaxes import EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE
from tests.wire.contract import contract
from tests.wire.peers import PATIENT_ROOT, STUDY_ROOT, association, dcmtk, find, find_on, identifier
from tests.wire.server import Server

WRONG_IDENTIFIER = 0xA900


def first_study(archive: Server, description: str = "CT CHEST") -> str:
    rows, _status = find(
        archive.port, level="STUDY", StudyDescription="", StudyInstanceUID="", NumberOfStudyRelatedInstances=""
    )
    many = [row for row in rows if row.NumberOfStudyRelatedInstances == 8]
    return str(many[0].StudyInstanceUID)


@contract("4.8")
def test_finds_each_study_once(archive: Server) -> None:
    rows, status = find(archive.port, level="STUDY", StudyInstanceUID="", NumberOfStudyRelatedSeries="")
    assert status.Status == 0
    assert len(rows) == len({row.StudyInstanceUID for row in rows}) == 3
    assert sorted(row.NumberOfStudyRelatedSeries for row in rows) == [1, 1, 2]


@contract("4.8")
def test_finds_each_patient_once(archive: Server) -> None:
    rows, status = find(archive.port, PATIENT_ROOT, level="PATIENT", PatientID="", NumberOfPatientRelatedStudies="")
    assert status.Status == 0
    assert sorted(row.NumberOfPatientRelatedStudies for row in rows) == [1, 2]


@contract("4.7")
def test_row_says_level_title_and_availability(archive: Server) -> None:
    row = find(archive.port, level="STUDY", StudyInstanceUID="")[0][0]
    assert (row.QueryRetrieveLevel, row.RetrieveAETitle, row.InstanceAvailability) == ("STUDY", "TRIALPACS", "ONLINE")
    assert "SpecificCharacterSet" not in row


@contract("4.7")
def test_row_has_only_what_was_asked(archive: Server) -> None:
    row = find(archive.port, level="STUDY", StudyInstanceUID="", StudyTime="")[0][0]
    assert set(row.dir()) == {
        "InstanceAvailability",
        "QueryRetrieveLevel",
        "RetrieveAETitle",
        "StudyInstanceUID",
        "StudyTime",
    }


@contract("4.7")
def test_unknown_keys_come_back_empty(archive: Server) -> None:
    row = find(archive.port, level="STUDY", StudyInstanceUID="", InterpretationText="")[0][0]
    assert row.InterpretationText == ""


@contract("4.7")
def test_row_repeats_upper_unique_keys(archive: Server) -> None:
    study = first_study(archive)
    rows, _status = find(archive.port, level="SERIES", StudyInstanceUID=study, SeriesNumber="")
    assert {row.StudyInstanceUID for row in rows} == {study}
    assert sorted(row.SeriesNumber for row in rows) == [1, 2]
    assert all(row.SeriesInstanceUID for row in rows)


@contract("4.1", "W25")
def test_finds_instances_of_a_series(archive: Server) -> None:
    study = first_study(archive)
    series, _status = find(archive.port, level="SERIES", StudyInstanceUID=study, NumberOfSeriesRelatedInstances="")
    big = next(row for row in series if row.NumberOfSeriesRelatedInstances == 6)
    keys = {"StudyInstanceUID": study, "SeriesInstanceUID": big.SeriesInstanceUID}
    rows, status = find(archive.port, level="IMAGE", **keys, SOPInstanceUID="", InstanceNumber="", Rows=None)
    assert status.Status == 0
    assert sorted(row.InstanceNumber for row in rows) == [1, 2, 3, 4, 5, 6]
    assert {row.Rows for row in rows} == {8}
    assert {row.QueryRetrieveLevel for row in rows} == {"IMAGE"}


@contract("4.3")
def test_finds_by_list_of_uids(archive: Server) -> None:
    uids = [str(row.StudyInstanceUID) for row in find(archive.port, level="STUDY", StudyInstanceUID="")[0]]
    rows, _status = find(archive.port, level="STUDY", StudyInstanceUID=uids[:2])
    assert {str(row.StudyInstanceUID) for row in rows} == set(uids[:2])


@contract("4.3", "4.5")
def test_finds_by_wildcard_and_modality(archive: Server) -> None:
    assert len(find(archive.port, level="STUDY", ModalitiesInStudy="CT")[0]) == 3
    assert len(find(archive.port, level="STUDY", ModalitiesInStudy=["MR", "CT"])[0]) == 3
    assert find(archive.port, level="STUDY", ModalitiesInStudy="MR")[0] == []
    patients = [str(row.PatientID) for row in find(archive.port, PATIENT_ROOT, level="PATIENT", PatientID="")[0]]
    rows, _status = find(archive.port, PATIENT_ROOT, level="PATIENT", PatientID=f"{patients[0][:-2]}*")
    assert patients[0] in [row.PatientID for row in rows]


@contract("4.3")
def test_range_finds_studies_by_their_shifted_dates(archive: Server) -> None:
    """The dates are moved back by one to ten years; the one that was sent finds nothing. PS3.4 C.2.2.2.5."""
    everything = find(archive.port, level="STUDY", StudyDate="")[0]
    assert len(everything) == 3
    dates = sorted(str(row.StudyDate) for row in everything)
    assert "20200115" not in dates
    for wanted, count in ((f"{dates[0]}-{dates[-1]}", 3), ("-21001231", 3), ("20200115", 0), ("20200115-", 0)):
        assert len(find(archive.port, level="STUDY", StudyDate=wanted)[0]) == count


@contract("4.4")
def test_star_matches_everything(archive: Server) -> None:
    assert len(find(archive.port, level="STUDY", PatientName="*", StudyDate="*", StudyInstanceUID="*")[0]) == 3


@pytest.mark.parametrize(
    "keys",
    [
        {"StudyInstanceUID": ""},
        {"level": "NONSENSE"},
        {"level": "PATIENT", "PatientID": ""},
        {"level": "SERIES", "SeriesInstanceUID": ""},
        {"level": "SERIES", "StudyInstanceUID": "1.2*"},
        {"level": "IMAGE", "StudyInstanceUID": "1.2.3", "SOPInstanceUID": ""},
        {"level": "STUDY", "StudyDate": "tomorrow"},
    ],
    ids=lambda keys: "-".join(f"{key}={value}" for key, value in keys.items()),
)
def test_refuses_identifier_that_breaks_the_model(archive: Server, keys: Any) -> None:
    with association(archive.port, [build_context(f"{STUDY_ROOT}1")]) as assoc:
        rows, status = find_on(assoc, f"{STUDY_ROOT}1", **keys)
        assert (rows, status.Status) == ([], WRONG_IDENTIFIER)
        assert 0 < len(status.ErrorComment) <= 64
        again, status = find_on(assoc, f"{STUDY_ROOT}1", level="STUDY", StudyInstanceUID="")
        assert (len(again), status.Status) == (3, 0)


@contract("4.2", "W7")
def test_relational_queries_work_when_negotiated(archive: Server) -> None:
    from pynetdicom.pdu_primitives import SOPClassExtendedNegotiation

    item = SOPClassExtendedNegotiation()
    item.sop_class_uid, item.service_class_application_information = f"{STUDY_ROOT}1", b"\x01"
    with association(archive.port, [build_context(f"{STUDY_ROOT}1")], ext_neg=[item]) as assoc:
        assert assoc.acceptor.sop_class_extended[UID(f"{STUDY_ROOT}1")] == b"\x01"
        rows, status = find_on(assoc, f"{STUDY_ROOT}1", level="SERIES", SeriesInstanceUID="")
        assert (len(rows), status.Status) == (4, 0)


@contract("4.1")
@pytest.mark.parametrize("syntax", [IMPLICIT_LE, EXPLICIT_LE, EXPLICIT_BE])
def test_answers_in_the_syntax_of_the_context(archive: Server, syntax: Any) -> None:
    with association(archive.port, [build_context(f"{STUDY_ROOT}1", [syntax])]) as assoc:
        study = first_study(archive)
        rows, status = find_on(
            assoc, f"{STUDY_ROOT}1", level="SERIES", StudyInstanceUID=study, SeriesNumber="", Modality="CT"
        )
        assert (len(rows), status.Status) == (2, 0)


@contract("4.9")
def test_cancel_ends_a_query_and_keeps_the_association(archive: Server) -> None:
    with association(archive.port, [build_context(f"{STUDY_ROOT}1")]) as assoc:
        answers = assoc.send_c_find(identifier(level="STUDY", StudyInstanceUID=""), f"{STUDY_ROOT}1", msg_id=7)
        assoc.send_c_cancel(7, None, f"{STUDY_ROOT}1")
        assert next(reversed([status.Status for status, _row in answers])) in (0xFE00, 0x0000)
        assert find_on(assoc, f"{STUDY_ROOT}1", level="STUDY", StudyInstanceUID="")[1].Status == 0


@contract("4.9")
def test_cancels_that_come_too_late_do_no_harm(archive: Server) -> None:
    """ClearCanvas asks several times on one association, and cancels what has just been answered."""
    with association(archive.port, [build_context(f"{STUDY_ROOT}1")]) as assoc:
        for number in range(1, 40):
            answers = assoc.send_c_find(identifier(level="STUDY", PatientID=""), f"{STUDY_ROOT}1", msg_id=number)
            assert [status.Status for status, _row in answers][-1] == 0
            assoc.send_c_cancel(number, None, f"{STUDY_ROOT}1")


@contract("4.3")
def test_list_of_too_many_names_is_refused(archive: Server) -> None:
    with association(archive.port, [build_context(f"{STUDY_ROOT}1")]) as assoc:
        for keyword in ("PatientName", "NameOfPhysiciansReadingStudy", "SOPClassesInStudy"):
            keys = {keyword: [f"1.{number}" for number in range(3000)]}
            rows, status = find_on(assoc, f"{STUDY_ROOT}1", level="STUDY", **keys)
            assert (rows, status.Status) == ([], 0xA900), keyword
        assert find_on(assoc, f"{STUDY_ROOT}1", level="STUDY")[1].Status == 0


@contract("1.2")
def test_peer_without_permission_is_refused(archive: Server) -> None:
    with association(archive.port, [build_context(f"{STUDY_ROOT}1")], calling="ECHOONLY") as assoc:
        rows, status = find_on(assoc, f"{STUDY_ROOT}1", level="STUDY", StudyInstanceUID="")
    assert (rows, status.Status) == ([], 0x0124)


@contract("4.8")
def test_result_limit_is_said(own_server: Server) -> None:
    own_server.environment["PACS_DIMSE__FIND_LIMIT"] = "1"
    own_server.start_scp(1)
    own_server.start("worker", "--workers", "1")
    from tests.builders import make_ct
    from tests.wire.peers import store

    assert store(own_server.port, [make_ct(f"i{n}", f"s{n}", f"t{n}") for n in range(2)]) == [0, 0]
    own_server.wait_until_worked_off()
    rows, status = find(own_server.port, level="STUDY", StudyInstanceUID="")
    assert (len(rows), status.Status) == (1, 0xA700)


@contract("7", "W11")
def test_dcmtk_findscu_finds(archive: Server) -> None:
    said = dcmtk(
        "findscu",
        "-v",
        "-S",
        "-k",
        "QueryRetrieveLevel=STUDY",
        "-k",
        "StudyInstanceUID",
        "127.0.0.1",
        str(archive.port),
    )
    text = said.stdout + said.stderr
    assert text.count("RetrieveAETitle") == 3
    assert "Received Final Find Response (Success)" in text
