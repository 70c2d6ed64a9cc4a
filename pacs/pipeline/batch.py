"""De-identifying files into a folder, without a server: the same object stages, one file at a time."""

import filecmp
import json
import mmap
import os
import shutil
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, partial
from io import FileIO
from itertools import chain, count
from pathlib import Path

from pacs.deid import CollectionKeys, Context, load_profile
from pacs.deid.ctp import Outside
from pacs.deid.mapping import MappingRow, mapped_row
from pacs.deid.profiles import Profile
from pacs.deid.profiles.rules import ACTION_WORDS
from pacs.dicom.elements import Buffer
from pacs.errors import PacsError
from pacs.mapped import in_parts
from pacs.model import (
    Access,
    CollectionInfo,
    CrosswalkRow,
    Drop,
    Duplicates,
    Hold,
    Keep,
    Outcome,
    PatientRow,
    Quarantine,
    Release,
)
from pacs.pipeline.crosswalk import crosswalk_rows
from pacs.pipeline.integers import IntegerFile
from pacs.pipeline.learned import LearnedNames
from pacs.pipeline.previews import write_preview
from pacs.pipeline.stages import OBJECT_STAGES, fold
from pacs.pipeline.work import Work

SCRATCH = ".scratch-"
PARTS = ".parts"
LARGE_BYTES = 8 << 20
_POLL_SECONDS = 0.005
_FIRST_GROUPS = (b"\x08\0", b"\0\x08", b"\x02\0")  # of a data set without a preamble, or of file meta


@dataclass(frozen=True, slots=True)
class Batch:
    """What one run does with every file. Goes to worker processes as it is."""

    out: Path
    quarantine: Path
    profile: str
    profiles: Path | None
    master: bytes = field(repr=False)
    label: str = "inbox"
    site: str = ""
    mapping: Collection[MappingRow] = field(default=(), repr=False)
    lookup: Mapping[str, str] = field(default_factory=dict, repr=False)
    ctp: str = "safe"
    integers: Path | None = None  # the file of numbers that scripts give
    started: datetime = field(default_factory=datetime.now)  # now, as scripts see it
    with_report: bool = False
    previews: Path | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one file. `crosswalk` identifies; all else does not."""

    state: str  # done, quarantined, skipped, duplicate, unreadable
    fresh: bool = field(default=False, kw_only=True)  # the file at `new_path` is what this run made, or would make
    reason: str = ""
    new_path: str = ""
    report: Mapping[str, object] = field(default_factory=dict)
    crosswalk: tuple[CrosswalkRow, ...] = field(default=(), repr=False)
    rules: Mapping[str, int] = field(default_factory=dict)


class UidReused(Exception):
    """One SOP Instance UID in two series."""


def deidentify_file(file: Path, number: int, batch: Batch) -> Done:
    """De-identify one file into ``<patient>/<study>/<series>/<sop>.dcm`` under `batch.out`.

    What cannot be published goes to `batch.quarantine` with a reason. Raises OSError for what is the disk's fault.
    """
    if not os.access(file, os.R_OK):
        return Done("unreadable", "a file that may not be read, or is gone")
    work = work_on(file, batch)
    try:
        outcome = _judge(work)
        if batch.previews is not None:
            write_preview(work, batch.previews)
        if isinstance(outcome, Keep):
            try:
                return _written(work, number, batch)
            except UidReused:
                outcome = Quarantine("An object with this SOP Instance UID is there already, in another series.")
    finally:
        with os.scandir(work.scratch) as left:
            for each in left:
                Path(each).unlink()
    if isinstance(outcome, Drop):
        return Done("skipped", outcome.rule)
    assert isinstance(outcome, Hold | Quarantine)
    if _is_no_object(file, outcome):
        return Done("skipped", "no DICOM object")
    return _set_aside(file, number, outcome, batch)


def _judge(work: Work) -> Outcome:
    try:
        return fold(work, OBJECT_STAGES)
    except OSError:
        raise
    except PacsError as error:
        return Quarantine(f"The object could not be de-identified: {error}.")
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - a border: one file must not stop the run; its text may hold values
        return Quarantine(f"The object could not be processed ({type(error).__name__}).")


def work_on(file: Path, batch: Batch) -> Work:
    with file.open("rb", buffering=0) as opened:
        size = os.fstat(opened.fileno()).st_size
        # A small file is read at once, which is cheaper than its page faults; a large one never stands in memory whole.
        content = opened.readall() if size < LARGE_BYTES else mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
    scratch = _scratch(batch.quarantine, os.getpid())
    profile = _profile(batch.profile, batch.profiles, batch.ctp)
    keys = _keys(batch.master, batch.label)
    patients = _Patients(batch, keys) if batch.mapping else None
    context = Context(site=batch.site, collection=batch.label, patients=patients, outside=_outside(batch, keys))
    return Work(content, _collection(batch), profile, keys, context, scratch, _learned())


@cache
def _profile(name: str, folder: Path | None, ctp: str) -> Profile:
    """One profile for the whole run, even when its file is edited meanwhile."""
    return load_profile(name, folder, ctp)


def _outside(batch: Batch, keys: CollectionKeys) -> Outside:
    """What expressions of a CTP script ask for."""
    counted = partial(_numbered, batch.integers, keys) if batch.integers is not None else None
    return Outside(batch.lookup, counted, lambda: batch.started)


def _numbered(file: Path, keys: CollectionKeys, kind: str, text: str) -> int:
    return _integers(file).number(kind, keys.counter_hmac(kind, text))


@cache
def _integers(file: Path) -> IntegerFile:
    return IntegerFile(file)


@cache
def _learned() -> LearnedNames:
    return LearnedNames()


@cache
def _scratch(quarantine: Path, process: int) -> Path:
    """This process's folder for temporary files, inside the wall."""
    scratch = quarantine / f"{SCRATCH}{process}"
    scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
    return scratch


