"""Pages that are made out of the program are what the program is now."""

from dataclasses import replace
from pathlib import Path

import pytest

from pacs.config import DimseSettings, Settings
from pacs.dimse.conformance import statement
from tests.wire.contract import LINES
from tests.wire.coverage import by_line, page

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.parametrize("contract", ["dimse", "web"])
def test_coverage_page_is_fresh(contract: str):
    found = (DOCS / {"dimse": "dimse-coverage.md", "web": "dicomweb-coverage.md"}[contract]).read_text(encoding="utf-8")
    assert found == page(contract), "run scripts/make-protocol-docs"


@pytest.mark.parametrize("line", LINES)
def test_every_line_has_a_test(line: str):
    assert line in by_line()


def test_conformance_statement_is_fresh():
    assert (DOCS / "conformance.md").read_text(encoding="utf-8") == statement(Settings()), (
        "run scripts/make-protocol-docs"
    )


def test_conformance_statement_follows_the_settings():
    settings = replace(Settings(), dimse=DimseSettings(aet="LUNGS", private_sop_classes="refuse", needs_identity=True))
    printed = statement(settings)
    assert "| AE title | LUNGS;" in printed
    assert "refused (result 3)" in printed
    assert "needed from everybody" in printed
