"""The index: what is in the archive, found by DICOM attributes. One query engine for every door.

`Index` writes publications (inside the caller's transaction) and answers searches; `STORED_KEYWORDS` are the
attributes that a publication should bring. It knows no protocol, no file and no collection by name.
PS3.4 C, PS3.18 10.6.

Why our own SQL (2026-11): a search is one statement with visibility inside it, whose plan is tested at a million
instances on SQLite and PostgreSQL; an ORM's joins across four levels had neither a stable plan nor a streaming cursor.
Aggregates are recomputed from the level below for what a batch touched, since counters that are added to drift.
"""

from pacs.index.attributes import ATTRIBUTES, STORED_KEYWORDS, Attribute, Kind
from pacs.index.index import Index, SettledSeries
from pacs.index.search import Found
from pacs.index.stored import attribute_of, canonical, is_stored, keys_of, vr_of_name
from pacs.index.trash import Trash, TrashEntry
from pacs.index.write import Written

__all__ = [
    "ATTRIBUTES",
    "STORED_KEYWORDS",
    "Attribute",
    "Found",
    "Index",
    "Kind",
    "SettledSeries",
    "Trash",
    "TrashEntry",
    "Written",
    "attribute_of",
    "canonical",
    "is_stored",
    "keys_of",
    "vr_of_name",
]
