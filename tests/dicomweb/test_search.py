"""QIDO-RS line by line: which rows each kind of key finds. Rows are named by the study that they belong to."""

from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pacs.dicomweb.slow_searches import MOST, slow_searches
from tests.builders import CT, uid
from tests.dicomweb.shelf import shelf
from tests.wire.contract import contract

NAMES = {uid(name): name for name in ("t1", "t2", "t3", "t4", "s1", "s1r", "s2", "s3", "s4")}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """A client of an archive with the shelf's objects."""
    with shelf(tmp_path_factory.mktemp("shelf")) as found:
        yield found


def rows(client: FlaskClient, path: str, **headers: str) -> list[dict]:
    reply = client.get(f"/dicom-web{path}", headers=headers)
    assert reply.status_code == 200, reply.text
    return reply.get_json(force=True)


def studies(client: FlaskClient, query: str) -> str:
    return " ".join(NAMES[row["0020000D"]["Value"][0]] for row in rows(client, f"/studies?{query}"))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("PatientID=A-1", "t1 t4"),
        ("patientid=A-1", "t1 t4"),
        ("00100020=A-1", "t1 t4"),
        ("0020000d=" + uid("t2"), "t2"),
        ("0020000D=" + uid("t2"), "t2"),
        ("PatientName=M%C3%BCller%5EAnna+B%C3%A4rbel%5E%5EDr", "t1 t4"),
        ("PatientName=M%C3%BCller%5EAnna%20B%C3%A4rbel%5E%5EDr", "t1 t4"),
        ("%50atientID=B%251_2", "t2"),
        ("RequestAttributesSequence.ScheduledProcedureStepID=SPS1", "t1"),
        ("RequestAttributesSequence.ScheduledProcedureStepID=SPS2", "t1"),
        ("00400275.00400009=SPS1", "t1"),
        ("00400275.ScheduledProcedureStepID=SPS1", "t1"),
        ("RequestAttributesSequence.00401001=RP1", "t1"),
        ("RequestAttributesSequence.RequestedProcedureID=RP9", ""),
        ("PatientID=A-1&StudyDate=20200115&ModalitiesInStudy=SR", "t1"),
        ("PatientID=A-1&PatientID=B*", ""),
    ],
)
@contract("web 2.1")
def test_keys_are_keywords_tags_and_paths(client, query, found):
    assert studies(client, query) == found


@pytest.mark.parametrize("separator", [",", "%2C", "%5C", "\\", "%2c+"])
@contract("web 2.2")
def test_lists_of_uids_are_unions(client, separator):
    assert studies(client, f"StudyInstanceUID={uid('t1')}{separator}{uid('t3')}{separator}1.2.3") == "t1 t3"
    assert studies(client, f"SOPInstanceUID={uid('a1')}{separator}{uid('b1')}") == "t1 t2"


@contract("web 2.5")
def test_what_tells_of_the_request_restricts_nothing(client):
    assert studies(client, "TimezoneOffsetFromUTC=-0500&StudyDate=19000101-") == studies(client, "StudyDate=19000101-")
    assert studies(client, "00080201=&SpecificCharacterSet=GB18030&00080052=STUDY") == "t1 t2 t3 t4"
    for value in ("0100", "%2B1", "%2B1560", "CET"):
        assert client.get(f"/dicom-web/studies?TimezoneOffsetFromUTC={value}").status_code == 400, value


@contract("web 2.2", "web 2.7")
def test_repeated_keys_of_lists_are_one_list(client):
    one, three = f"StudyInstanceUID={uid('t1')}", f"0020000D={uid('t3')},1.2.3"
    assert studies(client, f"{one}&{three}") == "t1 t3"
    assert studies(client, f"{one}&StudyInstanceUID=&{three}&StudyInstanceUID=*") == "t1 t3"
    assert studies(client, f"{one}&ModalitiesInStudy=MR") == ""
    assert studies(client, "ModalitiesInStudy=CT&ModalitiesInStudy=MR") == "t1 t2 t4"
    assert studies(client, f"SOPClassesInStudy={CT},1.2.3") == studies(client, f"SOPClassesInStudy={CT}") != ""


