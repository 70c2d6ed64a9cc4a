"""Each round: objects are sent while the server is killed somewhere, it starts again, and everything adds up."""

import os
import random
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pacs.app import open_app
from pacs.config import load_settings
from pacs.curation.doctor import examine
from pacs.curation.status import status_json
from pacs.dicom.fileformat import read_start
from pacs.dicom.syntaxes import EXPLICIT_LE
from pacs.dimse.messages import parse_command
from pacs.model import InstanceKey, Level, Principal, PrincipalKind
from pacs.query import Query
from tests import warm
from tests.builders import CT, ct_bytes, uid
from tests.wire.peers import VERIFICATION, Bare
from tests.wire.server import free_port, wait_for

COUNT = 12
READER = Principal(PrincipalKind.PEER, "READER", services=frozenset(("find",)))
NAME = "Quixotic"

# Every step from the socket to the finished entry, in order.
STEPS = [
    "pacs.dimse.reception:MessageReader.open",
    "pacs.dimse.reception:MessageReader.write",
    "pacs.spool.spool:walk_file",
    "pacs.spool.spool:fsync_file",
    "pacs.spool.spool:write_durably",
    "pacs.spool.spool:os.link",
    "pacs.spool.disk:SharedFolderSync.sync",
    "pacs.spool.worker:Claims._take",
    "pacs.spool.worker:Claims.work_on",
    "pacs.pipeline.stages:deidentify",
    "pacs.blobs.local:LocalBlobs.write",
    "pacs.vault.crosswalk:Crosswalk.add",
    "pacs.blobs.local:LocalBlobs.keep",
    "pacs.blobs.local:_make_folders",
    "pacs.index.index:Index.write",
    "pacs.audit.receipts:Receipts.write",
    "pacs.archive:Archive.commit",
    "pacs.spool.spool:Spool.finish",
]


