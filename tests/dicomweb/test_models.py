"""Results and metadata as JSON and as XML: which of them a caller gets, and that both say the same."""

from collections.abc import Iterator
from email import message_from_bytes
from email.policy import HTTP
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from pacs.dicom.native_xml_reader import json_of
from tests.builders import uid
from tests.dicomweb.shelf import shelf
from tests.wire.contract import contract

XML = 'multipart/related; type="application/dicom+xml"'
T1, S1, A1 = uid("t1"), uid("s1"), uid("a1")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """A client of an archive with the shelf's objects."""
    with shelf(tmp_path_factory.mktemp("shelf")) as found:
        yield found


def get(client: FlaskClient, path: str, accept: str | None) -> TestResponse:
    return client.get(f"/dicom-web{path}", headers={"Accept": accept} if accept is not None else {})


def documents(reply: TestResponse) -> list[Any]:
    """The parts of a multipart answer."""
    head = f"Content-Type: {reply.headers['Content-Type']}\r\n\r\n".encode()
    message = message_from_bytes(head + reply.data, policy=HTTP)
    parts = list(message.iter_parts()) if reply.data.count(b"\r\n") > 1 else []
    assert all(part.get_content_type() == "application/dicom+xml" for part in parts)
    return [part.get_payload(decode=True) for part in parts]


PATHS = [
    ("/studies", 4),
    ("/series", 5),
    ("/instances?limit=3&includefield=all", 3),
    (f"/studies/{T1}/series", 2),
    (f"/studies/{T1}/instances?includefield=RequestAttributesSequence", 4),
    (f"/studies/{T1}/series/{S1}/instances", 3),
    (f"/studies/{T1}/metadata", 4),
    (f"/studies/{T1}/series/{S1}/metadata", 3),
    (f"/studies/{T1}/series/{S1}/instances/{A1}/metadata", 1),
]


