"""Telling people: a job for each notice and way, by webhook or mail, tried again until it is delivered."""

import smtplib
import ssl
import urllib.request
from collections.abc import Mapping, Sequence
from email.message import EmailMessage
from http.client import HTTPException
from pathlib import Path
from threading import Event
from typing import Any

import orjson

from pacs.config import AlarmSettings
from pacs.jobs.queue import Claimed, Jobs
from pacs.jobs.runner import GiveUp, TryAgain

NOTICE = "notice"
MOST_ATTEMPTS = 24
_PATIENCE_S = 20.0


def queue_notice(
    jobs: Jobs, alarms: AlarmSettings, notice: Mapping[str, Any], addresses: Sequence[str] | None = None
) -> None:
    """Queue a notice (`kind`, `subject`, `text`, `facts`) for every way; only for `addresses` when they are given."""
    if alarms.webhook and addresses is None:
        jobs.add(NOTICE, {"way": "webhook", "notice": notice})
    to = split(alarms.email) if addresses is None else list(addresses)
    if to:
        jobs.add(NOTICE, {"way": "mail", "to": to, "notice": notice})


def split(addresses: str) -> list[str]:
    """Addresses that a setting joins by commas."""
    return [each.strip() for each in addresses.split(",") if each.strip()]


class Notices:
    """Delivers notices."""

    def __init__(self, alarms: AlarmSettings) -> None:
        self.alarms = alarms

    def __call__(self, job: Claimed, _halt: Event) -> str:
        """Deliver one. Raises `TryAgain`, and `GiveUp` in the end."""
        try:
            if job.arguments["way"] == "webhook":
                self._post(job.arguments["notice"])
            else:
                self._mail(job.arguments["notice"], job.arguments["to"])
        except (OSError, smtplib.SMTPException, HTTPException) as error:
            if job.attempts >= MOST_ATTEMPTS:
                raise GiveUp(f"it could not be delivered ({type(error).__name__})") from None
            raise TryAgain(f"it could not be delivered yet ({type(error).__name__})") from None
        return "delivered"

    def _post(self, notice: Mapping[str, Any]) -> None:
        if not self.alarms.webhook:
            raise GiveUp("no webhook is set any more")
        request = urllib.request.Request(  # noqa: S310 - the settings take http and https only
            self.alarms.webhook,
            orjson.dumps(notice),
            {"Content-Type": "application/json", "User-Agent": "TrialPACS"},
            method="POST",
        )
        with urllib.request.urlopen(request, timeout=_PATIENCE_S):  # noqa: S310 - as above
            return

    def _mail(self, notice: Mapping[str, Any], to: Sequence[str]) -> None:
        alarms = self.alarms
        if not alarms.smtp_host:
            raise GiveUp("no mail server is set any more")
        message = EmailMessage()
        message["Subject"], message["From"], message["To"] = notice["subject"], alarms.email_from, ", ".join(to)
        message.set_content(notice["text"])
        with _mail_server(alarms) as server:
            if alarms.smtp_user:
                password = Path(alarms.smtp_password_file).read_text(encoding="utf-8").strip()
                server.login(alarms.smtp_user, password)
            server.send_message(message)


def _mail_server(alarms: AlarmSettings) -> smtplib.SMTP:
    """A connection to the mail server. Over TLS it must prove its name: it may be given a password."""
    if alarms.smtp_security == "tls":
        trusted = ssl.create_default_context()
        return smtplib.SMTP_SSL(alarms.smtp_host, alarms.smtp_port, timeout=_PATIENCE_S, context=trusted)
    server = smtplib.SMTP(alarms.smtp_host, alarms.smtp_port, timeout=_PATIENCE_S)
    if alarms.smtp_security == "starttls":
        try:
            server.starttls(context=ssl.create_default_context())
        except BaseException:
            server.close()
            raise
    return server
