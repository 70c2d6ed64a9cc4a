"""The vault keeps what identifies, sealed."""

import json
import os

import pytest
from cryptography.exceptions import InvalidTag

from pacs.errors import ConfigError
from pacs.model import CrosswalkRow
from pacs.vault import Crosswalk, KeyFile, Originals

KEY = bytes(range(32))


def test_key_file_is_made_once_and_private(tmp_path):
    made = KeyFile.open_or_create(tmp_path / "key")
    again = KeyFile.open_or_create(tmp_path / "key")
    assert made.master(1) == again.master(1)
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_key_file_that_does_not_load_stops_the_start(tmp_path):
    for content in ("", "{}", '{"1": "abcd"}', '{"x": "00"}', "[]"):
        (tmp_path / "key").write_text(content)
        with pytest.raises(ConfigError):
            KeyFile.open_or_create(tmp_path / "key")


def test_newest_key_is_for_new_collections(tmp_path):
    (tmp_path / "key").write_text(json.dumps({"1": "11" * 32, "2": "22" * 32}))
    keys = KeyFile(tmp_path / "key")
    assert keys.newest == 2
    assert keys.sealing_key(1, "a") != keys.sealing_key(1, "b") != keys.sealing_key(2, "b")
    with pytest.raises(ConfigError):
        keys.master(3)


def test_crosswalk_gives_back_what_it_sealed(tmp_path):
    crosswalk = Crosswalk(tmp_path / "crosswalk.sqlite")
    row = CrosswalkRow("patient", "Quixotic-1", "INBOX-1", {"name": "Quixotic^P"})
    crosswalk.add(1, KEY, [row, row])
    crosswalk.add(1, KEY, [row])
    assert list(crosswalk.rows(1, KEY)) == [row]
    assert list(crosswalk.rows(2, KEY)) == []
    crosswalk.close()
    assert all(b"Quixotic" not in path.read_bytes() for path in tmp_path.iterdir())


def test_crosswalk_needs_its_key(tmp_path):
    crosswalk = Crosswalk(tmp_path / "crosswalk.sqlite")
    crosswalk.add(1, KEY, [CrosswalkRow("sop", "1.2", "3.4")])
    with pytest.raises(InvalidTag):
        list(crosswalk.rows(1, bytes(32)))
    crosswalk.close()


@pytest.mark.parametrize("size", [0, 1, 4 * 1024**2, 9 * 1024**2 + 5])
def test_original_comes_back_bit_for_bit(tmp_path, size):
    content = os.urandom(size)
    (tmp_path / "original").write_bytes(content)
    originals = Originals(tmp_path / "vault")
    originals.keep(1, "i1", tmp_path / "original", KEY)
    assert b"".join(originals.read(1, "i1", KEY)) == content
    if size > 16:
        assert content[:16] not in originals.path(1, "i1").read_bytes()


def test_tampered_original_is_noticed(tmp_path):
    (tmp_path / "original").write_bytes(os.urandom(9 * 1024**2))
    originals = Originals(tmp_path / "vault")
    originals.keep(1, "i1", tmp_path / "original", KEY)
    sealed = originals.path(1, "i1")
    whole = sealed.read_bytes()
    cut = 8 + 4 + int.from_bytes(whole[8:12], "big")
    for broken in (whole[:20] + b"\0" + whole[21:], whole[:cut]):
        sealed.write_bytes(broken)
        with pytest.raises(InvalidTag):
            list(originals.read(1, "i1", KEY))


def test_forgotten_original_is_gone(tmp_path):
    (tmp_path / "original").write_bytes(b"x")
    originals = Originals(tmp_path / "vault")
    originals.keep(1, "i1", tmp_path / "original", KEY)
    originals.forget(1, "i1")
    originals.forget(1, "i1")
    with pytest.raises(KeyError):
        next(originals.read(1, "i1", KEY))
