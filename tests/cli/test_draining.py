"""Clients that go on sending after their answer."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pacs.cli import draining
from pacs.cli.draining import Drain, Pace
from tests.wire.server import wait_for


@contextmanager
def ended(drain: Drain) -> Iterator[socket.socket]:
    """The client's side of a connection that `drain` was given and the server has closed."""
    ours, client = socket.socketpair()
    with client:
        client.settimeout(10)
        ours.sendall(b"answer")
        drain.take(ours)
        ours.setblocking(True)
        ours.close()
        yield client


def is_over(client: socket.socket) -> bool:
    """Whether nobody reads what the client sends."""
    try:
        client.sendall(b"more")
    except OSError:
        return True
    return False


def test_everything_is_read_before_the_answer():
    drain = Drain(Pace(30, 1), 10)
    with ended(drain) as client:
        client.sendall(bytes(16 << 20))
        assert client.recv(100) == b"answer"
        assert client.recv(100) == b""


def test_client_that_goes_leaves_nothing():
    drain = Drain(Pace(30, 1), 10)
    with ended(drain) as client:
        client.sendall(b"more")
    wait_for(lambda: drain.connections == 0)


@pytest.mark.parametrize(("name", "value"), [("_LOOK_S", 0.01), ("MOST_S", 0.2), ("MOST_BYTES", 8)])
def test_client_is_let_go(monkeypatch: pytest.MonkeyPatch, name: str, value: float):
    """One that is too slow, takes too long, or sends too much."""
    monkeypatch.setattr(draining, "_LOOK_S", 0.01)
    monkeypatch.setattr(draining, name, value)
    least = 10_000_000 if name == "_LOOK_S" else 0
    with ended(Drain(Pace(0.1, least), 10)) as client:
        wait_for(lambda: is_over(client))


def test_oldest_is_let_go_when_there_are_many():
    drain = Drain(Pace(30, 1), 2)
    with ended(drain) as first, ended(drain) as second, ended(drain) as third:
        wait_for(lambda: is_over(first))
        assert not is_over(second)
        assert not is_over(third)