def prepare(batch: Batch) -> None:
    """Make the folders of a run. Raises OSError."""
    tidy(batch)
    batch.quarantine.mkdir(parents=True, exist_ok=True, mode=0o700)
    (batch.out / PARTS).mkdir(parents=True)
    if batch.previews is not None:
        batch.previews.mkdir(parents=True, exist_ok=True, mode=0o700)


def tidy(batch: Batch) -> None:
    """Remove temporary files, those of a run that was killed too, and a quarantine that nothing went to."""
    for folder in (batch.out / PARTS, *batch.quarantine.glob(f"{SCRATCH}*")):
        shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):  # not empty
        batch.quarantine.rmdir()


@cache
def _keys(master: bytes, label: str) -> CollectionKeys:
    return CollectionKeys.derive(master, label)


class _Patients:
    """Looks patients up in the rows of a mapping table."""

    def __init__(self, batch: Batch, keys: CollectionKeys) -> None:
        self.rows: dict[str, list[tuple[str, PatientRow]]] = {}
        for row in batch.mapping:
            self.rows.setdefault(row.from_patient_id, []).append((row.site_name, mapped_row(row, keys)))

    def __call__(self, issuer: str, patient_id: str) -> PatientRow | None:
        rows = self.rows.get(patient_id, [])
        return next((row for site, row in rows if site == issuer), rows[0][1] if len(rows) == 1 else None)


def _collection(batch: Batch) -> CollectionInfo:
    return CollectionInfo(
        id=0,
        name=batch.label,
        title="",
        profile=batch.profile,
        profile_version="",
        key_id=0,
        key_label=batch.label,
        release=Release.AUTOMATIC,
        access=Access.RESTRICTED,
        duplicates=Duplicates.KEEP_FIRST,
        called_aet="",
        site=batch.site,
        originals="discard",
        order=0,
    )


def _written(work: Work, number: int, batch: Batch) -> Done:
    result = work.result
    assert result is not None
    patient = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in result.patient_id)
    relative = Path(patient.strip(".") or "_", result.study_uid, result.series_uid, f"{result.sop_uid}.dcm")
    target = batch.out / relative
    rules: dict[str, int] = {}
    for change in result.report:
        key = f"{change.rule.match} {ACTION_WORDS.get(change.action, change.action)}"
        rules[key] = rules.get(key, 0) + 1
    report = _report(work, number, str(relative)) if batch.with_report else {}
    crosswalk = crosswalk_rows(work.original, result)
    if _put(batch.out / PARTS / result.sop_uid, target, work.pieces):
        return Done("done", "", str(relative), report, crosswalk, rules, fresh=True)
    # As collections do by default: the first stays.
    same = _holds(target, work.pieces)
    other = "" if same else ", with other content; the first one stays"
    reason = f"its SOP instance was there already{other}"
    return Done("duplicate", reason, str(relative), report, crosswalk, fresh=same)


