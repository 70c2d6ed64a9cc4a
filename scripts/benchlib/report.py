"""Medians, ratios and floors as a table and as JSON."""

import json
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

# What must hold: how many times better than Orthanc; of the last one, MB.
FLOORS = {
    "C-STORE 4 assoc., acknowledged /s": 0.8,
    "C-STORE 4 assoc., queryable, sustained /s": 0.4,
    "QIDO 101 studies, 2 include fields ms": 10.0,
    "QIDO 100 instances of a series ms": 10.0,
    "WADO metadata of 100 slices ms": 5.0,
}
MOST = {"growth of the receiving process, 500 MB object MB": 50.0}

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
        return f"floor {FLOORS[name]:g}: {'ok' if times >= FLOORS[name] else 'MISSED'}"
    if name in MOST and "TrialPACS" in values:
        return f"most {MOST[name]:g}: {'ok' if values['TrialPACS'] <= MOST[name] else 'MISSED'}"
    return ""


def table(results: Results) -> str:
    """The figures as aligned text."""
    lines = [f"{'measure':<52}{'TrialPACS':>11}{'Orthanc':>11}{'better':>9}  floor", "-" * 100]
    for name, values in medians(results).items():
        times = ratio(name, values)
        cells = [
            f"{values[server]:>11.1f}" if server in values else f"{'-':>11}" for server in ("TrialPACS", "Orthanc")
        ]
        lines.append(f"{name:<52}{''.join(cells)}{f'{times:.2f} x' if times else '-':>9}  {verdict(name, values)}")
    return "\n".join(lines)


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
