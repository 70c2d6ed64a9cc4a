"""The answer key: what a right output must look like, a row a check, as JSON beside the files.

Kinds 1 to 10 are those of the public NCI benchmark; the others ask what it does not look at.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

BenchmarkKind = Literal[
    "tag_retained",
    "text_notnull",
    "text_retained",
    "text_removed",
    "date_shifted",
    "uid_changed",
    "uid_consistent",
    "patid_consistent",
    "pixels_hidden",
    "pixels_retained",
]
OwnKind = Literal[
    "date_intervals",
    "raw_bytes",
    "sr_content_kept",
    "sr_content_removed",
    "private_kept",
    "private_removed",
    "overlays",
    "pdf",
    "codec_metadata",
    "marks",
    "held_without_need",
]
Kind = BenchmarkKind | OwnKind
BENCHMARK: tuple[BenchmarkKind, ...] = get_args(BenchmarkKind)
KINDS: tuple[Kind, ...] = (*BENCHMARK, *get_args(OwnKind))


@dataclass(frozen=True, slots=True)
class Row:
    """One check.

    `path` is like ``00081140[0].00081155``; a private element is named by its creator, ``0019"GEMS_ACQU_01"23``; the
    empty path is the whole object. `expected` depends on the kind, see `checks.py`; `trap` says what was planted.
    """

    file: str
    path: str
    kind: Kind
    expected: Any
    trap: str


@dataclass(slots=True)
class Held:
    """Objects that may, or must, be kept back: documents and scans that nothing can clean."""

    files: dict[str, str] = field(default_factory=dict)  # file -> why


@dataclass(slots=True)
class Key:
    """All rows of a corpus. `people` maps a file to its person's number; `tokens` are what must not survive in it."""

    seed: int
    rows: list[Row] = field(default_factory=list)
    people: dict[str, int] = field(default_factory=dict)
    patient_ids: dict[str, str] = field(default_factory=dict)  # file -> original patient id
    tokens: dict[str, list[str]] = field(default_factory=dict)  # file -> distinctive tokens, at least 6 letters
    held: Held = field(default_factory=Held)

    def save(self, path: Path) -> None:
        """Write the key as JSON."""
        path.write_text(json.dumps(asdict(self), ensure_ascii=False, indent=0), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "Key":
        """Read a key that `save` wrote."""
        content = json.loads(path.read_text(encoding="utf-8"))
        content["rows"] = [Row(**row) for row in content["rows"]]
        content["held"] = Held(**content["held"])
        return cls(**content)
