"""Measure TrialPACS, and Orthanc from Debian beside it in the same run: interleaved, repeated, medians."""

import argparse
import shutil
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path

from benchlib import limits, measures, ohif, report, scale, web
from benchlib.servers import Orthanc, Running, Server, TrialPacs, started
from benchlib.wire import receive_forever

Figure = Callable[[measures.Bench, Server], measures.Values]
FIGURES: dict[str, Figure] = {
    "store1": lambda bench, server: measures.acknowledged(bench, server, 1),
    "store4": lambda bench, server: measures.acknowledged(bench, server, 4),
    "store8": lambda bench, server: measures.acknowledged(bench, server, 8),
    "idle": limits.idle,
    "sustained": measures.sustained,
    "stow": measures.stow,
    "find": measures.find,
    "retrieve": measures.retrieve,
    "qido": measures.query,
    "wado": measures.wado,
    "web": web.web,
    "ohif": ohif.first_image,
}

ON_CONTENT = {"find", "retrieve", "qido", "wado", "web"}  # figures that need `measures.fill`


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer objects, one repetition")
    parser.add_argument("--repeats", type=int, help="repetitions of every figure (default 3)")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=[*FIGURES, "large", "scale"],
        help="some figures only (scale: only when asked for, takes minutes)",
    )
    parser.add_argument("--workers", type=int, default=2, help="TrialPACS's worker processes (default 2)")
    parser.add_argument("--no-orthanc", action="store_true", help="TrialPACS alone")
    parser.add_argument(
        "--running", type=Path, metavar="DATA", help="measure the running server on this data directory"
    )
    parser.add_argument("--dimse", type=int, default=11112, help="its DIMSE port")
    parser.add_argument("--http", type=int, default=8080, help="its HTTP port")
    parser.add_argument("--aet", default="TRIALPACS", help="its AE title")
    parser.add_argument(
        "--folder", type=Path, help="where servers keep their data meanwhile (default: a temporary one)"
    )
    parser.add_argument("--json", type=Path, help="where the figures go as JSON")
    return parser.parse_args()


def main() -> int:
    """Run the figures; 0 when all floors hold."""
    chosen = arguments()
    folder = Path(tempfile.mkdtemp(prefix="trialpacs-bench-", dir=chosen.folder))
    output = chosen.json or Path(tempfile.gettempdir()) / "trialpacs-bench.json"
    results: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    try:
        with ExitStack() as stack:
            if chosen.only != ["scale"]:
                run(chosen, start(chosen, folder, stack), results, folder)
        if chosen.only and "scale" in chosen.only:
            note(results, "TrialPACS", scale.scale(folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if results:
            report.write_json(results, output)
    print(report.table(results))
    print(f"\nJSON: {output}")
    return 0 if report.all_floors_hold(results) else 1


def start(chosen: argparse.Namespace, folder: Path, stack: ExitStack) -> list[Server]:
    """The servers to measure, each with a null receiver for its moves."""
    servers: list[Server] = []
    if chosen.running:
        servers.append(Running(folder, chosen.running, chosen.dimse, chosen.http, chosen.aet))
    else:
        servers.append(stack.enter_context(started(TrialPacs(folder), chosen.workers)))
    if not chosen.no_orthanc:
        servers.append(stack.enter_context(started(Orthanc(folder), 0)))
    for server in servers:
        receiver = get_context("fork").Process(target=receive_forever, args=(server.receiver_port,), daemon=True)
        receiver.start()
        stack.callback(receiver.terminate)
    return servers


def run(
    chosen: argparse.Namespace, servers: list[Server], results: dict[str, dict[str, list[float]]], folder: Path
) -> None:
    """Every figure, on one server after the other, in alternating order."""
    repeats = chosen.repeats or (1 if chosen.quick else 3)
    bench = measures.Bench(120, 600, 200) if chosen.quick else measures.Bench(300, 2000, 2000)
    wanted = [name for name in FIGURES if not chosen.only or name in chosen.only]
    if set(wanted) & ON_CONTENT:
        for server in servers:
            say(f"filling {server.name}")
            measures.fill(bench, server)
    for repeat in range(repeats):
        note(results, "disk", limits.disk(folder, bench.pixels))
        if "web" in wanted:
            note(results, "disk", web.sendfile_limit(folder, bench.pixels))
        for name in wanted:
            for server in servers if repeat % 2 == 0 else servers[::-1]:
                note(results, server.name, FIGURES[name](bench, server))
    if not chosen.only or "large" in chosen.only:
        for server in servers:
            note(results, server.name, measures.large_object(server))


def note(results: dict[str, dict[str, list[float]]], server: str, values: measures.Values) -> None:
    """Keep and show figures."""
    for name, value in values.items():
        results[name][server].append(value)
        say(f"{server:<10} {name:<58} {value:10.2f}")


def say(text: str) -> None:
    """Progress, on standard error."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
