"""A report of `pacs analyze` for people: as text, as a file of its own, or within a page of ours."""

from collections.abc import Iterator, Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

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

Report = Mapping[str, Any]


def summary(report: Report) -> list[tuple[str, str]]:
    """The figures that stand first."""
    counts = report["counts"]
    lines = [(name, f"{counts[name]:,}") for name in ("files", "objects", "patients", "studies", "series")]
    lines.append(("size", f"{counts['bytes'] / 1e9:.2f} GB"))
    lines += [(f"sending by {line}", _duration(seconds)) for line, seconds in report["sending_s"].items()]
    lines.append(("series that may show a face", f"{report['series_that_may_show_a_face']}"))
    if report["patients_without_mapping"] is not None:
        lines.append(("patients without a mapping row", f"{report['patients_without_mapping']}"))
    return lines


def _duration(seconds: int) -> str:
    if seconds < 90:
        return f"{seconds} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def as_text(report: Report) -> str:
    """The report for a terminal."""
    lines = [f"{name}: {value}" for name, value in summary(report)]
    for title, counts in _sections(report):
        lines += ["", title, *(f"  {count:>9,}  {name}" for name, count in counts.items())]
    creators = report["private_creators"]
    if creators:
        lines += ["", f"Private elements (profile {report['profile']}): kept, removed, creator"]
        lines += [f"  {each['kept']:>9,} {each['removed']:>9,}  {each['creator']}" for each in creators]
    return "\n".join(lines)


def _sections(report: Report) -> Iterator[tuple[str, dict[str, int]]]:
    for name, title in _SECTIONS.items():
        counts = report.get(name)
        if counts:
            yield title, counts


def parts(report: Report) -> dict[str, Any]:
    """What the templates show: ``content``, ``summary`` and ``sections`` with a plot each."""
    sections: list[tuple[str, dict[str, int], Markup]] = [
        (title, counts, lying_bars(list(counts.items()), title)) for title, counts in _sections(report)
    ]
    return {"content": report, "summary": summary(report), "sections": sections}


def as_file(report: Report) -> str:
    """The report as one HTML file that needs nothing else."""
    environment = Environment(
        loader=PackageLoader("pacs.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("analysis.html").render(parts(report))
