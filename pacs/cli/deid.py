"""``pacs deid``: de-identify files into a folder, without a server."""

import fcntl
import json
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from pacs.app import DEFAULT_PROFILE
from pacs.cli.compare import compare_profiles
from pacs.deid import load_profile
from pacs.deid.ctp.lookup import read_lookup
from pacs.deid.ctp.rules import default_key_type
from pacs.deid.mapping import MappingRow, read_mapping
from pacs.errors import BadRequest
from pacs.folders import Folders
from pacs.model import CrosswalkRow
from pacs.pipeline.batch import Batch, Done, deidentify_file, prepare, tidy
from pacs.pipeline.face_removal import SeriesDone, held_for, remove_faces
from pacs.pipeline.warming import warm_up
from pacs.registry.snapshot import INBOX
from pacs.vault import KeyFile
from pacs.vault.export import check_crosswalk, write_crosswalk

SOME_QUARANTINED = 3
_PATIENCE_S = 3.0  # processes of a run that was killed end within one
_AHEAD = 64  # files given to each process in advance


@dataclass(slots=True)
class Run:
    """What became of all files."""

    states: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    objects: list[dict[str, object]] = field(default_factory=list)
    crosswalk: dict[tuple[str, str, str], CrosswalkRow] = field(default_factory=dict)
    fresh: set[str] = field(default_factory=set)
    faces: list[SeriesDone] = field(default_factory=list)

    def add(self, done: Done) -> None:
        """Count one file."""
        self.states[done.state] += 1
        if done.reason:
            self.reasons[done.reason] += 1
        self.rules.update(done.rules)
        if done.report:
            self.objects.append(dict(done.report))
        self.crosswalk |= {(row.kind, row.old, row.new): row for row in done.crosswalk}
        if done.fresh:
            self.fresh.add(done.new_path)

    def add_unlisted(self, folders: int) -> None:
        """Count folders whose files nobody can list."""
        if folders:
            self.states["unreadable"] += folders
            self.reasons["a folder that may not be listed"] += folders

    def add_faces(self, treated: Sequence[SeriesDone]) -> None:
        """Count what became of series with a face; those that could not be treated are quarantined now."""
        self.faces += treated
        for series in treated:
            if series.refused:
                self.states["done"] = max(self.states["done"] - series.files, 0)
                self.states["quarantined"] += series.files
                self.reasons[held_for(series.refused)] += series.files
                for each in self.objects:
                    if Path(str(each.get("output", ""))).parent.name == series.series_uid:
                        each |= {"state": "quarantined", "reason": held_for(series.refused)}


