"""DELETE by curators, the trash by HTTP and by command, and what is not part of this server."""

import json
import os
import re

import pytest
from click.testing import CliRunner

from pacs.cli.main import pacs as cli
from pacs.curation.doctor import examine
from pacs.curation.status import receipt_facts, trace
from pacs.db.connection import execute
from pacs.errors import NotFound
from pacs.model import InstanceKey, Role
from pacs.pipeline.housekeeping import let_go
from pacs.wsgi import create_app
from tests.builders import ct_bytes, uid
from tests.dicomweb.conftest import Web, filled, uids
from tests.dicomweb.test_multipart import body
from tests.installation import inbox_id, installed, send_ct, work
from tests.wire.contract import contract


def removed(web: Web, path: str, headers: dict[str, str] | None = None) -> str:
    """Remove something; the path of its entry in the trash."""
    reply = web.client.delete(f"/dicom-web{path}", headers=web.admin if headers is None else headers)
    assert (reply.status_code, reply.data) == (204, b"")
    return reply.headers["Location"].removeprefix("http://localhost")


@contract("web 1.3")
@pytest.mark.parametrize("level", [1, 2, 3])
def test_removed_is_as_if_it_had_never_been(web: Web, level):
    study, series, sop = uids(web)
    path = f"/studies/{study}" + f"/series/{series}" * (level > 1) + f"/instances/{sop}" * (level > 2)
    before = [web.json(each) for each in ("/studies", "/series", "/instances")]
    entry = removed(web, path)
    absent = web.client.get(f"/dicom-web/studies/{study}/series/{series}/instances/1.2.3", headers=web.admin)
    for each in ("", "/metadata", "/rendered", "/thumbnail"):
        reply = web.client.get(f"/dicom-web{path}{each}", headers=web.admin)
        assert (reply.status_code, reply.data) == (404, absent.data)
    assert web.client.delete(f"/dicom-web{path}", headers=web.admin).status_code == 404
    assert len(web.json("/instances")) == len(before[2]) - {1: 3, 2: 2, 3: 1}[level]
    reply = web.client.post(f"{entry}/restore", headers=web.admin)
    assert reply.get_json() == {"restored": {1: 3, 2: 2, 3: 1}[level]}
    assert [web.json(each) for each in ("/studies", "/series", "/instances")] == before
    assert web.client.get(f"/dicom-web{path}", headers=web.admin).status_code == 200
    actions = [row[0] for row in execute(web.app.archive.parts.database, "SELECT action FROM audit_event").fetchall()]
    assert actions[-2:] == ["remove", "restore"]


@contract("web 1.3")
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_removal_is_the_same_on_postgresql(tmp_path, database_url):
    with installed(tmp_path, storage_database=database_url) as app:
        admin = {"Authorization": f"Bearer {app.folders.admin_token.read_text()}"}
        web = filled(Web(app, create_app(app).test_client(), admin))
        for level in (1, 2, 3):
            test_removed_is_as_if_it_had_never_been(web, level)
        study, _, _ = uids(web)
        files = len(list(app.folders.blobs.rglob("*.dcm")))
        entry = removed(web, f"/studies/{study}")
        assert web.client.delete(entry, headers=web.admin).status_code == 204
        assert web.client.post(f"{entry}/restore", headers=web.admin).status_code == 404
        assert len(list(app.folders.blobs.rglob("*.dcm"))) == files - 3
        assert list(examine(app.archive, 0.0)) == []


def test_removed_objects_are_told_as_such(empty: Web):
    files = [ct_bytes(sop="i1"), ct_bytes(sop="i2")]
    kind = 'multipart/related; type="application/dicom"; boundary=b-1'
    sent = empty.client.post("/dicom-web/studies", data=body(files), content_type=kind, headers=empty.admin)
    work(empty.app)
    address = sent.get_json(force=True)["00081199"]["Value"][0]["00081190"]["Value"][0]
    entry = removed(empty, address.removeprefix("http://localhost/dicom-web"))

    def told() -> tuple[dict, list[bool]]:
        states = empty.client.get(sent.headers["Location"], headers=empty.admin).get_json()["states"]
        facts = receipt_facts(empty.app.archive, trace(empty.app.archive, uid("t1")))
        return states, sorted(bool(row["removed"]) for row in facts)

    assert told() == ({"published": 1, "removed": 1}, [False, True])
    assert empty.client.post(f"{entry}/restore", headers=empty.admin).get_json() == {"restored": 1}
    assert told() == ({"published": 2}, [False, False])
    removed(empty, address.removeprefix("http://localhost/dicom-web"))
    outcome = CliRunner().invoke(cli, ["status", "--data", str(empty.app.folders.data)])
    assert re.search(r"published +2\n(.*\n)*removed since +1\n", outcome.output)


