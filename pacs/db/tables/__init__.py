"""Every table of the main database, one file per owning part; only that part writes them.

`ALL` is in the order of creation. The vault's tables stand in a file of their own and are not among them.
"""

from pacs.db.tables import audit, auth, curation, index, jobs, registry
from pacs.db.tables.base import Base

ALL: tuple[type[Base], ...] = (
    *registry.TABLES,
    *auth.TABLES,
    *audit.TABLES,
    *index.TABLES,
    *curation.TABLES,
    *jobs.TABLES,
)

__all__ = ["ALL", "Base"]
