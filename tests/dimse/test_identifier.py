"""Keys of a query, and rows as identifiers. PS3.4 C.2.2 and C.4.1."""

from io import BytesIO
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset

from pacs.dicom.syntaxes import EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE
from pacs.dimse.identifier import (
    FAILED_UIDS,
    Identifier,
    condition_of,
    failed_list,
    levels_of,
    query_of,
    read_identifier,
)
from pacs.dimse.rows import RowEncoder
from pacs.errors import BadQuery
from pacs.index.attributes import ATTRIBUTES
from pacs.model import Level
from pacs.query import Condition, Exact, Match, Range, Wildcard
from tests.wire.peers import PATIENT_ROOT, STUDY_ROOT, identifier

EXPLICIT = (Level.STUDY, Level.SERIES, Level.INSTANCE)


def encoded(ds: Dataset, syntax: str = EXPLICIT_LE) -> Identifier:
    stream = DicomBytesIO()
    stream.is_implicit_VR, stream.is_little_endian = syntax == IMPLICIT_LE, syntax != EXPLICIT_BE
    write_dataset(stream, ds)
    return read_identifier(stream.getvalue(), syntax)


@pytest.mark.parametrize(
    ("keyword", "values", "expected"),
    [
        ("PatientID", [], None),
        ("PatientID", ["*"], None),
        ("PatientName", ["**"], None),
        ("PatientID", ["A%_'\";["], Exact(("A%_'\";[",))),
        ("PatientName", ["DOE^JOHN^^"], Exact(("DOE^JOHN",))),
        ("PatientName", ["D?E*"], Wildcard("D?E*")),
        ("StudyDate", ["20200101"], Exact(("20200101",))),
        ("StudyDate", ["20200101-20201231"], Range("20200101", "20201231")),
        ("StudyDate", ["-20201231"], Range(None, "20201231")),
        ("StudyDate", ["20200101-"], Range("20200101", None)),
        ("StudyTime", ["10-1130"], Range("10", "1130")),
        ("AcquisitionDateTime", ["20200101-0500"], Exact(("20200101-0500",))),
        ("AcquisitionDateTime", ["20200101-20200201"], Range("20200101", "20200201")),
        ("AcquisitionDateTime", ["20200101-0500-20200201-0500"], Range("20200101-0500", "20200201-0500")),
        ("ModalitiesInStudy", ["CT", "MR"], Exact(("CT", "MR"))),
        ("StudyInstanceUID", ["1.2", "1.3"], Exact(("1.2", "1.3"))),
    ],
)
def test_key_becomes_its_condition(keyword: str, values: list[str], expected: Condition | None) -> None:
    assert condition_of(ATTRIBUTES[keyword], values) == expected


@pytest.mark.parametrize(("keyword", "values"), [("StudyInstanceUID", ["1.2*"]), ("PatientID", ["a*", "b"])])
def test_refuses_patterns_where_none_are(keyword: str, values: list[str]) -> None:
    with pytest.raises(BadQuery, match=keyword):
        condition_of(ATTRIBUTES[keyword], values)


def test_levels_are_those_of_the_model() -> None:
    assert levels_of(f"{PATIENT_ROOT}1") == tuple(Level)
    assert levels_of(f"{STUDY_ROOT}1") == EXPLICIT
    assert levels_of("1.2.840.10008.5.1.4.1.2.3.1") == (Level.PATIENT, Level.STUDY)


@pytest.mark.parametrize("syntax", [IMPLICIT_LE, EXPLICIT_LE, EXPLICIT_BE])
def test_reads_keys_in_every_encoding(syntax: str) -> None:
    ds = identifier(level="IMAGE", PatientName="Äsop", Rows=512, InstanceNumber="")
    ds.SpecificCharacterSet = "ISO_IR 192"
    query = query_of(encoded(ds, syntax), Level.INSTANCE, None)
    assert set(query.matches) == {Match("PatientName", Exact(("Äsop",))), Match("Rows", Exact(("512",)))}
    assert query.returned == {"PatientName", "Rows", "InstanceNumber"}


