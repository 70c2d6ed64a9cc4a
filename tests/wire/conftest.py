"""Servers for tests over real sockets."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.builders import make_ct
from tests.wire.browser import browser
from tests.wire.peers import Bare, Receiver, store
from tests.wire.server import Server, WholeServer


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Association servers without workers, for tests of what is accepted. Shared: count differences, not totals."""
    running = Server(tmp_path_factory.mktemp("scp") / "data")
    running.start_scp()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    """A storage SCP that takes everything, as the destination of moves."""
    with Receiver("DEST", tmp_path_factory.mktemp("received")) as running:
        yield running


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[Server]:
    """A server whose archive holds patients A (two studies) and B (one); nothing is added by tests.

    A: study a1 with series a1s1 (6 slices) and a1s2 (2), study a2 with a2s1 (1). B: study b1 with b1s1 (1), a name
    outside ASCII.
    """
    running = Server(tmp_path_factory.mktemp("archive") / "data")
    running.start_scp()
    running.start("worker", "--workers", "1")
    running.run("peer", "add", "DEST", "127.0.0.1", str(receiver.port))
    running.run("peer", "add", "DEAD", "127.0.0.1", "1")
    running.run("peer", "add", "ECHOONLY", "127.0.0.1", "1", "--allow", "echo")
    objects = [make_ct(f"a1s1-{n}", "a1s1", "a1", "A", InstanceNumber=n) for n in range(1, 7)]
    objects += [make_ct(f"a1s2-{n}", "a1s2", "a1", "A", SeriesNumber=2, InstanceNumber=n) for n in (1, 2)]
    objects += [make_ct("a2s1-1", "a2s1", "a2", "A", StudyDate="20200220", StudyDescription="CT ABDOMEN")]
    objects += [make_ct("b1s1-1", "b1s1", "b1", "B", SeriesDescription="Schädel", SpecificCharacterSet="ISO_IR 100")]
    assert store(running.port, objects) == [0] * 10
    counts = running.wait_until_worked_off()
    assert counts["published"] == 10, counts
    yield running
    running.stop()


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """A server of the test's own, not started yet."""
    running = Server(tmp_path / "data")
    yield running
    for process in running.processes:
        process.kill()
        process.wait()


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[WholeServer]:
    """``pacs serve`` of the test's own, running."""
    running = WholeServer(tmp_path / "data")
    running.serve()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A browser."""
    with browser() as running:
        yield running


@pytest.fixture(autouse=True)
def sockets_closed() -> Iterator[None]:
    """No test leaves a connection to the next one."""
    yield
    while Bare.opened:
        Bare.opened.pop().close()
