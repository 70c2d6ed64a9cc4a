"""QIDO-RS at all six resources: what rows hold, which parameters count, and how errors are told."""

import pytest

from tests.dicomweb.conftest import Web, uids
from tests.wire.contract import contract

STUDY = "00080020 00080030 00080050 00080061 00080090 00081190 00100010 00100020 00100030 00100040 0020000D 00200010"
STUDY += " 00201206 00201208 00080056"
SERIES = "00080060 00081190 0020000E 00200011 00201209 00400244 00400245 00400275"
INSTANCE = "00080016 00080018 00081190 00200013 00280010 00280011 00280100"


@pytest.mark.parametrize(
    ("path", "rows", "tags"),
    [
        ("/studies", 2, STUDY),
        ("/series", 3, f"{STUDY} {SERIES}"),
        ("/instances", 4, f"{STUDY} {SERIES} {INSTANCE}"),
        ("/studies/{study}/series", 2, SERIES),
        ("/studies/{study}/instances", 3, f"{SERIES} {INSTANCE}"),
        ("/studies/{study}/series/{series}/instances", 2, INSTANCE),
    ],
)
def test_rows_hold_what_the_level_requires(web: Web, path, rows, tags):
    study, series, _ = uids(web)
    reply = web.client.get("/dicom-web" + path.format(study=study, series=series))
    assert reply.headers["Content-Type"] == "application/dicom+json"
    found = reply.get_json(force=True)
    assert len(found) == rows == int(reply.headers["X-Total-Count"])
    for row in found:
        assert set(tags.split()) <= row.keys()
        assert list(row) == sorted(row)
        assert all("Value" not in entry or entry["Value"] for entry in row.values())


def test_counters_and_address_are_right(web: Web):
    study, _, _ = uids(web)
    (row,) = web.json(f"/studies?StudyInstanceUID={study}")
    assert row["00201206"]["Value"] == [2]
    assert row["00201208"]["Value"] == [3]
    assert row["00080061"]["Value"] == ["CT"]
    assert row["00081190"]["Value"] == [f"http://localhost/dicom-web/studies/{study}"]


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("", 2),
        ("ModalitiesInStudy=CT%2CMR", 2),
        ("ModalitiesInStudy=MR", 0),
        ("00080061=MR,CT", 2),
        ("PatientName=*&StudyDate=&AccessionNumber=**", 2),
        ("PatientID=*INBOX*", 2),
        ("patientid=inbox*&fuzzymatching=true", 2),
        ("StudyDate=19000101-21000101", 2),
        ("StudyDate=20200115", 0),  # the date as it was
        ("StudyDate=-19000101", 0),
        ("AccessionNumber=%22%22&emptyvaluematching=true", 2),
        ("limit=1", 1),
        ("limit=1&offset=1", 1),
        ("offset=2", 0),
        ("limit=0", 0),
        ("includefield=all", 2),
        ("includefield=00081030%2C00080060,NoSuchThing,0020000D&includefield=PatientAge", 2),
        ("NumberOfStudyRelatedInstances=", 2),
        ("collection=inbox", 2),
        ("collection=elsewhere", 0),
        ("RequestAttributesSequence.ScheduledProcedureStepID=x", 0),
        ("00400275.00400009=x", 0),
        ("StudyInstanceUID=1.2.3,1.2.4%5C1.2.5", 0),
    ],
)
def test_parameters_mean_what_the_standard_says(web: Web, query, rows):
    assert len(web.json(f"/studies?{query}")) == rows


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("limit=-1", "limit"),
        ("limit=ten", "limit"),
        ("offset=1.5", "offset"),
        ("fuzzymatching=yes", "fuzzymatching"),
        ("StudyDate=yesterday", "StudyDate"),
        ("StudyDate=20200101-20200102-20200103", "StudyDate"),
        ("StudyTime=noon", "StudyTime"),
        ("StudyInstanceUID=Quixotic", "StudyInstanceUID"),
        ("SeriesNumber=Quixotic", "SeriesNumber"),
        ("PatientNme=Quixotic", "PatientName"),
        ("Quixotic=Quixotic", "unknown"),
        ("RequestAttributesSequence=Quixotic", "cannot be matched"),
        ("KVP=Quixotic", "KVP"),
        ("AcquisitionDateTime=2020-Quixotic", "AcquisitionDateTime"),
        ("PixelData=Quixotic", "cannot be matched"),
        ("ScheduledProcedureStepsID=", "ScheduledProcedureStepID"),
        ("NumberOfStudyRelatedInstances=3", "NumberOfStudyRelatedInstances"),
    ],
)
def test_malformed_parameters_are_explained(web: Web, query, said):
    reply = web.client.get(f"/dicom-web/studies?{query}")
    assert reply.status_code == 400
    assert said in reply.get_json()["error"]
    assert "Quixotic" not in reply.text


