"""Sending to an HTTP import service of RSNA CTP: what goes over the wire, and what each reply means."""

import hashlib
import threading
from datetime import UTC, datetime
from typing import Any

import pytest

from pacs.app import App, job_handlers
from pacs.ctp.exchange import Exchange, Reply, reply_of
from pacs.db.tables.jobs import Job
from pacs.errors import BadRequest, NotFound
from pacs.jobs.queue import JobView
from pacs.jobs.runner import run_one
from pacs.jobs.sending import SEND, Sending
from pacs.model import InstanceKey, Level, Principal, PrincipalKind
from pacs.query import Query
from pacs.vault import Remote
from tests.ctp.receiver import OK, CtpReceiver, answer
from tests.installation import send_ct, work

HUB = Principal(PrincipalKind.PEER, "hub")


@pytest.fixture
def app(three_slices: App) -> App:
    return three_slices


def stored(app: App) -> list[bytes]:
    """The files of the series, in the order in which they go."""
    (series_uid, study_uid) = series_of(app)
    return [each.path.read_bytes() for each in app.archive.open(InstanceKey(study_uid, series_uid), HUB)]


def series_of(app: App) -> tuple[str, str]:
    (row,) = app.archive.find(Query(Level.SERIES, ()), HUB)
    return str(row["SeriesInstanceUID"]), str(row["StudyInstanceUID"])


def queue(app: App) -> int:
    return app.archive.parts.jobs.add(
        SEND, Sending("hub", series_uid=series_of(app)[0], collection="inbox").arguments()
    )


def attempt(app: App, job_id: int) -> JobView:
    """One attempt of the job, due or not."""
    jobs = app.archive.parts.jobs
    jobs.hasten([job_id])
    claimed = jobs.claim([SEND], job_id)
    assert claimed is not None
    run_one(jobs, claimed, job_handlers(app)[SEND], threading.Event(), app.archive.parts.database)
    return jobs.get(job_id)


def add_hub(app: App, receiver: CtpReceiver, path: str = "/import", **more: object) -> None:
    values: dict[str, object] = {"user": "site", "password": "Geheim-7"}
    app.remotes.add(Remote("hub", f"http://127.0.0.1:{receiver.port}{path}", **(values | more)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, b"OK", Reply.OK), (202, b"OK", Reply.OK), (200, b"OK\n", Reply.FAIL), (200, b"", Reply.FAIL),
        (404, b"", Reply.RETRY), (401, b"", Reply.STOP), (403, b"OK", Reply.STOP), (400, b"OK", Reply.FAIL),
        (500, b"OK", Reply.FAIL), (503, b"", Reply.FAIL), (302, b"", Reply.FAIL),
    ],
)  # fmt: skip
def test_replies_mean_what_ctp_takes_them_for(status: int, body: bytes, expected: Reply):
    assert reply_of(status, body) is expected


def test_objects_go_one_a_request_as_ctp_sends_them(app: App):
    with CtpReceiver() as receiver:
        add_hub(app, receiver, digest=True)
        assert attempt(app, queue(app)).note == "3 sent"
    assert receiver.bodies == stored(app)
    for line, headers, body in receiver.requests:
        assert line == "POST /import HTTP/1.1"
        assert headers["content-type"] == "application/x-mirc"
        assert headers["authorization"] == "Basic c2l0ZTpHZWhlaW0tNw=="
        assert headers["rsna"] == "site:Geheim-7"
        assert int(headers["digest"], 16) == int(hashlib.md5(body, usedforsecurity=False).hexdigest(), 16)
        assert not headers["digest"].startswith("0")


def test_series_that_grows_sends_what_is_new(app: App):
    """A rule asks again for a series to which something came; each object goes once."""
    with CtpReceiver() as receiver:
        add_hub(app, receiver)
        again = Sending("hub", series_uid=series_of(app)[0], collection="inbox", once=True).arguments()
        for sent in (3, 0, 1):
            if sent == 1:
                send_ct(app, sop="later", study="export")
                work(app)
            assert attempt(app, app.archive.parts.jobs.add(SEND, again)).note == f"{sent} sent"
    assert sorted(receiver.bodies) == sorted(stored(app))


