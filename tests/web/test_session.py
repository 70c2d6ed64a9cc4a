"""Signing in with a browser."""

import pytest

from pacs.model import Role
from pacs.wsgi import create_app

ELSEWHERE = {"environ_overrides": {"REMOTE_ADDR": "192.0.2.1"}}


@pytest.fixture
def token(app):
    app.users.add("ann", Role.RESEARCHER)
    return app.users.create_token("ann")


@pytest.fixture
def client(app):
    return create_app(app).test_client()


def test_token_becomes_a_cookie_that_scripts_cannot_read(client, token):
    reply = client.post("/login", data={"token": token, "next": "/look"}, **ELSEWHERE)
    assert (reply.status_code, reply.headers["Location"]) == (303, "/look")
    cookie = reply.headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Lax"} <= {each.strip() for each in cookie.split(";")}
    assert token not in cookie
    page = client.get("/", **ELSEWHERE)
    assert "ann" in page.text
    assert "inbox" in page.text


def test_signing_out_ends_the_session(client, token):
    client.post("/login", data={"token": token}, **ELSEWHERE)
    kept = client.get_cookie("pacs_session").value
    client.post("/logout", **ELSEWHERE)
    client.set_cookie("pacs_session", kept)
    assert "inbox" not in client.get("/", **ELSEWHERE).text


@pytest.mark.parametrize("wrong", ["", "x", "\0", "é" * 5000])
def test_wrong_token_is_told_and_not_repeated(client, wrong):
    reply = client.post("/login", data={"token": wrong}, **ELSEWHERE)
    assert reply.status_code == 401
    assert "not valid" in reply.text
    assert "Set-Cookie" not in reply.headers


@pytest.mark.parametrize(
    "address", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:x", "/a\nb"]
)
def test_only_our_own_pages_come_next(client, token, address):
    assert client.post("/login", data={"token": token, "next": address}).headers["Location"] == "/"


def test_old_session_is_nobody(client):
    client.set_cookie("pacs_session", "over")
    assert client.get("/dicom-web/studies", **ELSEWHERE).status_code == 200
    assert client.get("/", **ELSEWHERE).status_code == 200


def test_page_from_elsewhere_cannot_change_anything(app, client):
    app.users.add("sam", Role.SUBMITTER)
    client.post("/login", data={"token": app.users.create_token("sam")}, **ELSEWHERE)
    body = {"data": b"--b\r\n\r\nx\r\n--b--", "content_type": 'multipart/related; type="application/dicom"; boundary=b'}
    foreign = client.post("/dicom-web/studies", headers={"Origin": "https://evil.example"}, **body, **ELSEWHERE)
    assert foreign.status_code == 401
    own = client.post("/dicom-web/studies", headers={"Origin": "http://localhost"}, **body, **ELSEWHERE)
    assert own.status_code == 409