@contract("web 2.2")
def test_ten_thousand_uids_are_a_list_too(client):
    many = ",".join(f"1.2.{number}" for number in range(9_999))
    assert studies(client, f"StudyInstanceUID={many},{uid('t2')}") == "t2"
    reply = client.get(f"/dicom-web/studies?StudyInstanceUID={many},1.3,1.4")
    assert reply.status_code == 400
    thrice = "&".join(
        f"{key}={many}" for key in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID")
    )
    assert client.get(f"/dicom-web/studies?{thrice}").status_code == 400


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("PatientID=A*", "t1 t4"),
        ("PatientID=?-1", "t1 t3 t4"),
        ("PatientID=*1", "t1 t3 t4"),
        ("PatientID=B%251*", "t2"),
        ("PatientID=B%25*2", "t2"),
        ("PatientID=A%25", ""),
        ("PatientID=A_1", ""),
        ("PatientID=%5BAB%5D*", ""),
        ("StudyDescription=*HEAD*", "t2"),
        ("StudyDescription=MR?HEAD", "t2"),
        ("Modality=M?", "t2"),
        ("InstitutionName=Hosp*Testing", "t1 t2 t3 t4"),
        ("OperatorsName=*pera*", "t2"),
        ("Manufacturer=AC??", "t1 t2 t3 t4"),
    ],
)
@contract("web 2.3")
def test_wildcards_stand_for_letters(client, query, found):
    assert studies(client, query) == found


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("PatientName=m%C3%BCller*", "t1 t4"),
        ("PatientName=MULLER*", "t1 t4"),
        ("PatientName=M%C3%BCller", ""),
        ("PatientName=yamada%5Etarou", "t2"),
        ("PatientName=" + quote("山田^太郎"), "t2"),
        ("PatientName=" + quote("やま*"), "t2"),
        ("PatientName=" + quote("yamada^tarou=山田^太郎"), "t2"),
        ("ReferringPhysicianName=WEBER%5EKARLA", "t1"),
    ],
)
@contract("web 2.4")
def test_names_match_in_any_case_and_group(client, query, found):
    assert studies(client, query) == found


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("StudyDate=20200115", "t1 t4"),
        ("StudyDate=20200101-20201231", "t1 t4"),
        ("StudyDate=20200115-20200115", "t1 t4"),
        ("StudyDate=20200116-", "t2"),
        ("StudyDate=-20200115", "t1 t4"),
        ("StudyTime=0930", "t1"),
        ("StudyTime=09-0959", "t1"),
        ("StudyTime=0930-0930", "t1"),
        ("StudyTime=1015-", "t2"),
        ("StudyTime=-1010", "t1"),
        ("StudyTime=-1011", "t1 t4"),
        ("StudyTime=-101112", "t1 t4"),
        ("StudyTime=101112-101500.5", "t2 t4"),
        ("StudyTime=101500.6-", ""),
        ("PerformedProcedureStepStartDate=20200101-20200201", "t1"),
        ("PerformedProcedureStepStartTime=1015-1016", "t1"),
        ("SeriesDate=20200101-20200131", "t1 t2 t3 t4"),
        ("AcquisitionDateTime=2020-2021", ""),
    ],
)
@contract("web 2.5")
def test_ranges_of_dates_and_times_are_inclusive(client, query, found):
    assert studies(client, query) == found


