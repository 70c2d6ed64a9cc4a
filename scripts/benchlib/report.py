"""Medians, ratios and floors as a table and as JSON."""

import json
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

# What must hold: how many times better than Orthanc.
FLOORS = {
    "C-STORE 1 assoc., acknowledged /s": 1.0,
    "C-STORE 4 assoc., acknowledged /s": 1.0,
    "C-STORE 8 assoc., acknowledged /s": 1.0,
    "C-STORE 4 assoc., queryable, sustained /s": 0.5,
    "CPU s per 1000 objects": 0.5,
    "C-FIND one study by UID ms": 1 / 1.5,
    "C-FIND 2000 studies ms": 1 / 1.5,
    "C-MOVE of 100 slices /s": 1.0,
    "C-GET of 100 slices /s": 1.0,
    "QIDO 101 studies, 2 include fields ms": 20.0,
    "QIDO 100 instances of a series ms": 20.0,
    "WADO metadata of 100 slices ms": 10.0,
    "WADO metadata of 100 slices, first time ms": 20.0,
    "WADO metadata of 100 slices, from the disk ms": 20.0,
    "WADO frames of a 30-frame JPEG, 640 x 480, decoded, first time ms": 50.0,
    "WADO frame 15 of a 30-frame JPEG, 640 x 480, decoded, again ms": 50.0,
    "WADO frames of a 30-frame JPEG, 1024 x 768, decoded, first time ms": 50.0,
    "WADO frame 15 of a 30-frame JPEG, 1024 x 768, decoded, again ms": 50.0,
    "WADO rendered CT ms": 1.0,
    "WADO frame 0.5 MB, 16 clients /s": 1.0,
    "WADO instance 0.5 MB, 16 clients /s": 1.0,
}
# What ours may be at most, in the unit of its name.
MOST = {
    "growth of the receiving process, 500 MB object MB": 50.0,
    "memory of an idle association MB": 2.0,
    "memory of a sending association MB": 2.0,
    "C-STORE 8 assoc. beside 64 idle, longest response ms": 2000.0,
}
MOST_GROWTH = 2.0  # of the time of an answer, from the small to the large index
_GROWTH = "time, large / small index"

Results = Mapping[str, Mapping[str, Sequence[float]]]


def medians(results: Results) -> dict[str, dict[str, float]]:
    """By measure, by server: the median of its repetitions."""
    return {
        name: {server: statistics.median(values) for server, values in by_server.items()}
        for name, by_server in results.items()
    }


def ratio(name: str, values: Mapping[str, float]) -> float | None:
    """How many times better TrialPACS is: more a second, or fewer milliseconds, seconds and MB."""
    if "TrialPACS" not in values or "Orthanc" not in values or not all(values.values()):
        return None
    times = values["TrialPACS"] / values["Orthanc"]
    return times if name.endswith("/s") else 1 / times


def verdict(name: str, values: Mapping[str, float]) -> str:
    """Whether the floor holds; empty without one."""
    times = ratio(name, values)
    if name in FLOORS and times is not None:
        return f"floor {FLOORS[name]:.2g}: {'ok' if times >= FLOORS[name] else 'MISSED'}"
    most = MOST_GROWTH if name.endswith(_GROWTH) else MOST.get(name)
    if most is not None and "TrialPACS" in values:
        return f"most {most:g}: {'ok' if values['TrialPACS'] <= most else 'MISSED'}"
    return ""


def table(results: Results) -> str:
    """The figures as aligned text."""
    lines = [f"{'measure':<60}{'TrialPACS':>11}{'Orthanc':>11}{'better':>9}  floor", "-" * 108]
    for name, values in sorted(medians(results).items(), key=lambda each: "disk" not in each[1]):
        if "disk" in values:
            lines.append(f"{name:<60}{_cell(values['disk'])}")
            continue
        times = ratio(name, values)
        cells = [_cell(values[server]) if server in values else f"{'-':>11}" for server in ("TrialPACS", "Orthanc")]
        lines.append(f"{name:<60}{''.join(cells)}{f'{times:.2f} x' if times else '-':>9}  {verdict(name, values)}")
    return "\n".join(lines)


def _cell(value: float) -> str:
    return f"{value:>11.1f}" if value >= 10 else f"{value:>11.3f}"


def all_floors_hold(results: Results) -> bool:
    """Whether nothing was missed."""
    return not any("MISSED" in verdict(name, values) for name, values in medians(results).items())


def write_json(results: Results, path: Path) -> None:
    """Everything measured, with where and when."""
    found = medians(results)
    content = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"cpus": os.cpu_count(), "system": platform.platform(), "load": os.getloadavg()},
        "measures": {
            name: {"median": found[name], "ratio": ratio(name, found[name]), "all": dict(values)}
            for name, values in results.items()
        },
    }
    path.write_text(json.dumps(content, indent=1))
