"""Files that stay open are those that stand at their path."""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pacs.dicomweb import opened
from pacs.errors import NotAcceptable


def test_a_restored_file_is_opened_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who reads the mapping of a file that was cut dies by SIGBUS, though the path holds a whole one again."""
    path = tmp_path / "cine"
    path.write_bytes(bytes(9000))
    instance: Any = SimpleNamespace(digest="a", path=path, file=str(path), size_bytes=9000, frames=2)
    monkeypatch.setattr(opened, "door", lambda: SimpleNamespace(archive=SimpleNamespace(frames=lambda _: ())))
    monkeypatch.setattr(opened, "read_frames", lambda path, _: path.open("rb"))
    recent: Any = opened._Recent(2)
    first = recent.opened(instance)
    assert recent.opened(instance) is first
    os.truncate(path, 10)
    with pytest.raises(NotAcceptable):
        recent.opened(instance)
    restored = tmp_path / "restored"
    restored.write_bytes(bytes(9000))
    restored.replace(path)
    second = recent.opened(instance)
    assert os.fstat(second.fileno()).st_ino == path.stat().st_ino
    assert recent.opened(instance) is second
    first.close()
    second.close()