@pytest.mark.parametrize("key", ["PatientName", "StudyDate", "AccessionNumber", "KVP", "00100020", "StudyInstanceUID"])
@pytest.mark.parametrize("value", ["", "*", "**"])
@contract("web 2.6")
def test_empty_value_restricts_nothing(client, key, value):
    assert studies(client, f"{key}={value}") == "t1 t2 t3 t4"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("ModalitiesInStudy=CT,MR", "t1 t2 t4"),
        ("ModalitiesInStudy=CT%2CMR", "t1 t2 t4"),
        ("ModalitiesInStudy=SR%5CUS", "t1 t3"),
        ("ModalitiesInStudy=SR", "t1"),
        ("ModalitiesInStudy=*R", "t1 t2"),
        ("ModalitiesInStudy=US,S*", "t1 t3"),
        ("ModalitiesInStudy=PT", ""),
        ("00080061=MR", "t2"),
    ],
)
@contract("web 2.7", "web 10.1")
def test_any_of_some_modalities(client, query, found):
    assert studies(client, query) == found


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("PatientName=anna", "t1 t4"),
        ("PatientName=ANNA", "t1 t4"),
        ("PatientName=barb", "t1 t4"),
        ("PatientName=anna+m%C3%BCll", "t1 t4"),
        ("PatientName=nna", ""),
        ("PatientName=tar", "t2"),
        ("PatientName=" + quote("太"), "t2"),
        ("PatientName=*ller*", "t1 t4"),
        ("PatientName=m?ll*", "t1 t4"),
        ("ReferringPhysicianName=karl", "t1"),
        ("OperatorsName=opera", "t2"),
        ("PatientID=A", ""),
    ],
)
@contract("web 2.8")
def test_fuzzy_finds_beginnings_of_words(client, query, found):
    assert studies(client, f"{query}&fuzzymatching=true") == found
    exact = studies(client, f"{query}&fuzzymatching=false")
    assert exact == ("" if "*" not in query else found)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("AccessionNumber=%22%22", "t3"),
        ("PatientName=%22%22", "t3"),
        ("StudyDate=%22%22", "t3"),
        ("StudyTime=%22%22", "t3"),
        ("ReferringPhysicianName=%22%22", "t3"),
        ("SeriesNumber=%22%22", "t3"),
        ("KVP=%22%22", "t1 t3"),
        ("OtherPatientIDsSequence.PatientID=%22%22", "t1 t2 t3 t4"),
        ("SeriesInstanceUID=%22%22", ""),
    ],
)
@contract("web 2.9")
def test_two_quotes_find_what_is_empty(client, query, found):
    assert studies(client, f"{query}&emptyvaluematching=true") == found


@contract("web 2.9")
def test_two_quotes_are_letters_without_the_parameter(client):
    assert studies(client, "AccessionNumber=%22%22") == ""
    assert client.get("/dicom-web/studies?StudyDate=%22%22").status_code == 400


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("PatientID=A-1%5CB%251_2", "t1 t2 t4"),
        ("PatientID=B*%5CC-1", "t2 t3"),
        ("PatientName=yam*%5Cm%C3%BCl*", "t1 t2 t4"),
        ("StudyDate=20210301%5C20200101-20200131", "t1 t2 t4"),
        ("KVP=101%5C103", "t1"),
        ("InstitutionName=x%5CHospital+Of+Testing", "t1 t2 t3 t4"),
        ("AccessionNumber=%22%22%5CACCA99&emptyvaluematching=true", "t1 t3 t4"),
        ("PatientID=A-1%5C*", "t1 t2 t3 t4"),
    ],
)
@contract("web 2.10")
def test_any_of_several_values(client, query, found):
    assert studies(client, f"{query}&multiplevaluematching=true") == found


@contract("web 2.10")
def test_backslash_is_a_letter_without_the_parameter(client):
    assert studies(client, "PatientID=A-1%5CB%251_2") == ""


@pytest.mark.parametrize(
    ("path", "query", "tags"),
    [
        ("/studies", "includefield=StudyDescription", "00081030"),
        ("/studies", "includefield=00081030", "00081030"),
        ("/studies", "includefield=00081030,PatientComments", "00081030 00104000"),
        ("/studies", "includefield=00081030%2C00104000", "00081030 00104000"),
        ("/studies", "includefield=00081030&includefield=studydescription,00101010", "00081030 00101010"),
        ("/studies", "includefield=PatientSpeciesDescription", "00102201"),
        ("/series", "includefield=InstitutionName,StudyDescription", "00080080 00081030"),
        ("/instances", "includefield=KVP,00180050", "00180050 00180060"),
        ("/instances", "KVP=101", "00180060"),
        ("/series", "InstitutionName=Hosp*", "00080080"),
        ("/studies", "StudyDescription=*", "00081030"),
    ],
)
@contract("web 2.11", "web 2.14")
def test_named_attributes_are_returned(client, path, query, tags):
    for row in rows(client, f"{path}?{query}"):
        assert set(tags.split()) <= row.keys()


