"""Queues that others empty, and services whose queues are emptied."""

import base64
import fcntl
import threading
from pathlib import Path
from typing import Any

import pytest

from pacs.app import App
from pacs.archive import Archive
from pacs.ctp.exchange import AwayError
from pacs.ctp.polling import drain, run_polling
from pacs.ctp.queues import Queues
from pacs.errors import OutOfResources
from pacs.model import InstanceKey, Role
from pacs.spool import Limits
from pacs.vault import Remote
from pacs.wsgi import create_app
from tests.builders import ct_bytes
from tests.ctp.receiver import CtpReceiver, answer
from tests.ctp.test_http_export import HUB, attempt, queue, series_of, stored
from tests.installation import work
from tests.wire.server import wait_for

LIMIT = 1 << 30


@pytest.fixture
def app(three_slices: App) -> App:
    """Three published slices that wait in the queue `hub` of `inbox`."""
    app = three_slices
    app.users.add("taker", Role.RESEARCHER)
    app.users.add("other", Role.RESEARCHER)
    app.users.add("blind", Role.SUBMITTER)
    app.remotes.add(Remote("hub", user="taker"))
    app.registry.add_forward("inbox", "hub", is_peer=False)
    assert attempt(app, queue(app)).note == "3 sent"
    return app


def ask(app: App, user: str = "taker", path: str = "/ctp/inbox/queue", **more: Any) -> Any:
    token = app.users.create_token(user) if user else ""
    basic = base64.b64encode(f"{user}:{token}".encode()).decode()
    headers = {"Authorization": f"Basic {basic}"} if user else {}
    return create_app(app).test_client().open(path, headers=headers, **more)


def test_objects_come_in_order_and_once(app: App):
    answers = [ask(app) for _ in range(3)]
    assert [each.data for each in answers] == stored(app)
    first = answers[0].headers
    assert first["Content-Disposition"].startswith('attachment; filename="')
    assert int(first["Content-Length"]) == len(stored(app)[0])
    empty = ask(app)
    assert (empty.status_code, empty.data) == (404, b"")


@pytest.mark.parametrize(
    ("user", "path"),
    [
        ("", "/ctp/inbox/queue"), ("other", "/ctp/inbox/queue"), ("taker", "/ctp/nowhere/queue"),
        ("taker", "/ctp/inbox/queue/none"),
    ],
)  # fmt: skip
def test_wrong_callers_are_told_nothing(app: App, user: str, path: str):
    refused = ask(app, user, path)
    assert (refused.status_code, refused.data) == (404, b"")
    assert ask(app, path="/ctp/inbox/queue/hub").status_code == 200


def test_caller_who_sees_nothing_of_the_collection_gets_nothing(app: App):
    app.remotes.add(Remote("hub", user="blind"))
    assert ask(app, "blind").status_code == 404


def test_address_of_a_ctp_stands_for_credentials(app: App):
    app.remotes.add(Remote("hub", address="10.1.1.1"))
    assert ask(app, "", environ_base={"REMOTE_ADDR": "10.1.1.2"}).status_code == 404
    assert ask(app, "", environ_base={"REMOTE_ADDR": "10.1.1.1"}).status_code == 200


def test_object_that_was_not_sent_stays(app: App):
    broken = ask(app, buffered=False)
    next(iter(broken.iter_encoded()))
    second = ask(app)  # while the first is under way
    broken.close()
    assert second.data == stored(app)[1]
    assert ask(app).data == stored(app)[0]
    assert ask(app, method="HEAD").status_code == 404


def test_queue_has_an_object_once_however_often_it_is_filled(app: App):
    queues, series = Queues(app.folders.queues), app.archive.open(InstanceKey(series_of(app)[1]), HUB)
    for _ in range(2):
        queues.put("again", 7, series)
    taken = [queues.take("again") for _ in range(4)]
    assert [each.key.sop_uid if each else "" for each in taken] == [*(each.sop_uid for each in series), ""]
    for each in taken[:3]:
        assert each is not None
        each.forget()
    assert list((app.folders.queues / "again").iterdir()) == []


def poll(app: App, receiver: CtpReceiver) -> int:
    remote = Remote("far", f"http://127.0.0.1:{receiver.port}/stage", "site", "pw", collection="inbox")
    return drain(app.archive, remote, LIMIT, lambda: False)


def test_service_is_polled_until_it_has_nothing(app: App):
    bodies = [ct_bytes(sop=f"p{number}", study="polled") for number in range(2)]
    with CtpReceiver([*(answer(200, body) for body in bodies), answer(200, b"no DICOM"), answer(404)]) as far:
        assert poll(app, far) == 404
    assert {line for line, _headers, _body in far.requests} == {"GET /stage HTTP/1.1"}
    assert far.requests[0][1]["authorization"].startswith("Basic ")
    counts = work(app)
    assert (counts["published"], counts["quarantined"]) == (5, 1)


