"""People are told of quarantine and backlog once, by webhook and mail, and of each day; nothing identifies."""

import base64
import json
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any, ClassVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pacs.app import App
from pacs.config import AlarmSettings
from pacs.curation.alarms import WATCH, Watch, keep_watch
from pacs.db import close_thread
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


def test_files_left_in_watched_folders_are_told_until_there_are_none(app):
    left = app.archive.parts.spool.left
    for count, told in ((3, 1), (4, 1), (0, 1), (1, 2)):
        left.tell(count)
        look(app, MAIL)
        assert [each["notice"]["kind"] for each in queued(app)] == ["left"] * told
    assert {each["notice"]["facts"]["left"] for each in queued(app)} == {3, 1}


def test_retry_while_the_watch_looks_goes_through(app, monkeypatch):
    send_ct(app, **DOCUMENT)
    work(app)
    (kept,) = app.archive.parts.spool.all_quarantined()
    quarantine, done = Watch._quarantine, []

    def retry():
        app.archive.retry(kept.intake_id, "ann")
        done.append(kept.intake_id)
        close_thread(app.archive.parts.database)

    retrying = threading.Thread(target=retry)

    def retried_meanwhile(watch, known):
        retrying.start()
        retrying.join(0.2)
        return quarantine(watch, known)

    monkeypatch.setattr(Watch, "_quarantine", retried_meanwhile)
    look(app, replace(MAIL, backlog=1))
    retrying.join(30)
    assert done == [kept.intake_id]


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


class Smtp(socketserver.StreamRequestHandler):
    """A mail server, with TLS when `context` is set; `lines` are what it was told."""

    lines: ClassVar[list[str]] = []
    context: ClassVar[ssl.SSLContext | None] = None

    def handle(self) -> None:
        with suppress(ssl.SSLError, ConnectionError):
            self.reply("220 here")
            while line := self.rfile.readline().decode().strip():
                self.lines.append(line)
                self.obey(line.split()[0].upper())
        self.connection.close()

    def reply(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())

    def obey(self, verb: str) -> None:
        if verb == "EHLO":
            is_safe = isinstance(self.connection, ssl.SSLSocket)
            self.reply("250-here")
            self.reply("250-AUTH PLAIN" if is_safe else "250-STARTTLS" if self.context else "250-8BITMIME")
            self.reply("250 HELP")
        elif verb == "STARTTLS" and self.context is not None:
            self.reply("220 go on")
            self.connection = self.context.wrap_socket(self.connection, server_side=True)
            self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
        elif verb == "DATA":
            self.reply("354 go on")
            while (line := self.rfile.readline().decode().rstrip("\r\n")) != ".":
                self.lines.append(line)
            self.reply("250 good")
        else:
            self.reply({"AUTH": "235 good", "QUIT": "221 bye"}.get(verb, "250 good"))


@pytest.fixture
def mail_server() -> Iterator[int]:
    Smtp.lines.clear()
    Smtp.context = None
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Smtp)
    with serving(server):
        yield server.server_address[1]


def test_mail_is_given_to_the_server(app, mail_server):
    assert deliver(app, replace(MAIL, smtp_port=mail_server), "mail") == "delivered"
    assert "rcpt to:<ops@x.example>" in [line.lower() for line in Smtp.lines]
    assert "5 wait" in Smtp.lines


def test_password_is_given_over_tls_to_a_proven_server_alone(app, mail_server, tmp_path, monkeypatch):
    authority = write_certificate(tmp_path)
    Smtp.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    Smtp.context.load_cert_chain(authority, tmp_path / "key.pem")
    (tmp_path / "password").write_text("s3cret\n")
    password = str(tmp_path / "password")
    alarms = replace(
        MAIL, smtp_port=mail_server, smtp_security="starttls", smtp_user="pacs", smtp_password_file=password
    )
    with pytest.raises(TryAgain):
        deliver(app, alarms, "mail")
    assert not any(line.startswith("AUTH") for line in Smtp.lines)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    assert deliver(app, alarms, "mail") == "delivered"
    said = base64.b64encode(b"\0pacs\0s3cret").decode()
    assert f"AUTH PLAIN {said}" in Smtp.lines
    assert "5 wait" in Smtp.lines


def write_certificate(folder: Path) -> Path:
    """A certificate of this machine that vouches for itself, and its key beside it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, *plain))
    path = folder / "certificate.pem"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return path
