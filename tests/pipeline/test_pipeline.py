"""From the spool to the archive: every object ends in exactly one state."""

import errno
import os
import sqlite3
from threading import Event

import pytest

from pacs.curation import quarantine
from pacs.curation.status import status_json, trace
from pacs.model import Drop, Finding, Hold, InstanceKey, Keep, Level, Principal, PrincipalKind, Quarantine, State
from pacs.pipeline import Processor, Worker
from pacs.pipeline.stages import OBJECT_STAGES
from pacs.query import Exact, Match, Query
from pacs.spool import Claims
from tests.builders import ct_bytes, uid, with_raw
from tests.installation import inbox_id, send, send_ct, work

CURATOR = Principal(PrincipalKind.PEER, "TEST", services=frozenset(("find", "get")))


def studies(app):
    query = Query(Level.STUDY, returned=frozenset(("PatientID", "PatientName", "NumberOfStudyRelatedInstances")))
    return list(app.archive.find(query, CURATOR))


def test_published_object_is_found_and_opened(app):
    send_ct(app)
    assert work(app) == zero() | {"published": 1}
    (study,) = studies(app)
    (instance,) = app.archive.open(InstanceKey(str(study["StudyInstanceUID"])), CURATOR)
    content = instance.path.read_bytes()
    assert b"Quixotic" not in content
    assert uid("i1").encode() not in content
    assert bytes(range(128)) in content


def zero():
    return dict.fromkeys(("waiting", "held", "published", "duplicate", "quarantined", "dropped"), 0)


def test_identical_object_twice_is_one_copy(app):
    send_ct(app)
    send_ct(app)
    assert work(app) == zero() | {"published": 1, "duplicate": 1}
    assert studies(app)[0]["NumberOfStudyRelatedInstances"] == 1


def test_keep_first_ignores_other_content(app):
    send_ct(app)
    send_ct(app, KVP=80)
    assert work(app) == zero() | {"published": 1, "duplicate": 1}


def test_replace_makes_a_new_revision(app):
    app.registry.set_collection("inbox", {"duplicates": "replace"})
    send_ct(app)
    work(app)
    send_ct(app, KVP=80)
    assert work(app)["published"] == 2
    (study,) = studies(app)
    (instance,) = app.archive.open(InstanceKey(str(study["StudyInstanceUID"])), CURATOR)
    assert instance.revision == 2
    assert b"80" in b"".join(app.archive.metadata([instance]))


def test_quarantine_policy_keeps_the_other_original(app):
    app.registry.set_collection("inbox", {"duplicates": "quarantine"})
    send_ct(app)
    accepted = send_ct(app, KVP=80)
    assert work(app) == zero() | {"published": 1, "quarantined": 1}
    (receipt,) = quarantine.listed(app.archive)
    assert app.archive.parts.spool.quarantined(receipt.intake_id).path.exists()
    assert accepted.intake_ids


def test_same_batch_twice_changes_nothing(app):
    send_ct(app)
    claims = Claims(app.archive.parts.spool)
    (entry,) = claims.claim(1)
    processor = Processor(app.archive)
    for _ in range(2):
        assert app.archive.commit(processor.process([entry])) == {entry.intake_id: State.PUBLISHED}
    assert status_json(app.archive) == zero() | {"published": 1}
    claims.close()


def run_with_stage(app, stage):
    worker = Worker(app.archive, app.settings.pipeline, Event())
    worker.processor = Processor(app.archive, 3, (*OBJECT_STAGES, stage))
    try:
        while worker.work_once():
            pass
    finally:
        worker.claims.close()
    return status_json(app.archive)


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (Keep(), "published"),
        (Hold("waits for a mapping row", (Finding("00100020", "mapping"),)), "held"),
        (Quarantine("cannot be cleaned"), "quarantined"),
        (Drop("not wanted"), "dropped"),
    ],
)
def test_each_outcome_ends_in_its_state(app, outcome, state):
    send_ct(app)
    assert run_with_stage(app, lambda _work: outcome) == zero() | {state: 1}


def test_stage_that_fails_quarantines_without_quoting(app, caplog):
    def fails(_work):
        raise ValueError("Quixotic^P1")

    send_ct(app)
    assert run_with_stage(app, fails)["quarantined"] == 1
    (receipt,) = quarantine.listed(app.archive)
    assert "ValueError" in receipt.reason
    assert "Quixotic" not in receipt.reason


