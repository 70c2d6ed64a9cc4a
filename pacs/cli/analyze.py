"""``pacs analyze``: what a folder holds before it is submitted, without a server."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress, TextColumn

from pacs.app import DEFAULT_PROFILE
from pacs.deid import load_profile
from pacs.deid.ctp.lookup import read_lookup
from pacs.deid.mapping import read_mapping
from pacs.errors import BadRequest
from pacs.pipeline.analysis import Analysis
from pacs.web.analysis_page import as_file, as_text

_PATIENT = "ptid/"  # the type of key that CTP's scripts look patient ids up by


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True))
@click.option("--profile", default=DEFAULT_PROFILE, show_default=True, help="How private elements would be treated.")
@click.option(
    "--mapping",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Mapping table, or CTP's lookup table (.properties): tell patients without a row.",
)
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Write a page with plots.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(folder: Path, profile: str, mapping: Path | None, html: Path | None, as_json: bool) -> None:
    """Say what FOLDER holds, before it is submitted: counts, kinds, risks and problems.

    It reads every file once and changes nothing. No value that could identify is told: values are shown as patterns
    such as AAA-9999, files are counted and never named.
    """
    found = Analysis(load_profile(profile, None), _mapped(mapping))
    progress = Progress(TextColumn("analyze: {task.completed} files"), console=Console(stderr=True), transient=True)
    with progress:
        task = progress.add_task("analyze")
        for path in _files(folder):
            found.add(path)
            progress.advance(task)
    content = found.as_json()
    if html is not None:
        html.write_text(as_file(content), encoding="utf-8")
    click.echo(json.dumps(content, indent=2) if as_json else as_text(content))


def _files(folder: Path) -> Iterator[Path]:
    """Every file, a folder's names at a time."""
    if folder.is_file():
        yield folder
        return
    for place, folders, names in os.walk(folder):
        folders.sort()
        yield from (path for name in sorted(names) if (path := Path(place, name)).is_file())


def _mapped(file: Path | None) -> frozenset[str] | None:
    if file is None:
        return None
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise BadRequest("the mapping table is not UTF-8") from None
    if file.suffix.lower() == ".properties":
        return frozenset(
            key.removeprefix(_PATIENT) for key in read_lookup(text, is_csv=False) if key.startswith(_PATIENT)
        )
    return frozenset(row.from_patient_id for row in read_mapping(text))