def test_says_how_many_rows_remain(web: Web):
    reply = web.client.get("/dicom-web/instances?limit=1&offset=1")
    warning = "299 http://localhost/dicom-web: There are 2 additional results that can be requested"
    assert reply.headers["Warning"] == warning
    assert reply.headers["X-Total-Count"] == "4"
    assert "Warning" not in web.client.get("/dicom-web/instances?limit=4").headers


def test_included_attributes_of_instances_come_from_json(web: Web):
    (row,) = web.json("/instances?limit=1&includefield=SliceThickness,KVP&includefield=OperatorsName")
    assert row["00180050"] == {"vr": "DS", "Value": [1]}
    assert row["00081070"] == {"vr": "PN"}


def test_invisible_is_like_absent(web: Web):
    study, _, _ = uids(web)
    stranger = {"REMOTE_ADDR": "192.0.2.7"}
    assert web.client.get("/dicom-web/studies", environ_overrides=stranger).get_json(force=True) == []
    assert web.client.get(f"/dicom-web/studies/{study}/metadata", environ_overrides=stranger).status_code == 404


def test_page_of_another_site_is_not_local(web: Web):
    """A browser on this machine shows it; what is public it may read, as everybody may."""
    for site, count in (("cross-site", 0), ("same-site", 2), ("same-origin", 2), ("none", 2)):
        answer = web.client.get("/dicom-web/studies", headers={"Sec-Fetch-Site": site})
        assert len(answer.get_json(force=True)) == count


@pytest.mark.parametrize("name", ["X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "Forwarded", "Via"])
def test_nobody_is_local_through_a_proxy(web: Web, name: str):
    assert web.client.get("/dicom-web/studies", headers={name: "192.0.2.7"}).get_json(force=True) == []


@contract("web 9.6")
@pytest.mark.parametrize("uid", ["1" * 65, "1." * 40 + "1", "1..2", "1.2.", "1.x"])
@pytest.mark.parametrize("path", ["{}/series", "{}/instances", "1.2/series/{}/instances", "{}/metadata", "{}"])
def test_odd_uids_are_no_addresses(web: Web, uid: str, path: str):
    assert web.client.get(f"/dicom-web/studies/{path.format(uid)}").status_code == 404


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/dicom+json", "application/*;q=0.1", None])
def test_json_is_what_most_callers_take(web: Web, accept):
    assert web.client.get("/dicom-web/studies", headers={"Accept": accept} if accept else {}).status_code == 200


@pytest.mark.parametrize(
    "accept", ["text/html", "image/png", "application/dicom+xml", 'multipart/related; type="application/dicom"']
)
def test_other_types_are_not_acceptable(web: Web, accept):
    assert web.client.get("/dicom-web/studies", headers={"Accept": accept}).status_code == 406


@pytest.mark.parametrize(
    ("headers", "root"),
    [
        ({"X-Forwarded-Proto": "https", "X-Forwarded-Host": "archive.example"}, "https://archive.example"),
        ({"Forwarded": "for=1.2.3.4;proto=https;host=a.example:8443"}, "https://a.example:8443"),
        ({"X-Forwarded-Host": "<script>"}, "http://localhost"),
        ({"X-Forwarded-Prefix": "/pacs"}, "http://localhost/pacs"),
        ({"X-Forwarded-Proto": "https", "Host": "a.example"}, "https://a.example"),
        ({"X-Forwarded-Proto": "https", "X-Forwarded-Host": "[2001:db8::1]"}, "https://[2001:db8::1]"),
        ({"X-Forwarded-Proto": "https", "X-Forwarded-Port": "443", "Host": "a.example"}, "https://a.example"),
        ({"X-Forwarded-Proto": "https", "X-Forwarded-Port": "8443", "Host": "a.example"}, "https://a.example:8443"),
        ({"X-Forwarded-Host": "a.example:99", "X-Forwarded-Port": "8443"}, "http://a.example:99"),
        ({"X-Forwarded-Port": "x", "Host": "a.example"}, "http://a.example"),
    ],
)
def test_addresses_are_those_of_the_outside(web: Web, headers, root):
    row = web.json("/studies?limit=1", **headers, **web.admin)[0]
    assert row["00081190"]["Value"][0].startswith(f"{root}/dicom-web/studies/")


@pytest.mark.parametrize("query", ["PatientName=%00", "PatientName=a%0Ab", "PatientID=%1F"])
def test_control_characters_are_malformed(web: Web, query):
    assert web.client.get(f"/dicom-web/studies?{query}").status_code == 400


def test_hundreds_of_keys_are_too_many(web: Web):
    for count in (101, 600):
        assert web.client.get("/dicom-web/studies?" + "PatientName=a&" * count).status_code == 400


def test_accept_that_refuses_everything(web: Web):
    for path in ("studies", "instances"):
        assert web.client.get(f"/dicom-web/{path}", headers={"Accept": "application/json;q=0"}).status_code == 406
