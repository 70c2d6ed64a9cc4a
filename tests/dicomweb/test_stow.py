"""STOW-RS: every part is accounted for, success is durable, and nothing of the sender's is in an address."""

import errno
import io
import json
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from pacs.dicom.native_xml_reader import json_of
from pacs.dicomweb import stow
from pacs.model import Role
from tests.builders import CT, ct_bytes, uid
from tests.dicomweb.conftest import Web
from tests.dicomweb.test_multipart import body
from tests.installation import inbox_id, work
from tests.wire.contract import contract

MULTIPART = 'multipart/related; type="application/dicom"; boundary={}'


def post(web: Web, *parts: bytes, path: str = "/studies", headers: dict[str, str] | None = None, kind: str = MULTIPART):
    return web.client.post(
        f"/dicom-web{path}",
        data=body(list(parts)),
        content_type=kind.format("b-1"),
        headers=web.admin if headers is None else headers,
    )


@contract("web 8.2", "web 8.3")
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


@contract("web 8.3")
def test_addresses_are_right_where_the_profile_retains_uids(empty: Web):
    empty.app.registry.set_collection("inbox", {"profile": "retain-all-allowed"})
    answer = post(empty, ct_bytes(sop="i1")).get_json(force=True)
    assert work(empty.app)["published"] == 1
    (item,) = answer["00081199"]["Value"]
    address = item["00081190"]["Value"][0].removeprefix("http://localhost")
    assert address.endswith(uid("i1"))
    assert empty.client.get(address).status_code == 200


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


@contract("web 8.2", "web 8.3", "web 8.4")
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


@contract("web 8.2")
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
        (b"x", ";;;", 415),
    ],
)
def test_malformed_requests_are_refused(empty: Web, data, kind, status):
    kind = kind.format("b-1") if kind else None
    reply = empty.client.post("/dicom-web/studies", data=data, content_type=kind, headers=empty.admin)
    assert reply.status_code == status


@contract("web 8.3")
def test_body_that_breaks_off_keeps_what_came_before(empty: Web):
    raw = body([ct_bytes(sop="i1"), ct_bytes(sop="i2")])[:-700]
    reply = empty.client.post("/dicom-web/studies", data=raw, content_type=MULTIPART.format("b-1"), headers=empty.admin)
    assert reply.status_code == 202
    answer = reply.get_json(force=True)
    assert len(answer["00081199"]["Value"]) == 1
    assert [item["00081155"]["Value"] for item in answer["00081198"]["Value"]] == [[uid("i2")]]
    assert work(empty.app)["published"] == 1
    assert list(empty.app.archive.incoming.iterdir()) == []


@contract("web 8.4")
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


@contract("web 8.2", "web 8.4")
@pytest.mark.parametrize("sop_class", ["1.2.840.10008.1.1", "1.2.840.10008.1.3.10", "1.2.840.10008.5.1.4.1.2.2.1"])
def test_classes_that_are_not_of_storage_are_refused(empty: Web, sop_class):
    reply = post(empty, ct_bytes(SOPClassUID=sop_class))
    assert reply.status_code == 409
    (item,) = reply.get_json(force=True)["00081198"]["Value"]
    assert item["00081197"]["Value"] == [0x0122]


@contract("web 8.2")
@pytest.mark.parametrize("coding", ["gzip", "br", "x-unknown"])
def test_bodies_in_a_content_coding_are_unsupported(empty: Web, coding):
    assert post(empty, ct_bytes(), headers=empty.admin | {"Content-Encoding": coding}).status_code == 415
    assert post(empty, ct_bytes(), headers=empty.admin | {"Content-Encoding": "identity"}).status_code == 200


@contract("web 8.5")
def test_same_instance_again_is_harmless(empty: Web):
    assert [post(empty, ct_bytes()).status_code for _ in range(2)] == [200, 200]
    counts = work(empty.app)
    assert (counts["published"], counts["duplicate"]) == (1, 1)


