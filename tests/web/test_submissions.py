"""Submissions: the sum agrees, each sees their own, and nothing identifies."""

import base64
import csv
import hashlib
import io

import pytest
from flask.testing import FlaskClient

from pacs.curation.mapping import add_mapping
from pacs.model import Grant, Level, Principal, PrincipalKind, Role
from pacs.query import Query
from tests.builders import ct_bytes, uid
from tests.installation import inbox_id, send, work
from tests.web.people import user

Headers = dict[str, str]
EVERYTHING = Principal(PrincipalKind.USER, "ann", (Grant(Role.ADMIN),))


def store(client: FlaskClient, content: bytes, headers: Headers, **more: str) -> str:
    reply = client.post("/dicom-web/studies", data=content, content_type="application/dicom", headers=headers | more)
    assert reply.status_code == 200, reply.data
    return str(reply.headers["Location"]).rpartition("/")[2]


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def said_md5(content: bytes) -> dict[str, str]:
    return {"Content-MD5": base64.b64encode(hashlib.md5(content).digest()).decode()}


def find(client: FlaskClient, headers: Headers, identifier: str):
    return client.post("/api/reconciliation", json={"uid": identifier}, headers=headers)


def test_received_is_sum_of_what_became(app, client):
    sam = user(app, "sam")
    store(client, ct_bytes(sop="i1"), sam)
    store(client, ct_bytes(sop="i1"), sam)
    store(client, ct_bytes(sop="i2", EncapsulatedDocument=b"%PDF"), sam)
    work(app)
    store(client, ct_bytes(sop="i3"), sam)
    found = client.get("/api/submissions", headers=sam).get_json()
    states = {name: count for name, count in found["states"].items() if count}
    assert states == {"published": 1, "duplicate": 1, "waiting": 1, "quarantined": 1}
    assert found["received"] == 4
    assert found["sentence"] == "4 received = 1 published + 1 duplicate + 1 waiting for a worker + 1 quarantined"
    assert [day["received"] for day in found["days"]] == [4]
    (reason,) = found["reasons"]
    assert "encapsulated document" in reason["why"]
    assert reason["what_to_do"].startswith("Leave documents out")
    assert found["backlog"]["objects"] == 1
    assert found["backlog"]["seconds"] is not None
    (row,) = csv.DictReader(io.StringIO(client.get("/api/submissions.csv", headers=sam).text))
    assert (row["collection"], row["sender"], row["received"], row["held"]) == ("inbox", "sam", "4", "0")


def test_sum_of_a_study_comes_as_csv_too(app, client):
    sam, tom = user(app, "sam"), user(app, "tom")
    for content in (ct_bytes(sop="i1"), ct_bytes(sop="i1"), ct_bytes(sop="i2", EncapsulatedDocument=b"%PDF")):
        store(client, content, sam)
    work(app)
    asked = {"json": {"uid": uid("t1")}, "headers": sam | {"Accept": "text/csv"}}
    for reply in (
        client.post("/api/reconciliation", **asked),
        client.post("/submissions", data={"uid": uid("t1"), "as": "csv"}, headers=sam),
    ):
        assert reply.mimetype == "text/csv"
        rows = list(csv.DictReader(io.StringIO(reply.text)))
        assert [(row["state"], row["count"]) for row in rows] == [
            ("published", "1"),
            ("duplicate", "1"),
            ("quarantined", "1"),
        ]
        assert "encapsulated document" in rows[2]["why"]
    assert client.post("/api/reconciliation", **asked | {"headers": tom}).status_code == 404


def test_submissions_count_for_the_site_of_their_user(app, client):
    """The site is for people: the patient has the same new id, whoever sends."""
    sam, tom, cara = user(app, "sam"), user(app, "tom"), user(app, "cara", Role.CURATOR)
    app.users.add("sam", Role.SUBMITTER, inbox_id(app), "St. Elsewhere")
    store(client, ct_bytes(sop="i1"), sam)
    store(client, ct_bytes(sop="i2"), tom)
    for _ in range(2):
        found = client.get("/api/submissions", headers=cara).get_json()["senders"]
        assert {(each["sender"], each["site"], each["received"]) for each in found} == {
            ("sam", "St. Elsewhere", 1), ("tom", "", 1),
        }  # fmt: skip
        work(app)
    assert client.get("/api/submissions?site=St.%20Elsewhere", headers=cara).get_json()["received"] == 1
    assert client.get("/api/submissions", headers=sam).get_json()["received"] == 1
    assert len(list(app.archive.find(Query(Level.PATIENT), EVERYTHING))) == 1


