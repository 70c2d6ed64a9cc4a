"""What cleaning took away, for the curator's eyes: unknown private elements, and words removed only in doubt."""

import json
from collections import Counter

from pacs.archive import Archive
from pacs.model import CollectionInfo


def unknown_private(archive: Archive, collection: CollectionInfo) -> dict[str, int]:
    """Removed private elements that no list knows, by creator; "" for creators that nobody has published."""
    counts: Counter[str] = Counter()
    for notes in archive.parts.receipts.notes_in(collection.id):
        counts.update(json.loads(notes).get("unknown private", {}))
    return dict(counts)


def doubts_of(archive: Archive, collection: CollectionInfo, actor: str) -> list[dict[str, str]]:
    """Each word that was removed because nothing says that it is harmless, with the path of its element.

    From the vault: they may be names. Words that inform belong into the collection's own list of words.
    """
    archive.parts.trail.add(actor, "read words removed in doubt", collection.name)
    rows = archive.parts.crosswalk.rows(collection.id, archive.sealing_key_of(collection))
    found = sorted({(row.new, row.old.rpartition(" at ")[0]) for row in rows if row.kind == "doubt"})
    return [{"path": path, "word": word} for path, word in found]
