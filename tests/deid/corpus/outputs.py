"""What a tool has written, found and read with pydicom: which output belongs to which input, and paths in them."""

import csv
import re
import warnings
import zlib
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileDataset
from pydicom.pixels.utils import pixel_array

from tests.deid.corpus.key import Key, Row
from tests.deid.corpus.pixels import Array

_STEP = re.compile(r'([0-9A-F]{4})"([^"]*)"([0-9A-F]{2})$')
_STEPS = re.compile(r'[0-9A-F]{4}"[^"]*"[0-9A-F]{2}|[^.]+')
_DEFLATED = "1.2.840.10008.1.2.1.99"


@dataclass(slots=True)
class World:
    """All that checks across objects need."""

    key: Key
    source: Path
    target: Path
    by_name: bool  # outputs keep the names of inputs; else the crosswalk tells
    uids: dict[str, str] = field(default_factory=dict)  # crosswalk, old to new
    shifts: dict[int, int] = field(default_factory=dict)  # person -> days
    new_ids: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    people_of: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    new_uids: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    old_uids: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    outputs: dict[str, Path] = field(default_factory=dict)  # input file -> output

    def case(self, row: Row) -> "Case | None":
        """The pair of objects a row is about; None when there is no output."""
        path = self.outputs.get(row.file)
        return None if path is None else Case(self, row, self.source / row.file, path)


@dataclass(slots=True)
class Case:
    """One row with its input and output."""

    world: World
    row: Row
    before_path: Path
    after_path: Path

    @property
    def before(self) -> FileDataset:
        """The input."""
        return read(self.before_path)

    @property
    def after(self) -> FileDataset:
        """The output."""
        return read(self.after_path)

    @property
    def person(self) -> int:
        """Whose object it is."""
        return self.world.key.people[self.row.file]

    def old(self) -> Any:
        """The value at the row's path in the input."""
        element = find(self.before, self.row.path)
        return None if element is None else element.value

    def new(self) -> Any:
        """The value at the row's path in the output."""
        element = find(self.after, self.row.path)
        return None if element is None else element.value

    def new_text(self) -> str:
        """The same as text, every value, items written out."""
        return as_text(self.new())


def read(path: Path) -> FileDataset:
    """Read a file, pixels included."""
    return _read(path, path.stat().st_mtime_ns)


def file_bytes(path: Path) -> bytes:
    """The file's bytes; a deflated data set is given inflated behind them."""
    return _file_bytes(path, path.stat().st_mtime_ns)


def decoded(path: Path) -> Array:
    """The pixels as (frames, rows, columns[, samples]), colour as RGB, palettes not applied."""
    return _decoded(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=64)
def _read(path: Path, _changed: int) -> FileDataset:
    return pydicom.dcmread(path, force=True)


@lru_cache(maxsize=8)
def _file_bytes(path: Path, _changed: int) -> bytes:
    raw = path.read_bytes()
    if getattr(read(path).file_meta, "TransferSyntaxUID", "") != _DEFLATED:
        return raw
    length = int.from_bytes(raw[140:144], "little")
    return raw + zlib.decompress(raw[144 + length :], -zlib.MAX_WBITS)


@lru_cache(maxsize=8)
def _decoded(path: Path, _changed: int) -> Array:
    ds = read(path)
    with warnings.catch_warnings():  # about bytes behind the last frame, which are planted
        warnings.simplefilter("ignore")
        values = pixel_array(ds, raw=int(ds.SamplesPerPixel) == 1)
    expected = 4 if int(ds.SamplesPerPixel) > 1 else 3
    return values if values.ndim == expected else values[None]


def find(ds: Dataset, path: str) -> DataElement | None:
    """The element at a path, or None."""
    element: DataElement | None = None
    for step in _STEPS.findall(path):
        name, bracket, index = step.partition("[")
        tag = _tag(ds, name)
        if tag is None or tag not in ds:
            return None
        element = ds[tag]
        if bracket:
            place = int(index[:-1])
            if element.VR != "SQ" or place >= len(element.value):
                return None
            ds = element.value[place]
    return element


