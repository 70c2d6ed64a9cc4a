"""``/submissions``: what became of what was sent, by day and sender; and of one study or submission."""

from datetime import timedelta
from urllib.parse import quote

from flask import Blueprint, Response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from pacs.auth import is_curator_of, may_store
from pacs.curation.reconciliation import Overview, Reconciliation, last_days, of_identifier, overview
from pacs.curation.submission import submission
from pacs.errors import NotFound
from pacs.model import PrincipalKind
from pacs.web.analyses import all_visible
from pacs.web.door import archive, caller
from pacs.web.pages import base_path, page
from pacs.web.plot import stacked_bars
from pacs.web.submission_api import DAY_STATES, DEFAULT_DAYS, SUM_COLUMNS, asked, csv_reply

blueprint = Blueprint("submissions_page", __name__)
_MOST_FORM_BYTES = 1 << 16
_MOST_ROWS = 200  # on the page; the CSV has all
_MOST_ANALYSES = 10
_MOST_BARS = 92
PERIODS = {7: "a week", 30: "30 days", 90: "90 days", 366: "a year"}


@blueprint.get("/submissions")
def submissions() -> AnyResponse:
    """The page of the last days."""
    return _sign_in("/submissions") or _overview_page()


@blueprint.post("/submissions")
def look_up() -> AnyResponse:
    """The same, with what became of the study or submission that the form names."""
    request.max_content_length = _MOST_FORM_BYTES
    sign_in = _sign_in("/submissions")
    if sign_in is not None:
        return sign_in
    try:
        found = of_identifier(archive(), caller(), request.form.get("uid", "").strip()[:64])
    except NotFound:
        return _overview_page(missed=True)
    if request.form.get("as") == "csv":
        return csv_reply(SUM_COLUMNS, found.rows())
    return _one("What you asked for", found)


@blueprint.get("/submissions/<number>")
def one(number: str) -> AnyResponse:
    """One submission."""
    sign_in = _sign_in(f"/submissions/{quote(number, safe='')}")
    if sign_in is not None:
        return sign_in
    return _one("Submission", submission(archive(), caller(), number).total, number)


def _sign_in(path: str) -> AnyResponse | None:
    """Where to sign in, for those who did not."""
    if caller().kind is PrincipalKind.USER:
        return None
    return redirect(f"{base_path()}/login?next={quote(base_path() + path, safe='')}", 303)


def _one(title: str, total: Reconciliation, number: str = "") -> Response:
    response = page("submission.html", title=title, total=total, number=number)
    response.headers["Cache-Control"] = "no-store"
    return response


def _overview_page(*, missed: bool = False) -> Response:
    wanted = asked()
    principal = caller()
    found = overview(archive(), principal, wanted)
    collections = [
        each.name
        for each in archive().registry.snapshot().collections.values()
        if may_store(principal, each) or is_curator_of(principal, each.id)
    ]
    curates = any(is_curator_of(principal, each) for each in found.collections)
    days = found.by_day()
    response = page(
        "submissions.html",
        total=found.total,
        days=list(days.items())[:_MOST_ROWS],
        senders=list(found.by_sender().items())[:_MOST_ROWS],
        states=DAY_STATES,
        plot=stacked_bars(_bars(found, (wanted.last - wanted.first).days + 1), DAY_STATES, "Objects received by day"),
        backlog=found.backlog,
        takes=duration(found.seconds),
        periods=PERIODS,
        days_asked=request.args.get("days", DEFAULT_DAYS, int),
        collections=sorted(collections),
        curates=curates,
        query=request.query_string.decode(),
        narrowed={name: request.args.get(name, "") for name in ("collection", "site", "sender")},
        missed=missed,
        analyses=sorted(all_visible(), key=lambda each: each[1].at, reverse=True)[:_MOST_ANALYSES],
    )
    response.headers["Cache-Control"] = "no-store"
    return response


def _bars(found: Overview, count: int) -> list[tuple[str, dict[str, int]]]:
    """Counts of every day, oldest first; of long times by weeks, each named by its first day."""
    by_day = found.by_day()
    _first, last = last_days(count)
    width = -(-count // _MOST_BARS) if count > _MOST_BARS else 1
    bars = []
    for start in range(count - 1, -1, -width):
        oldest = last - timedelta(days=start)
        days = [(oldest + timedelta(days=each)).isoformat() for each in range(min(width, start + 1))]
        total: dict[str, int] = {}
        for day in days:
            for state, number in by_day.get(day, {}).items():
                total[state] = total.get(state, 0) + number
        bars.append((f"{oldest:%b} {oldest.day}" if count <= 366 else f"{oldest:%b %Y}", total))
    return bars


def duration(seconds: float | None) -> str:
    """A time in words; empty when nobody knows."""
    if seconds is None:
        return ""
    if seconds < 90:
        return "about a minute"
    if seconds < 5400:
        return f"about {round(seconds / 60)} minutes"
    return f"about {round(seconds / 3600)} hours"
