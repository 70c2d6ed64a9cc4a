"""One object of the corpus while it is made: the data set, what goes around it, and its rows of the answer key."""

import random
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset

from tests.deid.corpus.key import Kind, Row
from tests.deid.corpus.people import Person

_STEP = re.compile(r"(\w+?)(\[\d+\])?$")


def tag_path(keywords: str) -> str:
    """A path in keywords as a path in tags; steps that are no keyword (private ones) stay."""
    steps = []
    for step in keywords.split("."):
        matched = _STEP.match(step)
        tag = tag_for_keyword(matched[1]) if matched else None
        steps.append(step if tag is None or matched is None else f"{tag:08X}{matched[2] or ''}")
    return ".".join(steps)


@dataclass(slots=True)
class Planted:
    """An object under way. Traps change `ds` and what is around it, and say by `expect` what must come out."""

    file: str
    ds: Dataset
    person: Person
    rng: random.Random
    syntax: str
    trap: str = "baseline"
    rows: list[Row] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    preamble: bytes = b"\0" * 128
    meta: dict[str, Any] = field(default_factory=dict)  # further file meta elements by keyword
    may_hold: str = ""  # why it may be kept back
    is_image: bool = True
    fixed_syntax: bool = False

    def expect(self, kind: Kind, path: str = "", expected: Any = None) -> None:
        """Add a row; `path` in keywords or tags."""
        self.rows.append(Row(self.file, tag_path(path) if path else "", kind, expected, self.trap))

    def retained(self, *paths: str) -> None:
        """These elements must come out as they went in."""
        for path in paths:
            self.expect("tag_retained", path)

    def removed(self, path: str, *tokens: str) -> None:
        """No token may be left there; without tokens: the element must be gone or empty."""
        self.expect("text_removed", path, [[token, 0] for token in tokens])

    def remember(self, tokens: Iterable[str]) -> None:
        """Tokens that may not survive anywhere in the file."""
        self.tokens += [token for token in tokens if token not in self.tokens]


def items(ds: Dataset, keyword: str, *contents: Dataset) -> None:
    """Set a sequence."""
    setattr(ds, keyword, list(contents))


def data_set(**values: Any) -> Dataset:
    """A data set by keywords."""
    ds = Dataset()
    for keyword, value in values.items():
        setattr(ds, keyword, value)
    return ds


def code(value: str, scheme: str, meaning: str) -> Dataset:
    """A code item. PS3.3 8.8."""
    return data_set(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)
