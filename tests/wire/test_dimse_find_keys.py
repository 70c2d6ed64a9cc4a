"""What keys match and what rows hold, for objects whose every value is known. PS3.4 C.2.2.2 and C.6."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom.pdu_primitives import SOPClassExtendedNegotiation
from pynetdicom.presentation import build_context

from pacs.dicom.elements import DataSet
from pacs.dicom.syntaxes import EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, encoding_of
from pacs.dicom.writing import encode
from pacs.dimse.messages import encode_command, parse_command, pdus
from tests.builders import make_ct, uid
from tests.wire.contract import contract
from tests.wire.holdings import hold
from tests.wire.peers import PATIENT_ROOT, STUDY_ROOT, Bare, association, find_on, identifier
from tests.wire.server import Server

PATIENT_STUDY_ONLY = "1.2.840.10008.5.1.4.1.2.3."
PENDING, PENDING_WITHOUT_KEYS, WRONG_IDENTIFIER = 0xFF00, 0xFF01, 0xA900
REFERENCED = "ReferencedStudySequence"
ODD = "A%_'\";[]^1"


def item(**values: Any) -> Dataset:
    ds = Dataset()
    for keyword, value in values.items():
        setattr(ds, keyword, value)
    return ds


VALUES = {
    "PATIENT": {
        "PatientName": "Rich^Rita",
        "PatientID": "RICH",
        "IssuerOfPatientID": "TRIAL",
        "PatientBirthDate": "19610203",
        "PatientBirthTime": "040506",
        "PatientSex": "F",
        "PatientComments": "left handed",
        "EthnicGroup": "group 7",
        "NumberOfPatientRelatedStudies": 2,
        "NumberOfPatientRelatedSeries": 3,
        "NumberOfPatientRelatedInstances": 5,
    },
    "STUDY": {
        "StudyDate": "20200115",
        "StudyTime": "101112",
        "AccessionNumber": "ACC-1",
        "StudyID": "S1",
        "StudyDescription": "CT CHEST",
        "ReferringPhysicianName": "Referrer^Regina",
        "NameOfPhysiciansReadingStudy": ["Reader^One", "Reader^Two"],
        "ModalitiesInStudy": ["CT", "SR"],
        "SOPClassesInStudy": ["1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.88.33"],
        "PatientAge": "058Y",
        "PatientSize": "1.71",
        "PatientWeight": "64",
        "NumberOfStudyRelatedSeries": 2,
        "NumberOfStudyRelatedInstances": 4,
        "ClinicalTrialProtocolID": "PROTO-1",
        "ClinicalTrialSiteID": "SITE-1",
        "ClinicalTrialSubjectID": "SUBJ-1",
        "ClinicalTrialTimePointID": "TP-1",
    },
    "SERIES": {
        "Modality": "CT",
        "SeriesNumber": 7,
        "SeriesDescription": "AXIAL",
        "BodyPartExamined": "CHEST",
        "Laterality": "L",
        "ProtocolName": "Thorax",
        "Manufacturer": "ACME",
        "ManufacturerModelName": "Scanner 3000",
        "StationName": "ROOM1",
        "PerformedProcedureStepStartDate": "20200115",
        "PerformedProcedureStepStartTime": "100000",
        "NumberOfSeriesRelatedInstances": 3,
    },
    "IMAGE": {
        "InstanceNumber": 1,
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.2",
        "ContentDate": "20200115",
        "ContentTime": "101112",
        "Rows": 8,
        "Columns": 8,
        "BitsAllocated": 16,
        "NumberOfFrames": 1,
        "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
        "AcquisitionNumber": 4,
        "ContentLabel": "LABEL",
        "ContentDescription": "described",
        "CompletionFlag": "COMPLETE",
        "VerificationFlag": "VERIFIED",
    },
}
UNIQUE = {
    "PATIENT": {"PatientID": "RICH"},
    "STUDY": {"StudyInstanceUID": uid("rich")},
    "SERIES": {"SeriesInstanceUID": uid("rich-1")},
    "IMAGE": {"SOPInstanceUID": uid("rich-1-1")},
}
LEVELS = list(VALUES)


def rich() -> list[Any]:
    """Five objects: study rich with series rich-1 (CT, 3 objects) and rich-2 (SR), study rich-b."""
    counted = "NumberOf"
    common: dict[str, Any] = {
        k: v for level in LEVELS for k, v in VALUES[level].items() if k[:8] != counted and k[-7:] != "InStudy"
    }
    common |= {"NumberOfFrames": 1, "ConceptNameCodeSequence": [item(CodeValue="C1", CodeMeaning="a report")]}
    step = item(RequestedProcedureID="RP1", ScheduledProcedureStepID="SPS1", RequestedProcedureDescription="Überblick")
    common |= {"RequestAttributesSequence": [step], REFERENCED: [item(ReferencedSOPInstanceUID="1.2.3.99")]}
    common |= {"SpecificCharacterSet": "ISO_IR 192", "InstitutionName": "Klinik Süd", "OtherPatientNames": "Älter^R"}
    common |= {"SmallestImagePixelValue": 513, "FocalSpots": [0.6, 1.2]}
    common.pop("SOPClassUID")
    made = [make_ct(f"rich-1-{n}", "rich-1", "rich", **common | {"InstanceNumber": n}) for n in (1, 2, 3)]
    report = make_ct("rich-2-1", "rich-2", "rich", **common | {"Modality": "SR"})
    report.SOPClassUID = report.file_meta.MediaStorageSOPClassUID = UID("1.2.840.10008.5.1.4.1.1.88.33")
    return [*made, report, make_ct("rich-b", "rich-b", "rich-b", **common | {"StudyID": "S2", "StudyTime": "2315"})]


def small(name: str, **values: Any) -> Any:
    return make_ct(name, name, name, **{"StudyID": name, "PatientID": f"id-{name}"} | values)


OTHERS = [
    small("accents", PatientName="Müller^Zoë", SpecificCharacterSet="ISO_IR 192", StudyDate="20200116"),
    small("plain", PatientName="Mueller^Zoe", StudyDate="20210301", StudyTime="0830"),
    small("odd", PatientID=ODD, AccessionNumber="50%_X", StudyDescription="a[b]c;d'e\"f"),
    small("nameless", PatientName="", StudyDate="", StudyTime="", AccessionNumber=""),
    small("mr", Modality="MR", StudyDate="20191231", StudyTime="235959"),
]


@pytest.fixture(scope="module")
def holdings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose archive holds `rich` and `OTHERS`."""
    running = Server(tmp_path_factory.mktemp("holdings") / "data")
    hold(running.data, [*rich(), *OTHERS])
    running.run("peer", "add", "HOROS", "127.0.0.1", "1")
    running.run("peer", "set", "HOROS", "relational=yes")
    running.start_scp(1)
    yield running
    running.stop()