@contract("web 9.5")
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


@contract("web 8.1")
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


@contract("web 8.4")
def test_disk_that_fills_up_is_told_with_the_uids_of_the_object(empty: Web, monkeypatch):
    def breaks_off(data: Iterable[bytes]) -> Callable[[Path], None]:
        def write(target: Path) -> None:
            target.write_bytes(b"".join(data)[:1500])
            raise OSError(errno.ENOSPC, "no space")

        return write

    monkeypatch.setattr(stow, "pieces_into", breaks_off)
    reply = post(empty, ct_bytes(sop="i1"), ct_bytes(sop="i2"))
    assert reply.status_code == 503
    failed = reply.get_json(force=True)["00081198"]["Value"]
    assert [item["00081197"]["Value"] for item in failed] == [[0xA700], [0xA700]]
    assert [item["00081155"]["Value"] for item in failed] == [[uid("i1")], [uid("i2")]]
    assert [item["00081150"]["Value"] for item in failed] == [[CT], [CT]]
    assert list(empty.app.archive.incoming.iterdir()) == []


# -- content types -----------------------------------------------------------------------------------------------------


@contract("web 8.1")
@pytest.mark.parametrize("boundary", ["b-1", "a'()+_,-./:=?z", "one two", "=_Part_1.2", "--dashes--", "x" * 70])
def test_boundary_characters_are_taken_in_quotes(empty: Web, boundary):
    raw = body([ct_bytes()], boundary, preamble=b"preamble\r\n", epilogue=b"\r\nepilogue")
    kind = f'multipart/related; type="application/dicom"; boundary="{boundary}"'
    reply = empty.client.post("/dicom-web/studies", data=raw, content_type=kind, headers=empty.admin)
    assert reply.status_code == 200, reply.data


@contract("web 8.1")
@pytest.mark.parametrize("boundary", ["a'()+_-./:?z", "=_Part_1", "-_-", "a=b"])
@pytest.mark.parametrize("kind", ["application/dicom", '"application/dicom"', "Application/DICOM"])
def test_boundary_and_type_may_stand_without_quotes(empty: Web, boundary, kind):
    raw = body([ct_bytes()], boundary)
    kind = f"Multipart/Related; Boundary={boundary}; Type={kind}"
    reply = empty.client.post("/dicom-web/studies", data=raw, content_type=kind, headers=empty.admin)
    assert reply.status_code == 200, reply.data


@contract("web 8.1")
@pytest.mark.parametrize(
    "head",
    [
        "",
        "Content-Type: application/dicom; transfer-syntax=1.2.840.10008.1.2.1; charset=utf-8\r\n",
        'content-type: application/dicom; transfer-syntax="1.2.840.10008.1.2.1"\r\nContent-Length: 1234\r\n',
        "Content-Location: http://archive/1\r\nContent-Type: application/dicom\r\nMIME-Version: 1.0\r\n",
        'Content-Disposition: form-data; name="stowrs"; filename="a.dcm"\r\nContent-Type:application/dicom\r\n',
        "Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n",
        "Content-Type: application/dicom;\r\n transfer-syntax=1.2.840.10008.1.2.1\r\n",
    ],
)
def test_part_headers_may_say_more(empty: Web, head):
    raw = f"--b-1\r\n{head}\r\n".encode() + ct_bytes() + b"\r\n--b-1--"
    reply = empty.client.post("/dicom-web/studies", data=raw, content_type=MULTIPART.format("b-1"), headers=empty.admin)
    assert reply.status_code == 200, reply.data