def test_poison_object_does_not_stop_the_line(app):
    """Three dead workers over one object: it is quarantined, the others are published."""
    for number in range(4):
        send_ct(app, sop=f"i{number}")
    victim = uid("i2")

    def deadly(work):
        if work.original[0x00080018].value.tobytes().startswith(victim.encode()):
            os.kill(os.getpid(), 9)
        return Keep()

    for _ in range(8):
        child = os.fork()
        if child == 0:
            run_with_stage(app, deadly)
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        from pacs.spool import recover

        recover(app.archive.parts.spool)
        if status == 0:
            break
    assert status_json(app.archive) == zero() | {"published": 3, "quarantined": 1}
    (receipt,) = quarantine.listed(app.archive)
    assert "3 times" in receipt.reason


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "no space"), OSError(errno.EIO, "broken")])
def test_full_disk_leaves_objects_in_line(app, monkeypatch, error):
    def refuses(_pieces):
        raise error

    send_ct(app)
    worker = Worker(app.archive, app.settings.pipeline, Event())
    worker.stop.set()  # so that its pause does not hold up the test
    worker.stop = Event()
    monkeypatch.setattr(app.archive.parts.blobs, "write", refuses)
    monkeypatch.setattr(worker.stop, "wait", lambda _seconds=None: False)
    assert worker.work_once() == 0
    assert status_json(app.archive) == zero() | {"waiting": 1}
    monkeypatch.undo()
    assert worker.work_once() == 1
    worker.claims.close()
    assert status_json(app.archive) == zero() | {"published": 1}


def judged_in(app, stages):
    """The order in which stages saw objects, when two wait."""
    for number in range(2):
        send_ct(app, sop=f"i{number}")
    seen = []

    def stage(name):
        def noting(work):
            seen.append((name, work.original[0x00080018].value.tobytes()[-4:]))
            return Keep()

        return noting

    worker = Worker(app.archive, app.settings.pipeline, Event())
    worker.processor = Processor(app.archive, 3, (*OBJECT_STAGES, *map(stage, stages)))
    assert worker.work_once() == 2
    worker.claims.close()
    return [name for name, _sop in seen], len({sop for _name, sop in seen})


def test_small_objects_go_through_a_stage_together(app):
    assert judged_in(app, "ab") == (["a", "a", "b", "b"], 2)


def test_large_objects_are_judged_one_by_one(app, monkeypatch):
    monkeypatch.setattr("pacs.pipeline.objects._TOGETHER_BYTES", 100)
    assert judged_in(app, "ab") == (["a", "b", "a", "b"], 2)


def test_stopped_worker_gives_back_what_it_has_not_judged(app):
    for number in range(3):
        send_ct(app, sop=f"i{number}")
    worker = Worker(app.archive, app.settings.pipeline, Event())

    def stops(work):
        worker.stop.set()
        return Keep()

    worker.processor = Processor(app.archive, 3, (*OBJECT_STAGES, stops))
    assert worker.work_once() == 0
    worker.claims.close()
    assert [entry.crashes for entry in app.archive.parts.spool.entries()] == [0, 0, 0]
    assert list((app.folders.data / "blobs" / "tmp").iterdir()) == []
    assert work(app) == zero() | {"published": 3}


def test_burned_in_text_is_not_published_under_basic(app):
    app.registry.set_collection("inbox", {"profile": "basic"})
    send_ct(app, BurnedInAnnotation="YES")
    assert work(app)["quarantined"] == 1


def test_leak_holds_the_object(app):
    """A name in an element that no table lists: the profile keeps it, the second reader finds it."""
    send(app, with_raw(ct_bytes(), 0x00080103, "CS", b"QUIXOTIC"))
    counts = work(app)
    assert counts["held"] + counts["published"] == 1
    for instance_bytes in (path.read_bytes() for path in app.folders.blobs.rglob("*.dcm")):
        assert b"QUIXOTIC" not in instance_bytes


