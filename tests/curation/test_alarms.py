"""People are told of quarantine and backlog once, by webhook and mail, and of each day; nothing identifies."""

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from pacs.app import App
from pacs.config import AlarmSettings
from pacs.curation.alarms import WATCH, Watch, keep_watch
from pacs.db.tables.audit import Receipt
from pacs.db.tables.jobs import Job
from pacs.jobs import TryAgain
from pacs.jobs.notices import NOTICE, Notices
from tests.builders import uid
from tests.installation import send_ct, work

DOCUMENT = {"EncapsulatedDocument": b"%PDF"}
MAIL = AlarmSettings(email="ops@x.example", email_from="pacs@x.example", smtp_host="127.0.0.1")


def look(app: App, alarms: AlarmSettings) -> None:
    """One turn of the job that watches."""
    jobs = app.archive.parts.jobs
    keep_watch(jobs, alarms)
    Job.update(run_after=datetime.now(UTC)).where(Job.name == WATCH).execute()
    Receipt.update(ended_at=datetime.now(UTC) - timedelta(minutes=1)).execute()
    job = jobs.claim([WATCH])
    assert job is not None
    with pytest.raises(TryAgain) as again:
        Watch(app.archive, alarms)(job, threading.Event())
    assert again.value.delay_s == alarms.every_s
    jobs.again(job, "", 0)


def queued(app: App) -> list[dict[str, Any]]:
    return [dict(each.arguments) for each in app.archive.parts.jobs.all([NOTICE])]


def test_quarantine_is_told_once(app):
    send_ct(app, sop="i0", **DOCUMENT)
    work(app)
    look(app, MAIL)
    assert queued(app) == []  # what was before
    send_ct(app, sop="i1", **DOCUMENT)
    send_ct(app, sop="i2", **DOCUMENT)
    work(app)
    look(app, MAIL)
    look(app, MAIL)
    (only,) = queued(app)
    assert only["to"] == ["ops@x.example"]
    assert only["notice"]["subject"] == "TrialPACS: 2 objects were quarantined"
    (fact,) = only["notice"]["facts"]
    assert (fact["collection"], fact["sender"], fact["count"]) == ("inbox", "SENDER", 2)
    text = json.dumps(queued(app))
    assert not any(each in text for each in ("Quixotic", "4711", uid("i1"), uid("t1")))


def test_backlog_is_told_until_it_falls(app):
    alarms = replace(MAIL, backlog=1)
    for number in range(2):
        send_ct(app, sop=f"i{number}")
    look(app, alarms)
    look(app, alarms)
    assert [each["notice"]["kind"] for each in queued(app)] == ["backlog"]
    work(app)
    look(app, alarms)
    for number in range(2, 4):
        send_ct(app, sop=f"i{number}")
    look(app, alarms)
    assert len(queued(app)) == 2


def test_digest_goes_to_each_site_alone(app):
    alarms = replace(MAIL, digest=True, digest_hour=0, sites={"SITE-A": "a@a.example, b@a.example"}, webhook="http://x")
    yesterday = datetime.now(UTC) - timedelta(days=1)
    for number in range(3):
        send_ct(app, sop=f"i{number}")
    work(app)
    ids = [each.id for each in Receipt.select().order_by(Receipt.id)]
    for number, site in zip(ids, ("SITE-A", "SITE-A", "SITE-B"), strict=True):
        Receipt.update(site=site, received_at=yesterday).where(Receipt.id == number).execute()
    look(app, alarms)
    look(app, alarms)
    told = {each.get("to", ["webhook"])[0]: each["notice"]["text"] for each in queued(app)}
    assert sorted(told) == ["a@a.example", "ops@x.example", "webhook"]
    assert "2 received = 2 published" in told["a@a.example"]
    assert "SITE-B" not in told["a@a.example"]
    assert "3 received = 3 published" in told["webhook"]
    assert len(queued(app)) == 3


def test_watch_is_there_once_and_only_when_wanted(app):
    jobs = app.archive.parts.jobs
    keep_watch(jobs, AlarmSettings())
    assert jobs.all([WATCH]) == []
    keep_watch(jobs, MAIL)
    keep_watch(jobs, MAIL)
    assert len(jobs.all([WATCH])) == 1


@contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def deliver(app: App, alarms: AlarmSettings, way: str) -> str:
    jobs = app.archive.parts.jobs
    notice = {"kind": "backlog", "subject": "TrialPACS: Ümlaut", "text": "5 wait\n", "facts": {"backlog": 5}}
    jobs.add(NOTICE, {"way": way, "to": ["ops@x.example"], "notice": notice})
    job = jobs.claim([NOTICE])
    assert job is not None
    return Notices(alarms)(job, threading.Event())


def test_webhook_gets_json_or_is_tried_again(app):
    got: list[Any] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204 if len(got) > 1 else 503)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Hook)
    alarms = AlarmSettings(webhook=f"http://127.0.0.1:{server.server_port}/hook")
    with serving(server):
        with pytest.raises(TryAgain):
            deliver(app, alarms, "webhook")
        assert deliver(app, alarms, "webhook") == "delivered"
    assert got[1]["facts"] == {"backlog": 5}
    with pytest.raises(TryAgain):
        deliver(app, alarms, "webhook")


def test_mail_is_given_to_the_server(app):
    lines: list[str] = []

    class Smtp(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 here\r\n")
            for line in self.rfile:
                word = line.decode().strip()
                word = word.upper() if word in ("data", "quit") else word
                lines.append(word)
                answer = {"DATA": "354 go on", "QUIT": "221 bye"}.get(word, "250 good")
                if lines.count("DATA") and "QUIT" not in word and word not in ("DATA", "."):
                    continue
                self.wfile.write(f"{answer}\r\n".encode())

    server = socketserver.TCPServer(("127.0.0.1", 0), Smtp)
    with serving(server):
        assert deliver(app, replace(MAIL, smtp_port=server.server_address[1]), "mail") == "delivered"
    assert "RCPT TO:<ops@x.example>" in [line.upper().replace("OPS@X.EXAMPLE", "ops@x.example") for line in lines]
    assert "5 wait" in lines
