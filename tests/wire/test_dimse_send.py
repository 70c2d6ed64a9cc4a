"""Sending to peers: at once, on release, again after a receiver was away, and on from where it was."""

import json
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydicom.uid import UID

from tests.builders import make_ct
from tests.wire.peers import Receiver, dcmtk, find, store
from tests.wire.server import Server, free_port, wait_for

SEGMENTATION = UID("1.2.840.10008.5.1.4.1.1.66.4")


@pytest.fixture
def filled(own_server: Server) -> Server:
    """A server that published two series of one study."""
    own_server.environment |= {"PACS_PIPELINE__SETTLE_S": "0.5"}
    own_server.start_scp(1)
    own_server.start("worker", "--workers", "1")
    objects = [make_ct(f"s{series}-{n}", f"s{series}", InstanceNumber=n) for series in (1, 2) for n in range(1, 4)]
    assert store(own_server.port, objects) == [0] * 6
    assert own_server.wait_until_worked_off()["published"] == 6
    return own_server


class Filling(Receiver):
    """A receiver that is full after two objects."""

    room = 2

    def on_store(self, event: Any) -> int:
        super().on_store(event)
        return 0 if len(self.objects) <= self.room else 0xA700


def study_uid(server: Server) -> str:
    rows, _status = find(server.port, level="STUDY", StudyInstanceUID="")
    return str(rows[0].StudyInstanceUID)


def last_job(server: Server) -> dict[str, Any]:
    return dict(json.loads(server.run("jobs", "list", "--json"))[0])


def refused(server: Server, *command: str) -> str:
    with pytest.raises(AssertionError) as raised:
        server.run(*command)
    return str(raised.value)


def test_study_reaches_the_receiver_whole(filled: Server, tmp_path: Path) -> None:
    with Receiver("DEST", tmp_path) as receiver:
        filled.run("peer", "add", "DEST", "127.0.0.1", str(receiver.port))
        assert "6 sent" in filled.run("send", "--to", "DEST", "--study", study_uid(filled))
        assert len({each.SOPInstanceUID for each in receiver.objects}) == 6
        assert {each.StudyInstanceUID for each in receiver.objects} == {study_uid(filled)}


def test_dcmtk_storescp_takes_a_collection(filled: Server, tmp_path: Path) -> None:
    port = free_port()
    process = subprocess.Popen(["/usr/bin/storescp", "-od", str(tmp_path), str(port)])
    try:
        filled.run("peer", "add", "STORESCP", "127.0.0.1", str(port))
        wait_for(lambda: dcmtk("echoscu", "127.0.0.1", str(port), check=False).returncode == 0)
        assert "6 sent" in filled.run("send", "--to", "STORESCP", "--collection", "inbox")
    finally:
        process.kill()
        process.wait()
    assert len(list(tmp_path.glob("CT.*"))) == 6


def test_receiver_that_is_away_is_tried_again(filled: Server, tmp_path: Path) -> None:
    filled.run("peer", "add", "DEST", "127.0.0.1", str(free_port()))
    assert "not everything was sent" in refused(filled, "send", "--to", "DEST", "--study", study_uid(filled))
    job = last_job(filled)
    assert (job["state"], job["attempts"]) == ("waiting", 1)
    filled.start("jobs", "run")
    with Receiver("DEST", tmp_path) as receiver:
        filled.run("peer", "add", "DEST", "127.0.0.1", str(receiver.port))
        filled.run("jobs", "retry", str(job["id"]))
        wait_for(lambda: last_job(filled)["state"] == "done")
        assert len(receiver.objects) == 6


def test_full_receiver_gets_the_rest_later(filled: Server, tmp_path: Path) -> None:
    with Receiver("DEST", tmp_path) as receiver:
        receiver.status = 0xA700
        filled.run("peer", "add", "DEST", "127.0.0.1", str(receiver.port))
        refused(filled, "send", "--to", "DEST", "--study", study_uid(filled))
        assert last_job(filled)["arguments"]["sent"] == 0
        receiver.status = 0
        receiver.objects.clear()
        filled.start("jobs", "run")
        filled.run("jobs", "retry", str(last_job(filled)["id"]))
        wait_for(lambda: last_job(filled)["state"] == "done")
        assert len(receiver.objects) == 6


def test_object_that_came_between_two_attempts_is_sent(filled: Server, tmp_path: Path) -> None:
    receiver = Filling("DEST", tmp_path)
    with receiver:
        filled.run("peer", "add", "DEST", "127.0.0.1", str(receiver.port))
        refused(filled, "send", "--to", "DEST", "--study", study_uid(filled))
        job = last_job(filled)
        assert (job["arguments"]["sent"], len(job["arguments"]["done"]), job["arguments"]["fruitless"]) == (2, 2, 0)
        more = [make_ct(f"s{series}-{n}", f"s{series}", InstanceNumber=n) for series in (1, 2) for n in range(4, 9)]
        assert store(filled.port, more) == [0] * 10
        assert filled.wait_until_worked_off()["published"] == 16
        receiver.room = 1000
        filled.start("jobs", "run")
        filled.run("jobs", "retry", str(job["id"]))
        wait_for(lambda: last_job(filled)["state"] == "done")
        assert len({each.SOPInstanceUID for each in receiver.objects}) == 16
        assert last_job(filled)["arguments"]["sent"] == 16


def test_refused_objects_do_not_stop_the_rest(filled: Server, tmp_path: Path) -> None:
    with Receiver("DEST", tmp_path, status=0xC000) as receiver:
        filled.run("peer", "add", "DEST", "127.0.0.1", str(receiver.port))
        refused(filled, "send", "--to", "DEST", "--study", study_uid(filled))
        job = last_job(filled)
        assert job["state"] == "failed"
        assert job["arguments"]["refused"] == 6
        assert len(receiver.objects) == 6