def ask(server: Server, model: str = STUDY_ROOT, *, calling: str = "PEER", **keys: Any) -> tuple[list[Any], set[int]]:
    """Rows of a C-FIND that must succeed, and the statuses that they came with."""
    with association(server.port, [build_context(f"{model}1", [EXPLICIT_LE, IMPLICIT_LE])], calling=calling) as assoc:
        answers = list(assoc.send_c_find(identifier(**keys), f"{model}1"))
    assert answers[-1][0].Status == 0, answers[-1][0]
    return [row for _status, row in answers if row is not None], {each.Status for each, _row in answers[:-1]}


def found(server: Server, **keys: Any) -> set[str]:
    """StudyID of the studies that keys find."""
    rows, _statuses = ask(server, level="STUDY", **{"StudyID": "", **keys})
    assert len({str(row.StudyInstanceUID) for row in rows}) == len(rows)
    return {str(row.StudyID) for row in rows}


def upper_keys(level: str) -> dict[str, str]:
    return {k: v for each in LEVELS[: LEVELS.index(level) + 1] for k, v in UNIQUE[each].items()}


@contract("4.6", "4.7", "4.8", "W10")
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("syntax", [EXPLICIT_LE, IMPLICIT_LE, EXPLICIT_BE])
def test_each_return_key_comes_back(holdings: Server, level: str, syntax: str) -> None:
    with association(holdings.port, [build_context(f"{PATIENT_ROOT}1", [syntax])]) as assoc:
        wanted = dict.fromkeys(VALUES[level]) | upper_keys(level)
        answers = list(assoc.send_c_find(identifier(level=level, **wanted), f"{PATIENT_ROOT}1"))
    assert [status.Status for status, _row in answers] == [PENDING, 0]
    row = answers[0][1]
    assert row is not None
    for keyword, value in (VALUES[level] | upper_keys(level)).items():
        assert row[keyword].value == value, keyword
    assert (row.QueryRetrieveLevel, row.RetrieveAETitle, row.InstanceAvailability) == (level, "TRIALPACS", "ONLINE")
    assert answers[-1][1] is None


