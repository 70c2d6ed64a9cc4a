"""De-identify a generated corpus and score the result against its key, public tools beside it; then the speed.

    scripts/bench deid [--seeds 1 2 3] [--people 8] [--objects 200] [--no-peers]

Every tool gets the same files in the same run, each as it is out of the box. Speed is objects per CPU second of one
process for CT of 0.5 MB, the best of some rounds, taken in turns. Ours is told twice: what peers do (reading, elements,
header, writing) with the second reader, and the whole command, which also looks at the pixels and writes a crosswalk.
A script of RSNA CTP of 260 rules, applied strictly, is measured as the former.
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import venv
from collections import Counter
from pathlib import Path

from benchlib.ctp_script import RULES, script_of
from benchlib.objects import make_ct, pixel_bytes
from tests.deid.corpus import Score, make_corpus, score, table

PEERS = ("dicom-anonymizer==2.1.0", "dicognito==0.19.0", "deid==0.4.13")
FLOOR = 3.0
SCRIPT_FLOOR = 0.7  # of our own profile's speed
OURS = "TrialPACS"
WHOLE = "pacs deid, whole"
SCRIPT = "strict CTP script"
_RUNNER = Path(__file__).with_name("peer_tools.py")


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench deid", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="one corpus for each")
    parser.add_argument("--people", type=int, default=8, help="patients in a corpus, about 15 objects each")
    parser.add_argument("--objects", type=int, default=200, help="CT slices for the speed; 0 for none")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of the speed; the best of each counts")
    parser.add_argument("--profile", default="tcia")
    parser.add_argument("--no-peers", action="store_true", help="TrialPACS alone")
    parser.add_argument("--failures", type=Path, help="write our failed checks here")
    parser.add_argument("--json", type=Path, help="write all figures here")
    parser.add_argument("--keep", type=Path, help="keep corpora and outputs in this folder")
    return parser.parse_args(sys.argv[2:] if sys.argv[1:2] == ["deid"] else None)


def main() -> int:
    """Score and measure; 0 when the floor of the speed holds."""
    chosen = arguments()
    folder = chosen.keep or Path(tempfile.mkdtemp(prefix="trialpacs-bench-deid-"))
    try:
        python = None if chosen.no_peers else peers_python()
        scores = scored(chosen, folder, python)
        print(table(scores))
        speeds = measured(chosen, folder / "speed", python) if chosen.objects else {}
    finally:
        if not chosen.keep:
            shutil.rmtree(folder, ignore_errors=True)
    for name, speed in speeds.items():
        print(f"{name:<22}{speed:>9.1f} objects per CPU second, CT of 0.5 MB, one process")
    fastest = speeds.get("dicom-anonymizer")
    holds = fastest is None or speeds[OURS] >= FLOOR * fastest
    if fastest:
        print(f"{speeds[OURS] / fastest:.2f} x dicom-anonymizer; floor {FLOOR:g}: {'ok' if holds else 'MISSED'}")
        print(f"{speeds[WHOLE] / fastest:.2f} x dicom-anonymizer by the whole command")
    if speeds:
        as_script = speeds[SCRIPT] / speeds[OURS]
        fast_enough = as_script >= SCRIPT_FLOOR
        holds = holds and fast_enough
        verdict = "ok" if fast_enough else "MISSED"
        print(
            f"{as_script:.2f} x {chosen.profile} by a strict script of {RULES} rules; floor {SCRIPT_FLOOR:g}: {verdict}"
        )
    if chosen.failures:
        chosen.failures.write_text(listed(scores[OURS]), encoding="utf-8")
    if chosen.json:
        chosen.json.write_text(json.dumps(as_figures(scores, speeds), indent=1))
    return 0 if holds else 1


def peers_python() -> Path:
    """The interpreter of the peers' own environment, made once and kept among the machine's temporary files."""
    home = Path(tempfile.gettempdir()) / "trialpacs-bench-peers"
    python, stamp = home / "bin" / "python", home / "installed"
    if not stamp.exists() or stamp.read_text() != " ".join(PEERS):
        say("installing " + ", ".join(PEERS))
        venv.create(home, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PEERS], check=True, stderr=subprocess.DEVNULL)
        stamp.write_text(" ".join(PEERS))
    return python


def scored(chosen: argparse.Namespace, folder: Path, python: Path | None) -> dict[str, Score]:
    """The sum of the scores over all seeds, by tool."""
    totals = {OURS: Score()} | ({name.partition("==")[0]: Score() for name in PEERS} if python else {})
    for seed in chosen.seeds:
        here = folder / f"seed{seed}"
        key = make_corpus(here / "in", seed, chosen.people)
        key.save(here / "key.json")
        say(f"seed {seed}: {len(key.people)} objects, {len(key.rows)} checks")
        ours(here / "in", here / OURS, here / "crosswalk", chosen.profile)
        add(totals[OURS], score(key, here / "in", here / OURS, here / "crosswalk"))
        for name in totals.keys() - {OURS}:
            told = peer(python, name, here / "in", here / name) if python else {}
            say(f"{name}: {told['written']} written, {told['failed']} failed")
            add(totals[name], score(key, here / "in", here / name))
    return totals


def ours(source: Path, target: Path, crosswalk: Path, profile: str) -> float:
    """`pacs deid` as a user runs it, in one process; CPU seconds."""
    command = [Path(sys.executable).with_name("pacs"), "deid", source, target, "--profile", profile]
    command += ["--crosswalk", crosswalk, "--jobs", "1", "--json"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 3):
        raise SystemExit(f"pacs deid ended with {done.returncode}")
    say(f"{OURS}: {done.stdout.decode().strip()[:400]}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def peer(python: Path, name: str, source: Path, target: Path) -> dict[str, float]:
    """One public tool over a folder."""
    done = subprocess.run(
        [python, "-P", _RUNNER, name, source, target], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True
    )
    figures: dict[str, float] = json.loads(done.stdout.decode().splitlines()[-1])
    return figures


def measured(chosen: argparse.Namespace, folder: Path, python: Path | None) -> dict[str, float]:
    """Objects per CPU second, by tool."""
    few, many = chosen.objects // 10, chosen.objects + chosen.objects // 10
    for name, number in (("few", few), ("many", many)):
        write_slices(folder / name, number)
    script = folder / "bench.script"
    script.write_text(script_of(), encoding="utf-8")
    runs: dict[str, list[float]] = {}
    for number in range(chosen.rounds):
        out = folder / f"round{number}"
        runs.setdefault(OURS, []).append(rate(engine(folder / "many", out / OURS, chosen.profile)))
        runs.setdefault(SCRIPT, []).append(rate(engine(folder / "many", out / "script", str(script), "strict")))
        for name in (each.partition("==")[0] for each in PEERS[: len(PEERS) if number == 0 else 1]) if python else ():
            told = peer(python, name, folder / "many", out / name) if python else {}
            runs.setdefault(name, []).append(rate(told))
        start = ours(folder / "few", out / "few", out / "few.crosswalk", chosen.profile)
        whole = ours(folder / "many", out / "many", out / "many.crosswalk", chosen.profile)
        runs.setdefault(WHOLE, []).append((many - few) / (whole - start))
        shutil.rmtree(out)
    return {name: max(speeds) for name, speeds in runs.items()}


def engine(source: Path, target: Path, profile: str, ctp: str = "safe") -> dict[str, float]:
    """Our engine in one process, measured as the peers are."""
    runner = Path(__file__).with_name("deid_stages.py")
    done = subprocess.run([sys.executable, runner, source, target, profile, ctp], stdout=subprocess.PIPE, check=True)
    figures: dict[str, float] = json.loads(done.stdout.decode().splitlines()[-1])
    return figures


def rate(told: dict[str, float]) -> float:
    """Objects per CPU second."""
    return told["written"] / told["cpu_s"]


def write_slices(folder: Path, count: int) -> None:
    """CT slices of one study."""
    folder.mkdir(parents=True, exist_ok=True)
    pixels = pixel_bytes()
    for number in range(count):
        (folder / f"{number:04d}.dcm").write_bytes(make_ct("9", 0, number, pixels).as_file())


def add(total: Score, more: Score) -> None:
    """Sum two scores."""
    total.correct += more.correct
    total.required += more.required
    total.failures += more.failures


def listed(found: Score) -> str:
    """Our failures: counts by check and trap, then each."""
    counts = Counter((row.kind, row.trap, why) for row, why in found.failures)
    lines = [f"{count:>6} {kind} | {trap} | {why}" for (kind, trap, why), count in counts.most_common()]
    lines += [f"{row.kind} {row.trap} {row.file} {row.path} {row.expected} => {why}" for row, why in found.failures]
    return "\n".join(lines)


def as_figures(scores: dict[str, Score], speeds: dict[str, float]) -> dict[str, object]:
    """Everything as JSON."""
    kinds = {name: {kind: found.percent(kind) for kind in found.required} for name, found in scores.items()}
    return {"scores": kinds, "objects per CPU second": speeds}


def say(text: str) -> None:
    """Progress, on standard error."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
