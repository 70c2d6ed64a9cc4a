"""The portal and what operators watch."""

import re

import pytest

from pacs.model import Role
from tests.installation import send_ct, work


def test_health_and_readiness(app, client):
    assert client.get("/healthz").get_json() == {"status": "ok"}
    send_ct(app)
    assert client.get("/readyz").get_json() == {"status": "ready", "backlog": 1, "problems": []}
    work(app)
    assert client.get("/readyz").get_json()["backlog"] == 0


def test_metrics_count_objects(app, client):
    send_ct(app)
    assert "pacs_backlog 1.0" in client.get("/metrics").text
    work(app)
    assert 'pacs_objects{state="published"} 1.0' in client.get("/metrics").text


def test_portal_shows_what_the_caller_sees(client):
    assert "inbox" in client.get("/").text
    stranger = client.get("/", environ_overrides={"REMOTE_ADDR": "192.0.2.1"})
    assert stranger.status_code == 200
    assert "inbox" not in stranger.text
    assert "default-src 'none'" in stranger.headers["Content-Security-Policy"]


@pytest.mark.parametrize("address", ["/", "/login", "/look"])
def test_head_of_a_page_is_its_get_without_content(client, address):
    page, head = client.get(address), client.head(address)
    assert (head.status_code, head.data) == (200, b"")
    assert all(head.headers[name] == page.headers[name] for name in ("Content-Type", "Content-Length"))


@pytest.mark.parametrize("address", ["/", "/login", "/look", "/look/1.2.3"])
def test_pages_stand_below_the_prefix_of_a_proxy(client, address):
    page = client.get(address, headers={"X-Forwarded-Prefix": "/archive", "X-Forwarded-Host": "h.example"}).text
    links = re.findall(r'(?:href|src|action)="([^"]*)"', page)
    assert links
    assert all(each.startswith("/archive/") for each in links)


def test_signing_in_leads_to_the_page_below_the_prefix(app, client):
    app.users.add("ann", Role.RESEARCHER)
    form, prefix = {"token": app.users.create_token("ann")}, {"X-Forwarded-Prefix": "/archive"}
    assert client.post("/login", data=form, headers=prefix).headers["Location"] == "/archive/"
    assert client.post("/logout", headers=prefix).headers["Location"] == "/archive/"


def test_viewer_has_no_address_with_steps_up(client):
    for address in ("/viewer/..%2f..%2fetc/passwd", "/viewer/%2e%2e/x", "/viewer/a/../../x"):
        assert client.get(address).status_code == 404
