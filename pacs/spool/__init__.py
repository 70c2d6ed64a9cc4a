"""The spool: where an accepted object is safe on disk until a worker has dealt with it. Part of the wall.

    incoming/                        temporary files of the doors; nothing here was acknowledged
    envelopes/ID.json                door facts, one file per association or request
    waiting/SHARD/ENTRY              accepted objects; a shard is a few seconds of one process
    claimed/WORKER/ENTRY             in a worker's hands, under a lock that dies with it
    polled/SERVICE/                  bodies that came from services that are polled; see `pacs.ctp.bodies`
    ENTRY = <intake id>.<envelope id>.<collection id>.<crashes>.dcm

The spool knows no protocol, no database and no rule. Durable order: write to a temporary name, walk the structure,
fsync, rename, fsync the folder, and only then say success. Everything may be run twice with the same result.

Why shards by time and process (2026-11): listing and claiming cost what one shard costs, however many entries wait;
the oldest shard goes first, so arrival order holds roughly; one process never fights another for a folder's lock.
"""

from pacs.spool.entries import Entry
from pacs.spool.spool import Expected, Limits, Spool
from pacs.spool.walk import inflated
from pacs.spool.worker import Claims, recover, sweep_incoming

__all__ = ["Claims", "Entry", "Expected", "Limits", "Spool", "inflated", "recover", "sweep_incoming"]
