"""Requests that name original UIDs are sealed until they are answered."""

import os

import pytest
from cryptography.exceptions import InvalidTag

from pacs.vault import Requests

KEY = bytes(range(32))
ASKED = {"transaction": "1.2.840.99", "references": [["1.2", "1.2.3"]]}


def test_request_is_read_back_and_nothing_of_it_shows(tmp_path):
    requests = Requests(tmp_path / "requests")
    requests.save(7, ASKED, KEY)
    assert requests.load(7, KEY) == ASKED
    (file,) = (tmp_path / "requests").iterdir()
    assert b"1.2.840.99" not in file.read_bytes()
    assert file.stat().st_mode & 0o777 == 0o600


def test_other_key_or_number_opens_nothing(tmp_path):
    requests = Requests(tmp_path)
    requests.save(7, ASKED, KEY)
    with pytest.raises(InvalidTag):
        requests.load(7, bytes(32))
    (tmp_path / "7.sealed").rename(tmp_path / "8.sealed")
    with pytest.raises(InvalidTag):
        requests.load(8, KEY)


def test_answered_request_is_gone(tmp_path):
    requests = Requests(tmp_path)
    requests.save(7, ASKED, KEY)
    requests.forget(7)
    requests.forget(7)
    with pytest.raises(KeyError):
        requests.load(7, KEY)


def test_old_requests_are_let_go(tmp_path):
    requests = Requests(tmp_path)
    for number in (1, 2):
        requests.save(number, ASKED, KEY)
    os.utime(tmp_path / "1.sealed", (0, 0))
    assert requests.forget_older(3600) == 1
    assert requests.load(2, KEY) == ASKED