def test_broken_answer_is_not_taken(app: App):
    with CtpReceiver([answer(200, ct_bytes(sop="cut"))[:-10]], closing=True) as far, pytest.raises(AwayError):
        poll(app, far)
    assert work(app)["published"] == 3
    assert list(app.archive.incoming.iterdir()) == []


def far_away(app: App, receiver: CtpReceiver) -> Remote:
    app.remotes.add(Remote("far", f"http://127.0.0.1:{receiver.port}/", collection="inbox"))
    return app.remotes.get("far")


@pytest.mark.parametrize("trouble", [OutOfResources("full"), SystemExit()])
def test_what_came_whole_is_taken_later(app: App, monkeypatch: pytest.MonkeyPatch, trouble: BaseException):
    """The disk fills up, or the process ends, between the last byte and the spool."""

    def fail(_self: Archive, temporary: Path, *_: Any, **__: Any) -> None:
        temporary.unlink()
        raise trouble

    with CtpReceiver([answer(200, ct_bytes(sop="polled")), answer(404), answer(404)]) as receiver:
        remote = far_away(app, receiver)
        with monkeypatch.context() as patch:
            patch.setattr(Archive, "receive", fail)
            with pytest.raises(type(trouble)):
                drain(app.archive, remote, LIMIT, lambda: False)
        assert work(app)["published"] == 3
        for _ in range(2):
            drain(app.archive, remote, LIMIT, lambda: False)
    assert work(app)["published"] == 4


def test_bodies_that_a_killed_process_left_are_taken_when_whole(app: App):
    content, folder = ct_bytes(sop="polled"), app.folders.spool / "polled" / "far"
    folder.mkdir(parents=True)
    (folder / f"a.{len(content)}").write_bytes(content)
    (folder / f"b.{len(content)}").write_bytes(content[:-1])
    (folder / "c.-").write_bytes(content)
    (folder / "d.refused").write_bytes(content)
    with CtpReceiver([answer(404)]) as receiver, (folder / f"e.{len(content)}").open("wb") as held:
        held.write(content)
        held.flush()
        fcntl.flock(held, fcntl.LOCK_EX)  # another process is at it
        drain(app.archive, far_away(app, receiver), LIMIT, lambda: False)
    assert sorted(path.name[0] for path in folder.iterdir()) == ["d", "e"]
    counts = work(app)
    assert (counts["published"], counts["duplicate"]) == (4, 0)


def test_body_of_unknown_length_that_breaks_off_is_not_taken(app: App):
    head = b"HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n"
    piece = ct_bytes(sop="polled")
    chunk = b"%x\r\n%s\r\n" % (len(piece), piece)
    with CtpReceiver([head + chunk], closing=True) as receiver, pytest.raises(AwayError):
        drain(app.archive, far_away(app, receiver), LIMIT, lambda: False)
    with CtpReceiver([head + chunk + b"0\r\n\r\n", answer(404)]) as receiver:
        drain(app.archive, far_away(app, receiver), LIMIT, lambda: False)
    assert work(app)["published"] == 4
    assert list((app.folders.spool / "polled" / "far").iterdir()) == []


def test_body_that_can_never_be_taken_stops_nothing(app: App, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(app.archive.parts.spool, "limits", Limits(max_object_bytes=2000))
    with CtpReceiver([answer(200, bytes(3000)), answer(200, b"small"), answer(404)]) as receiver:
        assert drain(app.archive, far_away(app, receiver), LIMIT, lambda: False) == 404
    assert [path.suffix for path in (app.folders.spool / "polled" / "far").iterdir()] == [".refused"]
    assert work(app)["quarantined"] == 1


def test_polling_goes_on_when_a_service_is_away_and_stops_when_it_refuses(app: App):
    """One service is away, one refuses our credentials; the third has an object, and is asked again."""
    stop = threading.Event()
    with (
        CtpReceiver([answer(401)]) as refusing,
        CtpReceiver([answer(200, ct_bytes(sop="polled")), *[answer(404)] * 1000]) as far,
    ):
        for name, port in (("a", 9), ("b", refusing.port), ("c", far.port)):
            app.remotes.add(Remote(name, f"http://127.0.0.1:{port}/", collection="inbox"))
        polling = threading.Thread(target=run_polling, args=(app.archive, app.remotes, LIMIT, stop, 0.05))
        polling.start()
        wait_for(lambda: len(far.requests) >= 3)
        stop.set()
        polling.join()
    assert len(refusing.requests) == 1
    assert {each.name for each in app.remotes.all() if each.stopped} == {"b"}
    assert work(app)["published"] == 4
