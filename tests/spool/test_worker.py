"""Claims: each entry in one hand, and back in line when that hand is dead."""

import os
import signal
from pathlib import Path

import pytest

from pacs.spool import Claims, Spool, recover, sweep_incoming
from pacs.spool.entries import Entry, new_intake_id
from tests.builders import ct_bytes, make_envelope, put


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool", tmp_path / "quarantine")


def fill(spool: Spool, count: int) -> list[str]:
    return [
        spool.accept(put(spool.incoming, ct_bytes(sop=str(each))), make_envelope()).intake_ids[0]
        for each in range(count)
    ]


def die_holding(spool: Spool, limit: int, *, working: bool) -> None:
    """A worker that claims and is then killed, with or without an object in hand."""
    child = os.fork()
    if child == 0:
        claims = Claims(spool)
        taken = claims.claim(limit)
        if working:
            claims.work_on(taken[0])
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)


def test_claims_every_entry_once(spool):
    ids = fill(spool, 7)
    one, two = Claims(spool), Claims(spool)
    taken = [*one.claim(4), *two.claim(4), *one.claim(4)]
    assert sorted(entry.intake_id for entry in taken) == sorted(ids)
    assert two.claim(4) == []
    one.close()
    two.close()


def test_finished_entry_is_gone(spool):
    fill(spool, 1)
    claims = Claims(spool)
    (entry,) = claims.claim(5)
    spool.finish(entry)
    spool.finish(entry)
    assert spool.backlog() == 0
    claims.close()


def test_closing_gives_entries_back_without_blame(spool):
    fill(spool, 2)
    claims = Claims(spool)
    claims.work_on(claims.claim(5)[0])
    claims.close()
    assert [entry.crashes for entry in spool.entries()] == [0, 0]
    assert list(spool.claimed.iterdir()) == []


def test_living_worker_keeps_what_it_holds(spool):
    fill(spool, 2)
    claims = Claims(spool)
    assert len(claims.claim(5)) == 2
    child = os.fork()
    if child == 0:
        os._exit(recover(spool))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    claims.close()


def test_dead_worker_loses_its_entries(spool):
    ids = fill(spool, 3)
    die_holding(spool, 5, working=False)
    assert recover(spool) == 3
    assert sorted(entry.intake_id for entry in spool.entries()) == sorted(ids)
    assert {entry.crashes for entry in spool.entries()} == {0}
    assert list(spool.claimed.iterdir()) == []


def test_only_the_object_in_hand_is_blamed(spool):
    fill(spool, 3)
    die_holding(spool, 5, working=True)
    recover(spool)
    assert sorted(entry.crashes for entry in spool.entries()) == [0, 0, 1]


def test_suspect_is_tried_alone(spool):
    fill(spool, 3)
    die_holding(spool, 5, working=True)
    recover(spool)
    claims = Claims(spool)
    assert [entry.crashes for entry in claims.claim(5)] == [1]
    assert [entry.crashes for entry in claims.claim(5)] == [0, 0]
    claims.close()


def test_crashes_add_up(spool):
    fill(spool, 1)
    for crashes in (1, 2, 3):
        die_holding(spool, 5, working=True)
        recover(spool)
        assert [entry.crashes for entry in spool.entries()] == [crashes]


def test_quarantine_and_put_back_keep_the_original(spool):
    (intake_id,) = fill(spool, 1)
    claims = Claims(spool)
    (entry,) = claims.claim(1)
    content = entry.path.read_bytes()
    spool.quarantine(entry)
    spool.hold(entry)
    assert spool.quarantined(intake_id).path.read_bytes() == content
    assert spool.backlog() == 0
    spool.put_back(spool.quarantined(intake_id))
    assert spool.backlog() == 1
    claims.close()


def test_sweeps_temporaries_of_dead_doors_only(spool):
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    put(spool.incoming, b"x", f"{child}.dead.part")
    put(spool.incoming, b"x", "nonsense")
    alive = put(spool.incoming, b"x", f"{os.getpid()}.alive.part")
    assert sweep_incoming(spool) == 2
    assert list(spool.incoming.iterdir()) == [alive]


def fill_quickly(spool: Spool, count: int, per_shard: int = 2500) -> None:
    """Many entries, as a long queue has them: all are links to one file."""
    source = put(spool.incoming, b"x")
    shard = spool.waiting
    for number in range(count):
        if number % per_shard == 0:
            shard = spool.waiting / f"{number:010x}-1"
            shard.mkdir()
            source = put(shard, b"x", Entry(new_intake_id(), "e", 1, 0, shard).name)
            continue
        os.link(source, shard / Entry(new_intake_id(), "e", 1, 0, shard).name)


@pytest.mark.long
def test_claim_costs_the_same_with_500_000_waiting(tmp_path):
    """Counted in folders read and renames made, not in seconds: the folders that a claim reads do not grow."""
    spool = Spool(tmp_path / "spool", tmp_path / "quarantine")
    fill_quickly(spool, 500_000)
    claims = Claims(spool)
    reads: list[str] = []
    original = os.scandir

    def counted(path):
        reads.append(str(path))
        return original(path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "scandir", counted)
        assert len(claims.claim(8)) == 8
    assert len([each for each in reads if "waiting/" in each]) == 1
    claims.close()