def _comparable(value: object) -> object:
    """Numbers as their text: XML keeps IS and DS as text."""
    if isinstance(value, dict):
        return {key: _comparable(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_comparable(each) for each in value]
    return str(value) if isinstance(value, int | float) else value


@pytest.mark.parametrize(("path", "count"), PATHS)
@contract("web 2.16", "web 3.2", "web 4.1")
def test_xml_says_what_json_says(client, path, count):
    whole = get(client, path, "application/dicom+json").get_json(force=True)
    reply = get(client, path, XML)
    assert reply.headers["Content-Type"].startswith('multipart/related; type="application/dicom+xml"; boundary=')
    parts = documents(reply)
    assert len(parts) == len(whole) == count
    assert [_comparable(json_of(part)) for part in parts] == _comparable(whole)


TAKEN = [None, "", "*/*", "application/*", "application/json", "application/dicom+json", "application/dicom+json;q=0.1"]
TAKEN += ["application/dicom+json, multipart/related; type=application/octet-stream; transfer-syntax=*"]
TAKEN += ["application/dicom+json, application/json", "text/html, application/json;q=0.5", f"{XML};q=0.5, */*"]
TAKEN += ['application/dicom+json; charset="utf-8"', "APPLICATION/DICOM+JSON"]


@pytest.mark.parametrize("accept", TAKEN)
@pytest.mark.parametrize("path", ["/studies?limit=1", f"/studies/{T1}/series/{S1}/metadata"])
@contract("web 2.16", "web 5.2")
def test_json_is_what_most_callers_get(client, accept, path):
    reply = get(client, path, accept)
    assert (reply.status_code, reply.headers["Content-Type"]) == (200, "application/dicom+json")


@pytest.mark.parametrize(
    "accept", [XML, "multipart/related; type=application/dicom+xml", f"application/dicom+json;q=0.5, {XML}"]
)
@contract("web 2.16", "web 5.2")
def test_xml_is_sent_to_who_prefers_it(client, accept):
    assert get(client, "/studies", accept).headers["Content-Type"].startswith("multipart/related")


@pytest.mark.parametrize("accept", ["text/html", "image/jpeg", 'multipart/related; type="application/dicom"', "text/*"])
@pytest.mark.parametrize("path", ["/studies", f"/studies/{T1}/metadata"])
@contract("web 2.16", "web 2.17")
def test_other_types_are_not_acceptable(client, accept, path):
    assert get(client, path, accept).status_code == 406


@contract("web 5.2")
def test_query_parameter_wins_over_the_header(client):
    reply = get(client, "/studies?accept=application/dicom%2Bjson", "text/html")
    assert reply.headers["Content-Type"] == "application/dicom+json"


@contract("web 2.15", "web 2.16")
def test_no_results_are_no_parts(client):
    reply = get(client, "/studies?PatientID=nobody", XML)
    assert reply.status_code == 200
    assert documents(reply) == []


@contract("web 3.2")
def test_one_data_set_may_be_a_single_part(client):
    reply = get(client, f"/studies/{T1}/series/{S1}/instances/{A1}/metadata", "application/dicom+xml")
    assert reply.headers["Content-Type"] == "application/dicom+xml"
    assert json_of(reply.data)["00080018"]["Value"] == [A1]


@contract("web 4.1", "web 4.2", "web 3.1")
def test_metadata_are_everything_but_bulk_data(client):
    (found,) = get(client, f"/studies/{T1}/series/{S1}/instances/{A1}/metadata", None).get_json(force=True)
    assert list(found) == sorted(found)
    assert not [tag for tag in found if tag.endswith("0000")]
    assert found["00083002"] == {"vr": "UI", "Value": ["1.2.840.10008.1.2.1"]}
    address = f"http://localhost/dicom-web/studies/{T1}/series/{S1}/instances/{A1}/bulkdata/7FE00010"
    assert found["7FE00010"] == {"vr": "OW", "BulkDataURI": address}
    assert found["00400275"]["Value"][0]["00401001"]["Value"] == ["RP1"]
    assert found["00091001"]["Value"] == ["mine"]


@contract("web 10.2")
def test_metadata_have_what_viewers_need(client):
    needed = (
        "00080016 00080018 00080060 0020000D 0020000E 00200011 00200013 00200032 00200037 00200052 00280002 00280004"
    )
    needed += " 00280010 00280011 00280030 00280100 00280101 00280102 00280103 00281052 00281053"
    for found in get(client, f"/studies/{T1}/series/{S1}/metadata", None).get_json(force=True):
        assert set(needed.split()) <= found.keys()


@pytest.mark.parametrize(
    "path",
    [
        "/studies/1.2.3/metadata",
        f"/studies/{T1}/series/1.2.3/metadata",
        f"/studies/{uid('t2')}/series/{S1}/metadata",
        f"/studies/{T1}/series/{uid('s1r')}/instances/{A1}/metadata",
        f"/studies/{uid('t2')}/series/{S1}/instances/{A1}/metadata",
        "/studies/no-uid/metadata",
        "/studies/1.2%00/metadata",
        "/studies/../metadata",
        "/studies/" + "1" * 5000 + "/metadata",
    ],
)
@contract("web 4.3")
def test_metadata_of_what_is_not_there(client, path):
    assert get(client, path, None).status_code in (400, 404)


@contract("web 4.2")
def test_bulk_data_address_is_reached_from_outside(client):
    path = f"/dicom-web/studies/{T1}/series/{S1}/instances/{A1}/metadata"
    token = client.application.extensions["pacs_users"].create_token("admin")  # nobody is local through a proxy
    for headers, root in (
        ({"X-Forwarded-Proto": "https", "X-Forwarded-Host": "archive.example"}, "https://archive.example"),
        ({"X-Forwarded-Prefix": "/pacs"}, "http://localhost/pacs"),
    ):
        (found,) = client.get(path, headers=headers | {"Authorization": f"Bearer {token}"}).get_json(force=True)
        assert found["7FE00010"]["BulkDataURI"].startswith(f"{root}/dicom-web/studies/")


@contract("web 4.4", "web 9.2")
def test_metadata_are_validated_by_their_tag(client):
    path = f"/dicom-web/studies/{T1}/metadata"
    first = client.get(path)
    again = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    other = client.get(path, headers={"If-None-Match": first.headers["ETag"], "Accept": XML})
    assert other.status_code == 200