def _tag(ds: Dataset, name: str) -> int | None:
    private = _STEP.match(name)
    if private is None:
        return int(name, 16)
    group, creator, low = int(private[1], 16), private[2], int(private[3], 16)
    for element in ds.group_dataset(group):
        if element.tag.elem <= 0xFF and str(element.value).strip() == creator:
            return group << 16 | element.tag.elem << 8 | low
    return None


def as_text(value: Any) -> str:
    """Any value as text; the items of a sequence one after another."""
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace") + value.decode("latin-1") + value.decode("utf-16-le", "ignore")
    if isinstance(value, pydicom.Sequence):
        return "\n".join(as_text(element.value) for item in value for element in item.iterall())
    if isinstance(value, (list, pydicom.multival.MultiValue)):
        return "\\".join(str(each) for each in value)
    return str(value)


def world_of(key: Key, source: Path, target: Path, crosswalk: Path | None) -> World:
    """Match outputs to inputs, and gather what must be consistent over all objects."""
    world = World(key, source, target, by_name=crosswalk is None)
    if crosswalk is not None:
        with (crosswalk / "uids.csv").open(newline="", encoding="utf-8") as file:
            world.uids = {row["old"]: row["new"] for row in csv.DictReader(file)}
    _match(world)
    _gather_shifts(world, crosswalk)
    for name, path in world.outputs.items():
        new_id = str(read(path).get("PatientID", ""))
        world.new_ids[key.people[name]].add(new_id)
        world.people_of[new_id].add(key.people[name])
    for row in key.rows:
        if row.kind in ("uid_changed", "uid_consistent") and (case := world.case(row)) is not None:
            old, new = as_text(case.old()), as_text(case.new())
            if old and new:
                world.new_uids[old].add(new)
                world.old_uids[new].add(old)
    return world


def _match(world: World) -> None:
    written = [path for path in sorted(world.target.rglob("*")) if path.is_file()]
    if world.by_name:
        names = {path.name: path for path in written}
        world.outputs = {file: names[file] for file in world.key.people if file in names}
        return
    by_uid = {}
    for path in written:
        by_uid[str(read(path).get("SOPInstanceUID", ""))] = path
    for file in world.key.people:
        new = world.uids.get(str(read(world.source / file).SOPInstanceUID))
        if new in by_uid:
            world.outputs[file] = by_uid[new]


def _gather_shifts(world: World, crosswalk: Path | None) -> None:
    """Days by person: from the crosswalk, else what most study dates moved by."""
    if crosswalk is not None:
        by_id = {}
        with (crosswalk / "patients.csv").open(newline="", encoding="utf-8") as listing:
            for row in csv.DictReader(listing):
                if row["date_shift_days"]:
                    by_id[row["old_id"]] = int(row["date_shift_days"])
        for name, person in world.key.people.items():
            if world.key.patient_ids[name] in by_id:
                world.shifts[person] = by_id[world.key.patient_ids[name]]
        return
    seen: dict[int, Counter[int]] = defaultdict(Counter)
    for name, path in world.outputs.items():
        before = day_of(str(read(world.source / name).get("StudyDate", "")))
        after = day_of(str(read(path).get("StudyDate", "")))
        if before and after:
            seen[world.key.people[name]][(after - before).days] += 1
    world.shifts = {person: counts.most_common(1)[0][0] for person, counts in seen.items()}


def day_of(text: str) -> date | None:
    """The day of a DA or DT, old and partial forms too."""
    digits = re.match(r"(\d{4})[.\-]?(\d{2})?[.\-]?(\d{2})?", text)
    if digits is None:
        return None
    try:
        return datetime(int(digits[1]), int(digits[2] or 1), int(digits[3] or 1)).date()  # noqa: DTZ001 - a day only
    except ValueError:
        return None