def test_backlog_of_others_is_not_told(app, client):
    sam, tom, cara = user(app, "sam"), user(app, "tom"), user(app, "cara", Role.CURATOR)
    store(client, ct_bytes(sop="i1"), sam)
    for headers, count in ((sam, 1), (tom, 0), (cara, 1)):
        found = client.get("/api/submissions", headers=headers).get_json()
        assert (found["backlog"]["objects"], found["received"]) == (count, count)


def test_waiting_for_mapping_is_told_and_goes_on(app, client):
    sam = user(app, "sam")
    app.registry.set_collection("inbox", {"mapped": True})
    number = store(client, ct_bytes(), sam)
    work(app)
    found = client.get(f"/api/submissions/{number}", headers=sam).get_json()
    assert found["sentence"] == "1 received = 1 waiting for mapping"
    assert "row" in found["reasons"][0]["what_to_do"]
    assert client.get("/api/submissions", headers=sam).get_json()["states"]["waiting_for_mapping"] == 1
    collection = app.registry.snapshot().collection_named("inbox")
    add_mapping(app.archive, collection, "from_patient_id,to_patient_id\nID-P1-4711,S-1\n", "test")
    work(app)
    assert client.get(f"/api/submissions/{number}", headers=sam).get_json()["states"]["published"] == 1


@pytest.mark.parametrize("name", ["t1", "i1"])
def test_original_and_new_uids_find_the_sum(app, client, name):
    sam, carla, tom = user(app, "sam"), user(app, "carla", Role.CURATOR), user(app, "tom")
    number = store(client, ct_bytes(), sam)
    store(client, ct_bytes(), sam)
    work(app)
    new = client.get(f"/dicom-web/submissions/{number}", headers=sam).get_json()["objects"][0]
    for headers in (sam, carla):
        for each in (uid(name), new["study_uid" if name == "t1" else "sop_uid"], new["intake_id"]):
            reply = find(client, headers, each)
            assert reply.get_json()["received"] == (1 if each == new["intake_id"] else 2), each
            assert each not in reply.text
    nothing = find(client, tom, "1.2.3")
    for headers, status in ((tom, 404), ({}, 404)):
        reply = find(client, headers, uid(name))
        assert (reply.status_code, reply.data) == (status, nothing.data)


def test_removed_objects_are_told_from_published(app, client):
    sam = user(app, "sam")
    number = store(client, ct_bytes(), sam)
    work(app)
    study = client.get(f"/dicom-web/submissions/{number}", headers=sam).get_json()["objects"][0]["study_uid"]
    admin = {"Authorization": f"Bearer {app.folders.admin_token.read_text()}"}
    assert client.delete(f"/dicom-web/studies/{study}", headers=admin).status_code == 204
    assert find(client, sam, uid("t1")).get_json()["sentence"] == "1 received = 1 removed"


def test_everybody_sees_their_own_and_curators_their_collections(app, client):
    sam, tom, carla = user(app, "sam"), user(app, "tom"), user(app, "carla", Role.CURATOR)
    store(client, ct_bytes(sop="i1"), sam)
    store(client, ct_bytes(sop="i2"), tom)
    send(app, ct_bytes(sop="i3"))  # of the AE title SENDER
    app.users.add("SENDER", Role.SUBMITTER, inbox_id(app))  # a user of that name is somebody else
    sender = {"Authorization": f"Bearer {app.users.create_token('SENDER')}"}
    admin = {"Authorization": f"Bearer {app.folders.admin_token.read_text()}"}
    for worked in (False, True):
        for headers, senders in ((sam, ["sam"]), (tom, ["tom"]), (sender, []), (carla, 3), (admin, 3)):
            address = "/api/submissions?days=3660"
            found = [each["sender"] for each in client.get(address, headers=headers).get_json()["senders"]]
            assert (len(found) if senders == 3 else found) == senders, worked
        work(app)
    assert client.get("/api/submissions?sender=tom", headers=carla).get_json()["received"] == 1
    assert client.get("/api/submissions?sender=tom", headers=sam).get_json()["received"] == 0
    assert client.get("/api/submissions").status_code == 401


