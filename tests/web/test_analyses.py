"""Reports of `pacs analyze` are handed in: for who did and for curators, and with nothing in them but counts."""

import io
import json
from typing import Any

import pytest

from pacs.curation import analyses
from pacs.deid import load_profile
from pacs.model import Role
from pacs.pipeline.analysis import analyse
from pacs.pipeline.analysis_report import MAX_BYTES
from tests.builders import ct_bytes, file_bytes, make_ct
from tests.web.people import user

API, PAGE = "/api/collections/inbox/analyses", "/analyses/inbox"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Of a folder with odd values in it."""
    folder = tmp_path_factory.mktemp("data")
    private = make_ct(sop="i2", Manufacturer="<b>Dr. Own</b>", Modality="QX", AccessionNumber="=1+1")
    private.private_block(0x0099, "OWN 4711", create=True).add_new(1, "LO", "Sancho")
    private.private_block(0x0019, "SIEMENS MR HEADER", create=True).add_new(0x0C, "IS", "1000")
    contents = (ct_bytes(sop="i1"), file_bytes(private), b"none", b"", ct_bytes(sop="i3")[:-60])
    for number, content in enumerate(contents):
        (folder / f"{number}").write_bytes(content)
    return analyse(sorted(folder.iterdir()), load_profile("tcia"), frozenset()).as_json()


def test_report_is_seen_by_who_handed_it_in_and_curators(app, client, report):
    sam, tom, cara = user(app, "sam"), user(app, "tom"), user(app, "cara", Role.CURATOR)
    reader = user(app, "reader", Role.RESEARCHER)
    made = client.post(API, json=report, headers=sam)
    assert (made.status_code, made.get_json()) == (201, {"id": 1})
    assert client.get(made.headers["Location"], headers=sam).get_json()["report"] == report
    for headers, count in ((sam, 1), (tom, 0), (cara, 1)):
        assert len(client.get(API, headers=headers).get_json()) == count
        assert client.get(f"{PAGE}/1", headers=headers).status_code == (200 if count else 404)
        assert client.get(f"{API}/1", headers=headers).status_code == (200 if count else 404)
        assert (f"{PAGE}/1" in client.get("/submissions", headers=headers).text) == bool(count)
    for address in (API, PAGE, f"{PAGE}/1", f"{API}/1"):
        assert client.get(address, headers=reader).status_code == 404
        assert client.get(address.replace("inbox", "nowhere"), headers=cara).status_code == 404
    assert client.post(API, json=report, headers=reader).status_code == 404


def test_form_takes_a_report_and_shows_it(app, client, report):
    sam = user(app, "sam")
    assert "Hand in" in client.get(PAGE, headers=sam).text
    content = json.dumps(report).encode()
    done = client.post(PAGE, data={"report": (io.BytesIO(content), "report.json")}, headers=sam)
    assert done.status_code == 303
    page = client.get(done.headers["Location"], headers=sam).text
    assert "Handed in by sam" in page
    assert "?a?Aa. Aaa?/a?" in page
    for data in ({}, {"report": (io.BytesIO(b"<html>"), "x")}):
        assert client.post(PAGE, data=data, headers=sam).status_code == 400


def test_report_with_anything_else_is_refused(app, client, report):
    sam, secret = user(app, "sam"), "Quixote"
    changes: list[dict[str, Any]] = [
        {part: {secret: 1}}
        for part in (*(name for name, value in report.items() if isinstance(value, dict)), "problems", "missing_type_1")
    ]
    changes += [{"problems": {"same": secret}}, {secret: 1}, {"report": 2}, {"profile_version": secret}]
    changes += [{"private_creators": [{"creator": secret, "kept": 1, "removed": 0}]}, {"private_creators": [secret]}]
    changes += [{"private_creators": [{"creator": "AA", "kept": secret, "removed": 0}]}, {"private_creators": secret}]
    changes += [{"counts": report["counts"] | {"files": each}} for each in (-1, True, 1.5, secret, None, 1 << 60)]
    changes += [{"modalities": {f"A{'9' * number}": 1 for number in range(60)}}, {"patients_without_mapping": secret}]
    for change in changes:
        answer = client.post(API, json=report | change, headers=sam)
        assert answer.status_code == 400, change
        assert secret not in answer.text
    for body in (b"", b"{", b"[]", b"null", b"\xff", b'{"report": 1}'):
        assert client.post(API, data=body, content_type="application/json", headers=sam).status_code == 400
    assert client.post(API, data=b" " * (MAX_BYTES + 1), headers=sam).status_code == 413
    assert client.get(API, headers=sam).get_json() == []
    assert (
        client.post(API, json=report | {"transfer_syntaxes": {"1.2.840.10008.1.2.8.1": 1}}, headers=sam).status_code
        == 201
    )
    assert client.post(API, json=report | {"profile": secret}, headers=sam).status_code == 201
    assert secret not in client.get(f"{API}/2", headers=sam).text


def test_only_so_many_reports_of_one_user_stay(app, client, report, monkeypatch):
    monkeypatch.setattr(analyses, "MOST_KEPT", 2)
    sam, tom, cara = user(app, "sam"), user(app, "tom"), user(app, "cara", Role.CURATOR)
    for headers in (sam, tom, sam, sam):
        client.post(API, json=report, headers=headers)
    found = [(each["id"], each["by"]) for each in client.get(API, headers=cara).get_json()]
    assert found == [(4, "sam"), (3, "sam"), (2, "tom")]