@contract("4.6")
def test_sequences_asked_for_come_back(holdings: Server) -> None:
    series = {"StudyInstanceUID": uid("rich"), "SeriesInstanceUID": uid("rich-1")}
    rows, statuses = ask(holdings, level="SERIES", **series, RequestAttributesSequence=[])
    assert statuses == {PENDING}
    assert rows[0].RequestAttributesSequence[0].RequestedProcedureID == "RP1"
    assert rows[0].RequestAttributesSequence[0].ScheduledProcedureStepID == "SPS1"
    concept = [item(CodeValue="", CodeMeaning="")]
    rows, statuses = ask(holdings, level="IMAGE", **series, ConceptNameCodeSequence=concept)
    assert (len(rows), statuses) == (3, {PENDING})
    assert rows[0].ConceptNameCodeSequence[0].CodeMeaning == "a report"


@contract("4.3")
def test_sequences_match_by_what_is_inside(holdings: Server) -> None:
    keys = {"level": "SERIES", "StudyInstanceUID": uid("rich"), "SeriesInstanceUID": ""}
    for number, count in (("SPS1", 2), ("SPS*", 2), ("SPS2", 0)):
        rows, _ = ask(holdings, **keys, RequestAttributesSequence=[item(ScheduledProcedureStepID=number)])
        assert len(rows) == count, number
    for number, count in (("1.2.3.99", 2), ("1.2.3.98", 0)):
        rows, statuses = ask(holdings, **keys, ReferencedStudySequence=[item(ReferencedSOPInstanceUID=number)])
        assert (len(rows), statuses) == (count, {PENDING} if count else set()), number
    assert [
        each.ReferencedSOPInstanceUID for each in ask(holdings, **keys, ReferencedStudySequence=[])[0][0][REFERENCED]
    ] == ["1.2.3.99"]


@contract("4.6", "4.7")
@pytest.mark.parametrize("syntax", [EXPLICIT_LE, IMPLICIT_LE, EXPLICIT_BE])
def test_keys_beyond_the_columns_come_from_stored_objects(holdings: Server, syntax: str) -> None:
    """Each with its own VR, in the character set of the answer; bulk data, and what there is not, comes empty."""
    step = item(ScheduledProcedureStepID="", RequestedProcedureDescription="")
    wanted: dict[str, Any] = {
        "KVP": "",
        "SmallestImagePixelValue": None,
        "FocalSpots": "",
        "RedPaletteColorLookupTableData": b"",
        "OtherPatientNames": "",
    }
    wanted |= {"InstitutionName": "", "LossyImageCompression": "", "RequestAttributesSequence": [step]}
    with association(holdings.port, [build_context(f"{STUDY_ROOT}1", [syntax])]) as assoc:
        asked = identifier(level="IMAGE", **upper_keys("IMAGE"), **wanted)
        asked.SpecificCharacterSet = "ISO_IR 100"
        answers = list(assoc.send_c_find(asked, f"{STUDY_ROOT}1"))
    row = answers[0][1]
    assert row is not None
    assert [status.Status for status, _row in answers] == [PENDING, 0]
    assert (row.KVP, row.SmallestImagePixelValue, row.FocalSpots) == (120, 513, [0.6, 1.2])
    assert (row.OtherPatientNames, row.InstitutionName, row.SpecificCharacterSet) == (
        "Älter^R",
        "Klinik Süd",
        "ISO_IR 100",
    )
    assert not any((row.RedPaletteColorLookupTableData, row.LossyImageCompression))
    assert [dict(each.items()).keys() == step.keys() for each in row.RequestAttributesSequence] == [True]
    assert row.RequestAttributesSequence[0].RequestedProcedureDescription == "Überblick"


@contract("4.3")
@pytest.mark.parametrize(
    ("keys", "count"),
    [
        ({"KVP": "120"}, 3),
        ({"KVP": "120.0"}, 3),
        ({"KVP": "80"}, 0),
        ({"InstitutionName": "Klinik*"}, 3),
        ({"OtherPatientNames": "älter*"}, 3),
        ({"SmallestImagePixelValue": 513}, 3),
        ({"SmallestImagePixelValue": 514}, 0),
        ({"RedPaletteColorLookupTableData": b"\0\0"}, 3),
    ],
)
def test_keys_beyond_the_columns_match_stored_objects(holdings: Server, keys: Any, count: int) -> None:
    series = {"StudyInstanceUID": uid("rich"), "SeriesInstanceUID": uid("rich-1")}
    rows, _statuses = ask(holdings, level="IMAGE", **series, **keys)
    assert len(rows) == count