@contract("web 8.2", "web 8.3")
@pytest.mark.parametrize("kind", ["text/plain", "application/dicom+json", "image/jpeg", "nonsense", '"', "a/b, c/d"])
def test_parts_of_other_types_are_told(empty: Web, kind):
    good = b"--b-1\r\n\r\n" + ct_bytes() + b"\r\n"
    other = f"--b-1\r\nContent-Type: {kind}\r\n\r\nx\r\n".encode()
    for raw, status in ((good + other, 202), (other + good, 202), (other, 409)):
        reply = empty.client.post(
            "/dicom-web/studies", data=raw + b"--b-1--", content_type=MULTIPART.format("b-1"), headers=empty.admin
        )
        assert reply.status_code == status
        assert len(reply.get_json(force=True)["00081198"]["Value"]) == 1


@contract("web 8.2")
@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "multipart/form-data; boundary=b-1",
        "application/json",
        "multipart/mixed; boundary=b-1",
        "image/jpeg",
        'multipart/related; type="image/jpeg"; boundary=b-1',
    ],
)
def test_other_content_types_are_unsupported(empty: Web, kind):
    raw = body([ct_bytes()])
    reply = empty.client.post("/dicom-web/studies", data=raw, content_type=kind, headers=empty.admin)
    assert reply.status_code == 415


@contract("web 8.2")
@pytest.mark.parametrize("boundary", ["", '""', "x" * 300, "other"])
def test_wrong_boundaries_are_malformed(empty: Web, boundary):
    kind = f"multipart/related; type=application/dicom; boundary={boundary}"
    reply = empty.client.post("/dicom-web/studies", data=body([ct_bytes()]), content_type=kind, headers=empty.admin)
    assert reply.status_code == 400


@contract("web 8.3")
def test_thousand_tiny_parts_are_all_told(empty: Web):
    reply = post(empty, *[b"x"] * 1000)
    assert reply.status_code == 409
    assert len(reply.get_json(force=True)["00081198"]["Value"]) == 1000
    assert list(empty.app.archive.incoming.iterdir()) == []


# -- answers -----------------------------------------------------------------------------------------------------------


@contract("web 8.3")
@pytest.mark.parametrize(
    ("accept", "query", "kind"),
    [
        ("", "", "application/dicom+json"),
        ("*/*", "", "application/dicom+json"),
        ("application/json", "", "application/dicom+json"),
        ("application/dicom+xml", "", "application/dicom+xml"),
        ("application/xml", "", "application/dicom+xml"),
        ("application/dicom+json;q=0.5, application/dicom+xml", "", "application/dicom+xml"),
        ("application/dicom+json", "?accept=application/dicom%2Bxml", "application/dicom+xml"),
    ],
)
def test_answer_is_json_or_xml(empty: Web, accept, query, kind):
    reply = post(empty, ct_bytes(), b"garbage", path=f"/studies{query}", headers=empty.admin | {"Accept": accept})
    assert (reply.status_code, reply.mimetype) == (202, kind)
    found = json_of(reply.data) if kind.endswith("xml") else reply.get_json(force=True)
    assert found["00081199"]["Value"][0]["00081155"]["Value"] == [uid("i1")]
    assert found["00081198"]["Value"][0]["00081197"]["Value"] == [0xC000]


@contract("web 8.2")
@pytest.mark.parametrize("accept", ["text/html", "image/jpeg", "application/dicom", "*/*;q=0"])
def test_answer_that_nobody_takes_stores_nothing(empty: Web, accept):
    reply = post(empty, ct_bytes(), headers=empty.admin | {"Accept": accept})
    assert reply.status_code == 406
    assert work(empty.app)["published"] == 0


JAVA = "text/html, image/gif, image/jpeg, */*; q=0.2"
OLD_JAVA = "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"


@contract("web 8.2", "web 10.3")
@pytest.mark.parametrize("accept", [JAVA, OLD_JAVA])
@pytest.mark.parametrize("boundary", ["-b-1", "_b-1", "b-1"])
def test_ctp_is_told_success_or_failure_only(empty: Web, accept, boundary):
    kind = f"multipart/related; type=application/dicom; boundary={boundary}"
    headers = empty.admin | {"Accept": accept}

    def sent(*parts: bytes) -> int:
        raw = body(list(parts), boundary)
        reply = empty.client.post("/dicom-web/studies", data=raw, content_type=kind, headers=headers)
        return reply.status_code

    assert [sent(ct_bytes()), sent(ct_bytes()), sent(b"garbage"), sent(ct_bytes(), b"garbage")] == [200, 200, 409, 409]