def test_class_that_the_receiver_does_not_take_does_not_stop_the_rest(filled: Server, tmp_path: Path) -> None:
    """A series alone on its association: the receiver accepts that, and none of its presentation contexts."""
    strange = make_ct("x1", "s0", Modality="SEG", SOPClassUID=SEGMENTATION)
    strange.file_meta.MediaStorageSOPClassUID = SEGMENTATION
    assert store(filled.port, [strange]) == [0]
    assert filled.wait_until_worked_off()["published"] == 7
    receiver = Receiver("DEST", tmp_path)
    receiver.ae.remove_supported_context(SEGMENTATION)
    with receiver:
        filled.run("peer", "add", "DEST", "127.0.0.1", str(receiver.port))
        refused(filled, "send", "--to", "DEST", "--study", study_uid(filled))
        job = last_job(filled)
        assert (job["state"], job["arguments"]["sent"], job["arguments"]["refused"]) == ("failed", 6, 1)
        assert len(receiver.objects) == 6


def test_interrupted_job_goes_on_where_it_was(filled: Server, tmp_path: Path) -> None:
    """The process is killed in mid-series; another one sends what is left, and at most a few again."""
    with Receiver("DEST", tmp_path) as receiver:
        filled.run("peer", "add", "DEST", "127.0.0.1", str(receiver.port))
        first = filled.run("send", "--to", "DEST", "--study", study_uid(filled), "--background")
        assert "queued" in first
        process = filled.start("jobs", "run")
        wait_for(lambda: len(receiver.objects) >= 1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
        filled.processes.remove(process)
        filled.start("jobs", "run")
        wait_for(lambda: last_job(filled)["state"] == "done")
        assert len({each.SOPInstanceUID for each in receiver.objects}) == 6


def test_released_series_are_forwarded_once(filled: Server, tmp_path: Path) -> None:
    """Released before it settled or after, a series goes once; what was there before the rule stays."""
    filled.run("collection", "create", "trial", "--called-aet", "TRIAL")
    filled.start("jobs", "run")
    with Receiver("DEST", tmp_path) as receiver:
        filled.run("peer", "add", "DEST", "127.0.0.1", str(receiver.port))
        filled.run("peer", "add", "MODALITY", "127.0.0.1", "104")
        filled.run("forward", "add", "trial", "DEST")
        wait_until_examined(filled, 2)
        filled.run("forward", "add", "inbox", "DEST")
        sent = [make_ct(f"t-{n}", "t", "t", "T", InstanceNumber=n) for n in (1, 2)]
        assert store(filled.port, sent, calling="MODALITY", called="TRIAL") == [0, 0]
        filled.wait_until_worked_off()
        filled.run("collection", "release", "trial")
        wait_until_examined(filled, 3)
        settled = [make_ct("u-1", "u", "t", "T")]
        assert store(filled.port, settled, calling="MODALITY", called="TRIAL") == [0]
        wait_until_examined(filled, 4)
        assert sent_to_dest(filled) == 1
        filled.run("collection", "release", "trial")
        # inbox releases by itself: what is new there follows once its series has settled
        assert store(filled.port, [make_ct("i-1", "i", "i", "I")]) == [0]
        wait_until_examined(filled, 5)
        assert sent_to_dest(filled) == 3
        wait_for(lambda: len(receiver.objects) == 4)
        # of a series that grows, what is new goes
        assert store(filled.port, [make_ct("i-2", "i", "i", "I", InstanceNumber=2)]) == [0]
        wait_for(lambda: sent_to_dest(filled) == 4, 60)
        wait_for(lambda: last_job(filled)["note"] == "1 sent", 60)
        assert len(receiver.objects) == 5
    assert json.loads(filled.run("forward", "list", "--json")) == [
        {"collection": "inbox", "aet": "DEST", "filter": ""},
        {"collection": "trial", "aet": "DEST", "filter": ""},
    ]


def sent_to_dest(server: Server) -> int:
    return sum(job["name"] == "send" for job in json.loads(server.run("jobs", "list", "--json")))


def wait_until_examined(server: Server, count: int) -> None:
    """Until the series stages have looked at so many series, and at nothing else but these."""
    connection = sqlite3.connect(server.data / "pacs.sqlite")
    examined = "SELECT count(*), sum(examined_ms > last_stored_ms) FROM series"
    wait_for(lambda: connection.execute(examined).fetchone() == (count, count), 60)
    connection.close()


def test_peer_gets_only_what_it_may_see(filled: Server, tmp_path: Path) -> None:
    filled.run("collection", "create", "other")
    with Receiver("DEST", tmp_path) as receiver:
        filled.run("peer", "add", "DEST", "127.0.0.1", str(receiver.port), "--collection", "other")
        refused(filled, "send", "--to", "DEST", "--study", study_uid(filled))
        assert receiver.objects == []


def test_original_uid_given_to_send_is_not_written_down(filled: Server) -> None:
    filled.run("peer", "add", "DEST", "127.0.0.1", "104")
    refused(filled, "send", "--to", "DEST", "--study", "1.2.3.4711.4712", "--background")
    assert json.loads(filled.run("jobs", "list", "--json")) == []
    assert not any(b"1.2.3.4711.4712" in each.read_bytes() for each in filled.data.glob("pacs.sqlite*"))


def test_unknown_receiver_is_said_at_once(filled: Server) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pacs", "send", "--to", "NOBODY", "--study", "1.2", "--data", str(filled.data)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "no peer 'NOBODY'" in done.stderr
