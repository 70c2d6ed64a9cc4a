"""What became of submissions, for programs: JSON and CSV. Originals' UIDs come in bodies alone, never in an address."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

import orjson
from flask import Blueprint, Response, request

from pacs.curation.reconciliation import MOST_DAYS, Filter, Overview, last_days, of_identifier, overview
from pacs.curation.submission import known_digests, submission
from pacs.errors import BadRequest, NotAllowed
from pacs.model import PrincipalKind
from pacs.web.door import archive, caller, collection_of_caller, json_reply

blueprint = Blueprint("submission_api", __name__)
DEFAULT_DAYS = 30
# What a day's counts tell apart. What waits for mapping is held there.
DAY_STATES = ("published", "duplicate", "waiting", "held", "quarantined", "dropped")
_MOST_BODY_BYTES = 1 << 20
_OBJECT_COLUMNS = ("intake_id", "collection", "state", "reason", "study_uid", "series_uid", "sop_uid")
SUM_COLUMNS = ("state", "count", "why", "what_to_do")
_LONGEST_NAME = 64
_OF_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n")


@blueprint.get("/api/submissions")
def show() -> Response:
    """Sums of the last days of what the caller submitted or curates, by day and sender, and the backlog."""
    wanted = asked()
    found = overview(archive(), caller(), wanted)
    days = [{"day": day, "received": sum(counts.values()), **_all(counts)} for day, counts in found.by_day().items()]
    senders = [
        {"collection": name, "site": site, "sender": sender, "received": sum(counts.values()), **_all(counts)}
        for (name, site, sender), counts in found.by_sender().items()
    ]
    backlog = {"objects": found.backlog, "seconds": None if found.seconds is None else round(found.seconds)}
    dates = {"from": wanted.first.isoformat(), "to": wanted.last.isoformat()}
    return json_reply(dates | found.total.as_json() | {"days": days, "senders": senders, "backlog": backlog})


@blueprint.get("/api/submissions.csv")
def show_csv() -> Response:
    """The same by day, collection, site and sender, as CSV."""
    return csv_reply(
        ("day", "collection", "site", "sender", "received", *DAY_STATES),
        rows_of(overview(archive(), caller(), asked())),
    )


@blueprint.post("/api/reconciliation")
def find() -> Response:
    """The sum of one study, object or submission: ``{"uid": ...}`` of the sender or ours, or an intake id.

    As CSV for who asks for it by Accept.
    """
    identifier = _body().get("uid")
    if not isinstance(identifier, str) or not 0 < len(identifier.strip()) <= _LONGEST_NAME:
        raise BadRequest('{"uid": "..."} is wanted, of 64 characters at most')
    found = of_identifier(archive(), caller(), identifier.strip())
    if request.accept_mimetypes.best_match(("application/json", "text/csv")) == "text/csv":
        return csv_reply(SUM_COLUMNS, found.rows())
    return json_reply(found.as_json())


@blueprint.post("/api/known-files")
def known() -> Response:
    """Which files the caller has sent into a collection: the state by each MD5, null for those that are not here."""
    if caller().kind is not PrincipalKind.USER:
        raise NotAllowed("only who signed in has sent something")
    body = _body()
    digests, name = body.get("md5"), body.get("collection")
    if not isinstance(digests, list) or not isinstance(name, str):
        raise BadRequest('{"collection": NAME, "md5": [...]} is wanted')
    return json_reply({"states": known_digests(archive(), caller(), collection_of_caller(name).id, digests)})


@blueprint.get("/api/submissions/<number>")
def show_one(number: str) -> Response:
    """The sum of one submission."""
    found = submission(archive(), caller(), number)
    return json_reply({"id": number} | found.total.as_json())


@blueprint.get("/api/submissions/<number>.csv")
def show_one_csv(number: str) -> Response:
    """The objects of one submission, as CSV."""
    rows = submission(archive(), caller(), number).rows
    return csv_reply(_OBJECT_COLUMNS, ([row.get(name, "") for name in _OBJECT_COLUMNS] for row in rows))


def asked() -> Filter:
    """What the query string asks for. Raises `BadRequest`, and `NotFound` for a collection that the caller lacks."""
    days = request.args.get("days", str(DEFAULT_DAYS))
    if not days.isascii() or not days.isdigit() or not 1 <= int(days[:9]) <= MOST_DAYS:
        raise BadRequest(f"days is a number from 1 to {MOST_DAYS}")
    name = request.args.get("collection", "")
    collection_id = collection_of_caller(name).id if name else 0
    return Filter(*last_days(int(days)), collection_id, request.args.get("sender", ""), request.args.get("site", ""))


def rows_of(found: Overview) -> Iterable[Sequence[object]]:
    """Day, collection, site, sender and counts."""
    lines: dict[tuple[str, str, str, str], dict[str, int]] = {}
    for group, count in found.groups.items():
        key = (group.day, found.collections.get(group.collection_id, ""), group.site, group.sender)
        lines.setdefault(key, {})[group.state] = count
    for key, counts in sorted(lines.items(), reverse=True):
        yield [*key, sum(counts.values()), *_all(counts).values()]


def _all(counts: Mapping[str, int]) -> dict[str, int]:
    return {each: counts.get(each, 0) for each in DAY_STATES}


def csv_reply(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """A CSV file. What a spreadsheet would take for a formula is kept from being one."""
    sink = io.StringIO()
    writer = csv.writer(sink)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([f"'{each}" if str(each).startswith(_OF_FORMULAS) else each for each in row])
    response = Response(sink.getvalue(), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = "attachment; filename=submissions.csv"
    response.headers["Cache-Control"] = "no-store"
    return response


def _body() -> dict[str, object]:
    request.max_content_length = _MOST_BODY_BYTES
    try:
        content = orjson.loads(request.get_data(cache=False))
    except orjson.JSONDecodeError:
        raise BadRequest("the body is no JSON") from None
    if not isinstance(content, dict):
        raise BadRequest("a JSON object is wanted")
    return content