@contract("web 2.11")
def test_attributes_of_lower_levels_are_left_out(client):
    for row in rows(client, "/studies?includefield=00080060,KVP,SeriesDescription,NoSuchField,ZZZ,,00081030"):
        assert not {"00080060", "00180060", "0008103E"} & row.keys()
        assert "00081030" in row


@contract("web 2.11")
def test_all_brings_everything_of_the_level(client):
    (study,) = rows(client, f"/studies?includefield=all&StudyInstanceUID={uid('t2')}")
    assert study["00081030"]["Value"] == ["MR HEAD"]
    assert not {"00080060", "00080080", "00180060", "7FE00010"} & study.keys()
    (series,) = rows(client, f"/studies/{uid('t2')}/series?includefield=all")
    assert series["00080080"]["Value"] == ["Hospital Of Testing"]
    assert "00180060" not in series
    (instance,) = rows(client, f"/studies/{uid('t2')}/series/{uid('s2')}/instances?includefield=ALL")
    assert instance["00180060"]["Value"] == [120]
    assert instance["7FE00010"]["BulkDataURI"].startswith("http://localhost/dicom-web/studies/")
    assert list(instance) == sorted(instance)


@contract("web 2.11")
def test_sequences_are_returned_whole_or_by_path(client):
    series = f"/studies/{uid('t1')}/series?SeriesInstanceUID={uid('s1')}"
    (row,) = rows(client, series)
    whole = [
        {"00400009": {"vr": "SH", "Value": ["SPS1"]}, "00401001": {"vr": "SH", "Value": ["RP1"]}},
        {"00400009": {"vr": "SH", "Value": ["SPS2"]}, "00401001": {"vr": "SH"}},
    ]
    assert row["00400275"] == {"vr": "SQ", "Value": whole}
    (row,) = rows(client, f"{series}&includefield=RequestAttributesSequence")
    assert row["00400275"]["Value"][1] == {"00400009": {"vr": "SH", "Value": ["SPS2"]}}
    (row,) = rows(client, f"{series}&includefield=00400275.00400009")
    assert row["00400275"]["Value"] == whole


@contract("web 2.11", "web 2.14")
def test_what_the_archive_says_is_not_taken_from_objects(client):
    (row,) = rows(client, f"/studies?StudyInstanceUID={uid('t1')}&includefield=00081190,00080056,00080005,00080061")
    assert row["00081190"]["Value"] == [f"http://localhost/dicom-web/studies/{uid('t1')}"]
    assert row["00080056"]["Value"] == ["ONLINE"]
    assert row["00080061"]["Value"] == ["CT", "SR"]


@contract("web 2.11")
def test_private_attributes_are_returned_by_tag(client):
    (row,) = rows(client, f"/instances?SOPInstanceUID={uid('a1')}&includefield=00091001&00090010=TRIAL")
    assert row["00091001"] == {"vr": "LO", "Value": ["mine"]}
    assert row["00090010"] == {"vr": "LO", "Value": ["TRIAL"]}
    assert rows(client, f"/instances?SOPInstanceUID={uid('a1')}&includefield=00091001")[0]["00090010"]["Value"] == [
        "TRIAL"
    ]
    assert rows(client, "/instances?00090010=OTHER") == []


@contract("web 2.12")
def test_pages_make_up_the_whole(client):
    whole = rows(client, "/instances")
    pages = [rows(client, f"/instances?limit=2&offset={start}") for start in range(0, 8, 2)]
    assert [row for page in pages for row in page] == whole
    assert len(whole) == 7


