"""What a connection does with a peer that takes too little of what we send."""

import socket
import threading

import pytest

from pacs.dimse.stream import Stream
from tests.wire.contract import contract

SMALL_BUFFER = 4096


def connected() -> tuple[socket.socket, socket.socket]:
    """Both ends of a TCP connection that holds little on its way."""
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        ours = socket.create_connection(listening.getsockname())
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_BUFFER)
        return ours, listening.accept()[0]


@contract("1.9")
def test_peer_that_takes_next_to_nothing_is_given_up() -> None:
    ours, theirs = connected()
    over = threading.Event()
    everything = bytes(4 << 20)
    taken = bytearray()

    def sip() -> None:
        while not over.wait(0.05):
            taken.extend(theirs.recv(2048))

    reader = threading.Thread(target=sip)
    reader.start()
    with pytest.raises(OSError):
        Stream(ours, 0.3).send([everything])
    over.set()
    reader.join()
    ours.close()
    theirs.close()
    assert len(taken) < len(everything) // 2


def test_everything_arrives_at_a_peer_that_reads() -> None:
    ours, theirs = connected()
    content = bytes(range(256)) * 4096
    taken = bytearray()

    def read() -> None:
        while piece := theirs.recv(65536):
            taken.extend(piece)

    reader = threading.Thread(target=read)
    reader.start()
    Stream(ours, 30).send([content[:100], b"", content[100:]])
    ours.close()
    reader.join()
    theirs.close()
    assert bytes(taken) == content
