"""Releasing what was reviewed."""

from pacs.archive import Archive
from pacs.errors import NotFound
from pacs.jobs.sending import queue_sends
from pacs.model import Level, Scope
from pacs.query import Exact, Match, Query


def release(archive: Archive, collection: str, series_uid: str | None, actor: str) -> int:
    """Show a collection's series, or one of them, to its readers; returns how many became visible.

    Originals that the policy keeps until release go with it. Raises `NotFound`.
    """
    found = archive.registry.snapshot().collection_named(collection)
    if series_uid is not None and not _has_series(archive, found.id, series_uid):
        raise NotFound("the collection has no such series")
    with archive.parts.database.atomic():
        hidden = archive.parts.index.hidden(found.id)
        wanted = hidden if series_uid is None else [each for each in hidden if each == series_uid]
        count = archive.parts.index.release(found.id, wanted, released=True)
        rules = archive.registry.snapshot().forwards.get(found.id, {})
        if rules:  # a series that has yet to settle is forwarded when it has, whole and once
            unsettled = archive.parts.index.unexamined(found.id)
            queue_sends(archive.parts.jobs, rules, found.name, [each for each in wanted if each not in unsettled])
        archive.parts.trail.add(actor, "release", f"{collection} {series_uid or 'all series'}", f"{count} series")
    if found.originals == "until-release":
        for intake_id in archive.parts.receipts.published_in(found.id, series_uid):
            archive.parts.originals.forget(found.id, intake_id)
    return count


def _has_series(archive: Archive, collection_id: int, series_uid: str) -> bool:
    query = Query(Level.SERIES, (Match("SeriesInstanceUID", Exact((series_uid,))),))
    return archive.parts.index.search(query, Scope(everything=frozenset((collection_id,)))).total() > 0
