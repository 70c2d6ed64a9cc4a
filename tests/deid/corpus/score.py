"""Judging the outputs of a tool against the key."""

import warnings
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.deid.corpus.checks import CHECKS
from tests.deid.corpus.key import BENCHMARK, KINDS, Key, Row
from tests.deid.corpus.outputs import World, world_of


@dataclass(slots=True)
class Score:
    """Correct and required checks by kind, and what failed: the row and why."""

    correct: Counter[str] = field(default_factory=Counter)
    required: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[Row, str]] = field(default_factory=list)

    def percent(self, *kinds: str) -> float:
        """Correct of required, in percent, of some kinds (all without any)."""
        wanted = kinds or KINDS
        required = sum(self.required[kind] for kind in wanted)
        return 100.0 * sum(self.correct[kind] for kind in wanted) / required if required else 100.0


def score(key: Key, source: Path, target: Path, crosswalk: Path | None = None) -> Score:
    """Score the outputs in `target` for the inputs in `source`.

    With a crosswalk folder (``uids.csv``, ``patients.csv``) outputs are found by UID, else by file name. Without an
    output, an object that may be kept back has no checks but its own; of any other, all checks fail.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        world = world_of(key, source, target, crosswalk)
        result = Score()
        for row in key.rows:
            _judge(world, row, result)
    return result


def _judge(world: World, row: Row, result: Score) -> None:
    case = world.case(row)
    may_hold = row.file in world.key.held.files
    if case is None:
        if may_hold and row.kind not in ("pdf", "codec_metadata"):
            return
        wrong = None if may_hold else "no output"
    else:
        try:
            wrong = CHECKS[row.kind](case)
        except Exception as error:  # an output that cannot be read is a wrong one
            wrong = f"cannot be judged: {type(error).__name__} {error}"[:120]
    result.required[row.kind] += 1
    if wrong is None:
        result.correct[row.kind] += 1
    else:
        result.failures.append((row, wrong))


def table(scores: Mapping[str, Score]) -> str:
    """Scores of tools side by side, a line a kind."""
    names = list(scores)
    lines = [f"{'check':<22}{'required':>9}" + "".join(f"{name:>18}" for name in names)]
    first = next(iter(scores.values()))
    for kind in KINDS:
        if first.required[kind]:
            cells = "".join(f"{scores[name].percent(kind):>17.2f}%" for name in names)
            lines.append(f"{kind:<22}{first.required[kind]:>9}{cells}")
    for title, kinds in (("as the benchmark", BENCHMARK), ("all checks", KINDS)):
        total = sum(first.required[kind] for kind in kinds)
        lines.append(f"{title:<22}{total:>9}" + "".join(f"{scores[name].percent(*kinds):>17.2f}%" for name in names))
    return "\n".join(lines)