def test_retry_export_discard_from_the_quarantine(app, tmp_path):
    content = ct_bytes(EncapsulatedDocument=b"%PDF-1.4")
    send(app, content)
    work(app)
    (receipt,) = quarantine.listed(app.archive)
    exported = quarantine.export(app.archive, receipt.intake_id, tmp_path / "out", "tester")
    assert exported.read_bytes() == content
    assert exported.stat().st_mode & 0o777 == 0o600
    quarantine.retry(app.archive, receipt.intake_id, "tester")
    assert status_json(app.archive) == zero() | {"waiting": 1}
    assert work(app)["quarantined"] == 1
    quarantine.discard(app.archive, receipt.intake_id, "tester")
    assert status_json(app.archive) == zero() | {"dropped": 1}
    assert list(app.archive.parts.spool.all_quarantined()) == []
    assert app.archive.parts.trail.broken_at() is None


def test_retry_that_was_cut_off_goes_on(app):
    send_ct(app, EncapsulatedDocument=b"%PDF-1.4")
    work(app)
    (receipt,) = quarantine.listed(app.archive)
    app.archive.parts.receipts.forget(receipt.intake_id)
    assert quarantine.put_back_orphans(app.archive) == 1
    assert work(app)["quarantined"] == 1


def test_trace_answers_from_old_and_new_uids(app):
    accepted = send_ct(app)
    work(app)
    keys = app.archive.keys_of(app.registry.snapshot().collections[inbox_id(app)])
    (row,) = studies(app)
    uids = [each for name in ("i1", "t1", "s1") for each in (uid(name), keys.map_uid(uid(name)))]
    for known in (*uids, "ID-P1-4711", "ACCP199", str(row["PatientID"]), accepted.intake_ids[0]):
        (receipt,) = trace(app.archive, known)
        assert receipt.state == "published"
        assert receipt.sender == "SENDER"
    assert trace(app.archive, "1.2.3") == []


def test_object_of_two_collections_has_two_identities(app):
    from pacs.registry.registry import NewCollection

    other = app.create_collection(NewCollection("other", "basic", "", 0))
    send(app, ct_bytes(), inbox_id(app), other.id)
    assert work(app)["published"] == 2
    assert len({row["StudyInstanceUID"] for row in studies(app)}) == 1 + (other.release.value == "automatic")


def test_object_of_removed_collection_is_quarantined(app):
    send(app, ct_bytes(), 999)
    assert work(app)["quarantined"] == 1


def test_database_error_of_one_object_spares_the_others(app, monkeypatch):
    """A value that the index cannot take must quarantine its object, not the batch."""
    for number in range(3):
        send_ct(app, sop=f"i{number}", InstanceNumber=number)
    write = app.archive.parts.index.write

    def picky(batch, *rest):
        if any(item.attributes.get("InstanceNumber") == "1" for item in batch):
            raise sqlite3.DataError("cannot take it")
        return write(batch, *rest)

    monkeypatch.setattr(app.archive.parts.index, "write", picky)
    assert work(app) == zero() | {"published": 2, "quarantined": 1}


def test_same_object_gives_the_same_bytes(tmp_path):
    from tests.installation import installed

    digests = []
    for name in ("a", "b"):
        with installed(tmp_path / name) as app:
            if name == "b":
                key = (tmp_path / "a" / "data" / "key").read_bytes()
                app.folders.key.write_bytes(key)
        with installed(tmp_path / name) as app:
            send_ct(app)
            work(app)
            digests += [path.name for path in app.folders.blobs.rglob("*.dcm")]
    assert len(digests) == 2
    assert digests[0] == digests[1]


def test_review_keeps_original_until_release(app):
    from pacs.curation.release import release
    from pacs.model import Release
    from pacs.registry.registry import NewCollection

    trial = app.create_collection(NewCollection("trial", "basic", "", 0, release=Release.REVIEW))
    content = ct_bytes()
    accepted = send(app, content, trial.id)
    work(app)
    assert studies(app) == []
    parts = app.archive.parts
    key = parts.keys.sealing_key(trial.key_id, trial.key_label)
    assert b"".join(parts.originals.read(trial.id, accepted.intake_ids[0], key)) == content
    assert release(app.archive, "trial", None, "tester") == 1
    assert len(studies(app)) == 1
    with pytest.raises(KeyError):
        next(parts.originals.read(trial.id, accepted.intake_ids[0], key))


def test_crosswalk_knows_old_and_new(app):
    send_ct(app)
    work(app)
    inbox = app.registry.snapshot().collections[inbox_id(app)]
    key = app.archive.parts.keys.sealing_key(inbox.key_id, inbox.key_label)
    rows = {row.kind: row for row in app.archive.parts.crosswalk.rows(inbox.id, key)}
    assert rows["sop"].old == uid("i1")
    assert rows["patient"].old == "ID-P1-4711"
    assert rows["patient"].new == studies(app)[0]["PatientID"]


