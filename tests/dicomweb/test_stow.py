"""STOW-RS: every part is accounted for, success is durable, and nothing of the sender's is in an address."""

import io

import pytest

from pacs.model import Role
from tests.builders import CT, ct_bytes, uid
from tests.dicomweb.conftest import Web
from tests.dicomweb.test_multipart import body
from tests.installation import inbox_id, work

MULTIPART = 'multipart/related; type="application/dicom"; boundary={}'


def post(web: Web, *parts: bytes, path: str = "/studies", headers: dict[str, str] | None = None, kind: str = MULTIPART):
    return web.client.post(
        f"/dicom-web{path}",
        data=body(list(parts)),
        content_type=kind.format("b-1"),
        headers=web.admin if headers is None else headers,
    )


def test_stored_objects_are_published(empty: Web):
    reply = post(empty, ct_bytes(sop="i1"), ct_bytes(sop="i2"))
    assert reply.status_code == 200
    answer = reply.get_json(force=True)
    items = answer["00081199"]["Value"]
    assert [item["00081155"]["Value"][0] for item in items] == [uid("i1"), uid("i2")]
    assert [item["00081150"]["Value"][0] for item in items] == [CT, CT]
    assert "00081198" not in answer
    assert work(empty.app)["published"] == 2
    for item in items:
        address = item["00081190"]["Value"][0]
        assert empty.client.get(address.removeprefix("http://localhost")).status_code == 200
    assert empty.client.get(answer["00081190"]["Value"][0].removeprefix("http://localhost")).status_code == 200
    for address in [answer["00081190"], *(item["00081190"] for item in items)]:
        assert not any(uid(name) in address["Value"][0] for name in ("i1", "i2", "s1", "t1"))


@pytest.mark.parametrize(
    "kind", ["application/dicom", MULTIPART, MULTIPART.replace('"', ""), 'multipart/related; boundary="{}"']
)
def test_takes_all_lawful_content_types(empty: Web, kind):
    if kind == "application/dicom":
        reply = empty.client.post("/dicom-web/studies", data=ct_bytes(), content_type=kind, headers=empty.admin)
    else:
        reply = post(empty, ct_bytes(), kind=kind)
    assert reply.status_code == 200
    assert work(empty.app)["published"] == 1


def test_failed_parts_are_named(empty: Web):
    whole = ct_bytes(sop="i2")
    reply = post(empty, ct_bytes(sop="i1"), whole[:-50], b"garbage", b"")
    assert reply.status_code == 202
    answer = reply.get_json(force=True)
    assert len(answer["00081199"]["Value"]) == 1
    failed = answer["00081198"]["Value"]
    assert [item["00081197"]["Value"][0] for item in failed] == [0xC000] * 3
    assert failed[0]["00081155"]["Value"] == [uid("i2")]
    assert failed[1]["00081155"] == {"vr": "UI"}
    assert list(empty.app.archive.incoming.iterdir()) == []


def test_nothing_stored_is_a_conflict(empty: Web):
    reply = post(empty, b"garbage")
    assert reply.status_code == 409
    assert len(reply.get_json(force=True)["00081198"]["Value"]) == 1


@pytest.mark.parametrize(
    ("data", "kind", "status"),
    [
        (b"", MULTIPART, 400),
        (b"", "application/dicom", 400),
        (b"no delimiter", MULTIPART, 400),
        (body([]), MULTIPART, 400),
        (body([b"x"]), 'multipart/related; type="application/dicom"', 400),
        (body([b"x"]), "text/plain", 415),
        (body([b"x"]), 'multipart/related; type="text/plain"; boundary=b-1', 415),
        (b"x", None, 415),
    ],
)
def test_malformed_requests_are_refused(empty: Web, data, kind, status):
    kind = kind.format("b-1") if kind else None
    reply = empty.client.post("/dicom-web/studies", data=data, content_type=kind, headers=empty.admin)
    assert reply.status_code == status


def test_body_that_breaks_off_keeps_what_came_before(empty: Web):
    raw = body([ct_bytes(sop="i1"), ct_bytes(sop="i2")])[:-700]
    reply = empty.client.post("/dicom-web/studies", data=raw, content_type=MULTIPART.format("b-1"), headers=empty.admin)
    assert reply.status_code == 202
    answer = reply.get_json(force=True)
    assert (len(answer["00081199"]["Value"]), len(answer["00081198"]["Value"])) == (1, 1)
    assert work(empty.app)["published"] == 1
    assert list(empty.app.archive.incoming.iterdir()) == []


def test_objects_of_another_study_are_refused(empty: Web):
    reply = post(empty, ct_bytes(sop="i1"), ct_bytes(sop="i2", study="other"), path=f"/studies/{uid('t1')}")
    assert reply.status_code == 202
    (failed,) = reply.get_json(force=True)["00081198"]["Value"]
    assert failed["00081197"]["Value"] == [43265]
    assert failed["00081155"]["Value"] == [uid("i2")]


def test_study_may_be_named_by_its_new_uid(empty: Web):
    first = post(empty, ct_bytes(sop="i1")).get_json(force=True)
    study = first["00081190"]["Value"][0].rpartition("/")[2]
    assert post(empty, ct_bytes(sop="i2"), path=f"/studies/{study}").status_code == 200


def test_same_instance_again_is_harmless(empty: Web):
    assert [post(empty, ct_bytes()).status_code for _ in range(2)] == [200, 200]
    counts = work(empty.app)
    assert (counts["published"], counts["duplicate"]) == (1, 1)


def test_storing_needs_a_token_even_locally(empty: Web):
    reply = post(empty, ct_bytes(), headers={})
    assert reply.status_code == 401
    assert "Bearer" in reply.headers["WWW-Authenticate"]
    wrong = post(empty, ct_bytes(), headers={"Authorization": "Bearer wrong"})
    assert wrong.status_code == 401
    assert work(empty.app)["published"] == 0


@pytest.mark.parametrize(("role", "status"), [(Role.RESEARCHER, 403), (Role.SUBMITTER, 200), (Role.CURATOR, 200)])
def test_storing_needs_the_right_role(empty: Web, role, status):
    headers = empty.user("someone", role, inbox_id(empty.app))
    assert post(empty, ct_bytes(), headers=headers).status_code == status
    assert post(empty, ct_bytes(), headers=headers, path="/studies?collection=elsewhere").status_code == 404


def test_chunked_body_is_taken(empty: Web):
    raw = body([ct_bytes()])
    reply = empty.client.post(
        "/dicom-web/studies",
        input_stream=io.BytesIO(raw),
        content_type=MULTIPART.format("b-1"),
        headers=empty.admin | {"Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert reply.status_code == 200


def test_low_disk_is_told_before_bytes_are_taken(empty: Web, monkeypatch):
    from pacs.errors import OutOfResources

    def full() -> None:
        raise OutOfResources("the disk is below its low-water mark")

    monkeypatch.setattr(empty.app.archive.parts.spool, "check_room", full)
    assert post(empty, ct_bytes()).status_code == 503
