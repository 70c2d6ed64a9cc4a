"""Mapping tables in the line: unmapped patients wait, and go on by themselves; names and crosswalk of a collection."""

import csv
from threading import Event

import pytest

from pacs.curation.cleaning import doubts_of, unknown_private
from pacs.curation.mapping import add_mapping, clear_mapping, export_crosswalk, set_names
from pacs.curation.status import status_json
from pacs.errors import BadRequest
from pacs.model import State
from pacs.pipeline import Worker
from pacs.pipeline.housekeeping import Housekeeping
from tests.builders import ct_bytes, uid, with_raw
from tests.installation import inbox_id, send, send_ct, work
from tests.pipeline.test_pipeline import studies

HEAD = "from_patient_id,to_patient_id,date_shift\n"
ROW = "ID-P1-4711,TRIAL-1,-100\n"


def inbox(app):
    return app.registry.snapshot().collection_named("inbox")


def test_mapped_patient_is_published_under_the_new_id(app):
    assert add_mapping(app.archive, inbox(app), HEAD + ROW, "test") == (1, 0)
    send_ct(app)
    assert work(app)["published"] == 1
    assert studies(app)[0]["PatientID"] == "TRIAL-1"


def test_unmapped_patient_waits_and_goes_on_when_the_row_arrives(app):
    add_mapping(app.archive, inbox(app), HEAD + "SOMEBODY,TRIAL-9,\n", "test")
    send_ct(app)
    send_ct(app, sop="i2")
    counts = work(app)
    assert (counts["held"], counts["published"]) == (2, 0)
    (receipt, _other) = app.archive.parts.receipts.in_states(State.HELD)
    assert receipt.reason.startswith("Waiting for mapping")
    assert "4711" not in receipt.reason + receipt.findings
    assert add_mapping(app.archive, inbox(app), HEAD + ROW, "test") == (1, 2)
    counts = work(app)
    assert (counts["held"], counts["published"]) == (0, 2)


def test_row_that_came_while_the_object_was_judged_is_seen(app):
    add_mapping(app.archive, inbox(app), HEAD + "SOMEBODY,TRIAL-9,\n", "test")
    send_ct(app)
    work(app)
    resume = app.archive.resume_mapped
    app.archive.resume_mapped = lambda _collection: 0  # as if it had been held only after the upload looked
    add_mapping(app.archive, inbox(app), HEAD + ROW, "test")
    app.archive.resume_mapped = resume
    Housekeeping(app.archive, 5.0).run()
    assert work(app)["published"] == 1


def test_cleared_table_means_keyed_ids(app):
    add_mapping(app.archive, inbox(app), HEAD + ROW, "test")
    assert clear_mapping(app.archive, inbox(app), "test") == 1
    send_ct(app)
    work(app)
    assert studies(app)[0]["PatientID"].startswith("INBOX-")


def test_faulty_table_changes_nothing(app):
    with pytest.raises(BadRequest, match="line 3"):
        add_mapping(app.archive, inbox(app), HEAD + ROW + "X,,\n", "test")
    assert not inbox(app).mapped
    with pytest.raises(BadRequest, match="another collection"):
        add_mapping(app.archive, inbox(app), "from_patient_id,to_patient_id,collection_name\nA,B,other\n", "test")


def test_later_table_must_agree_with_the_earlier(app):
    add_mapping(app.archive, inbox(app), HEAD + ROW, "test")
    assert add_mapping(app.archive, inbox(app), HEAD + ROW, "test") == (0, 0)
    with pytest.raises(BadRequest, match="another target"):
        add_mapping(app.archive, inbox(app), HEAD + "ID-P1-4711,TRIAL-2,-100\n", "test")
    with pytest.raises(BadRequest, match="another date shift"):
        add_mapping(app.archive, inbox(app), HEAD + "OTHER,TRIAL-1,-7\n", "test")


def test_sender_ids_are_not_stored_outside_the_wall(app):
    add_mapping(app.archive, inbox(app), HEAD + ROW, "test")
    app.archive.parts.database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    outside = (each for each in app.folders.data.rglob("*") if each.is_file() and each.parent.name != "vault")
    assert not any(b"ID-P1-4711" in each.read_bytes() for each in outside)


def test_uploaded_names_go_from_text_and_stand_in_the_version(app):
    send_ct(app, SeriesDescription="AXIAL Fernsby")
    work(app)
    version = set_names(app.archive, inbox(app), ["Fernsby", "Otherone"], "test")
    send_ct(app, sop="i2", ProtocolName="Helical fernsby", SoftwareVersions="VB20 Fernsby")
    work(app)
    assert inbox(app).names_version == version
    blobs = b"".join(each.read_bytes() for each in app.folders.blobs.rglob("*.dcm"))
    assert b"VB20" in blobs
    assert b"VB20 Fernsby" not in blobs
    assert not any(b"Fernsby" in each.read_bytes() for each in app.folders.vault.rglob("*") if each.is_file())
    set_names(app.archive, inbox(app), [], "test")
    assert inbox(app).names_version == ""


def test_crosswalk_is_exported_for_those_who_may(app, tmp_path):
    send_ct(app)
    work(app)
    counts = export_crosswalk(app.archive, inbox(app), tmp_path / "out", "test")
    assert counts["patients.csv"] == 1
    with (tmp_path / "out" / "patients.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["old_id"] == "ID-P1-4711"
    assert row["new_id"] == studies(app)[0]["PatientID"]
    assert (tmp_path / "out" / "uids.csv").stat().st_mode & 0o777 == 0o600
    with (tmp_path / "out" / "uids.csv").open(newline="") as file:
        assert uid("i1") in {line["old"] for line in csv.DictReader(file) if line["kind"] == "sop"}
    with pytest.raises(BadRequest, match="exists"):
        export_crosswalk(app.archive, inbox(app), tmp_path / "out", "test")


def test_encapsulated_document_is_quarantined_by_default(app):
    document = {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.104.1", "EncapsulatedDocument": b"%PDF-1.4 Quixotic"}
    send_ct(app, **document)
    assert work(app)["quarantined"] == 1
    app.registry.set_collection("inbox", {"documents": "blank"})
    send_ct(app, sop="i2", **document)
    assert work(app)["published"] == 1
    assert inbox_id(app)


def test_curator_sees_what_was_taken_away(app):
    private = {0x00090010: ("LO", b"SIEMENS MR HEADER "), 0x00091099: ("SH", b"x "), 0x00110010: ("LO", b"Dr Fernsby")}
    content = ct_bytes(SeriesDescription="AXIAL Fernsbyish")
    for tag, (vr, value) in private.items():
        content = with_raw(content, tag, vr, value)
    send(app, with_raw(content, 0x00111001, "SH", b"y "))
    assert work(app)["published"] == 1
    assert unknown_private(app.archive, inbox(app)) == {"SIEMENS MR HEADER": 1, "": 1}
    assert doubts_of(app.archive, inbox(app), "curator") == [{"path": "0008103E", "word": "Fernsbyish"}]
    (notes,) = app.archive.parts.receipts.notes_in(inbox_id(app))
    assert "Fernsby" not in notes


def test_name_of_an_earlier_patient_holds_but_never_changes_an_object(app):
    worker = Worker(app.archive, app.settings.pipeline, Event())
    send_ct(app, PatientName="Wolfeschlegel^Anna")
    assert worker.work_once() == 1
    send_ct(app, sop="i3", series="s3", study="t3", patient="P3", Manufacturer="WOLFESCHLEGEL")
    assert worker.work_once() == 1
    worker.claims.close()
    counts = status_json(app.archive)
    assert (counts["published"], counts["held"]) == (1, 1)
