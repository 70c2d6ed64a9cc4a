"""Kits by the web: for curators of the collection alone, and for users who can only submit."""

import io
import zipfile

import pytest

from pacs.model import Role
from tests.installation import inbox_id

PAGE = "/kits/inbox"
FORM = {"site": "St. Elsewhere", "user": "elsewhere"}


def test_curator_downloads_a_kit_whose_token_submits(app, client, curator):
    assert b"Download the kit" in client.get(PAGE, headers=curator).data
    answer = client.post(PAGE, data=FORM, headers=curator)
    assert answer.headers["Content-Disposition"] == 'attachment; filename="kit-inbox.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.data)) as kit:
        token = kit.read("kit-inbox/token.txt").decode().strip()
        assert "kit-inbox/READ-ME.html" in kit.namelist()
        proposed = kit.read("kit-inbox/storescu.cfg").decode().count("\nPresentationContext")
        assert 100 < proposed - 1 <= 128  # PS3.8 9.3.2.2; one line names the list
        assert "-aec TRIALPACS " in kit.read("kit-inbox/send-with-dcmtk.sh").decode()  # the collection has no AE title
    found = app.users.principal_of(token)
    assert (found.name, found.site) == ("elsewhere", FORM["site"])


@pytest.mark.parametrize("form", [FORM | {"user": "cora"}, FORM | {"user": "admin"}, FORM | {"site": ""}, {}])
def test_kit_for_who_may_do_more_is_refused(client, curator, form):
    answer = client.post(PAGE, data=form, headers=curator)
    assert answer.status_code == 400
    assert answer.mimetype == "text/html"


def test_others_get_no_kit(app, client):
    app.users.add("sam", Role.SUBMITTER, inbox_id(app))
    app.users.add("rita", Role.RESEARCHER, inbox_id(app))
    for name, status in (("sam", 404), ("rita", 403)):
        headers = {"Authorization": f"Bearer {app.users.create_token(name)}"}
        assert client.post(PAGE, data=FORM, headers=headers).status_code == status
    assert client.post(PAGE, data=FORM).status_code == 401


def test_page_of_another_site_gets_no_kit(client, curator):
    headers = curator | {"Sec-Fetch-Site": "cross-site"}
    assert client.post(PAGE, data=FORM, headers=headers).status_code == 403