def test_submission_of_others_looks_absent(app, client):
    sam, tom = user(app, "sam"), user(app, "tom")
    number = store(client, ct_bytes(), sam)
    for address in ("/api/submissions/{}", "/api/submissions/{}.csv", "/submissions/{}"):
        absent = client.get(address.format("w-" + "0" * 24), headers=tom)
        found = client.get(address.format(number), headers=tom)
        assert (found.status_code, found.data) == (absent.status_code, absent.data) == (404, absent.data)
        assert client.get(address.format(number), headers=sam).status_code == 200


def test_digests_tell_what_was_sent_already(app, client):
    sam, tom = user(app, "sam"), user(app, "tom")
    first, second, third = (ct_bytes(sop=name) for name in ("i1", "i2", "i3"))
    store(client, first, sam, **said_md5(first))
    work(app)
    store(client, second, sam, **said_md5(second))
    store(client, third, tom, **said_md5(third))
    asked = {"collection": "inbox", "md5": [md5(first), md5(second), md5(third), "0" * 32]}
    answer = client.post("/api/known-files", json=asked, headers=sam).get_json()
    assert answer == {"states": ["published", "waiting", None, None]}
    assert client.post("/api/known-files", json=asked).status_code == 401
    too_many = {"collection": "inbox", "md5": ["0" * 32] * 1001}
    refused: tuple[object, ...] = ({}, [], {"collection": "inbox", "md5": ["x"]}, too_many)
    for wrong in refused:
        assert client.post("/api/known-files", json=wrong, headers=sam).status_code == 400


def test_body_that_differs_from_its_digest_is_refused(app, client):
    sam = user(app, "sam")
    for value in (said_md5(b"other")["Content-MD5"], "no base64", "AAAA"):
        reply = client.post(
            "/dicom-web/studies",
            data=ct_bytes(),
            content_type="application/dicom",
            headers=sam | {"Content-MD5": value},
        )
        assert reply.status_code == 400
    assert client.get("/api/submissions", headers=sam).get_json()["received"] == 0


def test_page_shows_sums_and_nothing_identified(app, client):
    sam = user(app, "sam")
    number = store(client, ct_bytes(EncapsulatedDocument=b"%PDF"), sam)
    work(app)
    texts = [client.get(each, headers=sam).text for each in ("/submissions", f"/submissions/{number}")]
    texts.append(client.post("/submissions", data={"uid": uid("t1")}, headers=sam).text)
    for text in texts:
        assert "1 received = 1 quarantined" in text
        assert "Leave documents out" in text
        assert not any(each in text for each in ("Quixotic", "4711", uid("t1"), uid("i1"), "style="))
    missed = client.post("/submissions", data={"uid": "1.2.3"}, headers=sam)
    assert "Nothing of that name" in missed.text
    assert "1.2.3" not in missed.text
    for address in ("/submissions", "/upload", f"/submissions/{number}"):
        assert client.get(address).headers["Location"].startswith("/login?next=%2F")


def test_names_are_no_formulas_in_csv(app, client):
    app.registry.set_collection("inbox", {"site": "=1+1"})
    sam = user(app, "sam")
    store(client, ct_bytes(), sam)
    assert ",'=1+1,sam," in client.get("/api/submissions.csv", headers=sam).text


@pytest.mark.parametrize("query", ["days=0", "days=x", "days=99999", "days=1e3"])
def test_wrong_times_are_refused(app, client, query):
    assert client.get(f"/api/submissions?{query}", headers=user(app, "sam")).status_code == 400
