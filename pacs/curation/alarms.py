"""Watching for what needs people: new quarantine, a growing backlog; and a digest of each day.

One job does it: it looks, queues notices, remembers how far it looked in its own row, and waits for its next turn.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from threading import Event
from typing import Any

from pacs.archive import Archive
from pacs.audit.progress import quarantined_since
from pacs.config import AlarmSettings
from pacs.curation.advice import advice_for
from pacs.curation.reconciliation import Filter, Overview, overview
from pacs.jobs import Claimed, Jobs, TryAgain
from pacs.jobs.notices import queue_notice, split
from pacs.model import Grant, Principal, PrincipalKind, Role, State

WATCH = "watch"
_EVERYBODY = Principal(PrincipalKind.USER, "", (Grant(Role.ADMIN),))
_MOST_LINES = 200


def keep_watch(jobs: Jobs, alarms: AlarmSettings) -> None:
    """Have the job there, once."""
    if alarms.are_on and not any(each.state in ("waiting", "running") for each in jobs.all([WATCH])):
        jobs.add(WATCH, {})


class Watch:
    """The job.

    It keeps `after`, the last receipt seen, `told`, of the backlog, `left`, of watched folders, and `digested`, a day.
    """

    def __init__(self, archive: Archive, alarms: AlarmSettings) -> None:
        self.archive = archive
        self.alarms = alarms

    def __call__(self, job: Claimed, _halt: Event) -> str:
        """Look once; raises `TryAgain` for the next look."""
        if not self.alarms.are_on:
            return "alarms are off"
        jobs = self.archive.parts.jobs
        if any(each.state == "waiting" and each.id < job.id for each in jobs.all([WATCH])):
            return "another job watches"
        known = dict(job.arguments)
        # The way back before the database, as for a retry: what is counted here waits for the way.
        with self.archive.parts.spool.way_back.closed(), self.archive.parts.database.atomic():
            seen = self._quarantine(known) | self._backlog(known) | self._left(known) | self._digest(known)
            jobs.keep(job, known | seen)
        raise TryAgain("until the next look", self.alarms.every_s)

    def _quarantine(self, known: dict[str, Any]) -> dict[str, Any]:
        last, rows = quarantined_since(known.get("after"))
        if not rows or not self.alarms.quarantined or "after" not in known:
            return {"after": last}
        names = self._names()
        facts = [
            {
                "collection": names.get(collection_id, ""),
                "site": site,
                "sender": sender,
                "why": reason,
                "what_to_do": advice_for(State.QUARANTINED.value, reason),
                "count": count,
            }
            for collection_id, site, sender, reason, count in rows
        ]
        total = sum(int(str(each["count"])) for each in facts)
        lines = [f"{f['count']} of {f['sender']} in {f['collection']}: {f['why']} {f['what_to_do']}" for f in facts]
        self._tell("quarantined", f"{total} {'object was' if total == 1 else 'objects were'} quarantined", lines, facts)
        return {"after": last}

    def _backlog(self, known: dict[str, Any]) -> dict[str, Any]:
        limit, told = self.alarms.backlog, bool(known.get("told"))
        if not limit:
            return {"told": False}
        count = self.archive.parts.spool.backlog()
        if count > limit and not told:
            self._tell("backlog", f"{count} objects wait for a worker", [f"The limit is {limit}."], {"backlog": count})
        return {"told": count > limit if not told else count > limit / 2}

    def _left(self, known: dict[str, Any]) -> dict[str, Any]:
        count = self.archive.parts.spool.left.count()
        if count and not known.get("left"):
            advice = "Make the collections that their subfolders are named after, or rename these (see intake.folders)."
            self._tell("left", f"Files of watched folders are left: {count}", [advice], {"left": count})
        return {"left": bool(count)}

    def _digest(self, known: dict[str, Any]) -> dict[str, Any]:
        now = datetime.now(UTC)
        today = now.date().isoformat()
        if not self.alarms.digest or now.hour < self.alarms.digest_hour or known.get("digested") == today:
            return {}
        day = now.date() - timedelta(days=1)
        whole = overview(self.archive, _EVERYBODY, Filter(day, day))
        sites = sorted({group.site for group in whole.groups if group.site})
        subject = f"Submissions of {day.isoformat()}"
        lines = [whole.total.sentence(), *_site_lines(whole)]
        self._tell("digest", subject, lines, {"day": day.isoformat(), **whole.total.as_json()})
        for site in sites:
            self._digest_of(site, day)
        return {"digested": today}

    def _digest_of(self, site: str, day: date) -> None:
        """What one site is told, of itself alone."""
        addresses = split(self.alarms.sites.get(site, ""))
        if not addresses:
            return
        found = overview(self.archive, _EVERYBODY, Filter(day, day, site=site)).total
        lines = [found.sentence(), *(f"{each.count} {each.state}: {each.why} {each.advice}" for each in found.reasons)]
        facts = {"day": day.isoformat(), "site": site, **found.as_json()}
        self._tell("digest", f"Submissions of {site}, {day.isoformat()}", lines, facts, addresses)

    def _tell(
        self, kind: str, subject: str, lines: Iterable[str], facts: object, addresses: list[str] | None = None
    ) -> None:
        text = "\n".join(list(lines)[:_MOST_LINES]) + "\n"
        notice = {"kind": kind, "subject": f"TrialPACS: {subject}", "text": text, "facts": facts}
        queue_notice(self.archive.parts.jobs, self.alarms, notice, addresses)

    def _names(self) -> dict[int, str]:
        return {each.id: each.name for each in self.archive.registry.snapshot().collections.values()}


def _site_lines(whole: Overview) -> Iterable[str]:
    """A line a site, in numbers."""
    by_site: dict[str, Counter[str]] = {}
    for group, count in whole.groups.items():
        by_site.setdefault(group.site or "no site", Counter())[group.state] += count
    for site, counts in sorted(by_site.items()):
        yield f"{site}: {', '.join(f'{count} {state}' for state, count in counts.most_common())}"
