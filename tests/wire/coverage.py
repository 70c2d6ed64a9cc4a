"""``python -m tests.wire.coverage dimse`` prints docs/dimse-coverage.md: the tests of each line; ``web`` the other."""

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.wire.contract import DIMSE, WEB

TESTS = Path(__file__).resolve().parents[1]
HEAD = """\
# {title}: lines and their tests

Made by `scripts/make-protocol-docs` out of the `@contract(...)` marks of the tests; not edited by hand.

| line | what it is about | tests |
|---|---|---|
"""


def marked() -> Iterator[tuple[str, str]]:
    """Every pair of a line and the id of a test that is marked with it; nothing is imported or run."""
    for file in sorted(TESTS.rglob("test_*.py")):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef):
                test = f"{file.relative_to(TESTS.parent).as_posix()}::{node.name}"
                yield from ((line, test) for line in _lines_of(node))


def _lines_of(function: ast.FunctionDef) -> Iterator[str]:
    for mark in function.decorator_list:
        if isinstance(mark, ast.Call) and isinstance(mark.func, ast.Name) and mark.func.id == "contract":
            yield from (str(each.value) for each in mark.args if isinstance(each, ast.Constant))


@cache
def by_line() -> dict[str, list[str]]:
    """The tests of each line that has any."""
    found: dict[str, list[str]] = defaultdict(list)
    for line, test in marked():
        found[line].append(test)
    return found


PAGES = {"dimse": ("DIMSE", DIMSE), "web": ("DICOMweb", WEB)}


def page(contract: str) -> str:
    """The page of one of `PAGES` as it should be."""
    title, lines = PAGES[contract]
    found = by_line()
    rows = []
    for line, about in lines.items():
        names = "<br>".join(f"`{each.removeprefix('tests/')}`" for each in found.get(line, []))
        rows.append(f"| {line} | {about} | {names} |\n")
    return HEAD.replace("{title}", title) + "".join(rows)


if __name__ == "__main__":
    print(page(sys.argv[1]), end="")
