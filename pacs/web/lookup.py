"""Lookup tables of CTP scripts, for curators: an editor page, and the same for programs.

Keys identify patients: they come in bodies alone, and nothing here ever shows one.
"""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from urllib.parse import urlencode

import orjson
from flask import Blueprint, Response, abort, current_app, g, redirect, request

from pacs.archive import Archive
from pacs.auth import is_curator_of, scope_of
from pacs.curation.lookup import MAX_BYTES, add_to_lookup, lookup_facts, read_table, replace_lookup
from pacs.errors import BadRequest, NotAllowed, NotFound, PacsError
from pacs.model import CollectionInfo, Principal
from pacs.web.pages import base_path, page

blueprint = Blueprint("lookup", __name__)
PAGE, API = "/lookup/<collection>", "/api/collections/<collection>/lookup"
_MAX_FORM_BYTES = 1 << 16
Taken = Callable[[Archive, CollectionInfo, Mapping[str, str], str], tuple[int, int]]


@blueprint.get(PAGE)
def editor(collection: str) -> Response:
    """What the table holds by type of key, what waits, and a form for a row."""
    found, _curator = _curated(collection)
    return _editor(found, added=request.args.get("added", "") == "1", fault="")


@blueprint.post(PAGE)
def add_row(collection: str) -> Response:
    """Take a row of the form."""
    if g.is_foreign():
        abort(403)
    request.max_content_length = _MAX_FORM_BYTES
    found, curator = _curated(collection)
    kind, key, value = (request.form.get(name, "").strip() for name in ("type", "key", "value"))
    try:
        if "/" in kind or not (kind and key and value):
            raise BadRequest("type, key and value are all wanted")
        add_to_lookup(_archive(), found, {f"{kind}/{key}": value}, curator.name)
    except PacsError as error:
        return _editor(found, added=False, fault=str(error), status=HTTPStatus.BAD_REQUEST)
    response = redirect(f"{base_path()}/lookup/{found.name}?{urlencode({'added': 1})}", 303)
    assert isinstance(response, Response)
    return response


def _editor(collection: CollectionInfo, *, added: bool, fault: str, status: int = 200) -> Response:
    facts = lookup_facts(_archive(), collection)
    response = page("lookup.html", status, collection=collection, facts=facts, added=added, fault=fault)
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get(API)
def show(collection: str) -> Response:
    """How many rows there are by type of key, and how many objects wait for which type."""
    found, _curator = _curated(collection)
    return _json(lookup_facts(_archive(), found))


@blueprint.put(API)
def replace(collection: str) -> Response:
    """Make the body the whole table."""
    return _take(collection, replace_lookup, "rows")


@blueprint.post(API)
def add(collection: str) -> Response:
    """Add the rows of the body."""
    return _take(collection, add_to_lookup, "added")


def _take(name: str, taken: Taken, called: str) -> Response:
    collection, curator = _curated(name)
    count, resumed = taken(_archive(), collection, _rows(collection), curator.name)
    return _json({called: count, "resumed": resumed})


def _rows(collection: CollectionInfo) -> dict[str, str]:
    """Rows of the body: CSV, properties (text/plain), or a JSON array of objects with type, key and value."""
    request.max_content_length = MAX_BYTES
    try:
        text = request.get_data(cache=False).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadRequest("the table is not UTF-8") from None
    if request.mimetype == "application/json":
        return _json_rows(text)
    return read_table(_archive(), collection, text, is_csv=request.mimetype == "text/csv")


def _json_rows(text: str) -> dict[str, str]:
    try:
        rows = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise BadRequest("the body is no JSON") from None
    if not isinstance(rows, list):
        raise BadRequest("an array of rows is wanted, each with type, key and value")
    found: dict[str, str] = {}
    for number, row in enumerate(rows, 1):
        kind, key, value = (_field(row, name, number) for name in ("type", "key", "value"))
        if "/" in kind:
            raise BadRequest(f"row {number}: a type has no slash")
        if found.setdefault(f"{kind}/{key}", value) != value:
            raise BadRequest(f"row {number}: this key stands twice, with different values")
    return found


def _field(row: object, name: str, number: int) -> str:
    text = row.get(name) if isinstance(row, dict) else None
    if not isinstance(text, str) or not text.strip():
        raise BadRequest(f"row {number}: type, key and value are texts, and not empty")
    return text.strip()


def _curated(name: str) -> tuple[CollectionInfo, Principal]:
    """The collection, for a curator of it. Raises `NotFound` when the caller may not know of it, else `NotAllowed`."""
    principal: Principal = g.identify()
    snapshot = _archive().registry.snapshot()
    found = next((each for each in snapshot.collections.values() if each.name == name), None)
    if found is not None and is_curator_of(principal, found.id):
        return found, principal
    scope = scope_of(principal, snapshot.collections)
    if found is not None and found.id in scope.everything | scope.released:
        raise NotAllowed("lookup tables are for curators of the collection")
    raise NotFound("there is no such collection")


def _archive() -> Archive:
    archive: Archive = current_app.extensions["pacs"].archive
    return archive


def _json(content: object) -> Response:
    response = Response(orjson.dumps(content), mimetype="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response