def test_without_credentials_and_path_none_are_sent(app: App):
    with CtpReceiver() as receiver:
        add_hub(app, receiver, "", user="", password="")
        attempt(app, queue(app))
    line, headers, _body = receiver.requests[0]
    assert line == "POST / HTTP/1.1"
    assert not {"authorization", "rsna", "digest"} & set(headers)


@pytest.mark.parametrize("refusal", [answer(500), answer(200, b"OK\n"), answer(200)])
def test_refused_object_is_named_and_the_rest_goes_on(app: App, refusal: bytes):
    with CtpReceiver([OK, refusal]) as receiver:
        add_hub(app, receiver)
        job = attempt(app, queue(app))
    assert (job.state, len(receiver.requests)) == ("failed", 3)
    assert (job.arguments["sent"], job.arguments["refused"], len(job.arguments["failed"])) == (2, 1, 1)


@pytest.mark.parametrize("away", [answer(404), b""])
def test_passing_refusal_is_tried_again_from_there(app: App, away: bytes):
    with CtpReceiver([OK, away]) as receiver:
        add_hub(app, receiver)
        job_id = queue(app)
        job = attempt(app, job_id)
        assert (job.state, job.arguments["sent"]) == ("waiting", 1)
        assert attempt(app, job_id).state == "done"
    first, again, *rest = receiver.bodies
    assert [first, again, *rest[1:]] == stored(app)
    assert rest[0] == again  # each once, but for the one that was not taken


def test_service_that_is_away_is_tried_again(app: App):
    with CtpReceiver() as receiver:
        add_hub(app, receiver)
    assert attempt(app, queue(app)).state == "waiting"


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_stop_all_until_told_to_go_on(app: App, status: int):
    with CtpReceiver([OK, answer(status)]) as receiver:
        add_hub(app, receiver)
        job_id, other = queue(app), queue(app)
        assert attempt(app, job_id).state == "waiting"
        assert attempt(app, other).state == "waiting"
        assert len(receiver.requests) == 2  # the other job did not ask
        app.remotes.set_stopped("hub", stopped=False)
        assert attempt(app, job_id).note == "3 sent"


def test_secrets_are_in_no_record_and_sealed(app: App):
    with CtpReceiver([answer(401)]) as receiver:
        add_hub(app, receiver)
        job = attempt(app, queue(app))
    assert "Geheim" not in f"{job}{app.remotes.get('hub')!r}"
    for path in app.folders.data.rglob("*"):
        assert not path.is_file() or b"Geheim-7" not in path.read_bytes()
    assert app.remotes.get("hub").password == "Geheim-7"
    assert (app.folders.vault / "remotes" / "hub.sealed").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "url", ["ftp://a/", "http://", "http://u:p@a/", "http://a/?key=1", "http://a:99999/", "http://a/ b", "a"]
)
def test_addresses_that_cannot_be_are_refused(app: App, url: str):
    with pytest.raises(BadRequest):
        app.remotes.add(Remote("hub", url))
    with pytest.raises(NotFound):
        app.remotes.get("../key")


class Killed(BaseException):
    """Stands for kill -9: the job's row stays as it is."""


def test_killed_process_goes_on_where_it_was(app: App, monkeypatch: pytest.MonkeyPatch):
    with CtpReceiver() as receiver:
        add_hub(app, receiver)
        job_id, post, calls = queue(app), Exchange.post, []

        def dying(*values: Any) -> Reply:
            calls.append(1)
            if len(calls) == 3:
                raise Killed
            return post(*values)

        monkeypatch.setattr(Exchange, "post", dying)
        with pytest.raises(Killed):
            attempt(app, job_id)
        assert app.archive.parts.jobs.get(job_id).state == "running"
        Job.update(heartbeat_at=datetime(2026, 1, 1, tzinfo=UTC)).where(Job.id == job_id).execute()
        assert attempt(app, job_id).note == "3 sent"
    assert receiver.bodies == stored(app)  # each once
