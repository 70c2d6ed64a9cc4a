"""Lookup tables and counters of CTP scripts in the line: sealed, by collection, and what waits goes on by itself."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from pacs.curation.lookup import add_to_lookup, lookup_facts, read_table, replace_lookup
from pacs.db import close_thread
from pacs.deid import CollectionKeys
from pacs.errors import BadRequest, Conflict
from pacs.model import Publication, State
from pacs.pipeline import Worker
from pacs.pipeline.integers import IntegerFile
from pacs.registry import Counters, Registry
from pacs.registry.registry import NewCollection
from tests.installation import send_ct, work
from tests.pipeline.test_pipeline import studies

SCRIPT = """<script>
<p t="UIDROOT">1.2.3.4</p>
<e en="T" t="00080018" n="SOPInstanceUID">@hashuid(@UIDROOT,this)</e>
<e en="T" t="00100010" n="PatientName">@lookup(PatientID,ptid)</e>
<e en="T" t="00100020" n="PatientID">@lookup(this,ptid)</e>
<e en="T" t="00200010" n="StudyID">@integer(StudyInstanceUID,study,4)</e>
<e en="T" t="00104000" n="PatientComments">@always()seen @date(-) @time(:)</e>
</script>"""
ROW = {"ptid/ID-P1-4711": "SUBJ-1"}


@pytest.fixture
def trial(app):
    """The collection `inbox` with a script that looks patients up."""
    app.folders.profiles.mkdir(exist_ok=True)
    (app.folders.profiles / "trial.script").write_text(SCRIPT)
    app.registry.set_collection("inbox", {"profile": "trial"})
    app.follow_profiles()
    return app.registry.snapshot().collection_named("inbox")


def test_key_that_is_missing_waits_and_goes_on_when_it_comes(app, trial):
    send_ct(app)
    send_ct(app, sop="i2")
    assert work(app)["held"] == 2
    assert lookup_facts(app.archive, trial) == {"collection": "inbox", "rows": {}, "waiting": {"ptid": 2}}
    (receipt, _other) = app.archive.parts.receipts.in_states(State.HELD)
    assert "4711" not in receipt.reason + receipt.waiting_for
    assert add_to_lookup(app.archive, trial, {"ptid/other": "X"}, "test") == (1, 0)
    assert add_to_lookup(app.archive, trial, ROW, "test") == (1, 2)
    counts = work(app)
    assert (counts["held"], counts["published"]) == (0, 2)
    (study,) = studies(app)
    assert (study["PatientID"], study["PatientName"]) == ("SUBJ-1", "SUBJ-1")
    assert all(b"SH\x04\x000001" in each.read_bytes() for each in app.folders.blobs.rglob("*.dcm"))


def test_row_that_names_another_waits_for_that_one(app, trial):
    add_to_lookup(app.archive, trial, {"ptid/ID-P1-4711": "@main/ID-P1-4711"}, "test")
    send_ct(app)
    assert work(app)["held"] == 1
    assert lookup_facts(app.archive, trial)["waiting"] == {"main": 1}
    assert add_to_lookup(app.archive, trial, {"main/ID-P1-4711": "SUBJ-7"}, "test") == (1, 1)
    assert work(app)["published"] == 1


def test_rows_that_name_each_other_end_in_quarantine(app, trial):
    circle = {"ptid/ID-P1-4711": "@ptid/other", "ptid/other": "@ptid/ID-P1-4711"}
    add_to_lookup(app.archive, trial, circle, "test")
    send_ct(app)
    assert work(app)["quarantined"] == 1


def test_object_without_the_value_that_is_looked_up_does_not_wait(app, trial):
    send_ct(app, PatientID="")
    assert work(app)["quarantined"] == 1
    (receipt,) = app.archive.parts.receipts.in_states(State.QUARANTINED)
    assert "looks up as ptid is empty" in receipt.reason


def test_table_is_replaced_as_a_whole_and_known_keys_keep_their_value(app, trial):
    assert replace_lookup(app.archive, trial, ROW | {"shift/ID-P1-4711": "-10"}, "test") == (2, 0)
    assert add_to_lookup(app.archive, trial, ROW, "test") == (0, 0)
    with pytest.raises(Conflict, match="another value") as told:
        add_to_lookup(app.archive, trial, {"ptid/new": "Y", "ptid/ID-P1-4711": "SUBJ-2"}, "test")
    assert "4711" not in str(told.value)
    assert lookup_facts(app.archive, trial)["rows"] == {"ptid": 1, "shift": 1}
    assert replace_lookup(app.archive, trial, {}, "test") == (0, 0)
    assert lookup_facts(app.archive, trial)["rows"] == {}


@pytest.mark.parametrize("rows", [{"4711/5": "X"}, {"ptid/": "X"}, {"ptid/a": "X\nY"}])
def test_row_that_cannot_be_is_refused_without_its_text(app, trial, rows):
    with pytest.raises(BadRequest, match="row 1") as told:
        add_to_lookup(app.archive, trial, rows, "test")
    assert "4711" not in str(told.value)


def test_both_forms_of_a_table_are_read(app, trial):
    assert read_table(app.archive, trial, "# ours\nptid/PID-0042=SUBJ-1\nbase/A\\ B=1/15/2024\n", is_csv=False) == {
        "ptid/PID-0042": "SUBJ-1",
        "base/A B": "1/15/2024",
    }
    assert read_table(app.archive, trial, "PID-0042,SUBJ-1\r\nshift/PID-0042,-10\r\n", is_csv=True) == {
        "ptid/PID-0042": "SUBJ-1",
        "shift/PID-0042": "-10",
    }


def test_keys_and_values_are_not_on_disk_in_clear(app, trial):
    add_to_lookup(app.archive, trial, {"ptid/QUIXOTIC-9": "TARGET-XYZ"}, "test")
    app.archive.parts.lookups._database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    content = b"".join(each.read_bytes() for each in app.folders.data.rglob("*") if each.is_file())
    assert b"QUIXOTIC" not in content
    assert b"TARGET-XYZ" not in content


def test_second_run_of_an_entry_gives_the_same_bytes(app, trial):
    add_to_lookup(app.archive, trial, ROW, "test")
    send_ct(app)
    worker = Worker(app.archive, app.settings.pipeline, Event())
    (entry,) = worker.claims.claim(10)
    (first,), (second,) = (worker.processor.process([entry]) for _ in range(2))
    worker.claims.close()
    assert isinstance(first, Publication)
    assert isinstance(second, Publication)
    assert b"seen " in first.blob_path.read_bytes()
    assert first.blob_digest == second.blob_digest


def test_counters_are_kept_by_kind_and_text(database):
    collection = Registry(database).create_collection(NewCollection("t", "basic", "v", 1))
    counters = Counters(database)
    asked = [("pt", "a"), ("pt", "b"), ("pt", "a"), ("study", "b"), ("pt", "c")]
    assert [counters.number(collection.id, *each) for each in asked] == [1, 2, 1, 1, 3]
    assert Counters(database).number(collection.id, "pt", "b") == 2


def test_counters_of_several_workers_give_each_number_once(database):
    collection = Registry(database).create_collection(NewCollection("t", "basic", "v", 1))
    counters = Counters(database)

    def ask(start):
        found = [
            (each % 20, counters.number(collection.id, "pt", f"d{each % 20}")) for each in range(start, start + 20)
        ]
        close_thread(database)
        return found

    with ThreadPoolExecutor(4) as pool:
        found = {pair for pairs in pool.map(ask, (0, 5, 10, 15)) for pair in pairs}
    assert sorted(number for _text, number in found) == list(range(1, 21))


def test_counters_of_runs_without_a_server_agree(tmp_path):
    keys = CollectionKeys.derive(bytes(32), "inbox")
    one, other = IntegerFile(tmp_path / "k.integers"), IntegerFile(tmp_path / "k.integers")
    assert one.number("pt", keys.counter_hmac("pt", "PID-0042")) == 1
    assert other.number("pt", keys.counter_hmac("pt", "Doe^John^Q")) == 2
    assert one.number("pt", keys.counter_hmac("pt", "Doe^John^Q")) == 2
    assert (tmp_path / "k.integers").stat().st_mode & 0o777 == 0o600
    one.close()
    other.close()
    assert b"PID-0042" not in (tmp_path / "k.integers").read_bytes()