@dataclass
class Trial:
    """A data directory, and what was acknowledged."""

    folder: Path
    acknowledged: set[str] = field(default_factory=set)
    process: warm.Started | None = None
    port: int = 0

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def start(self, step: str = "-", when: str = "before", nth: int = 1, whom: str = "one") -> None:
        """Start the server in a process group of its own and wait until it answers."""
        self.port = free_port()
        arguments = [str(self.data), str(self.port), step, when, str(nth), whom, str(self.folder / "marker")]
        log = self.folder / "log"
        self.process = warm.start(
            *arguments, environment=dict(os.environ), stdout=log, stderr=log, module="tests.crash.runner", leads=True
        )
        wait_for(lambda: self.answers() or self.is_dead(), 60)

    def is_dead(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def answers(self) -> bool:
        try:
            return self.connect(VERIFICATION) is not None
        except OSError:
            return False

    def connect(self, abstract: str) -> Bare | None:
        """An association, or None when the server does not give one."""
        bare = Bare(self.port)
        try:
            kind, _body = bare.associate(abstract, EXPLICIT_LE)
        except OSError:
            return None
        return bare if kind == 2 else None

    def kill(self) -> None:
        """End whatever is left of the server, without mercy."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def send(self, count: int = COUNT) -> None:
        """Send objects, a new association after each failure; remember those that were acknowledged."""
        bare = None
        for number in range(count):
            try:
                bare = bare or self.connect(CT)
                if bare is not None and self.store(bare, f"i{number}"):
                    self.acknowledged.add(uid(f"i{number}"))
                    continue
            except OSError:
                pass
            bare = None
        if bare is not None:
            bare.close()

    def store(self, bare: Bare, name: str) -> bool:
        """Send one object; whether it was acknowledged with 0000H."""
        content = ct_bytes(sop=name)
        start = read_start(content)
        bare.command({0x0002: CT, 0x0100: 1, 0x0110: 1, 0x0700: 0, 0x0800: 1, 0x1000: uid(name)})
        bare.data_set(content[start.data_set_offset :])
        kind, body = bare.pdu()
        return kind == 4 and parse_command(body[6:]).number(0x0900) == 0

    def settle(self) -> None:
        """Run a sound server until nothing waits; it goes on running."""
        self.start()
        self.wait_until_worked_off()

    def wait_until_worked_off(self) -> None:
        """Wait until nothing waits: no entry in line or in hand, and every one of them has its receipt."""
        lines = [self.data / "spool" / name for name in ("waiting", "claimed")]
        wait_for(lambda: not any(path.suffix == ".dcm" for line in lines for path in line.rglob("*")), 60)
        wait_for(lambda: self.counts()["waiting"] == 0, 60)

    def counts(self) -> dict[str, int]:
        app = open_app(load_settings(self.data, None, {}))
        try:
            return status_json(app.archive)
        finally:
            app.archive.parts.crosswalk.close()
            app.archive.parts.database.close()

    def check(self) -> None:
        """Every acknowledged object is there exactly once; no identified file outside the wall."""
        app = open_app(load_settings(self.data, None, {}))
        try:
            rows = list(app.archive.find(Query(Level.INSTANCE), READER))
            sops = [str(row["SOPInstanceUID"]) for row in rows]
            assert len(sops) == len(set(sops))
            from tests.installation import inbox_id

            keys = app.archive.keys_of(app.registry.snapshot().collections[inbox_id(app)])
            assert {keys.map_uid(each) for each in self.acknowledged} <= set(sops)
            for row in rows:
                study, series, sop = (str(row[f"{each}InstanceUID"]) for each in ("Study", "Series", "SOP"))
                (instance,) = app.archive.open(InstanceKey(study, series, sop), READER)
                assert instance.path.stat().st_size == instance.size_bytes
            counts = status_json(app.archive)
            assert counts["published"] == len(sops)
            assert counts["quarantined"] == counts["held"] == counts["waiting"] == 0, counts
            assert [each.text for each in examine(app.archive, 0.0) if each.fix is None] == []
        finally:
            app.archive.parts.crosswalk.close()
            app.archive.parts.database.close()
        assert self.identified_outside_the_wall() == []
        assert list((self.data / "spool" / "incoming").iterdir()) == []

    def identified_outside_the_wall(self) -> list[Path]:
        walls = [self.data / each for each in ("spool", "quarantine", "vault")]
        outside = [path for path in self.data.rglob("*") if not any(map(path.is_relative_to, walls))]
        return [path for path in outside if path.is_file() and NAME.encode() in path.read_bytes()]


@pytest.fixture
def trial(tmp_path: Path):
    made = Trial(tmp_path)
    yield made
    made.kill()
    while Bare.opened:
        Bare.opened.pop().close()


def run_round(trial: Trial, step: str, when: str, nth: int, whom: str) -> None:
    trial.start(step, when, nth, whom)
    trial.send()
    wait_for(lambda: (trial.folder / "marker").exists() or trial.is_dead(), 20)
    trial.kill()
    trial.settle()
    trial.check()
    # Sent again, everything succeeds and nothing is doubled.
    trial.send()
    assert len(trial.acknowledged) == COUNT
    trial.wait_until_worked_off()
    trial.kill()
    trial.check()
    assert trial.counts()["published"] == COUNT


@pytest.mark.parametrize("step", STEPS)
def test_kill_at_each_step_loses_nothing(trial, step):
    once = step.endswith("write_durably")  # called once an association
    run_round(trial, step, "after" if STEPS.index(step) % 2 else "before", 1 if once else 3, "all")


@pytest.mark.long
@pytest.mark.parametrize("whom", ["one", "all"])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_kill_between_every_two_steps(trial, step, when, whom):
    run_round(trial, step, when, 1 if step.endswith("write_durably") else 2, whom)


@pytest.mark.parametrize("seed", range(3))
def test_kill_at_random_moments(trial, seed):
    random_kills(trial, seed, rounds=3)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 104))
def test_kill_at_random_moments_often(trial, seed):
    random_kills(trial, seed, rounds=6)


def random_kills(trial: Trial, seed: int, rounds: int) -> None:
    """Kill one process or all, some time after sending began; the seed is in the test's name."""
    chance = random.Random(seed)
    for _ in range(rounds):
        trial.start()
        delay = chance.uniform(0.0, 0.5)
        assert trial.process is not None
        victim = subprocess.Popen(
            [sys.executable, "-c", _KILLER, str(trial.process.pid), str(delay), chance.choice(("one", "all"))]
        )
        trial.send()
        victim.wait(30)
        trial.kill()
    trial.settle()
    trial.check()


# Kills a random child of the server, or its whole process group, after a delay.
_KILLER = """
import os, random, signal, sys, time
from pathlib import Path
server, delay, whom = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
time.sleep(delay)
try:
    if whom == "all":
        os.killpg(server, signal.SIGKILL)
    else:
        children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
        os.kill(int(random.choice(children)), signal.SIGKILL)
except (ProcessLookupError, FileNotFoundError, IndexError):
    pass
"""
