"""What workstations ask, replayed: keys, encodings and habits of ClearCanvas, Weasis, aeskulap, Horos, MicroDicom."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pynetdicom.association import Association
from pynetdicom.presentation import build_context

from pacs.dicom.syntaxes import EXPLICIT_LE, IMPLICIT_LE
from tests.builders import make_ct
from tests.wire.contract import contract
from tests.wire.holdings import hold
from tests.wire.peers import PATIENT_ROOT, STUDY_ROOT, Receiver, association, find_on, identifier
from tests.wire.server import Server

STUDY_FIND, STUDY_MOVE = f"{STUDY_ROOT}1", f"{STUDY_ROOT}2"
SEARCH_PANE = (
    "PatientID AccessionNumber PatientName ReferringPhysicianName StudyDate StudyTime StudyDescription PatientBirthDate"
    " ModalitiesInStudy NumberOfStudyRelatedInstances ResponsiblePerson ResponsiblePersonRole ResponsibleOrganization"
    " PatientSpeciesDescription PatientBreedDescription"
).split()
SERVICE_PATH = "SOPClassesInStudy StudyID PatientBirthTime PatientSex PatientAge NumberOfStudyRelatedSeries".split()
SERIES = "SeriesInstanceUID Modality SeriesDescription SeriesNumber NumberOfSeriesRelatedInstances".split()
IMAGE = (
    "SOPInstanceUID SOPClassUID InstanceNumber Rows Columns BitsAllocated NumberOfFrames ContentLabel"
    " ContentDescription"
).split()
CODE = "CodeValue CodingSchemeDesignator CodeMeaning".split()
PENDING = (0xFF00, 0xFF01)


def clearcanvas(level: str, names: list[str], **values: Any) -> Dataset:
    """The identifier of a ClearCanvas query: always labelled as UTF-8."""
    keys = {"StudyInstanceUID": ""} | dict.fromkeys(names, "") | values
    ds = identifier(level=level, SpecificCharacterSet="ISO_IR 192", **keys)
    if "PatientBreedDescription" in names:
        for keyword in ("PatientSpeciesCodeSequence", "PatientBreedCodeSequence"):
            setattr(ds, keyword, Sequence([identifier(**dict.fromkeys(CODE, ""))]))
    return ds


@pytest.fixture
def canvas(archive: Server) -> Iterator[Association]:
    """An association as ClearCanvas proposes it: one context, Explicit then Implicit."""
    contexts = [build_context(STUDY_FIND, [EXPLICIT_LE, IMPLICIT_LE])]
    with association(archive.port, contexts, calling="CLEARCANVAS", max_pdu=116794) as assoc:
        yield assoc


def rows_of(assoc: Association, ds: Dataset) -> list[Dataset]:
    answers = list(assoc.send_c_find(ds, STUDY_FIND))
    assert {status.Status for status, _row in answers[:-1]} <= set(PENDING)
    assert (answers[-1][0].Status, answers[-1][1]) == (0, None)
    return [row for _status, row in answers[:-1] if row is not None]


@contract("7", "4.7", "4.5")
def test_clearcanvas_search_pane(canvas: Association) -> None:
    rows = rows_of(canvas, clearcanvas("STUDY", SEARCH_PANE))
    assert len(rows) == 3
    for row in rows:
        assert row.RetrieveAETitle == "TRIALPACS"
        assert row.InstanceAvailability == "ONLINE"
        assert row.ModalitiesInStudy == "CT"  # or the client decides that we cannot filter
        assert row.NumberOfStudyRelatedInstances >= 1


@contract("7")
def test_clearcanvas_service_path_and_lower_levels(canvas: Association) -> None:
    rows = rows_of(canvas, clearcanvas("STUDY", [*SEARCH_PANE, *SERVICE_PATH]))
    study = next(row for row in rows if row.NumberOfStudyRelatedSeries == 2)
    assert study.SOPClassesInStudy == "1.2.840.10008.5.1.4.1.1.2"
    series = rows_of(canvas, clearcanvas("SERIES", SERIES, StudyInstanceUID=study.StudyInstanceUID))
    assert sorted(int(each.NumberOfSeriesRelatedInstances) for each in series) == [2, 6]
    upper = {"StudyInstanceUID": study.StudyInstanceUID, "SeriesInstanceUID": series[0].SeriesInstanceUID}
    images = rows_of(canvas, clearcanvas("IMAGE", IMAGE, **upper))
    assert {(each.Rows, each.Columns, each.BitsAllocated) for each in images} == {(8, 8, 16)}


@pytest.mark.parametrize(("modality", "expected"), [("CT", 3), ("MR", 0)])
@contract("4.5", "W21")
def test_clearcanvas_asks_once_a_modality(canvas: Association, modality: Any, expected: Any) -> None:
    rows = rows_of(canvas, clearcanvas("STUDY", SEARCH_PANE, ModalitiesInStudy=modality))
    assert [modality in row.ModalitiesInStudy for row in rows] == [True] * expected


@contract("4.3", "4.4")
def test_clearcanvas_wildcards(canvas: Association) -> None:
    everything = rows_of(canvas, clearcanvas("STUDY", SEARCH_PANE))
    name = str(everything[0].PatientName)
    for values in (
        {"PatientName": f"{name[:3].lower()}*"},
        {"PatientName": f"*{name[1:4]}*"},
        {"PatientID": f"{everything[0].PatientID}*"},
        {"StudyDescription": "CT*"},
        {"StudyDate": "19000101-"},
        {"StudyDate": "-20991231"},
    ):
        assert rows_of(canvas, clearcanvas("STUDY", SEARCH_PANE, **values)), values


@contract("4.9")
def test_clearcanvas_cancels_at_its_limit(canvas: Association) -> None:
    """It cancels after so many rows; then and afterwards the association goes on."""
    answers = canvas.send_c_find(clearcanvas("STUDY", SEARCH_PANE), STUDY_FIND, msg_id=7)
    next(answers)
    canvas.send_c_cancel(7, query_model=STUDY_FIND)
    assert [status.Status for status, _row in answers][-1] in (0xFE00, 0)
    assert len(rows_of(canvas, clearcanvas("STUDY", SEARCH_PANE))) == 3


@contract("7")
def test_clearcanvas_moves_series_of_one_study(archive: Server, receiver: Receiver) -> None:
    with association(archive.port, [build_context(STUDY_FIND), build_context(STUDY_MOVE)]) as assoc:
        rows, _status = find_on(assoc, STUDY_FIND, level="STUDY", StudyInstanceUID="", NumberOfStudyRelatedSeries="")
        study = next(row.StudyInstanceUID for row in rows if row.NumberOfStudyRelatedSeries == 2)
        keys = {"StudyInstanceUID": study, "SeriesInstanceUID": ""}
        series = [row.SeriesInstanceUID for row in find_on(assoc, STUDY_FIND, level="SERIES", **keys)[0]]
        before = len(receiver.objects)
        wanted = identifier(level="SERIES", StudyInstanceUID=study, SeriesInstanceUID=series)
        answers = [status for status, _ds in assoc.send_c_move(wanted, "DEST", STUDY_MOVE)]
    assert (answers[-1].Status, answers[-1].NumberOfCompletedSuboperations) == (0, 8)
    assert len(receiver.objects) == before + 8
    for each in answers:  # a response whose counters are all 0 or absent would be ignored
        assert each.NumberOfCompletedSuboperations + each.get("NumberOfRemainingSuboperations", 0) > 0


@contract("W5", "4.10")
def test_weasis_names_no_character_set(own_server: Server) -> None:
    """Neither in the request nor, by other archives, in the answer: then Greek is shown wrongly."""
    greek = "Διονυσιος^Α"
    hold(own_server.data, [make_ct(PatientName=greek, SpecificCharacterSet="ISO_IR 192")])
    own_server.start_scp(1)
    with association(own_server.port, [build_context(STUDY_FIND, [IMPLICIT_LE])], calling="WEASIS") as assoc:
        for label in ({}, {"SpecificCharacterSet": ""}):
            keys = {"StudyInstanceUID": "", "PatientName": "*"} | label
            rows, _status = find_on(assoc, STUDY_FIND, level="STUDY", **keys)
            assert [(row.SpecificCharacterSet, str(row.PatientName)) for row in rows] == [("ISO_IR 192", greek)]


@contract("W6")
def test_weasis_moves_several_studies_at_once(archive: Server, receiver: Receiver) -> None:
    with association(archive.port, [build_context(STUDY_FIND), build_context(STUDY_MOVE)]) as assoc:
        rows, _status = find_on(assoc, STUDY_FIND, level="STUDY", StudyInstanceUID="")
        wanted = identifier(level="STUDY", StudyInstanceUID=[row.StudyInstanceUID for row in rows])
        before = len(receiver.objects)
        answers = [status for status, _ds in assoc.send_c_move(wanted, "DEST", STUDY_MOVE)]
    assert (answers[-1].Status, answers[-1].NumberOfCompletedSuboperations) == (0, 10)
    assert len(receiver.objects) == before + 10


@contract("W4")
def test_osirix_uses_study_root_alone(archive: Server) -> None:
    with association(archive.port, [build_context(STUDY_FIND, [IMPLICIT_LE, EXPLICIT_LE])], calling="OSIRIX") as assoc:
        keys = dict.fromkeys("PatientName PatientID AccessionNumber StudyDescription ModalitiesInStudy".split(), "")
        rows, status = find_on(assoc, STUDY_FIND, level="STUDY", StudyInstanceUID="", StudyDate="", **keys)
    assert (len(rows), status.Status) == (3, 0)


@pytest.mark.parametrize("root", [STUDY_ROOT, PATIENT_ROOT], ids=["study root", "patient root"])
@contract("W30", "7")
def test_aeskulap_and_microdicom_speak_implicit_only(archive: Server, root: Any) -> None:
    """Keys as aeskulap sends them: everything at STUDY level, empty or with a star."""
    names = "PatientName PatientID PatientBirthDate PatientSex StudyDescription StudyDate StudyTime".split()
    names += "StudyInstanceUID ModalitiesInStudy Modality InstitutionName".split()
    names.remove("StudyInstanceUID")
    with association(archive.port, [build_context(f"{root}1", [IMPLICIT_LE])], calling="AESKULAP") as assoc:
        if root == PATIENT_ROOT:
            patients, _status = find_on(assoc, f"{root}1", level="PATIENT", PatientID="*", PatientName="*")
            assert len(patients) == 2
            return
        keys = dict.fromkeys(names, "") | {"PatientName": "*"}
        rows, status = find_on(assoc, f"{root}1", level="STUDY", StudyInstanceUID="", **keys)
    assert (len(rows), status.Status) == (3, 0)
    assert "*" not in {str(element.value) for row in rows for element in row}


@contract("W9")
def test_slicer_shows_the_unknown_destination(archive: Server) -> None:
    with association(archive.port, [build_context(STUDY_MOVE)], calling="CTK") as assoc:
        wanted = identifier(level="STUDY", StudyInstanceUID="1.2.3")
        answers = [status for status, _ds in assoc.send_c_move(wanted, "NOWHERE", STUDY_MOVE)]
    assert answers[-1].Status == 0xA801
    assert answers[-1].ErrorComment
