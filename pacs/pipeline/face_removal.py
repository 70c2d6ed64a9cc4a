"""Removing faces from the series of a batch run, after all its objects were written. PS3.15 E.3.2.

A series that would show a face leaves with its face removed, or not at all: what geometry cannot treat is moved to the
quarantine with the reason.
"""

import json
import os
import shutil
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from secrets import token_hex

import orjson

from pacs.deid.pixels.face import Defaced
from pacs.deid.pixels.face_series import HeadSeries, head_series
from pacs.deid.pixels.preview import face_preview
from pacs.dicom.fileformat import file_start, text_of
from pacs.dicom.json import dicom_json
from pacs.dicom.syntaxes import encoding_of
from pacs.dicom.writing import encode
from pacs.errors import NotAcceptable
from pacs.mapped import in_parts
from pacs.pipeline.batch import PARTS, Batch
from pacs.pipeline.faces import MODALITIES, find_faces
from pacs.pipeline.previews import write_private
from pacs.pixels.blank import Blanked
from pacs.pixels.transcode import read_file

_MODALITY, _SOP = 0x00080060, 0x00080018


@dataclass(frozen=True, slots=True)
class SeriesDone:
    """What became of the face in one series; nothing of it identifies. `refused` is the reason, "" when it is gone."""

    series_uid: str
    files: int
    changed_files: int = 0
    changed_voxels: int = 0
    refused: str = ""
    preview: str = ""


def remove_faces(paths: Collection[str], batch: Batch) -> list[SeriesDone]:
    """Treat those series that would show a face, by the paths of fresh files under OUT. Raises OSError for the disk's
    faults; then what was not treated yet stands in OUT as it was.
    """
    fresh = {batch.out / path for path in paths}
    found = (_treated(folder, fresh, batch) for folder in sorted({file.parent for file in fresh}))
    return [done for done in found if done is not None]


def _treated(folder: Path, fresh: Collection[Path], batch: Batch) -> SeriesDone | None:
    """One series; None when it shows no face."""
    files = sorted(folder.glob("*.dcm"))
    if text_of(read_file(files[0]).data_set, _MODALITY).strip() not in MODALITIES:
        return None
    stored = [read_file(file) for file in files]
    if not find_faces([orjson.loads(dicom_json(each.data_set, each.encoding)) for each in stored]):
        return None
    done = SeriesDone(folder.name, len(files))
    try:
        if any(file not in fresh for file in files):
            raise NotAcceptable("a part of it was there before")
        head = head_series([(each.data_set, each.transfer_syntax_uid) for each in stored])
        defaced, slices = head.without_face()
        picture = _picture(head, defaced, folder.name, batch)
    except NotAcceptable as error:
        _set_aside(files, str(error), batch)
        return replace(done, refused=str(error))
    places = {text_of(each.data_set, _SOP): file for each, file in zip(stored, files, strict=True)}
    for image, change in zip(head.images, slices, strict=True):
        _replace(places[text_of(image.data_set, _SOP)], change, image.transfer_syntax_uid, batch)
    changed = int(defaced.changed.any(axis=(1, 2)).sum())
    return replace(done, changed_files=changed, changed_voxels=int(defaced.changed.sum()), preview=picture)


def _picture(head: HeadSeries, defaced: Defaced, series_uid: str, batch: Batch) -> str:
    """The name of the picture of the surface before and after, where pictures are wanted."""
    if batch.previews is None:
        return ""
    name = f"face-{series_uid}.png"
    write_private(batch.previews / name, face_preview(head.volume, replace(head.volume, numbers=defaced.numbers)))
    return name


def _replace(file: Path, change: Blanked, before: str, batch: Batch) -> None:
    """Write a slice over the one that stands there, whole or not at all."""
    uids = [text_of(change.data_set, tag) for tag in (0x00080016, _SOP)]
    start = file_start(uids[0], uids[1], change.transfer_syntax_uid)
    temporary = batch.out / PARTS / f"{os.getpid()}-{token_hex(4)}"
    pieces = encode(change.data_set, encoding_of(before), encoding_of(change.transfer_syntax_uid))
    with temporary.open("xb") as sink:
        sink.write(start)
        for piece in pieces:
            sink.writelines(in_parts(piece))
    temporary.replace(file)


def _set_aside(files: Sequence[Path], reason: str, batch: Batch) -> None:
    """Move a series that cannot be treated to the quarantine, by its new UIDs, with the reason beside each file."""
    batch.quarantine.mkdir(parents=True, exist_ok=True, mode=0o700)
    for file in files:
        name = f"face-{file.stem}"
        content = {"output": str(file.relative_to(batch.out)), "state": "held", "reason": held_for(reason)}
        (batch.quarantine / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n")
        shutil.move(file, batch.quarantine / f"{name}.dcm")
    _without_empty(files[0].parent, batch.out)


def held_for(reason: str) -> str:
    """The reason in the words of a quarantine."""
    return f"Its series may show a face, which could not be removed: {reason}."


def _without_empty(folder: Path, out: Path) -> None:
    with suppress(OSError):  # not empty
        while folder != out:
            folder.rmdir()
            folder = folder.parent
