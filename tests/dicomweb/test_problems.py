"""Every error of ours has a status, and the log of a request says nothing about anyone."""

import inspect
import io
import json
import logging

import pytest

from pacs import errors, logs
from pacs.dicomweb.problems import STATUS_OF
from tests.builders import uid
from tests.dicomweb.conftest import Web

CLASSES = [each for _, each in inspect.getmembers(errors, inspect.isclass) if issubclass(each, errors.PacsError)]


def test_every_error_has_a_status():
    assert set(CLASSES) == set(STATUS_OF)


def test_request_log_holds_no_query_and_no_uid(web: Web):
    handler = logging.StreamHandler(stream := io.StringIO())
    handler.setFormatter(logs.JsonLines())
    log = logging.getLogger("pacs.access")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        web.client.get("/dicom-web/studies?PatientName=Quixotic*")
        web.client.get(f"/dicom-web/studies/{uid('t1')}/metadata")
        web.client.get("/Quixotic")
    finally:
        log.removeHandler(handler)
        log.setLevel(logging.NOTSET)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["status"] for line in lines] == [200, 404, 404]
    assert lines[0]["route"] == "/dicom-web/studies"
    assert not any(word in stream.getvalue() for word in ("Quixotic", uid("t1")))


def test_unexpected_errors_tell_nothing(web: Web, monkeypatch):
    def fail(*_: object) -> None:
        raise RuntimeError("Quixotic secret")

    monkeypatch.setattr(web.app.archive.parts.index, "search", fail)
    reply = web.client.get("/dicom-web/studies")
    assert reply.status_code == 500
    assert "Quixotic" not in reply.text
    assert "RuntimeError" not in reply.text


@pytest.mark.parametrize("authorization", ["Bearer x", "Basic !!!", "Digest a", "Basic YTpi"])
def test_wrong_credentials_are_never_anonymous(web: Web, authorization):
    reply = web.client.get("/dicom-web/studies", headers={"Authorization": authorization})
    assert reply.status_code == 401
    assert "WWW-Authenticate" in reply.headers
