"""Received is what became of it: sums for a sender, by study, submission and day. From receipts and the spool.

A user sees what they submitted, and all of the collections that they curate. Nothing here identifies.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from pacs.archive import Archive
from pacs.audit.progress import Selection, by_day, explained, pace
from pacs.auth import is_curator_of
from pacs.curation.advice import advice_for
from pacs.curation.status import removed_since, trace
from pacs.db import snapshot
from pacs.db.tables.audit import Receipt
from pacs.errors import NotAllowed, NotFound
from pacs.model import Principal, PrincipalKind, State
from pacs.spool import Entry, Spool

WAITING, UNMAPPED, REMOVED = "waiting", "waiting for mapping", "removed"
# In the order of the sum. What waits for mapping is held, and told apart; what was removed had been published.
STATES = ("published", "duplicate", WAITING, UNMAPPED, "held", "quarantined", "dropped", REMOVED)
MOST_DAYS = 3660
_CHUNK = 400
_WORDS = {WAITING: "waiting for a worker", "held": "held for review"}


@dataclass(frozen=True, slots=True)
class Reason:
    """Why some objects are not published, and what the site can do."""

    state: str
    why: str
    advice: str
    count: int


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """How many objects are in each of `STATES`, and why those that are not published are not."""

    states: Mapping[str, int]
    reasons: tuple[Reason, ...] = ()

    @property
    def received(self) -> int:
        """All that was ever accepted: the sum of the states."""
        return sum(self.states.values())

    def sentence(self) -> str:
        """``812 received = 800 published + 7 duplicate + ...``."""
        terms = [f"{self.states[each]} {_WORDS.get(each, each)}" for each in STATES if self.states.get(each)]
        return f"{self.received} received = {' + '.join(terms) or '0 published'}"

    def rows(self) -> Iterator[tuple[str, int, str, str]]:
        """State, count, why, what to do: a row a reason, and one for what needs none; counts add up to `received`."""
        for state in STATES:
            told = [each for each in self.reasons if each.state == state]
            yield from ((state, each.count, each.why, each.advice) for each in told)
            rest = self.states.get(state, 0) - sum(each.count for each in told)
            if rest:
                yield state, rest, "", ""

    def as_json(self) -> dict[str, object]:
        """Plain values."""
        reasons = [
            {"state": each.state, "why": each.why, "what_to_do": each.advice, "count": each.count}
            for each in self.reasons
        ]
        states = {each.replace(" ", "_"): self.states.get(each, 0) for each in STATES}
        return {"received": self.received, "states": states, "sentence": self.sentence(), "reasons": reasons}


class Group(NamedTuple):
    """What counts are kept by. `day` is ISO, in UTC, of the association or request."""

    day: str
    collection_id: int
    site: str
    sender: str
    state: str


@dataclass(frozen=True, slots=True)
class Filter:
    """Which days, collection (0: all), sender and site somebody asks for; empty: all."""

    first: date
    last: date
    collection_id: int = 0
    sender: str = ""
    site: str = ""

    def takes(self, group: Group) -> bool:
        """Whether a group is asked for."""
        return (
            self.first.isoformat() <= group.day <= self.last.isoformat()
            and self.collection_id in (0, group.collection_id)
            and self.sender in ("", group.sender)
            and self.site in ("", group.site)
        )


@dataclass(frozen=True, slots=True)
class Overview:
    """Some days of what somebody may see. `backlog`: what waits for a worker of it; `seconds`: how long that may take
    with all that waits before it, at the present pace; None when nobody knows.
    """

    total: Reconciliation
    groups: Mapping[Group, int]
    backlog: int
    seconds: float | None
    collections: Mapping[int, str] = field(default_factory=dict)

    def by_day(self) -> dict[str, Counter[str]]:
        """States of each day, newest first."""
        found: dict[str, Counter[str]] = {}
        for group in sorted(self.groups, key=lambda each: each.day, reverse=True):
            found.setdefault(group.day, Counter())[group.state] += self.groups[group]
        return found

    def by_sender(self) -> dict[tuple[str, str, str], Counter[str]]:
        """States by collection's name, site and sender."""
        found: dict[tuple[str, str, str], Counter[str]] = {}
        for group, count in self.groups.items():
            key = (self.collections.get(group.collection_id, ""), group.site, group.sender)
            found.setdefault(key, Counter())[group.state] += count
        return dict(sorted(found.items()))


def last_days(days: int) -> tuple[date, date]:
    """First and last of so many days that end with today, in UTC."""
    today = datetime.now(UTC).date()
    return today - timedelta(days=min(max(days, 1), MOST_DAYS) - 1), today


def overview(archive: Archive, principal: Principal, wanted: Filter) -> Overview:
    """What became of everything that somebody may see. Raises `NotAllowed` for who is no user."""
    curated = _curated(archive, principal)
    names = {each.id: each.name for each in archive.registry.snapshot().collections.values()}
    known: set[str] = set()
    groups: Counter[Group] = Counter()
    reasons: Counter[tuple[str, bool, str]] = Counter()
    with archive.parts.spool.way_back.closed():
        # Spool first: what moves on while we count has its receipt by the moment of which receipts are read.
        entries = {entry.intake_id: entry for entry in archive.parts.spool.entries()}
        ids = list(entries)
        with snapshot(archive.parts.database):
            for start in range(0, len(ids), _CHUNK):
                known |= archive.parts.receipts.states(ids[start : start + _CHUNK]).keys()
            for selection in _selections(principal, curated, wanted):
                for day, collection_id, site, sender, state, count in by_day(selection):
                    groups[Group(day, collection_id, site, sender, state)] += count
                for state, waits, reason, count in explained(selection):
                    reasons[state, waits, reason] += count
    waiting = [entry for intake_id, entry in entries.items() if intake_id not in known]
    backlog = 0
    for group, submitter in _waiting_groups(archive.parts.spool, waiting):
        if submitter == principal.name or group.collection_id in curated:
            backlog += 1
            groups[group] += wanted.takes(group)
    speed = pace()
    total = _reconciled(_state_counts(groups), reasons)
    seconds = len(waiting) / speed if speed and backlog else None
    return Overview(total, +groups, backlog, seconds, names)


