"""Lookup tables of CTP scripts, for curators: an editor page, and the same for programs.

Keys identify patients: they come in bodies alone, and nothing here ever shows one.
"""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from urllib.parse import urlencode

import orjson
from flask import Blueprint, Response, abort, g, redirect, request

from pacs.archive import Archive
from pacs.curation.lookup import MAX_BYTES, add_to_lookup, lookup_facts, read_table, replace_lookup
from pacs.errors import BadRequest, PacsError
from pacs.model import CollectionInfo
from pacs.web.door import archive, caller, curated_collection, json_reply
from pacs.web.pages import base_path, page

blueprint = Blueprint("lookup", __name__)
PAGE, API = "/lookup/<collection>", "/api/collections/<collection>/lookup"
_MAX_FORM_BYTES = 1 << 16
Taken = Callable[[Archive, CollectionInfo, Mapping[str, str], str], tuple[int, int]]


@blueprint.get(PAGE)
def editor(collection: str) -> Response:
    """What the table holds by type of key, what waits, and a form for a row."""
    found = curated_collection(collection, "lookup tables")
    return _editor(found, added=request.args.get("added", "") == "1", fault="")


@blueprint.post(PAGE)
def add_row(collection: str) -> Response:
    """Take a row of the form."""
    if g.is_foreign():
        abort(403)
    request.max_content_length = _MAX_FORM_BYTES
    found = curated_collection(collection, "lookup tables")
    kind, key, value = (request.form.get(name, "").strip() for name in ("type", "key", "value"))
    try:
        if "/" in kind or not (kind and key and value):
            raise BadRequest("type, key and value are all wanted")
        add_to_lookup(archive(), found, {f"{kind}/{key}": value}, caller().name)
    except PacsError as error:
        return _editor(found, added=False, fault=str(error), status=HTTPStatus.BAD_REQUEST)
    response = redirect(f"{base_path()}/lookup/{found.name}?{urlencode({'added': 1})}", 303)
    assert isinstance(response, Response)
    return response


def _editor(collection: CollectionInfo, *, added: bool, fault: str, status: int = 200) -> Response:
    facts = lookup_facts(archive(), collection)
    response = page("lookup.html", status, collection=collection, facts=facts, added=added, fault=fault)
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get(API)
def show(collection: str) -> Response:
    """How many rows there are by type of key, and how many objects wait for which type."""
    found = curated_collection(collection, "lookup tables")
    return json_reply(lookup_facts(archive(), found))


@blueprint.put(API)
def replace(collection: str) -> Response:
    """Make the body the whole table."""
    return _take(collection, replace_lookup, "rows")


@blueprint.post(API)
def add(collection: str) -> Response:
    """Add the rows of the body."""
    return _take(collection, add_to_lookup, "added")


def _take(name: str, taken: Taken, called: str) -> Response:
    collection = curated_collection(name, "lookup tables")
    count, resumed = taken(archive(), collection, _rows(collection), caller().name)
    return json_reply({called: count, "resumed": resumed})


def _rows(collection: CollectionInfo) -> dict[str, str]:
    """Rows of the body: CSV, properties (text/plain), or a JSON array of objects with type, key and value."""
    request.max_content_length = MAX_BYTES
    try:
        text = request.get_data(cache=False).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadRequest("the table is not UTF-8") from None
    if request.mimetype == "application/json":
        return _json_rows(text)
    return read_table(archive(), collection, text, is_csv=request.mimetype == "text/csv")


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