def test_reads_keys_inside_sequences() -> None:
    item = Dataset()
    item.RequestedProcedureID, item.ScheduledProcedureStepID = "R1", ""
    ds = identifier(level="SERIES")
    ds.RequestAttributesSequence = [item]
    query = query_of(encoded(ds), Level.SERIES, None)
    assert query.matches == (Match("RequestAttributesSequence.RequestedProcedureID", Exact(("R1",))),)
    assert "RequestAttributesSequence.ScheduledProcedureStepID" in query.returned


def test_counted_and_unknown_keys_match_everything() -> None:
    ds = identifier(level="STUDY", NumberOfStudyRelatedInstances="7", InterpretationText="x")
    assert query_of(encoded(ds), Level.STUDY, None).matches == ()


def test_refuses_identifier_that_is_none() -> None:
    with pytest.raises(BadQuery):
        read_identifier(b"\x08\x00\x52\x00CS\xff\xff", EXPLICIT_LE)


@pytest.mark.parametrize("syntax", [IMPLICIT_LE, EXPLICIT_LE, EXPLICIT_BE])
def test_row_reads_back_as_it_was(syntax: str) -> None:
    ds = identifier(level="IMAGE", PatientName="", Rows=None, InstanceNumber="", ContentLabel="", SOPInstanceUID="")
    row: dict[str, Any] = {
        "PatientName": "Müller^Zoë",
        "Rows": 512,
        "InstanceNumber": 3,
        "SOPInstanceUID": "1.2.3",
        "SeriesInstanceUID": "1.2",
        "StudyInstanceUID": "1",
    }
    encoder = RowEncoder(encoded(ds, syntax), Level.INSTANCE, EXPLICIT, "ARCHIVE")
    back = read_dataset(BytesIO(encoder.encode(row)), syntax == IMPLICIT_LE, syntax != EXPLICIT_BE)
    back.decode()
    assert back.SpecificCharacterSet == "ISO_IR 192"
    assert (str(back.PatientName), back.Rows, back.InstanceNumber) == ("Müller^Zoë", 512, 3)
    assert (back.StudyInstanceUID, back.SeriesInstanceUID, back.SOPInstanceUID) == ("1", "1.2", "1.2.3")
    assert (back.QueryRetrieveLevel, back.RetrieveAETitle, back.InstanceAvailability) == ("IMAGE", "ARCHIVE", "ONLINE")
    assert back.ContentLabel == ""
    assert "SpecificCharacterSet" not in read_dataset(
        BytesIO(encoder.encode(row | {"PatientName": "Plain"})), syntax == IMPLICIT_LE, syntax != EXPLICIT_BE
    )


def test_sequence_comes_back_with_what_was_asked() -> None:
    ds = identifier(level="SERIES")
    ds.RequestAttributesSequence = []
    encoder = RowEncoder(encoded(ds), Level.SERIES, EXPLICIT, "ARCHIVE")
    row = {"RequestAttributesSequence.RequestedProcedureID": "R1", "SeriesInstanceUID": "1.2"}
    back = read_dataset(BytesIO(encoder.encode(row)), False, True)
    assert back.RequestAttributesSequence[0].RequestedProcedureID == "R1"
    assert len(read_dataset(BytesIO(encoder.encode({})), False, True).RequestAttributesSequence) == 0


def test_failed_list_fits_its_length_field() -> None:
    uids = [f"1.2.826.0.1.3680043.8.498.{10**37 + n}" for n in range(2000)]
    short = read_dataset(BytesIO(failed_list(list(uids), EXPLICIT_LE)), False, True)[FAILED_UIDS].value
    whole = read_dataset(BytesIO(failed_list(list(uids), IMPLICIT_LE)), True, True)[FAILED_UIDS].value
    assert 900 < len(short) < 1100
    assert list(whole) == uids
