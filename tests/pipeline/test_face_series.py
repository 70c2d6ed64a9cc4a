"""Head series with a face: flagged, or kept from readers until a curator releases them."""

import pytest

from pacs.curation.release import release
from pacs.model import Level, Scope
from pacs.pipeline.series import run_series_stages
from pacs.query import Query
from tests.installation import inbox_id, send_ct, work


def send_series(app, body_part, count=30, study="t1"):
    for number in range(count):
        values = {"BodyPartExamined": body_part, "PixelSpacing": [1, 1], "Rows": 8, "Columns": 8}
        values |= {"ImagePositionPatient": [0, 0, 5 * number], "InstanceNumber": number + 1, "PixelSpacing": [30, 30]}
        send_ct(app, sop=f"{study}-{number}", series=f"s-{study}", study=study, **values)
    return work(app)


def released(app):
    scope = Scope(released=frozenset((inbox_id(app),)))
    return app.archive.parts.index.search(Query(Level.SERIES), scope).total()


@pytest.fixture
def fine(monkeypatch):
    """The tiny images of these tests count as fine enough for a face."""
    monkeypatch.setattr("pacs.pipeline.faces._COARSEST_IN_PLANE", 100.0)


def test_face_is_flagged_and_released_by_default(app, fine):
    assert send_series(app, "HEAD")["published"] == 30
    assert run_series_stages(app.archive, -1.0) == 1
    ((_uid, flags),) = app.archive.parts.index.flagged(inbox_id(app))
    assert "face" in flags
    assert released(app) == 1


def test_face_waits_for_the_curator_where_the_collection_holds(app, fine):
    app.registry.set_collection("inbox", {"faces": "hold"})
    send_series(app, "HEAD")
    assert released(app) == 0
    run_series_stages(app.archive, -1.0)
    assert released(app) == 0
    ((uid, flags),) = app.archive.parts.index.flagged(inbox_id(app))
    assert "face" in flags
    assert release(app.archive, "inbox", uid, "curator") == 1
    assert released(app) == 1


def test_series_without_a_face_is_released_by_the_look(app, fine):
    app.registry.set_collection("inbox", {"faces": "hold"})
    send_series(app, "CHEST")
    assert released(app) == 0
    run_series_stages(app.archive, -1.0)
    assert released(app) == 1


def test_nothing_is_looked_for_where_the_collection_says_so(app, fine):
    app.registry.set_collection("inbox", {"faces": "ignore"})
    send_series(app, "HEAD")
    run_series_stages(app.archive, -1.0)
    assert app.archive.parts.index.flagged(inbox_id(app)) == []
    assert released(app) == 1