def test_senders_may_be_kept_from_new_uids(empty: Web):
    empty.app.registry.set_collection("inbox", {"tell_senders": "no"})
    headers = empty.user("sam", Role.SUBMITTER, inbox_id(empty.app))
    reply = post(empty, ct_bytes(), headers=headers)
    assert reply.status_code == 200
    answer = reply.get_json(force=True)
    assert sorted(answer) == ["00081199"]
    assert sorted(answer["00081199"]["Value"][0]) == ["00081150", "00081155"]
    work(empty.app)
    path = reply.headers["Location"].removeprefix("http://localhost")
    (row,) = empty.client.get(path, headers=headers).get_json()["objects"]
    assert sorted(row) == ["collection", "intake_id", "reason", "state"]
    (row,) = empty.client.get(path, headers=empty.admin).get_json()["objects"]
    assert row["sop_uid"].startswith("2.25.")


def test_submission_lists_states_for_its_sender_and_curators(empty: Web):
    mine = inbox_id(empty.app)
    sam, tom = (empty.user(name, Role.SUBMITTER, mine) for name in ("sam", "tom"))
    carla, rita = empty.user("carla", Role.CURATOR, mine), empty.user("rita", Role.RESEARCHER, mine)
    reply = post(empty, ct_bytes(sop="i1"), ct_bytes(sop="i2"), b"garbage", headers=sam)
    address = reply.headers["Location"]
    assert re.fullmatch(r"http://localhost/dicom-web/submissions/w-[0-9a-f]{24}", address)
    path = address.removeprefix("http://localhost")
    assert empty.client.get(path, headers=sam).get_json()["states"] == {"waiting": 2}
    work(empty.app)
    for headers in (sam, carla, empty.admin):
        found = empty.client.get(path, headers=headers).get_json()
        assert found["states"] == {"published": 2}
        address = f"/dicom-web/studies/{found['objects'][0]['study_uid']}"
        assert empty.client.get(address, headers=empty.admin).status_code == 200
        assert not any(uid(name) in json.dumps(found) for name in ("i1", "i2", "s1", "t1"))
    absent = empty.client.get("/dicom-web/submissions/w-" + "0" * 24, headers=sam)
    for headers in (tom, rita, {}):
        reply = empty.client.get(path, headers=headers)
        assert (reply.status_code, reply.data) == (404, absent.data)


def test_no_original_uid_stands_in_logs(empty: Web, caplog):
    with caplog.at_level("INFO"):
        post(empty, ct_bytes(), ct_bytes(sop="i2")[:-50], b"garbage", path=f"/studies/{uid('t1')}")
        post(empty, ct_bytes(study="other"), path=f"/studies/{uid('t1')}")
    written = " ".join(str(record.__dict__) for record in caplog.records)
    assert not any(uid(name) in written for name in ("i1", "i2", "s1", "t1", "other"))


def test_interrupted_bodies_leave_no_file_and_no_descriptor(empty: Web):
    whole = body([ct_bytes(), ct_bytes(sop="i2")])
    kind = MULTIPART.format("b-1")
    before = len(os.listdir("/proc/self/fd"))
    for cut in range(10, len(whole), 97):
        reply = empty.client.post("/dicom-web/studies", data=whole[:-cut], content_type=kind, headers=empty.admin)
        assert reply.status_code in (202, 400, 409)
    assert len(os.listdir("/proc/self/fd")) <= before + 4  # what the first request opens for good
    assert list(empty.app.archive.incoming.iterdir()) == []
