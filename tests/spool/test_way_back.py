"""The way back into the line: who puts back comes to it, however many count."""

import fcntl
import multiprocessing
import threading
import time
from pathlib import Path

from pacs.spool.way_back import WayBack


def _is_locked(path: Path) -> bool:
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def test_who_puts_back_comes_before_those_who_count_later(tmp_path: Path):
    way, order = WayBack(tmp_path / "way.lock"), list[str]()

    def put_back() -> None:
        with way.taken():
            order.append("put back")

    def count() -> None:
        with way.closed():
            order.append("counted")

    threads = [threading.Thread(target=put_back), threading.Thread(target=count)]
    with way.closed():
        for thread in threads:
            thread.start()
            while not _is_locked(tmp_path / "way.door"):
                time.sleep(0.001)
    for thread in threads:
        thread.join()
    assert order == ["put back", "counted"]


def test_process_that_is_forked_meanwhile_keeps_no_lock(tmp_path: Path):
    way, fork = WayBack(tmp_path / "way.lock"), multiprocessing.get_context("fork")
    is_over = fork.Event()
    child = fork.Process(target=is_over.wait)
    with way.closed():
        child.start()
    assert not _is_locked(tmp_path / "way.lock")
    is_over.set()
    child.join()
