"""Which status CTP's exporter is given for what goes wrong: 404 for all that may pass, so that it tries again."""

import base64
import io
import sqlite3
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pacs.app import App
from pacs.archive import Archive
from pacs.errors import OutOfResources
from pacs.model import Role
from pacs.spool import Limits
from pacs.wsgi import create_app
from tests.builders import ct_bytes
from tests.installation import inbox_id, installed


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with installed(tmp_path) as app:
        app.users.add("site", Role.SUBMITTER, inbox_id(app))
        yield app


def post(app: App, **more: Any) -> Any:
    basic = base64.b64encode(f"site:{app.users.create_token('site')}".encode()).decode()
    headers = {"Authorization": f"Basic {basic}", "Content-Type": "application/x-mirc"} | more.pop("headers", {})
    content = more.pop("content", ct_bytes())
    return create_app(app).test_client().post("/ctp/inbox", data=content, headers=headers, **more)


@pytest.mark.parametrize(
    "trouble",
    [OutOfResources("full"), OSError(28, "full"), sqlite3.OperationalError("locked"), MemoryError(), ValueError()],
)
def test_what_may_pass_is_404(app: App, monkeypatch: pytest.MonkeyPatch, trouble: Exception):
    def fail(*_: Any, **__: Any) -> None:
        raise trouble

    monkeypatch.setattr(Archive, "receive", fail)
    answer = post(app)
    assert (answer.status_code, answer.data) == (404, b"")
    assert list(app.archive.incoming.iterdir()) == []


def test_database_that_is_away_is_no_wrong_credential(app: App, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: Any) -> None:
        raise sqlite3.OperationalError("locked")

    client = create_app(app).test_client()
    basic = base64.b64encode(f"site:{app.users.create_token('site')}".encode()).decode()
    headers = {"Authorization": f"Basic {basic}", "Content-Type": "application/x-mirc"}
    monkeypatch.setattr(type(app.users), "by_passcode", fail)
    assert client.post("/ctp/inbox", data=ct_bytes(), headers=headers).status_code == 404


def test_header_of_ctp_alone_does_not_count_from_elsewhere(app: App):
    pair = f"site:{app.users.create_token('site')}"
    client = create_app(app).test_client()
    far, near, proxied = "10.0.0.1", "127.0.0.1", {"X-Forwarded-For": "10.0.0.2"}
    cases: list[tuple[str, str, dict[str, str], int]] = [
        (far, "http", {}, 401), (far, "https", {}, 200), (near, "http", {}, 200), (near, "http", proxied, 401),
        (near, "http", proxied | {"X-Forwarded-Proto": "https"}, 200),
    ]  # fmt: skip
    for address, scheme, more, status in cases:
        headers = {"RSNA": pair, "Content-Type": "application/x-mirc"} | more
        answer = client.post(
            "/ctp/inbox",
            data=ct_bytes(),
            headers=headers,
            base_url=f"{scheme}://archive",
            environ_base={"REMOTE_ADDR": address},
        )
        assert answer.status_code == status


def test_object_too_large_is_refused_for_good(app: App, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(app.archive.parts.spool, "limits", Limits(max_object_bytes=100))
    assert post(app).status_code == 413


def test_zip_whose_files_share_their_bytes_is_refused_for_good(app: App):
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a", bytes(range(256)) * 40)
    whole = body.getvalue()
    directory, end = whole.index(b"PK\x01\x02"), whole.index(b"PK\x05\x06")
    entry = whole[directory:end]
    tail = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 3, 3, 3 * len(entry), directory, 0)
    assert post(app, content=whole[:directory] + 3 * entry + tail).status_code == 413
    assert list(app.archive.incoming.iterdir()) == []
