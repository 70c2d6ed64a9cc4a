"""Installations that have something to send."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pacs.app import App
from tests.installation import installed, send_ct, work


@pytest.fixture
def three_slices(tmp_path: Path) -> Iterator[App]:
    """An installation with three published slices of a series."""
    with installed(tmp_path) as opened:
        for number in range(3):
            send_ct(opened, sop=f"e{number}", study="export")
        assert work(opened)["published"] == 3
        yield opened
