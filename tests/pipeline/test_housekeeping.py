"""What is past is let go of, and nothing that is still needed."""

import os

from pacs.pipeline.housekeeping import let_go
from pacs.registry.registry import NewCollection
from tests.builders import ct_bytes, make_envelope, put
from tests.installation import inbox_id, send, send_ct, work


def age(folder):
    for path in folder.rglob("*"):
        if path.is_file():
            os.utime(path, (1, 1))


def test_envelope_goes_when_no_entry_needs_it(app):
    send_ct(app)
    age(app.archive.parts.spool.envelopes)
    assert let_go(app.archive) == 0
    work(app)
    assert let_go(app.archive) == 1


def test_envelope_of_a_quarantined_object_stays(app):
    send_ct(app, EncapsulatedDocument=b"%PDF-1.4")
    work(app)
    age(app.archive.parts.spool.envelopes)
    assert let_go(app.archive) == 0


def test_long_association_gets_its_envelope_back(app):
    spool = app.archive.parts.spool
    for sop in ("a", "b"):
        spool.accept(put(spool.incoming, ct_bytes(sop=sop)), make_envelope(inbox_id(app)))
        work(app)
        age(spool.envelopes)
        let_go(app.archive)
    spool.accept(put(spool.incoming, ct_bytes(sop="c")), make_envelope(inbox_id(app)))
    assert spool.envelope(make_envelope().id).peer == "SENDER"


def test_originals_go_after_their_days(app):
    trial = app.create_collection(NewCollection("trial", "basic", "", 0, originals="days:3"))
    (intake_id,) = send(app, ct_bytes(), trial.id).intake_ids
    work(app)
    sealed = app.archive.parts.originals.path(trial.id, intake_id)
    assert let_go(app.archive) == 0
    assert sealed.exists()
    age(sealed.parent)
    assert let_go(app.archive) == 1
    assert not sealed.exists()


def test_duplicate_keeps_no_second_original(app):
    trial = app.create_collection(NewCollection("trial", "basic", "", 0, originals="forever"))
    for _ in range(2):
        send(app, ct_bytes(), trial.id)
        work(app)
    assert len(list((app.folders.vault / "originals").rglob("*.sealed"))) == 1