@pytest.mark.parametrize(
    ("query", "remaining"),
    [
        ("limit=1", 3),
        ("limit=1&offset=2", 1),
        ("limit=4", 0),
        ("limit=0", 4),
        ("offset=1", 0),
        ("limit=1&PatientID=A-1", 1),
        ("limit=1&InstitutionName=Hosp*", 3),
        ("limit=2147483647", 0),
        ("limit=1&offset=2147483647", 0),
    ],
)
@contract("web 2.12")
def test_warning_counts_what_remains(client, query, remaining):
    reply = client.get(f"/dicom-web/studies?{query}")
    warning = f"299 http://localhost/dicom-web: There are {remaining} additional results that can be requested"
    assert reply.headers.get("Warning") == (warning if remaining else None)
    assert reply.headers["X-Total-Count"] == ("2" if "A-1" in query else "4")


@pytest.mark.parametrize(
    ("path", "key", "found"),
    [
        ("/series", "PatientName=yama*", 1),
        ("/series", "StudyDate=20200115", 3),
        ("/series", "ModalitiesInStudy=SR", 2),
        ("/series", "ReferringPhysicianName=Weber*", 2),
        ("/series", "SeriesNumber=9", 1),
        ("/series", "Modality=SR", 1),
        ("/series", "Modality=SR,MR", 2),
        ("/instances", "StudyID=1", 6),
        ("/instances", "SOPClassUID=1.2.840.10008.5.1.4.1.1.88.22", 1),
        ("/instances", "InstanceNumber=3", 1),
        ("/instances", "SeriesInstanceUID=" + uid("s1"), 3),
        ("/instances", "AccessionNumber=ACCA99", 5),
        (f"/studies/{uid('t1')}/instances", "InstanceNumber=2", 1),
        (f"/studies/{uid('t1')}/instances", "Modality=CT", 3),
        (f"/studies/{uid('t1')}/series", "PatientID=B*", 0),
        (f"/studies/{uid('t1')}/series", "StudyInstanceUID=" + uid("t2"), 0),
        (f"/studies/{uid('t1')}/series/{uid('s1')}/instances", f"SOPInstanceUID={uid('a1')},{uid('a2')}", 2),
        (f"/studies/{uid('t1')}/series/{uid('s2')}/instances", "", 0),
    ],
)
@contract("web 2.13", "web 1.1")
def test_keys_of_upper_levels_work_below(client, path, key, found):
    assert len(rows(client, f"{path}?{key}")) == found


STUDY = "00080005 00080020 00080030 00080050 00080056 00080061 00080090 00081190 00100010 00100020 00100030 00100040"
STUDY += " 0020000D 00200010 00201206 00201208"
SERIES = "00080005 00080056 00080060 00081190 0020000E 00200011 00201209 00400244 00400245 00400275"
INSTANCE = "00080005 00080016 00080018 00080056 00081190 00200013 00280010 00280011 00280100"


@pytest.mark.parametrize(
    ("path", "tags"),
    [
        ("/studies", STUDY),
        ("/series", f"{STUDY} {SERIES}"),
        ("/instances", f"{STUDY} {SERIES} {INSTANCE}"),
        ("/studies/{t}/series", SERIES),
        ("/studies/{t}/instances", f"{SERIES} {INSTANCE}"),
        ("/studies/{t}/series/{s}/instances", INSTANCE),
    ],
)
@pytest.mark.parametrize(("study", "series"), [("t1", "s1r"), ("t2", "s2"), ("t3", "s3")])
@contract("web 2.14", "web 3.1")
def test_default_attributes_are_there_even_when_empty(client, path, tags, study, series):
    found = rows(client, path.format(t=uid(study), s=uid(series)))
    assert found
    for row in found:
        assert set(tags.split()) <= row.keys()
        assert list(row) == sorted(row)
        assert all(set(entry) <= {"vr", "Value"} and ("Value" not in entry or entry["Value"]) for entry in row.values())


