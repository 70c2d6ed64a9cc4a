"""Blobs: named by digest, durable before they are named, never half there."""

import hashlib

import pytest

from pacs.blobs import LocalBlobs


@pytest.fixture
def blobs(tmp_path):
    return LocalBlobs(tmp_path / "blobs")


def test_blob_is_named_by_its_digest(blobs):
    written = blobs.write([b"ab", memoryview(b"cd"), b""])
    blobs.keep(1, [written])
    digest = hashlib.sha256(b"abcd").hexdigest()
    assert written.digest == digest
    assert blobs.path(1, digest).read_bytes() == b"abcd"
    assert list(blobs.all()) == [(1, digest, blobs.path(1, digest))]


def test_large_pieces_are_written_whole(blobs):
    content = bytes(9 * 1024**2 + 3)
    written = blobs.write([memoryview(content)])
    blobs.keep(1, [written])
    assert written.size_bytes == len(content)
    assert written.digest == hashlib.sha256(content).hexdigest()


def test_same_content_twice_is_one_blob(blobs):
    for _ in range(2):
        written = blobs.write([b"x"])
        blobs.keep(1, [written])
        blobs.keep(1, [written])
    assert len(list(blobs.all())) == 1


def test_failed_write_leaves_nothing(blobs, tmp_path):
    def pieces():
        yield b"x"
        raise OSError(28, "full")

    with pytest.raises(OSError, match="full"):
        blobs.write(pieces())
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_sweep_removes_what_dead_processes_left(blobs):
    living = blobs.write([b"x"])
    dead = blobs.write([b"y"])
    dead.temporary.rename(dead.temporary.with_name("999999999.x"))
    assert blobs.sweep(grace_s=3600) == 1
    assert living.temporary.exists()


def test_removed_blob_is_gone(blobs):
    written = blobs.write([b"x"])
    blobs.keep(1, [written])
    blobs.remove(1, written.digest)
    blobs.remove(1, written.digest)
    assert list(blobs.all()) == []
