"""``pacs import``: files, folders, ZIP archives and DICOMDIR media into the spool."""

import os
import shutil
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from pacs.app import App
from pacs.archive import Archive
from pacs.cli.options import data_option, json_option, open_data, operator
from pacs.cli.output import print_json
from pacs.dicom.elements import parse
from pacs.dicom.fileformat import read_start, text_of
from pacs.dicom.syntaxes import encoding_of
from pacs.errors import BadRequest, NotDicom, OutOfResources, PacsError, Refused
from pacs.model import Door, Envelope
from pacs.registry import route

MAX_MEMBER_BYTES = 8 * 1024**3
_RECORDS, _FILE_ID = 0x00041220, 0x00041500
MAX_RATIO = 1000  # a ZIP member that grows more is a bomb, not an image


@dataclass(frozen=True, slots=True)
class Source:
    """Something that may be a DICOM file: a path, or a member of a ZIP archive at that path."""

    path: Path
    member: str = ""

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Its bytes. Raises OSError, `NotDicom`."""
        if not self.member:
            with self.path.open("rb") as file:
                yield file
            return
        try:
            with zipfile.ZipFile(self.path) as archive:
                info = archive.getinfo(self.member)
                if info.file_size > MAX_MEMBER_BYTES or info.file_size > MAX_RATIO * max(1024, info.compress_size):
                    raise NotDicom("the ZIP member is larger than a DICOM file can be")
                with archive.open(info) as file:
                    yield file  # type: ignore[misc] # ZipExtFile reads like a binary file
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, LookupError) as error:
            raise NotDicom("the ZIP member cannot be read") from error


@dataclass(slots=True)
class Tally:
    """What became of the sources of one run."""

    accepted: int = 0
    refused: list[tuple[int, Source, str]] = field(default_factory=list)
    skipped: int = 0


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--collection", default="", help="Collection to feed; the inbox by default.")
@click.option("--site", default="", help="Site that the patient ids belong to.")
@click.option("--refused", "refused_file", type=click.Path(path_type=Path, dir_okay=False), help="Write refused paths.")
@data_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    paths: tuple[Path, ...],
    collection: str,
    site: str,
    refused_file: Path | None,
    data: Path,
    config_file: Path | None,
    as_json: bool,
) -> None:
    """Take in PATHS: files, folders, ZIP archives, DICOMDIR files.

    Each object is safe on disk when it is counted; workers de-identify them. Running it again is harmless. File names
    may identify patients, so they are not printed: refused files are named by their number in path order, and by name
    only in the file of --refused (mode 0600).
    """
    app = open_data(data, config_file)
    tally = import_sources(app, list(sources(paths)), _envelope(app, collection, site), show=not as_json)
    if refused_file is not None:
        _write_refused(refused_file, tally)
    reasons = Counter(reason for _number, _source, reason in tally.refused)
    if as_json:
        counts = {"accepted": tally.accepted, "refused": len(tally.refused), "skipped": tally.skipped}
        print_json(counts | {"reasons": reasons})
    else:
        click.echo(f"{tally.accepted} accepted, {len(tally.refused)} refused, {tally.skipped} skipped (not DICOM)")
        for number, _source, reason in tally.refused:
            click.echo(f"  file {number}: {reason}", err=True)
    ctx.exit(1 if tally.refused else 0)


def _envelope(app: App, collection: str, site: str) -> Envelope:
    collections = route(app.registry.snapshot(), collection=collection)
    return Envelope(
        id=token_hex(16),
        door=Door.IMPORT,
        node=app.settings.storage.node,
        peer="",
        called_aet="",
        address="",
        principal=operator(),
        site=site,
        collection_ids=collections,
        opened_at=datetime.now(UTC),
    )


def sources(paths: tuple[Path, ...]) -> Iterator[Source]:
    """Everything to try, in path order."""
    for path in paths:
        if path.is_dir():
            for found in sorted(each for each in path.rglob("*") if each.is_file()):
                yield from _source(found, inside_folder=True)
        else:
            yield from _source(path, inside_folder=False)


def _source(path: Path, *, inside_folder: bool) -> Iterator[Source]:
    if zipfile.is_zipfile(path):
        yield from (Source(path, name) for name in _member_names(path))
    elif not inside_folder and path.name.upper().startswith("DICOMDIR"):
        yield from _of_dicomdir(path)
    else:
        yield Source(path)


def _member_names(path: Path) -> list[str]:
    """The files of a ZIP; a damaged one is itself the only thing to try, and is refused as no DICOM object."""
    try:
        with zipfile.ZipFile(path) as archive:
            return [info.filename for info in archive.infolist() if not info.is_dir()]
    except (zipfile.BadZipFile, NotImplementedError, LookupError, ValueError):
        return [""]


def _of_dicomdir(path: Path) -> Iterator[Source]:
    """The files that a DICOMDIR names, below its own folder. PS3.10 section 8."""
    try:
        content = path.read_bytes()
        start = read_start(content)
        directory = parse(content[start.data_set_offset :], encoding_of(start.transfer_syntax_uid))
        records = directory[_RECORDS].items or []
    except (Refused, KeyError):
        raise BadRequest("the DICOMDIR cannot be read; import its folder instead") from None
    root = path.parent.resolve()
    for record in records:
        parts = [part.strip() for part in text_of(record, _FILE_ID).split("\\") if part.strip()]
        file = root.joinpath(*parts).resolve()
        if parts and file.is_relative_to(root):  # a record must not lead out of the media
            yield Source(file)


def import_sources(app: App, every: list[Source], envelope: Envelope, *, show: bool) -> Tally:
    """Try each source; stops early only when the disk is full."""
    tally = Tally()
    columns = ("import", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not show) as progress:
        for number, source in progress.track(list(enumerate(every, 1)), description="import"):
            try:
                _take(app.archive, source, envelope)
                tally.accepted += 1
            except OutOfResources:
                raise
            except Refused as error:
                _count_refusal(tally, number, source, error)
            except OSError as error:
                tally.refused.append((number, source, os.strerror(error.errno or 0)))
    return tally


def _take(archive: Archive, source: Source, envelope: Envelope) -> None:
    temporary = archive.incoming / f"{os.getpid()}.{token_hex(8)}.part"
    try:
        with source.open() as file, temporary.open("xb") as sink:
            shutil.copyfileobj(file, sink, 1024**2)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    archive.receive(temporary, envelope)


def _count_refusal(tally: Tally, number: int, source: Source, error: PacsError) -> None:
    """Plain other files in a folder are skipped; what looks like DICOM and is not taken is refused, with a reason."""
    if isinstance(error, NotDicom) and not _claims_dicom(source):
        tally.skipped += 1
    else:
        tally.refused.append((number, source, str(error)))


def _claims_dicom(source: Source) -> bool:
    try:
        with source.open() as file:
            start = file.read(132)
    except (OSError, PacsError):
        return True
    return start[128:] == b"DICM" or Path(source.member or source.path.name).suffix.lower() in (".dcm", ".dicom")


def _write_refused(file: Path, tally: Tally) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as sink:
        for number, source, reason in tally.refused:
            sink.write(f"{number}\t{source.path}\t{source.member}\t{reason}\n")