@contract("web 2.14")
def test_some_attributes_come_where_they_apply(client):
    first = {NAMES[row["0020000D"]["Value"][0]]: row for row in rows(client, "/studies")}
    assert first["t1"]["00080201"]["Value"] == ["+0100"]
    assert "00080201" not in first["t2"]
    assert first["t1"]["00080061"]["Value"] == ["CT", "SR"]
    assert first["t2"]["00100010"]["Value"] == [
        {"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎", "Phonetic": "やまだ^たろう"}
    ]
    assert first["t3"]["00100010"] == {"vr": "PN"}
    frames = {row["00080018"]["Value"][0]: row for row in rows(client, "/instances")}
    assert frames[uid("c1")]["00280008"]["Value"] == [2]
    assert "00280008" not in frames[uid("a1")]
    series = {NAMES[row["0020000E"]["Value"][0]]: row for row in rows(client, "/series")}
    assert series["s1"]["0008103E"]["Value"] == ["AXIAL"]
    assert "0008103E" not in series["s1r"]
    assert series["s3"]["00200011"] == {"vr": "IS"}


@contract("web 2.14")
def test_each_row_says_where_it_is_retrieved(client):
    (row,) = rows(client, f"/instances?SOPInstanceUID={uid('b1')}")
    whole = f"http://localhost/dicom-web/studies/{uid('t2')}/series/{uid('s2')}/instances/{uid('b1')}"
    assert row["00081190"]["Value"] == [whole]


@pytest.mark.parametrize("path", ["/studies", "/series", "/instances", "/studies/1.2/series", "/studies/1.2/instances"])
@contract("web 2.15")
def test_nothing_found_is_an_empty_list(client, path):
    reply = client.get(f"/dicom-web{path}?PatientID=nobody")
    assert (reply.status_code, reply.text, reply.headers["X-Total-Count"]) == (200, "[]", "0")


@pytest.mark.parametrize(
    "query",
    [
        "limit=-1",
        "limit=",
        "limit=1.5",
        "limit=+1x",
        "limit=99999999999",
        "offset=a",
        "offset=-5",
        "limit=0x10",
        "fuzzymatching=1",
        "emptyvaluematching=maybe",
        "multiplevaluematching=TRUE!",
        "StudyDate=2020-01-15",
        "StudyDate=-",
        "StudyDate=20201301",
        "StudyDate=20200101-20200132",
        "StudyDate=202001*",
        "StudyTime=9",
        "StudyTime=0930-noon",
        "StudyTime=25",
        "StudyTime=0900-0960",
        "StudyTime=09:30:61",
        "AcquisitionDateTime=20201301",
        "PatientName.CodeValue=1",
        "StudyInstanceUID=abc",
        "StudyInstanceUID=1.2.*",
        "StudyInstanceUID=,",
        "SeriesNumber=one",
        "InstanceNumber=1-5",
        "KVP=low",
        "PatientName=a%00b",
        "PatientName=%FF",
        "PatientNames=a",
        "0010=a",
        "=a",
        "00100000=1",
        "RequestAttributesSequence.Nothing=1",
        "StudyInstanceUIDs=1",
        f"StudyInstanceUID={'1' * 65}",
    ],
)
@contract("web 2.17")
def test_malformed_requests_are_400_with_a_sentence(client, query):
    reply = client.get(f"/dicom-web/studies?{query}")
    assert reply.status_code == 400
    assert reply.get_json()["error"].endswith(".")


@pytest.mark.parametrize(
    ("name", "near"),
    [("PatientNmae", "PatientName"), ("includefields", "includefield"), ("Limit1", "limit"), ("KVPs", "KVP")],
)
@contract("web 2.17")
def test_unknown_parameter_names_the_nearest_known(client, name, near):
    assert near in client.get(f"/dicom-web/studies?{name}=a").get_json()["error"]


@pytest.mark.parametrize(
    "query", ["accept=application/dicom%2Bjson", "charset=utf-8", "accept=*/*&charset=", "LIMIT=2"]
)
@contract("web 2.17")
def test_parameters_of_other_services_do_no_harm(client, query):
    assert client.get(f"/dicom-web/studies?{query}").status_code == 200