@contract("4.7", "W18")
@pytest.mark.parametrize(
    ("keys", "status"),
    [
        ({"StudyDate": "", "ModalitiesInStudy": "", "SOPClassesInStudy": ""}, PENDING),
        ({"TimezoneOffsetFromUTC": "", "RetrieveAETitle": "", "InstanceAvailability": ""}, PENDING),
        ({"InterpretationText": ""}, PENDING_WITHOUT_KEYS),
        ({"ResponsiblePerson": "", "PatientSpeciesCodeSequence": []}, PENDING),
        ({"KVP": ""}, PENDING_WITHOUT_KEYS),
        ({"NumberOfStudyRelatedInstances": ""}, PENDING),
        ({"NumberOfStudyRelatedInstances": "3"}, PENDING_WITHOUT_KEYS),
        ({"Modality": ""}, PENDING_WITHOUT_KEYS),
    ],
)
def test_says_when_a_key_is_not_supported(holdings: Server, keys: Any, status: int) -> None:
    rows, statuses = ask(holdings, level="STUDY", StudyInstanceUID=uid("rich"), **keys)
    assert (len(rows), statuses) == (1, {status})
    assert all(keyword in rows[0] for keyword in keys)


@contract("4.3", "4.4")
@pytest.mark.parametrize(
    ("keys", "studies"),
    [
        ({"StudyInstanceUID": [uid("rich"), uid("plain"), "1.2.3"]}, {"S1", "plain"}),
        ({"StudyID": "mr"}, {"mr"}),
        ({"StudyID": " MR "}, {"mr"}),
        ({"StudyID": "?r"}, {"mr"}),
        ({"StudyID": "*l*n*"}, {"plain"}),
        ({"StudyDate": "20200115-20200116", "StudyID": "*"}, {"S1", "S2", "accents", "odd"}),
        ({"StudyDate": "20210101-"}, {"plain"}),
        ({"StudyDate": "-20191231"}, {"mr"}),
        ({"StudyDate": "20210301"}, {"plain"}),
        ({"StudyDate": ["20210301", "20191231"]}, {"plain", "mr"}),
        ({"StudyTime": "2300-2359"}, {"S2", "mr"}),
        ({"StudyTime": "-0900"}, {"plain"}),
        ({"StudyTime": "0830"}, {"plain"}),
        ({"StudyDate": "20191201-20210331", "StudyTime": "0800-0900"}, {"plain"}),
        ({"PatientName": "MÜLLER^zoe"}, {"accents"}),
        ({"PatientName": "muller^zoë^^"}, {"accents"}),
        ({"PatientName": "Mueller*"}, {"plain"}),
        ({"PatientName": "m*ller*zo?"}, {"accents", "plain"}),
        ({"PatientName": "Rich^Rita "}, {"S1", "S2"}),
        ({"PatientName": "Rich"}, set()),
        ({"PatientName": "*", "StudyDescription": "**"}, {"S1", "S2", "accents", "plain", "odd", "nameless", "mr"}),
        ({"PatientID": ODD}, {"odd"}),
        ({"PatientID": "A%_*"}, {"odd"}),
        ({"PatientID": "R_CH"}, set()),
        ({"PatientID": "R%"}, set()),
        ({"AccessionNumber": "50%_?"}, {"odd"}),
        ({"StudyDescription": "*[b]*"}, {"odd"}),
        ({"StudyDescription": "a[b]c;d'e\"f"}, {"odd"}),
        ({"StudyDescription": "[ac]*"}, set()),
        ({"ReferringPhysicianName": "referrer*", "PatientID": "RICH"}, {"S1", "S2"}),
        ({"NameOfPhysiciansReadingStudy": "Reader^Two"}, {"S1", "S2"}),
        ({"NameOfPhysiciansReadingStudy": "Reader*"}, {"S1", "S2"}),
        ({"ClinicalTrialProtocolID": "PROTO-?", "ClinicalTrialSiteID": "SITE-1"}, {"S1", "S2"}),
        ({"PatientSex": ["F", "M"], "StudyID": "S?"}, {"S1", "S2"}),
        ({"SOPClassesInStudy": "1.2.840.10008.5.1.4.1.1.88.33"}, {"S1"}),
    ],
    ids=lambda each: str(sorted(each) if isinstance(each, set) else each)[:60],
)
def test_finds_what_the_standard_says(holdings: Server, keys: Any, studies: set[str]) -> None:
    with association(holdings.port, [build_context(f"{STUDY_ROOT}1", [EXPLICIT_LE])]) as assoc:
        ds = identifier(level="STUDY", **{"StudyID": "", **keys})
        ds.SpecificCharacterSet = "ISO_IR 192"
        rows = [row for _status, row in assoc.send_c_find(ds, f"{STUDY_ROOT}1") if row is not None]
    assert {row.StudyID for row in rows} == studies


