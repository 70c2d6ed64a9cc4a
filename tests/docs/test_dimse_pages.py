"""Pages that are made out of the program are what the program is now."""

from pathlib import Path

import pytest

from tests.wire.contract import LINES, NOT_YET
from tests.wire.coverage import page, by_line

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_coverage_page_is_fresh():
    assert (DOCS / "dimse-coverage.md").read_text(encoding="utf-8") == page(), "run scripts/make-dimse-docs"


@pytest.mark.parametrize("line", LINES)
def test_every_line_has_a_test(line: str):
    assert line in NOT_YET or line in by_line()
