"""An installation with a few published objects, and a client that is `local`."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from pacs.app import App
from pacs.model import Role
from pacs.wsgi import create_app
from tests.installation import installed, send_ct, work


@dataclass(slots=True)
class Web:
    """A client of one installation, with tokens by user."""

    app: App
    client: FlaskClient
    admin: dict[str, str]

    def user(self, name: str, role: Role, collection_id: int | None = None) -> dict[str, str]:
        """Headers of a new user."""
        self.app.users.add(name, role, collection_id)
        return {"Authorization": f"Bearer {self.app.users.create_token(name)}"}

    def json(self, path: str, **headers: str) -> list[dict]:
        """Body of a successful GET under the service root."""
        reply = self.client.get(f"/dicom-web{path}", headers=headers)
        assert reply.status_code == 200, reply.data
        return reply.get_json(force=True)


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Web]:
    """Nothing published yet."""
    with installed(tmp_path) as app:
        token = app.folders.admin_token.read_text()
        flask = create_app(app)
        yield Web(app, flask.test_client(), {"Authorization": f"Bearer {token}"})


@pytest.fixture
def web(empty: Web) -> Web:
    """Two patients; the first has one study with two series of two and one slices."""
    return filled(empty)


def filled(empty: Web) -> Web:
    """The same installation with the objects of `web`."""
    send_ct(empty.app, sop="i1", InstanceNumber=1)
    send_ct(empty.app, sop="i2", InstanceNumber=2)
    send_ct(empty.app, sop="i3", series="s2", SeriesNumber=2, SeriesDescription="CORONAL")
    send_ct(empty.app, sop="i4", series="s4", study="t4", patient="P4", Modality="CT", AccessionNumber="")
    counts = work(empty.app)
    assert counts["published"] == 4, counts
    return empty


def uids(web: Web) -> tuple[str, str, str]:
    """New study, series and instance UID, of the largest study and its largest series."""
    study = _first(web.json("/studies"), "00201208", "0020000D")
    series = _first(web.json(f"/studies/{study}/series"), "00201209", "0020000E")
    sop = web.json(f"/studies/{study}/series/{series}/instances")[0]["00080018"]["Value"][0]
    return study, series, sop


def _first(rows: list[dict], count: str, uid: str) -> str:
    found: str = max(rows, key=lambda row: row[count]["Value"][0])[uid]["Value"][0]
    return found