@contract("4.5", "W10", "W20", "W21")
@pytest.mark.parametrize(
    ("wanted", "studies"),
    [
        ("SR", {"S1"}),
        ("MR", {"mr"}),
        (["MR", "SR"], {"S1", "mr"}),
        ("US", set()),
        (["US", "PT"], set()),
        ("*", {"S1", "S2", "accents", "plain", "odd", "nameless", "mr"}),
    ],
)
def test_study_matches_by_any_of_its_modalities(holdings: Server, wanted: Any, studies: set[str]) -> None:
    rows, _statuses = ask(holdings, level="STUDY", ModalitiesInStudy=wanted, StudyID="")
    assert {row.StudyID for row in rows} == studies
    for row in rows:
        values = row["ModalitiesInStudy"].value
        assert values, "a client would conclude that the server cannot filter"
        assert "*" not in values
    assert all(row.ModalitiesInStudy == ["CT", "SR"] for row in rows if row.StudyID == "S1")


@contract("W20")
def test_modality_of_a_study_query_restricts_only_when_relational(holdings: Server) -> None:
    assert len(found(holdings, Modality="MR")) == 7
    rows, _statuses = ask(holdings, calling="HOROS", level="STUDY", StudyID="", Modality=["MR", "SR"])
    assert {row.StudyID for row in rows} == {"S1", "mr"}


@contract("4.3", "W21")
def test_code_lists_match_any_value(holdings: Server) -> None:
    rows, _statuses = ask(holdings, level="SERIES", StudyInstanceUID=uid("rich"), Modality=["SR", "MR", "US"])
    assert [row.SeriesInstanceUID for row in rows] == [uid("rich-2")]


@contract("W22")
def test_wildcards_do_not_leak_into_answers(holdings: Server) -> None:
    stars = dict.fromkeys(("ModalitiesInStudy", "RetrieveAETitle", "PatientName", "StudyInstanceUID", "StudyDate"), "*")
    rows, _statuses = ask(holdings, level="STUDY", **stars, InstanceAvailability="*", ResponsiblePerson="*")
    assert len(rows) == 7
    assert not any("*" in str(element.value) for row in rows for element in row)
    assert {row.RetrieveAETitle for row in rows} == {"TRIALPACS"}


@contract("4.1", "W4", "W19")
def test_each_model_has_its_levels(holdings: Server) -> None:
    studies, _ = ask(holdings, PATIENT_STUDY_ONLY, level="STUDY", PatientID="RICH", StudyInstanceUID="")
    assert len(studies) == 2
    patients, _ = ask(holdings, PATIENT_STUDY_ONLY, level="PATIENT", PatientID="")
    assert len(patients) == 6
    for model, level in ((PATIENT_STUDY_ONLY, "SERIES"), (STUDY_ROOT, "PATIENT"), (STUDY_ROOT, ""), (STUDY_ROOT, "X")):
        with association(holdings.port, [build_context(f"{model}1", [EXPLICIT_LE])]) as assoc:
            _rows, status = find_on(assoc, f"{model}1", level=level, PatientID="RICH")
            assert status.Status == WRONG_IDENTIFIER
            assert "level must be one of" in status.ErrorComment
            assert status.OffendingElement == 0x00080052