def _holds(target: Path, pieces: tuple[Buffer, ...]) -> bool:
    """Whether a file has this content."""
    if target.stat().st_size != sum(map(len, pieces)):
        return False
    with target.open("rb") as file:
        return all(file.read(len(part)) == part for piece in pieces for part in in_parts(piece))


def _put(part: Path, target: Path, pieces: tuple[Buffer, ...]) -> bool:
    """Write a file whole or not at all; False when it is there already. Raises `UidReused`, OSError.

    `part` is named by the SOP Instance UID and stays until the run's end: it reserves the UID for one place, in all
    processes. PS3.5 9.1.
    """
    try:
        sink = part.open("xb", buffering=0)
    except FileExistsError:
        try:
            settled = _is_settled_at(part, target)
        except FileNotFoundError:  # the other one could not be written
            return _put(part, target, pieces)
        if not settled:
            raise UidReused from None
        return False
    try:
        with sink:
            for piece in pieces:
                for each in in_parts(piece):
                    _write_all(sink, each)
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(part, target)
    except FileExistsError:  # of an earlier run
        part.unlink()
        os.link(target, part)
        return False
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return True


def _write_all(sink: FileIO, part: Buffer) -> None:
    """A raw file may take less than it is given."""
    view = memoryview(part)
    while view:
        view = view[sink.write(view) :]


def _is_settled_at(part: Path, target: Path) -> bool:
    """Whether the SOP instance that another file brought went to `target`; waits while it is still being written."""
    while (found := part.stat()).st_nlink == 1:
        time.sleep(_POLL_SECONDS)
    return target.exists() and os.path.samestat(found, target.stat())


def _report(work: Work, number: int, relative: str) -> dict[str, object]:
    """What was done to one object: paths, actions and rules, never a value."""
    result = work.result
    assert result is not None
    return {
        "file": number,
        "state": "done",
        "output": relative,
        "profile": f"{work.profile.name} {work.profile.version}",
        "options": sorted(result.options),
        "pixels": dict(work.facts),
        "unknown_private": dict(result.unknown_private),
        "removed_in_doubt": [{"path": path, "words": count} for path, count in _doubts(work).items()],
        "changes": [
            {
                "path": change.path,
                "action": ACTION_WORDS.get(change.action, change.action),
                "rule": change.rule.match,
                "reason": change.rule.reason,
                "source": change.rule.source,
            }
            for change in result.report
        ],
    }


def _doubts(work: Work) -> dict[str, int]:
    assert work.result is not None
    counts: dict[str, int] = {}
    for doubt in work.result.doubts:
        counts[doubt.path] = counts.get(doubt.path, 0) + 1
    return counts


def _is_no_object(file: Path, outcome: Hold | Quarantine) -> bool:
    """Plain other files among the images: nothing in name or first bytes speaks of DICOM. PS3.10 7.1."""
    with file.open("rb") as opened:
        start = opened.read(132)
    if start[128:] == b"DICM" or start[:2] in _FIRST_GROUPS or file.suffix.lower() in (".dcm", ".dicom", ".ima"):
        return False
    return "cannot be read" in outcome.reason


def _set_aside(file: Path, number: int, outcome: Hold | Quarantine, batch: Batch) -> Done:
    """Copy a refused original into the quarantine, named by its number, with the reason in JSON beside it.

    Another object of that number, which an earlier run left, stays: the new one gets a name of its own.
    """
    batch.quarantine.mkdir(parents=True, exist_ok=True, mode=0o700)
    names = chain((f"{number:06d}",), (f"{number:06d}-{n}" for n in count(2)))
    name = next(each for each in names if _is_free(batch.quarantine / f"{each}.dcm", file))
    shutil.copyfile(file, batch.quarantine / f"{name}.dcm")
    state = "held" if isinstance(outcome, Hold) else "quarantined"
    findings = [{"path": each.path, "rule": each.rule} for each in outcome.findings]
    content = {"file": number, "state": state, "reason": outcome.reason, "findings": findings}
    (batch.quarantine / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n")
    return Done("quarantined", outcome.reason, report=content)


def _is_free(place: Path, file: Path) -> bool:
    """Whether nothing else stands there than this file, if anything."""
    return not place.exists() or filecmp.cmp(place, file, shallow=False)