def test_series_stage_flags_inconsistent_series(app):
    from pacs.pipeline.series import run_series_stages

    send_ct(app, sop="i1", Manufacturer="ACME")
    send_ct(app, sop="i2", Manufacturer="OTHER")
    send_ct(app, sop="i3", series="s2")
    work(app)
    assert run_series_stages(app.archive, -1.0) == 2
    flagged = Query(Level.SERIES, (Match("Manufacturer", Exact(("ACME",))),))
    assert list(app.archive.find(flagged, CURATOR))
    rows = app.archive.parts.database.execute_sql("SELECT flags FROM series ORDER BY flags").fetchall()
    assert [row[0] for row in rows] == ["", "inconsistent:Manufacturer"]
    assert run_series_stages(app.archive, -1.0) == 0


def test_ending_of_unreadable_entry_names_no_value(app):
    """The disk changed an entry after it was accepted."""
    send_ct(app)
    (entry,) = app.archive.parts.spool.entries()
    entry.path.write_bytes(entry.path.read_bytes()[:300])
    assert work(app)["quarantined"] == 1
    assert "cannot be read" in quarantine.listed(app.archive)[0].reason


def test_counts_by_sender_add_up(app):
    from pacs.curation.status import sender_counts

    send_ct(app)
    send_ct(app)
    send_ct(app, sop="i2", EncapsulatedDocument=b"%PDF-1.4")
    work(app)
    send_ct(app, sop="i3")
    rows = sender_counts(app.archive)
    assert {(sender, state, count) for sender, _study, state, count in rows} == {
        ("SENDER", "waiting", 1), ("SENDER", "published", 1), ("SENDER", "duplicate", 1), ("SENDER", "quarantined", 1)
    }  # fmt: skip
    assert sum(row[3] for row in rows) == sum(status_json(app.archive).values())


def test_removed_object_stays_away_and_its_id_too(app):
    """A tombstone drops the re-send; a reader that still holds the old row never reads another object by it."""
    from pacs.errors import NotAllowed, NotFound
    from pacs.model import Grant, Role

    send_ct(app)
    work(app)
    key = InstanceKey(str(studies(app)[0]["StudyInstanceUID"]))
    (held,) = app.archive.open(key, CURATOR)
    with pytest.raises(NotAllowed):
        app.archive.remove(key, CURATOR, "test")
    admin = Principal(PrincipalKind.USER, "ann", (Grant(Role.ADMIN),))
    entry = app.archive.remove(key, admin, "test")
    assert entry.instance_count == 1
    assert app.archive.purge(entry, "test") == 1
    assert not held.path.exists()
    with pytest.raises(NotFound):
        app.archive.open(key, admin)
    send_ct(app)
    send_ct(app, sop="i2")
    assert work(app) == zero() | {"published": 2, "dropped": 1}
    assert list(app.archive.metadata([held])) == []


def test_encapsulated_uncompressed_frames_are_cut_as_stored(app):
    from pydicom.encaps import encapsulate

    from pacs.dicom.syntaxes import ENCAPSULATED_PLAIN

    frames = [bytes([n]) * 128 for n in (1, 2)]
    send_ct(app, syntax=ENCAPSULATED_PLAIN, NumberOfFrames=2, PixelData=encapsulate(frames))
    assert work(app)["published"] == 1
    (instance,) = app.archive.open(InstanceKey(str(studies(app)[0]["StudyInstanceUID"])), CURATOR)
    content = instance.path.read_bytes()
    found = [b"".join(content[a : a + n] for a, n in each.ranges) for each in app.archive.frames(instance)]
    assert found == frames


def test_region_of_an_imported_pixel_script_is_blanked(app):
    folder = app.folders.profiles
    folder.mkdir()
    (folder / "ours.pixels").write_text('Our scanner { Manufacturer.equals("ACME") } (0, 0, 4, 2)')
    app.follow_profiles()
    send_ct(app)
    assert work(app)["published"] == 1
    (blob,) = app.folders.blobs.rglob("*.dcm")
    pixels = blob.read_bytes()[-128:]
    blank = pixels[:2]
    assert pixels[:8] == pixels[16:24] == blank * 4
    assert pixels[8:16] + pixels[24:] == bytes(range(8, 16)) + bytes(range(24, 128))