@contract("4.2", "W3")
def test_missing_upper_key_is_named_or_forgiven_by_rule(holdings: Server) -> None:
    with association(holdings.port, [build_context(f"{STUDY_ROOT}1", [EXPLICIT_LE])]) as assoc:
        for level, keyword in (("SERIES", "StudyInstanceUID"), ("IMAGE", "StudyInstanceUID")):
            _rows, status = find_on(assoc, f"{STUDY_ROOT}1", level=level, Modality="")
            assert (status.Status, keyword in status.ErrorComment) == (WRONG_IDENTIFIER, True)
        both = [uid("rich"), uid("mr")]
        _rows, status = find_on(assoc, f"{STUDY_ROOT}1", level="SERIES", StudyInstanceUID=both)
        assert status.Status == WRONG_IDENTIFIER
        keys = {"StudyInstanceUID": uid("rich"), "SOPInstanceUID": ""}
        _rows, status = find_on(assoc, f"{STUDY_ROOT}1", level="IMAGE", **keys)
        assert (status.Status, "SeriesInstanceUID" in status.ErrorComment) == (WRONG_IDENTIFIER, True)
    rows, _ = ask(holdings, calling="HOROS", level="SERIES", SeriesInstanceUID="", Modality="CT", PatientID="RICH")
    assert len(rows) == 2
    rows, _ = ask(holdings, calling="HOROS", level="IMAGE", SOPInstanceUID=uid("rich-1-2"))
    assert [row.SeriesInstanceUID for row in rows] == [uid("rich-1")]


def negotiated(server: Server, flags: bytes, **keys: Any) -> tuple[bytes, set[str]]:
    """What was granted of extended negotiation, and the studies found with it."""
    extended = SOPClassExtendedNegotiation()
    extended.sop_class_uid, extended.service_class_application_information = f"{STUDY_ROOT}1", flags
    with association(server.port, [build_context(f"{STUDY_ROOT}1", [EXPLICIT_LE])], ext_neg=[extended]) as assoc:
        granted = assoc.acceptor.sop_class_extended.get(UID(f"{STUDY_ROOT}1"), b"")
        rows, status = find_on(assoc, f"{STUDY_ROOT}1", **{"StudyID": "", **keys})
        assert status.Status == 0
        return granted, {row.StudyID for row in rows}


@contract("4.3")
def test_date_and_time_are_one_moment_when_negotiated(holdings: Server) -> None:
    """From New Year's Eve, 23:00, to 1 March 2021, 8:45; apart, the time range alone would find nothing."""
    keys = {"level": "STUDY", "StudyDate": "20191231-20210301", "StudyTime": "2300-0845"}
    assert negotiated(holdings, b"\0\1", **keys) == (b"\0\1", {"mr", "S1", "S2", "accents", "odd", "plain"})
    assert negotiated(holdings, b"\0\1", **keys | {"StudyTime": "2300-0800"})[1] == {
        *("mr", "S1", "S2", "accents", "odd")
    }
    assert found(holdings, StudyDate="20191231-20210301", StudyTime="0845-2300") == {"S1", "accents", "odd"}


@contract("4.3", "1.8")
def test_names_match_by_any_word_when_fuzzy_was_negotiated(holdings: Server) -> None:
    keys = {"level": "STUDY", "PatientName": "rit"}
    assert negotiated(holdings, b"\0\0\1", **keys) == (b"\0\0\1", {"S1", "S2"})
    assert negotiated(holdings, b"\0\0\0", **keys) == (b"", set())


@contract("1.8", "4.2")
def test_grants_what_it_offers_of_extended_negotiation(holdings: Server) -> None:
    assert negotiated(holdings, b"\1\1\1\1\1", level="STUDY", StudyID="mr") == (b"\1\1\1\0\0", {"mr"})


@contract("4.1", "4.3")
@pytest.mark.parametrize("keys", [{"StudyDate": "2020"}, {"StudyTime": "soon"}, {"StudyInstanceUID": "1.2*"}])
def test_value_that_cannot_match_is_said_by_keyword(holdings: Server, keys: Any) -> None:
    with association(holdings.port, [build_context(f"{STUDY_ROOT}1", [EXPLICIT_LE])]) as assoc:
        rows, status = find_on(assoc, f"{STUDY_ROOT}1", level="STUDY", **keys)
        assert (rows, status.Status) == ([], WRONG_IDENTIFIER)
        assert next(iter(keys)) in status.ErrorComment
        assert next(iter(keys.values())) not in status.ErrorComment
        assert find_on(assoc, f"{STUDY_ROOT}1", level="STUDY", StudyID="mr")[1].Status == 0


