"""Signing in with a browser."""

import pytest

from pacs.model import Role

ELSEWHERE = {"environ_overrides": {"REMOTE_ADDR": "192.0.2.1"}}


@pytest.fixture
def token(app):
    app.users.add("ann", Role.RESEARCHER)
    return app.users.create_token("ann")


def test_token_becomes_a_cookie_that_scripts_cannot_read(client, token):
    reply = client.post("/login", data={"token": token, "next": "/look"}, **ELSEWHERE)
    assert (reply.status_code, reply.headers["Location"]) == (303, "/look")
    cookie = reply.headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Lax"} <= {each.strip() for each in cookie.split(";")}
    assert token not in cookie
    page = client.get("/", **ELSEWHERE)
    assert "ann" in page.text
    assert "inbox" in page.text


@pytest.mark.parametrize(
    ("headers", "secure"),
    [
        ({}, False),
        ({"X-Forwarded-Proto": "https"}, True),
        ({"Forwarded": 'for=192.0.2.7;host=archive.example;Proto="HTTPS", for=192.0.2.8;proto=http'}, True),
        ({"Forwarded": "proto=http"}, False),
    ],
)
def test_cookie_goes_over_tls_only_where_there_is_tls(client, token, headers, secure):
    reply = client.post("/login", data={"token": token}, headers=headers, **ELSEWHERE)
    assert ("Secure" in reply.headers["Set-Cookie"].split("; ")) == secure


def test_session_and_token_are_not_each_other(client, token):
    client.post("/login", data={"token": token}, **ELSEWHERE)
    secret = client.get_cookie("pacs_session").value
    assert client.post("/login", data={"token": secret}, **ELSEWHERE).status_code == 401  # it would never end
    client.delete_cookie("pacs_session")
    reply = client.get("/dicom-web/trash", headers={"Authorization": f"Bearer {secret}"}, **ELSEWHERE)
    assert reply.status_code == 401
    client.set_cookie("pacs_session", token)
    assert client.get("/dicom-web/trash", **ELSEWHERE).status_code == 401


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}]
)
def test_page_from_elsewhere_signs_nobody_in_or_out(client, token, headers):
    reply = client.post("/login", data={"token": token}, headers=headers, **ELSEWHERE)
    assert (reply.status_code, "Set-Cookie" in reply.headers) == (403, False)
    client.post("/login", data={"token": token}, headers={"Sec-Fetch-Site": "same-origin"}, **ELSEWHERE)
    reply = client.post("/logout", headers=headers, **ELSEWHERE)
    assert (reply.status_code, "Set-Cookie" in reply.headers) == (403, False)
    assert "ann" in client.get("/", **ELSEWHERE).text


def test_large_form_is_refused(client):
    assert client.post("/login", data={"token": "x" * 100_000}, **ELSEWHERE).status_code == 413


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
