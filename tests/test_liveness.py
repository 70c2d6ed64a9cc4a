"""Temporary files belong to a process, and outlive it only until the next sweep."""

import os
import subprocess
import sys

from pacs.liveness import owner_is_alive


def test_own_file_is_owned(tmp_path):
    path = tmp_path / f"{os.getpid()}.x"
    path.touch()
    assert owner_is_alive(path)


def test_zombie_owns_nothing(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    path = tmp_path / f"{process.pid}.x"
    path.touch()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert not owner_is_alive(path)
    process.wait()
    assert not owner_is_alive(path)


def test_later_process_of_the_number_owns_nothing(tmp_path):
    path = tmp_path / f"{os.getpid()}.x"
    path.touch()
    os.utime(path, (1, 1))
    assert not owner_is_alive(path)


def test_file_of_no_process_is_owned_by_nobody(tmp_path):
    path = tmp_path / "nonsense"
    path.touch()
    assert not owner_is_alive(path)
