"""What a job that sends says: whom to, what, and how far it is."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from pacs.jobs.queue import Jobs

SEND = "send"
MOST_NAMED = 1000  # failed instances that are named


@dataclass(frozen=True, slots=True)
class Sending:
    """One of `study_uid`, `series_uid` and `collection` says what goes to `aet`; UIDs are new ones.

    Series go in the order of their UIDs. `after`: the last one that is done; `done`: which instances of the next one
    are, by their number in the index, so that what is released between two attempts is not passed over.
    `failed` names instances that the receiver refused. `fruitless`: attempts in a row in which nothing got on.
    `once`: a rule asks; a service that remembers what it has gets only what is new.
    `send_filter` is a filter's text: instances that do not pass it are left out.
    """

    aet: str
    study_uid: str = ""
    series_uid: str = ""
    collection: str = ""
    after: str = ""
    done: tuple[int, ...] = ()
    fruitless: int = 0
    sent: int = 0
    refused: int = 0
    failed: tuple[str, ...] = ()
    send_filter: str = ""
    once: bool = False

    @classmethod
    def of(cls, arguments: Mapping[str, Any]) -> "Sending":
        """From a job's arguments."""
        known = {each.name for each in fields(cls)}  # a job may have been queued by an older version
        values = {name: value for name, value in arguments.items() if name in known}
        return cls(**values | {name: tuple(values.get(name, ())) for name in ("done", "failed")})

    def arguments(self) -> dict[str, Any]:
        """As a job's arguments."""
        return asdict(self) | {"done": list(self.done), "failed": list(self.failed)}

    def with_refused(self, sop_uid: str) -> "Sending":
        """One more that the receiver refused."""
        return replace(self, refused=self.refused + 1, failed=(*self.failed, sop_uid)[:MOST_NAMED])


def queue_sends(jobs: Jobs, rules: Mapping[str, str], collection: str, series_uids: Iterable[str]) -> int:
    """Queue a job for each series and receiver, `rules` being filters by receiver; how many."""
    series, count = list(series_uids), 0
    for aet, send_filter in rules.items():
        for series_uid in series:
            sending = Sending(aet, series_uid=series_uid, collection=collection, send_filter=send_filter, once=True)
            jobs.add(SEND, sending.arguments())
            count += 1
    return count