def _curated(archive: Archive, principal: Principal) -> frozenset[int]:
    """Collections of which somebody sees everything. Raises `NotAllowed`."""
    if principal.kind is not PrincipalKind.USER:
        raise NotAllowed("submissions are shown to who made them, and to curators")
    return frozenset(each for each in archive.registry.snapshot().collections if is_curator_of(principal, each))


def _selections(principal: Principal, curated: frozenset[int], wanted: Filter) -> Iterator[Selection]:
    """Two that never share a receipt: what is curated, and one's own elsewhere."""
    one = wanted.collection_id
    whole = tuple(sorted(each for each in curated if one in (0, each)))
    dates = (wanted.first, wanted.last)
    if whole:
        yield Selection(*dates, whole, sender=wanted.sender, site=wanted.site)
    if one and one in curated:
        return
    yield Selection(*dates, (), principal.name, tuple(sorted(curated)), one, wanted.sender, wanted.site)


class Sent(NamedTuple):
    """What an envelope says of who sent, and the digest of its one object, if it was told."""

    submitter: str
    sender: str
    site: str
    content_md5: str


@lru_cache(maxsize=50_000)
def sent(spool: Spool, envelope_id: str) -> Sent:
    """Facts of an envelope; they never change. All empty when it is gone."""
    try:
        found = spool.envelope(envelope_id)
    except KeyError:
        return Sent("", "", "", "")
    return Sent(found.submitter, found.sender, found.told_site, found.content_md5)


def _waiting_groups(spool: Spool, entries: Iterable[Entry]) -> Iterator[tuple[Group, str]]:
    """Group and submitting user of each entry, by the day on which it came."""
    for entry in entries:
        who = sent(spool, entry.envelope_id)
        day = datetime.fromtimestamp(int(entry.intake_id[:12], 16) / 1000, UTC).date().isoformat()
        yield Group(day, entry.collection_id, who.site, who.sender, WAITING), who.submitter


def _state_counts(groups: Mapping[Group, int]) -> Counter[str]:
    found: Counter[str] = Counter()
    for group, count in groups.items():
        found[group.state] += count
    return found


def _reconciled(states: Counter[str], reasons: Mapping[tuple[str, bool, str], int]) -> Reconciliation:
    """The sum; of what is held, what waits for a row stands for itself."""
    unmapped = sum(count for (state, waits, _), count in reasons.items() if state == State.HELD.value and waits)
    counts = {each: states.get(each, 0) for each in STATES}
    counts["held"] -= unmapped
    counts[UNMAPPED] = unmapped
    told = tuple(
        Reason(UNMAPPED if waits and state == State.HELD.value else state, reason, advice_for(state, reason), count)
        for (state, waits, reason), count in sorted(reasons.items())
        if reason
    )
    return Reconciliation(counts, told)


# -- one study, one submission -----------------------------------------------------------------------------------------


def sees(principal: Principal, submitter: str, collection_id: int) -> bool:
    """Whether somebody sees what became of an object: who submitted it, curators of its collection, administrators."""
    own = principal.kind is PrincipalKind.USER and principal.name == submitter
    return own or is_curator_of(principal, collection_id)


def of_identifier(archive: Archive, principal: Principal, identifier: str) -> Reconciliation:
    """The sum of a study or object, by original or new UID, by intake id or by submission, of what somebody may see.

    Raises `NotFound`, whether it is not there or not theirs. What still waits is known by its submission and intake id
    only: nobody has looked into it.
    """
    entries = [each for each in archive.parts.spool.entries() if identifier in (each.intake_id, each.envelope_id)]
    receipts = {each.intake_id: each for each in trace(archive, identifier)}
    receipts |= {each.intake_id: each for each in archive.parts.receipts.of_envelope(identifier)}
    mine = [each for each in receipts.values() if sees(principal, each.submitter, each.collection_id)]
    waiting = [
        each
        for each in entries
        if each.intake_id not in receipts
        and sees(principal, sent(archive.parts.spool, each.envelope_id).submitter, each.collection_id)
    ]
    if not mine and not waiting:
        raise NotFound("there is nothing of that name that you submitted or curate")
    return sum_of(archive, mine, len(waiting))


def sum_of(archive: Archive, receipts: Sequence[Receipt], waiting: int) -> Reconciliation:
    """The sum of some receipts and of what waits besides."""
    removed = removed_since(archive, list(receipts))
    states: Counter[str] = Counter({WAITING: waiting})
    reasons: Counter[tuple[str, bool, str]] = Counter()
    for receipt in receipts:
        state = REMOVED if receipt.intake_id in removed else receipt.state
        states[state] += 1
        if state in (State.HELD.value, State.QUARANTINED.value, State.DROPPED.value):
            reasons[state, bool(receipt.waiting_for), receipt.reason] += 1
    return _reconciled(states, reasons)
