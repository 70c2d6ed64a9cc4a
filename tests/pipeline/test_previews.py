"""Pictures before and after: for curators, of objects whose pixels were cleaned or held, and audited."""

import io

import numpy as np
import pytest
from PIL import Image as Pillow

from pacs.db.tables.audit import AuditEvent
from pacs.errors import BadRequest, NotFound
from pacs.pipeline.previews import export_preview
from tests.builders import file_bytes
from tests.installation import inbox_id, send, work
from tests.pixels.pictures import as_object, ground, labelled

US = "1.2.840.10008.5.1.4.1.1.6.1"


def capture(text: str = "QUIXOTIC^ADA 4711982"):
    ds = as_object(labelled(text, rows=160, columns=320) if text else ground(160, 320), SOPClassUID=US)
    ds.PatientName, ds.PatientID = "Quixotic^Ada", "4711982"
    return file_bytes(ds)


def receipt_of(app, intake_id):
    return app.archive.parts.receipts.find(intake_id=intake_id)[0]


def keep_originals(app, **more):
    return app.registry.set_collection("inbox", {"originals": "forever"} | more)


def test_cleaned_object_has_a_picture_while_its_original_is_kept(app, tmp_path):
    inbox = keep_originals(app)
    accepted = send(app, capture())
    assert work(app)["published"] == 1
    receipt = receipt_of(app, accepted.intake_ids[0])
    export_preview(app.archive, inbox, receipt.new_sop_uid, tmp_path / "p.png", "curator")
    picture = np.asarray(Pillow.open(io.BytesIO((tmp_path / "p.png").read_bytes())))
    assert picture.shape == (160, 320 + 8 + 320, 3)
    assert (tmp_path / "p.png").stat().st_mode & 0o777 == 0o600
    assert picture[10:26, 12:150].max() == 255
    assert picture[10:26, 340:470].max() < 100
    assert AuditEvent.select().where(AuditEvent.action == "preview of pixels").count() == 1
    assert not list((app.folders.vault / "originals").glob(".preview-*"))
    app.archive.parts.originals.forget(inbox_id(app), accepted.intake_ids[0])
    with pytest.raises(NotFound, match="not kept any more"):
        export_preview(app.archive, inbox, receipt.new_sop_uid, tmp_path / "q.png", "curator")


def test_held_object_shows_where_text_was_read(app, tmp_path):
    inbox = keep_originals(app, pixels="detect")
    accepted = send(app, capture())
    assert work(app)["held"] == 1
    export_preview(app.archive, inbox, accepted.intake_ids[0], tmp_path / "p.png", "curator")
    picture = np.asarray(Pillow.open(tmp_path / "p.png"))
    red = (picture == (255, 40, 40)).all(-1)
    assert red.any()
    with pytest.raises(BadRequest, match="exists already"):
        export_preview(app.archive, inbox, accepted.intake_ids[0], tmp_path / "p.png", "curator")


def test_object_without_text_and_unknown_objects_have_none(app, tmp_path):
    inbox = keep_originals(app)
    accepted = send(app, capture(""))
    assert work(app)["published"] == 1
    with pytest.raises(BadRequest, match="nothing was blanked"):
        export_preview(app.archive, inbox, accepted.intake_ids[0], tmp_path / "p.png", "curator")
    with pytest.raises(NotFound):
        export_preview(app.archive, inbox, "2.25.1", tmp_path / "p.png", "curator")
