"""QIDO-RS at all six resources. PS3.18 10.6."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import chain, islice
from urllib.parse import unquote_to_bytes

from flask import Blueprint, Response, request

from pacs.dicomweb.accept import Wanted
from pacs.dicomweb.door import caller, door, public_root
from pacs.dicomweb.models import chosen_model, model_reply
from pacs.dicomweb.parameters import parse_search
from pacs.dicomweb.rows import RowEncoder, keywords_for, levels_of_all
from pacs.dicomweb.slow_searches import slow_searches, who_asks
from pacs.errors import BadQuery
from pacs.index import Found, attribute_of, is_stored
from pacs.model import Level
from pacs.query import Query

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
    """Answer a search; 200 without rows when there are none."""
    way = chosen_model()
    _check_utf8(request.query_string)
    search = parse_search(level, request.args.items(multi=True), path)
    shown = [name for name in search.shown if attribute_of(name).level.depth <= level.depth]
    keywords = keywords_for(level, shown, everything=search.everything, with_upper=with_upper)
    everything = levels_of_all(level, with_upper) if search.everything else frozenset[Level]()
    query = replace(search.query, returned=frozenset((*keywords, *shown)), everything=everything)
    found = door().archive.find(query, caller())
    found.end_after(door().search_limit_s)
    with ExitStack() as turn:
        if found.reads_data_sets:
            turn.enter_context(slow_searches.one_of(who_asks()))
        return _answer(found, query, keywords, way, turn, shown_stored=any(map(is_stored, shown)))


def _check_utf8(query: bytes) -> None:
    """Raise `BadQuery` for values in another character set, which would be searched as they are written."""
    try:
        unquote_to_bytes(query).decode()
    except UnicodeDecodeError:
        raise BadQuery("the query is not UTF-8") from None


def _answer(
    found: Found, query: Query, keywords: Sequence[str], way: Wanted, turn: ExitStack, *, shown_stored: bool
) -> Response:
    """The rows of a search; of very many the first go out while others are read, which keeps the caller's turn."""
    root = public_root()
    encoder = RowEncoder(query.level, keywords, root)
    has_entries = bool(query.everything) or shown_stored
    rows = (encoder.encode(row, has_entries=has_entries) for row in found)
    first = list(islice(rows, _BATCH))
    is_whole = len(first) < _BATCH and (query.limit is None or len(first) < query.limit)
    total = query.offset + len(first) if is_whole and (first or not query.offset) else found.quick_total()
    response = model_reply(way, first if len(first) < _BATCH else chain(first, rows))
    _say_how_many(response, query, len(first), total, root)
    response.headers["Cache-Control"] = "no-cache, private"
    response.call_on_close(turn.pop_all().close)  # also when nobody reads it to its end, or at all: HEAD
    return response


def _say_how_many(response: Response, query: Query, shown: int, total: int | None, root: str) -> None:
    """Tell the total, and of rows beyond the limit. PS3.18 8.3.4.4.

    The number is left out when counting would take too long, which only keys can cause that are no columns.
    """
    if total is not None:
        response.headers["X-Total-Count"] = str(total)
    if query.limit is None or (total is None and shown < query.limit):
        return
    remaining = None if total is None else total - query.offset - query.limit
    if remaining is None or remaining > 0:
        number = f"{remaining} " if remaining else ""
        response.headers["Warning"] = f"299 {root}: There are {number}additional results that can be requested"