@click.command()
@click.argument("source", metavar="IN", type=click.Path(path_type=Path))
@click.argument("out", metavar="OUT", required=False, type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--profile",
    default=DEFAULT_PROFILE,
    show_default=True,
    help="A profile's name, or a file: .toml, or a CTP script (.script, .xml, .properties).",
)
@click.option("--key-file", type=click.Path(path_type=Path, dir_okay=False), help="Key file; made when it is new.")
@click.option("--site", default="", help="Site that issued the patient ids.")
@click.option(
    "--mapping", type=click.Path(path_type=Path, dir_okay=False, exists=True), help="Patients' new ids (CSV)."
)
@click.option(
    "--lookup", type=click.Path(path_type=Path, dir_okay=False, exists=True), help="A CTP script's lookup table."
)
@click.option(
    "--ctp",
    type=click.Choice(("safe", "strict")),
    default="safe",
    show_default=True,
    help="How a CTP script is applied.",
)
@click.option("--crosswalk", type=click.Path(path_type=Path, file_okay=False), help="Write uids.csv and patients.csv.")
@click.option("--quarantine", type=click.Path(path_type=Path, file_okay=False), help="Default: OUT.quarantine.")
@click.option("--report", type=click.Path(path_type=Path, dir_okay=False), help="Write what was done, as JSON.")
@click.option(
    "--previews",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write a picture before/after of each object whose pixels were cleaned or held. The pictures identify.",
)
@click.option("--remove-faces", "faces", is_flag=True, help="Remove faces from head series (CT, MR, PET).")
@click.option("--jobs", type=click.IntRange(1, 256), default=os.cpu_count() or 1, help="Processes.")
@click.option("--compare", nargs=2, metavar="OLD NEW", help="Show what two profiles do differently to IN.")
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), envvar="PACS_DATA", help="Data directory.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(
    ctx: click.Context,
    source: Path,
    out: Path | None,
    profile: str,
    key_file: Path | None,
    site: str,
    mapping: Path | None,
    lookup: Path | None,
    ctp: str,
    crosswalk: Path | None,
    quarantine: Path | None,
    report: Path | None,
    previews: Path | None,
    faces: bool,
    jobs: int,
    compare: tuple[str, str] | None,
    data: Path | None,
    as_json: bool,
) -> None:
    """De-identify IN (a file or a folder) into OUT.

    OUT gets <patient>/<study>/<series>/<sop>.dcm in new identifiers and nothing else. What cannot be published goes to
    the quarantine, each with its reason. File names may identify patients: they are not printed, files are named by
    their number in path order. --previews FOLDER gets a PNG for each object in whose pixels something was blanked or
    held, named by its new SOP Instance UID: it shows the original, so the folder is as secret as IN. --remove-faces
    replaces the face in each head series that would show one, after all files were written; a series in which geometry
    finds none goes to the quarantine. --ctp strict applies a CTP script value for value as RSNA CTP does, and nothing
    else; safe lays it over the profile basic. Exit status 3 when some files were quarantined or could not be read.
    """
    if not source.exists():
        raise BadRequest("IN does not exist")
    profiles = Folders(data).profiles if data is not None else None
    files, unlisted = _files(source)
    if compare is not None:
        compare_profiles(files, compare, profiles, as_json=as_json)
        return
    if out is None:
        raise click.UsageError("OUT is missing")
    quarantine = quarantine or out.with_name(out.name + ".quarantine")
    _check_places(
        source, out, {"--quarantine": quarantine, "--crosswalk": crosswalk, "--report": report, "--previews": previews}
    )
    expressions = load_profile(profile, profiles, ctp).expressions  # a fault shows before anything is written
    keys = _key_file(key_file, data, out)
    batch = Batch(
        out=out,
        quarantine=quarantine,
        profile=profile,
        profiles=profiles,
        master=_master(keys),
        label=INBOX,
        site=site,
        mapping=_mapping(mapping),
        lookup=_lookup(lookup, default_key_type(expressions)),
        ctp=ctp,
        integers=keys.with_name(keys.name + ".integers"),
        with_report=report is not None,
        previews=previews,
    )
    _check_writable(crosswalk, report)
    run = Run()
    run.add_unlisted(unlisted)
    with _alone_in(out):
        prepare(batch)
        try:
            for done in _all_done(files, batch, jobs, show=not as_json):
                run.add(done)
            if faces:
                run.add_faces(remove_faces(run.fresh, batch))
        finally:
            _finish(run, batch, crosswalk, report)
    _print(run, as_json)
    ctx.exit(SOME_QUARANTINED if run.states["quarantined"] or run.states["unreadable"] else 0)


@contextmanager
def _alone_in(out: Path) -> Iterator[None]:
    """One run at a time writes into OUT: another one would take its temporary files for left-overs.

    The lock is the folder's own, so it leaves no file and dies with the run. Raises `BadRequest`.
    """
    out.mkdir(parents=True, exist_ok=True)
    folder = os.open(out, os.O_RDONLY | os.O_CLOEXEC)
    deadline = time.monotonic() + _PATIENCE_S
    try:
        while True:
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise BadRequest("another run writes into OUT") from None
                time.sleep(0.1)
            except OSError:  # a file system without locks
                break
        yield
    finally:
        os.close(folder)


def _check_places(source: Path, out: Path, others: Mapping[str, Path | None]) -> None:
    """OUT gets images alone, nothing is written into IN, and OUT does not lie within it. Raises `BadRequest`."""
    root = out.resolve()
    if source.is_dir() and root.is_relative_to(source.resolve()):
        raise BadRequest("OUT must not lie within IN")
    for name, place in others.items():
        if place is not None and place.resolve().is_relative_to(root):
            raise BadRequest(f"{name} must not lie under OUT, which gets the images and nothing else")
        if place is not None and place.resolve().is_relative_to(source.resolve()):
            raise BadRequest(f"{name} must not lie in IN")
    if source.resolve().is_relative_to(root):
        raise BadRequest("IN must not lie within OUT")


def _check_writable(crosswalk: Path | None, report: Path | None) -> None:
    """Found out before the work, not after it. Raises `BadRequest`."""
    try:
        if crosswalk is not None:
            crosswalk.mkdir(parents=True, exist_ok=True, mode=0o700)
            check_crosswalk(crosswalk)
        if report is not None:
            report.open("a").close()
    except OSError as error:
        raise BadRequest(f"--crosswalk or --report cannot be written: {error.strerror}") from None
    if crosswalk is not None and not os.access(crosswalk, os.W_OK | os.X_OK):
        raise BadRequest("--crosswalk cannot be written")


