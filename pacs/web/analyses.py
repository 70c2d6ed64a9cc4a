"""Analyses that sites hand in before they submit: a page with a form for each collection, and the same for programs.

Who handed one in sees it, and the curators of its collection do.
"""

from collections.abc import Iterator
from http import HTTPStatus

from flask import Blueprint, Response, abort, current_app, g, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from pacs.auth import is_curator_of
from pacs.config import Settings
from pacs.curation.analyses import Analyses, HandedIn
from pacs.curation.reconciliation import sees
from pacs.deid import load_profile
from pacs.deid.profiles import profile_names
from pacs.errors import BadRequest, NotFound, PacsError
from pacs.folders import Folders
from pacs.model import CollectionInfo
from pacs.pipeline.analysis_report import MAX_BYTES, read_report
from pacs.web.analysis_page import parts
from pacs.web.door import archive, caller, collection_of_caller, json_reply
from pacs.web.pages import base_path, page

blueprint = Blueprint("analyses", __name__)
PAGE, API = "/analyses/<collection>", "/api/collections/<collection>/analyses"
_MOST_FORM_BYTES = MAX_BYTES + (1 << 16)


@blueprint.get(PAGE)
def shown(collection: str) -> Response:
    """The reports of a collection that the caller may see, and a form to hand one in."""
    return _list(collection_of_caller(collection))


@blueprint.post(PAGE)
def hand_in(collection: str) -> AnyResponse:
    """Take the report that the form sends."""
    if g.is_foreign():
        abort(403)
    request.max_content_length = _MOST_FORM_BYTES
    found = collection_of_caller(collection)
    file = request.files.get("report")
    try:
        number = _kept(found, file.read(MAX_BYTES + 1) if file is not None else b"")
    except PacsError as error:
        return _list(found, str(error), HTTPStatus.BAD_REQUEST)
    return redirect(f"{base_path()}/analyses/{found.name}/{number}", 303)


@blueprint.get(f"{PAGE}/<int:number>")
def one(collection: str, number: int) -> Response:
    """One report, with plots."""
    found = collection_of_caller(collection)
    each = _one(found, number)
    response = page("analysis_report.html", collection=found, each=each, **parts(each.report))
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get(API)
def listed(collection: str) -> Response:
    """The reports that the caller may see, newest first: who, when, and their counts."""
    return json_reply([each.as_json() for each in _visible(collection_of_caller(collection))])


@blueprint.post(API)
def add(collection: str) -> Response:
    """Take the report that is the body."""
    request.max_content_length = MAX_BYTES
    found = collection_of_caller(collection)
    number = _kept(found, request.get_data(cache=False))
    response = json_reply({"id": number})
    response.status_code = HTTPStatus.CREATED
    response.headers["Location"] = f"{base_path()}/api/collections/{found.name}/analyses/{number}"
    return response


@blueprint.get(f"{API}/<int:number>")
def told(collection: str, number: int) -> Response:
    """One report."""
    each = _one(collection_of_caller(collection), number)
    return json_reply(each.as_json() | {"report": each.report})


def all_visible() -> Iterator[tuple[str, HandedIn]]:
    """Collection's name and report, of all that the caller may see."""
    for each in archive().registry.snapshot().collections.values():
        yield from ((each.name, report) for report in _visible(each))


def _list(collection: CollectionInfo, fault: str = "", status: int = 200) -> Response:
    response = page(
        "analyses.html", status, collection=collection, reports=_visible(collection), fault=fault,
        curates=is_curator_of(caller(), collection.id),
    )  # fmt: skip
    response.headers["Cache-Control"] = "no-store"
    return response


def _kept(collection: CollectionInfo, content: bytes) -> int:
    """Check a report and keep it; its number. Raises `BadRequest`."""
    if not content:
        raise BadRequest("there is no report; pacs analyze FOLDER --json writes it")
    folder = _folders().profiles
    report = read_report(content, load_profile(collection.profile, folder), profile_names(folder))
    number = _analyses().add(collection.id, caller().name, report)
    archive().parts.trail.add(caller().name, "hand in analysis", collection.name, f"report {number}")
    return number


def _visible(collection: CollectionInfo) -> list[HandedIn]:
    return [each for each in _analyses().all(collection.id) if sees(caller(), each.by, collection.id)]


def _one(collection: CollectionInfo, number: int) -> HandedIn:
    """Raises `NotFound`; somebody else's looks like one that never was."""
    found = _analyses().get(collection.id, number)
    if not sees(caller(), found.by, collection.id):
        raise NotFound("there is no such report")
    return found


def _analyses() -> Analyses:
    return Analyses(_folders().analyses)


def _folders() -> Folders:
    settings: Settings = current_app.extensions["pacs_settings"]
    return Folders(settings.data.resolve())