OHIF = "limit=101&offset=0&fuzzymatching=true&includefield=00081030%2C00080060%2C00080090%2C00100030"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", "t1 t2 t3 t4"),
        ("&PatientName=*anna*", "t1 t4"),
        ("&00100020=*A-1*", "t1 t4"),
        ("&AccessionNumber=*CCA*", "t1 t4"),
        ("&StudyDescription=*chest*", "t1 t4"),
        ("&ModalitiesInStudy=CT%2CMR", "t1 t2 t4"),
        ("&StudyDate=20210101-20211231", "t2"),
        ("&StudyInstanceUID=" + uid("t3"), "t3"),
        ("&00100020=A-1", "t1 t4"),
    ],
)
@contract("web 10.1")
def test_what_ohif_asks_is_answered(client, query, found):
    answered = rows(client, f"/studies?{OHIF}{query}", Accept="application/dicom+json")
    assert " ".join(NAMES[row["0020000D"]["Value"][0]] for row in answered) == found
    assert all({"00081030", "00080090", "00100030"} <= row.keys() for row in answered)


@contract("web 10.1")
def test_what_ohif_asks_of_a_study_is_answered(client):
    path = f"/studies/{uid('t1')}/series?includefield=00080021%2C00080031%2C0008103E%2C00200011"
    for row in rows(client, path, Accept="application/dicom+json"):
        assert {"00080021", "00080031", "00200011"} <= row.keys()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=40), st.text(max_size=60), st.sampled_from(["/studies", "/series", "/instances"]))
@contract("web 2.17")
def test_any_parameter_is_answered_or_malformed(client, name, value, path):
    reply = client.get(f"/dicom-web{path}?{quote(name)}={quote(value)}")
    assert reply.status_code in (200, 400)


KEYS = ["PatientName", "StudyDate", "StudyTime", "StudyInstanceUID", "ModalitiesInStudy", "SeriesNumber", "KVP"]
KEYS += ["AcquisitionDateTime", "ImageType", "PatientID", "OperatorsName", "includefield", "limit", "offset"]
FLAGS = ["", "&fuzzymatching=true", "&multiplevaluematching=true", "&emptyvaluematching=true"]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(KEYS), st.text("*?\\,-^=\"' 0129.[]%_:+aMü山", max_size=12), st.sampled_from(FLAGS))
@contract("web 2.17")
def test_any_value_is_answered_or_malformed(client, key, value, flag):
    reply = client.get(f"/dicom-web/studies?{key}={quote(value)}{flag}")
    assert reply.status_code in (200, 400)


@contract("web 2.6", "web 2.14")
def test_what_every_row_says_restricts_nothing(client: FlaskClient):
    assert len(rows(client, "/studies?InstanceAvailability=ONLINE")) == 4
    assert not rows(client, "/studies?InstanceAvailability=OFFLINE")


def test_slow_searches_of_one_caller_leave_room_for_others(client):
    slow = "/dicom-web/instances?KVP=101"
    with ExitStack() as others:
        for _ in range(MOST):
            others.enter_context(slow_searches.one_of("local 127.0.0.1"))
        refused = client.get(slow)
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "2")
        assert client.get("/dicom-web/instances?PatientID=A-1").status_code == 200
        assert client.get(slow, environ_overrides={"REMOTE_ADDR": "192.0.2.1"}).status_code == 200
    assert client.get(slow).status_code == 200
    assert client.get("/dicom-web/instances?KVP=low").status_code == 400
    assert not slow_searches._under_way


def test_slow_search_that_nobody_reads_gives_its_place_back(client, monkeypatch):
    monkeypatch.setattr("pacs.dicomweb.qido._BATCH", 1)
    with client.head("/dicom-web/instances?KVP=*") as reply:
        assert reply.status_code == 200
    assert not slow_searches._under_way
    assert rows(client, "/instances?KVP=*")
    assert not slow_searches._under_way
