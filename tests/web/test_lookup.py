"""The editor of lookup tables, and the same for programs: for curators alone, and no key is ever shown."""

import pytest

from pacs.model import Role
from tests.installation import inbox_id

API, PAGE = "/api/collections/inbox/lookup", "/lookup/inbox"
KEY = "PID-0042"


def test_program_puts_a_table_and_adds_rows(client, curator):
    put = client.put(API, data=f"ptid/{KEY}=SUBJ-1\n", headers=curator, content_type="text/plain")
    assert put.get_json() == {"rows": 1, "resumed": 0}
    rows = [{"type": "shift", "key": KEY, "value": "-10"}]
    assert client.post(API, json=rows, headers=curator).get_json() == {"added": 1, "resumed": 0}
    more = client.post(API, data=f"{KEY}9,SUBJ-9\n", headers=curator, content_type="text/csv")
    assert more.get_json() == {"added": 1, "resumed": 0}
    shown = client.get(API, headers=curator)
    assert shown.get_json() == {"collection": "inbox", "rows": {"ptid": 2, "shift": 1}, "waiting": {}}


def test_bare_keys_are_of_the_type_that_the_script_looks_up(app, client, curator):
    profiles = app.folders.profiles
    profiles.mkdir(exist_ok=True)
    rule = '<e en="T" t="00100020" n="">@if(this,isblank){x}{@lookup(this,subject)}</e>'
    (profiles / "site.script").write_text(f"<script>{rule}</script>")
    app.registry.set_collection("inbox", {"profile": "site"})
    client.put(API, data=f"{KEY},SUBJ-1\nother/{KEY},2\n", headers=curator, content_type="text/csv")
    assert client.get(API, headers=curator).get_json()["rows"] == {"other": 1, "subject": 1}


@pytest.mark.parametrize(
    "body",
    [b"{}", b"[1]", b'[{"type": "a", "key": "x"}]', b"nope", b'[{"type": "a/b", "key": "x", "value": "y"}]', b"\xff"],
)
def test_body_that_is_no_table_is_refused(client, curator, body):
    answer = client.post(API, data=body, headers=curator, content_type="application/json")
    assert answer.status_code == 400


def test_other_value_for_a_known_key_is_a_conflict(client, curator):
    for value, status in (("SUBJ-1", 200), ("SUBJ-2", 409)):
        answer = client.post(API, data=f"{KEY},{value}\n", headers=curator, content_type="text/csv")
        assert answer.status_code == status
    assert KEY not in answer.text


def test_only_curators_learn_that_there_is_a_table(app, client):
    app.users.add("rita", Role.RESEARCHER, inbox_id(app))
    app.users.add("sam", Role.SUBMITTER, inbox_id(app))
    statuses = {}
    for name in ("rita", "sam"):
        token = {"Authorization": f"Bearer {app.users.create_token(name)}"}
        statuses[name] = [client.get(each, headers=token).status_code for each in (API, PAGE)]
    away = {"REMOTE_ADDR": "192.0.2.1"}
    statuses["nobody"] = [client.get(each, environ_overrides=away).status_code for each in (API, PAGE)]
    absent = [client.get(each.replace("inbox", "none"), headers=token).status_code for each in (API, PAGE)]
    assert statuses == {"rita": [403, 403], "sam": [404, 404], "nobody": [404, 404]}
    assert absent == [404, 404]


def test_editor_takes_a_row_and_shows_counts_alone(client, curator):
    row = {"type": "ptid", "key": KEY, "value": "SUBJ-1"}
    done = client.post(PAGE, data=row, headers=curator)
    assert (done.status_code, done.headers["Location"]) == (303, "/lookup/inbox?added=1")
    page = client.get(done.headers["Location"], headers=curator)
    assert "The row was added" in page.text
    assert "<td>ptid" in page.text
    assert KEY not in page.text
    assert page.headers["Cache-Control"] == "no-store"
    wrong = client.post(PAGE, data=row | {"value": "SUBJ-2"}, headers=curator)
    assert wrong.status_code == 400
    assert "another value" in wrong.text
    assert KEY not in wrong.text


def test_form_of_another_site_is_refused(client, curator):
    foreign = curator | {"Sec-Fetch-Site": "cross-site"}
    assert client.post(PAGE, data={"type": "a", "key": "b", "value": "c"}, headers=foreign).status_code == 403
