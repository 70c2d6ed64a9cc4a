"""QIDO-RS at all six resources. PS3.18 10.6."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import orjson
from flask import Blueprint, Response, request

from pacs.dicomweb.accept import JSON, takes_json, wanted
from pacs.dicomweb.door import caller, door, public_root
from pacs.dicomweb.parameters import parse_search
from pacs.dicomweb.rows import RowEncoder, keywords_for
from pacs.errors import NotAcceptable
from pacs.index import ATTRIBUTES
from pacs.model import Level, Row

blueprint = Blueprint("qido", __name__)
_BATCH = 500  # rows that are encoded at a time when all are wanted


@blueprint.get("/studies")
def search_studies() -> Response:
    """All studies."""
    return _search(Level.STUDY)


@blueprint.get("/series")
def search_series() -> Response:
    """All series, with their study's attributes."""
    return _search(Level.SERIES, Level.STUDY)


@blueprint.get("/instances")
def search_instances() -> Response:
    """All instances, with their study's and series' attributes."""
    return _search(Level.INSTANCE, Level.STUDY, Level.SERIES)


@blueprint.get("/studies/<uid:study>/series")
def search_series_of_study(study: str) -> Response:
    """The series of a study."""
    return _search(Level.SERIES, StudyInstanceUID=study)


@blueprint.get("/studies/<uid:study>/instances")
def search_instances_of_study(study: str) -> Response:
    """The instances of a study, with their series' attributes."""
    return _search(Level.INSTANCE, Level.SERIES, StudyInstanceUID=study)


@blueprint.get("/studies/<uid:study>/series/<uid:series>/instances")
def search_instances_of_series(study: str, series: str) -> Response:
    """The instances of a series."""
    return _search(Level.INSTANCE, StudyInstanceUID=study, SeriesInstanceUID=series)


def _search(level: Level, *with_upper: Level, **path: str) -> Response:
    """Answer a search with JSON rows; 200 with an empty list when there are none."""
    if not takes_json(wanted(request.args.get("accept"), request.headers.get("Accept"))):
        raise NotAcceptable(f"search results are sent as {JSON}")
    search = parse_search(level, request.args.items(multi=True), path)
    shown = [name for name in search.shown if _fits(name, level)]
    keywords = keywords_for(level, shown, everything=search.everything, with_upper=with_upper)
    query = replace(search.query, returned=frozenset(keywords))
    found = door().archive.find(query, caller())
    root = public_root()
    rows = iter(found)
    encoder = RowEncoder(level, keywords, root)
    first = [encoder.encode(row) for row in islice(rows, _BATCH)]
    if len(first) == _BATCH:
        response = Response(_streamed(first, rows, encoder), mimetype=JSON)
        total = found.total()
    else:
        response = Response(orjson.dumps(first), mimetype=JSON)
        whole = (query.limit is None or len(first) < query.limit) and (first or not query.offset)
        total = query.offset + len(first) if whole else found.total()
    response.headers["X-Total-Count"] = str(total)
    remaining = total - query.offset - (query.limit or 0)
    if query.limit is not None and remaining > 0:
        text = f"There are {remaining} additional results that can be requested"
        response.headers["Warning"] = f"299 {root}: {text}"
    response.headers["Cache-Control"] = "no-cache, private"
    return response


def _fits(name: str, level: Level) -> bool:
    """An attribute of this level or above; what is no column is read from stored JSON, for instances."""
    attribute = ATTRIBUTES.get(name)
    if attribute is None:
        return level is Level.INSTANCE and "." not in name
    return attribute.level.depth <= level.depth


def _streamed(first: list[dict[str, object]], rows: Iterator[Row], encoder: RowEncoder) -> Iterator[bytes]:
    """A long list, a batch at a time, so that memory stays flat."""
    yield orjson.dumps(first)[:-1]
    while batch := [encoder.encode(row) for row in islice(rows, _BATCH)]:
        yield b"," + orjson.dumps(batch)[1:-1]
    yield b"]"
