"""``pacs analyze``: what a folder holds before it is submitted, without a server."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import click
from jinja2 import Environment, PackageLoader, StrictUndefined
from rich.console import Console
from rich.progress import Progress, TextColumn

from pacs.app import DEFAULT_PROFILE
from pacs.deid import load_profile
from pacs.deid.mapping import read_mapping
from pacs.errors import BadRequest
from pacs.pipeline.analysis import Analysis
from pacs.web.plot import lying_bars

_SECTIONS = {
    "modalities": "Modalities",
    "sop_classes": "Kinds of objects",
    "manufacturers": "Manufacturers",
    "transfer_syntaxes": "Transfer syntaxes",
    "burned_in_text": "Risk of text in pixels",
    "patterns_of_PatientID": "Patterns of PatientID",
    "patterns_of_AccessionNumber": "Patterns of AccessionNumber",
    "patterns_of_StudyID": "Patterns of StudyID",
    "missing_type_1": "Missing or empty elements of type 1",
    "problems": "Problems",
    "not_dicom": "Files that are no DICOM object",
}


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True))
@click.option("--profile", default=DEFAULT_PROFILE, show_default=True, help="How private elements would be treated.")
@click.option(
    "--mapping", type=click.Path(path_type=Path, dir_okay=False, exists=True), help="Tell patients without a row."
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
        html.write_text(analysis_page(content), encoding="utf-8")
    click.echo(json.dumps(content, indent=2) if as_json else _text(content))


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
        rows = read_mapping(file.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError:
        raise BadRequest("the mapping table is not UTF-8") from None
    return frozenset(row.from_patient_id for row in rows)


def summary(content: dict[str, object]) -> list[tuple[str, str]]:
    """The figures that stand first."""
    counts = content["counts"]
    assert isinstance(counts, dict)
    lines = [(name, f"{counts[name]:,}") for name in ("files", "objects", "patients", "studies", "series")]
    lines.append(("size", f"{counts['bytes'] / 1e9:.2f} GB"))
    sending = content["sending_s"]
    assert isinstance(sending, dict)
    lines += [(f"sending by {line}", _duration(seconds)) for line, seconds in sending.items()]
    lines.append(("series that may show a face", f"{content['series_that_may_show_a_face']}"))
    if content["patients_without_mapping"] is not None:
        lines.append(("patients without a mapping row", f"{content['patients_without_mapping']}"))
    return lines


def _duration(seconds: int) -> str:
    if seconds < 90:
        return f"{seconds} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _text(content: dict[str, object]) -> str:
    lines = [f"{name}: {value}" for name, value in summary(content)]
    for title, counts in _sections(content):
        lines += ["", title, *(f"  {count:>9,}  {name}" for name, count in counts.items())]
    creators = content["private_creators"]
    assert isinstance(creators, list)
    if creators:
        lines += ["", f"Private elements (profile {content['profile']}): kept, removed, creator"]
        lines += [f"  {each['kept']:>9,} {each['removed']:>9,}  {each['creator']}" for each in creators]
    return "\n".join(lines)


def _sections(content: dict[str, object]) -> Iterator[tuple[str, dict[str, int]]]:
    for name, title in _SECTIONS.items():
        counts = content.get(name)
        if isinstance(counts, dict) and counts:
            yield title, counts


def analysis_page(content: dict[str, object]) -> str:
    """The report as one HTML file that needs nothing else."""
    environment = Environment(
        loader=PackageLoader("pacs.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    sections = [(title, counts, lying_bars(list(counts.items()), title)) for title, counts in _sections(content)]
    template = environment.get_template("analysis.html")
    return template.render(content=content, summary=summary(content), sections=sections)