@contract("4.9")
def test_cancel_is_seen_between_rows(holdings: Server) -> None:
    """FE00H without identifier, before the rows that were left; the association serves on."""
    bare = Bare(holdings.port)
    assert bare.associate(f"{STUDY_ROOT}1", EXPLICIT_LE)[0] == 2
    keys = DataSet()
    keys.put(0x00080052, "CS", b"STUDY")
    keys.put(0x0020000D, "UI", b"")
    encoding = encoding_of(EXPLICIT_LE)
    asked = b"".join(map(bytes, encode(keys, encoding, encoding)))
    request: dict[int, int | str] = {0x0002: f"{STUDY_ROOT}1", 0x0100: 0x0020, 0x0110: 7, 0x0700: 0, 0x0800: 1}
    cancel: dict[int, int | str] = {0x0100: 0x0FFF, 0x0120: 7, 0x0800: 0x0101}
    pieces = [*pdus(1, encode_command(request), 16384, is_command=True), *pdus(1, asked, 16384, is_command=False)]
    bare.send(b"".join(map(bytes, [*pieces, *pdus(1, encode_command(cancel), 16384, is_command=True)])))
    kind, body = bare.pdu()
    response = parse_command(body[6:])
    assert (kind, response.number(0x0900), response.number(0x0800)) == (4, 0xFE00, 0x0101)
    bare.command({0x0002: f"{STUDY_ROOT}1", 0x0100: 0x0020, 0x0110: 8, 0x0700: 0, 0x0800: 1})
    bare.data_set(asked)
    statuses: list[int] = []
    while not statuses or statuses[-1] == PENDING:
        _kind, body = bare.pdu()
        statuses += [parse_command(body[6:]).number(0x0900)] if body[5] & 1 else []
    assert statuses == [PENDING] * 7 + [0]


CLEARCANVAS = (
    "PatientID AccessionNumber PatientName ReferringPhysicianName StudyDate StudyTime StudyDescription"
    " PatientBirthDate ModalitiesInStudy NumberOfStudyRelatedInstances ResponsiblePerson ResponsiblePersonRole"
    " ResponsibleOrganization PatientSpeciesDescription PatientBreedDescription SOPClassesInStudy StudyID"
    " PatientBirthTime PatientSex PatientAge NumberOfStudyRelatedSeries"
).split()


@contract("7", "4.5", "4.10")
def test_clearcanvas_search_gets_what_it_reads(holdings: Server) -> None:
    """Its keys, its character set, a query for each modality that was ticked; one association."""
    codes = [item(CodeValue="", CodingSchemeDesignator="", CodeMeaning="")]
    asked = identifier(level="STUDY", StudyInstanceUID="", **dict.fromkeys(CLEARCANVAS, ""))
    asked.SpecificCharacterSet = "ISO_IR 192"
    asked.PatientSpeciesCodeSequence = asked.PatientBreedCodeSequence = codes
    with association(
        holdings.port, [build_context(f"{STUDY_ROOT}1", [EXPLICIT_LE, IMPLICIT_LE])], calling="CLEARCANVAS"
    ) as assoc:
        for modality, count in (("SR", 1), ("MR", 1), ("CT", 6)):
            asked.ModalitiesInStudy = modality
            answers = list(assoc.send_c_find(asked, f"{STUDY_ROOT}1"))
            assert (len(answers), answers[-1][0].Status) == (count + 1, 0)
            for _status, row in answers[:-1]:
                assert row is not None
                assert modality in row["ModalitiesInStudy"].value
                assert row.NumberOfStudyRelatedInstances >= 1
        asked.ModalitiesInStudy, asked.PatientName = "", "M*ller*"
        rows = [row for _status, row in assoc.send_c_find(asked, f"{STUDY_ROOT}1") if row is not None]
        assert sorted(str(row.PatientName) for row in rows) == ["Mueller^Zoe", "Müller^Zoë"]


@contract("7", "W30")
def test_aeskulap_query_works_in_implicit_alone(holdings: Server) -> None:
    asked = dict.fromkeys(("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime"), "")
    more = dict.fromkeys(("ModalitiesInStudy", "StudyDescription", "StationName", "StudyInstanceUID"), "")
    with association(holdings.port, [build_context(f"{STUDY_ROOT}1", [IMPLICIT_LE])]) as assoc:
        rows, status = find_on(assoc, f"{STUDY_ROOT}1", level="STUDY", **asked, **more)
    assert (len(rows), status.Status) == (7, 0)