def _key_file(named: Path | None, data: Path | None, out: Path) -> Path:
    """The key file: the one named, else the data directory's, else one beside OUT."""
    if named is None and data is not None and Folders(data).key.exists():
        return Folders(data).key
    return named or out.with_name(out.name + ".key")


def _master(file: Path) -> bytes:
    """The newest key of the file, which is made when it is new."""
    keys = KeyFile.open_or_create(file)
    return keys.master(keys.newest)


def _mapping(file: Path | None) -> tuple[MappingRow, ...]:
    if file is None:
        return ()
    try:
        rows = tuple(read_mapping(file.read_text(encoding="utf-8")))
    except UnicodeDecodeError:
        raise BadRequest("the mapping table is not UTF-8") from None
    if not rows:
        raise BadRequest("the mapping table has no rows")
    return rows


def _lookup(file: Path | None, default_type: str) -> Mapping[str, str]:
    if file is None:
        return {}
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise BadRequest("the lookup table is not UTF-8") from None
    return read_lookup(text, is_csv=file.suffix.lower() == ".csv", default_type=default_type)


def _files(source: Path) -> tuple[list[Path], int]:
    """Files in path order, and how many folders could not be listed. Linked files count, linked folders do not."""
    if source.is_file():
        return [source], 0
    files: list[Path] = []
    unlisted: list[OSError] = []
    for folder, folders, names in os.walk(source, onerror=unlisted.append):
        folders.sort()
        files += (path for name in sorted(names) if (path := Path(folder, name)).is_file())
    return files, len(unlisted)


def _all_done(files: list[Path], batch: Batch, jobs: int, *, show: bool) -> Iterator[Done]:
    """What became of each file, in path order."""
    columns = ("deid", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not show) as progress:
        task = progress.add_task("deid", total=len(files))
        for done in _in_order(files, batch, min(jobs, len(files) or 1)):
            progress.advance(task)
            yield done


def _in_order(files: list[Path], batch: Batch, jobs: int) -> Iterator[Done]:
    one = partial(deidentify_file, batch=batch)
    if jobs == 1:
        warm_up()
        yield from (one(file, number) for number, file in enumerate(files, 1))
        return
    pool = ProcessPoolExecutor(jobs, initializer=_end_with, initargs=(os.getpid(),))
    try:
        waiting: list[Future[Done]] = []
        for number, file in enumerate(files, 1):
            waiting.append(pool.submit(one, file, number))
            if len(waiting) >= jobs * _AHEAD:
                yield waiting.pop(0).result()
        for each in waiting:
            yield each.result()
    except BrokenProcessPool:
        raise BadRequest(
            "a process ended in the middle of its work; run again with --jobs 1 to see which file"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _end_with(parent: int) -> None:
    """Let this process end when the one that started it was killed: nobody would take its results."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    warm_up()


def _finish(run: Run, batch: Batch, crosswalk: Path | None, report: Path | None) -> None:
    tidy(batch)
    if crosswalk is not None:
        write_crosswalk(crosswalk, run.crosswalk.values(), add=True)
    if report is not None:
        profile = load_profile(batch.profile, batch.profiles, batch.ctp)
        content: dict[str, object] = {
            "profile": profile.name,
            "version": profile.version,
            "counts": run.states,
            "rules": run.rules,
        }
        content |= {"reasons": run.reasons, "objects": run.objects, "faces": [asdict(each) for each in run.faces]}
        report.write_text(json.dumps(content, indent=1) + "\n")


def _print(run: Run, as_json: bool) -> None:
    names = ("done", "quarantined", "duplicate", "skipped", *(["unreadable"] if run.states["unreadable"] else []))
    if as_json:
        counts: dict[str, object] = {name: run.states[name] for name in names}
        click.echo(json.dumps(counts | {"reasons": run.reasons}, indent=2))
        return
    click.echo(", ".join(f"{run.states[name]} {name}" for name in names))
    removed = sum(not series.refused for series in run.faces)
    if run.faces:
        click.echo(f"faces: removed from {removed} series, {len(run.faces) - removed} quarantined")
    for reason, count in run.reasons.most_common():
        click.echo(f"  {count}: {reason}", err=True)