@contract("web 9.5")
def test_only_curators_of_the_collection_remove(web: Web):
    study, _, _ = uids(web)
    path, mine = f"/dicom-web/studies/{study}", inbox_id(web.app)
    assert web.client.delete(path).status_code == 401  # `local` sees it
    researcher, submitter = web.user("rita", Role.RESEARCHER, mine), web.user("sam", Role.SUBMITTER, mine)
    assert web.client.delete(path, headers=researcher).status_code == 403
    hidden = web.client.delete(path, headers=submitter)
    assert hidden.status_code == 404
    assert hidden.data == web.client.delete("/dicom-web/studies/1.2.3", headers=submitter).data
    entry = removed(web, f"/studies/{study}", web.user("carla", Role.CURATOR, mine))
    for headers in (researcher, submitter):
        assert web.client.get("/dicom-web/trash", headers=headers).get_json() == []
        unknown = web.client.get("/dicom-web/trash/999", headers=headers)
        for call, path in (("get", entry), ("post", f"{entry}/restore"), ("delete", entry)):
            reply = getattr(web.client, call)(path, headers=headers)
            assert (reply.status_code, reply.data) == (404, unknown.data)
    assert web.client.get("/dicom-web/trash").status_code == 401
    (row,) = web.client.get("/dicom-web/trash", headers=web.admin).get_json()
    assert (row["study_uid"], row["removed_by"], row["instances"]) == (study, "carla", 3)
    assert row == web.client.get(entry, headers=web.admin).get_json()


def test_purged_objects_leave_no_file_and_stay_away(web: Web):
    study, series, sop = uids(web)
    archive = web.app.archive
    admin = web.app.users.principal_of(token_of(web))
    assert admin is not None
    (held,) = archive.open(InstanceKey(study, series, sop), admin)
    entry = removed(web, f"/studies/{study}/series/{series}/instances/{sop}")
    assert held.path.exists()
    assert web.client.delete(entry, headers=web.admin).status_code == 204
    assert not held.path.exists()
    assert web.client.post(f"{entry}/restore", headers=web.admin).status_code == 404
    for name in ("i1", "i2"):
        send_ct(web.app, sop=name)
    assert work(web.app)["dropped"] == 1


def token_of(web: Web) -> str:
    return web.admin["Authorization"].partition(" ")[2]


def test_interrupted_purge_is_finished_by_housekeeping(web: Web, monkeypatch):
    study, _, _ = uids(web)
    archive = web.app.archive
    removed(web, f"/studies/{study}")
    (entry,) = archive.parts.trash.entries()
    files = [archive.parts.blobs.path(entry.collection_id, digest) for digest, _ in archive.parts.trash.files(entry)]
    with monkeypatch.context() as broken:
        broken.setattr(archive.parts.trash, "forget", _power_failure)
        with pytest.raises(_PowerFailure):
            archive.purge(entry, "ann")
    with pytest.raises(NotFound):
        archive.restore(entry, "ann")
    assert let_go(archive) >= 0
    assert archive.parts.trash.past() == []
    assert not any(file.exists() for file in files)


class _PowerFailure(BaseException):
    pass


def _power_failure(_entry: object) -> None:
    raise _PowerFailure


def test_housekeeping_purges_what_is_past_its_time(web: Web):
    study, _, _ = uids(web)
    removed(web, f"/studies/{study}")
    assert list(examine(web.app.archive, 0.0)) == []  # the doctor knows its files
    let_go(web.app.archive)
    assert len(web.app.archive.parts.trash.entries()) == 1
    web.app.archive.parts.trash.keep_days = -1
    assert let_go(web.app.archive) >= 3
    assert list(examine(web.app.archive, 0.0)) == []
    assert web.app.archive.parts.trash.entries() == []


def test_commands_list_restore_and_empty(web: Web):
    studies = [row["0020000D"]["Value"][0] for row in web.json("/studies")]
    for study in studies:
        removed(web, f"/studies/{study}")
    first, second = web.app.archive.parts.trash.entries()

    def pacs(*words: str) -> str:
        outcome = CliRunner().invoke(cli, ["trash", *words, "--data", str(web.app.folders.data)])
        assert outcome.exit_code == 0, outcome.output
        return outcome.output

    assert [row["study_uid"] for row in json.loads(pacs("list", "--json"))] == studies
    assert f"{first.instance_count} instances restored" in pacs("restore", str(first.id))
    assert "0 instances deleted" in pacs("empty", "--older-than", "1", "--yes")
    assert f"{second.instance_count} instances deleted" in pacs("empty", "--yes")
    assert json.loads(pacs("list", "--json")) == []


@contract("web 1.3")
@pytest.mark.parametrize("path", ["/workitems", "/workitems/1.2.3", "/workitems/1.2.3/state"])
def test_worklists_are_not_part_of_this(empty: Web, path):
    reply = empty.client.get(f"/dicom-web{path}")
    assert reply.status_code == 501
    assert "UPS-RS" in reply.get_json()["error"]


def test_methods_of_a_study_are_told(web: Web):
    study, _, _ = uids(web)
    allowed = web.client.options(f"/dicom-web/studies/{study}").headers["Allow"].replace(" ", "").split(",")
    assert {"GET", "HEAD", "POST", "DELETE", "OPTIONS"} <= set(allowed)
    assert os.listdir(web.app.archive.incoming) == []
