"""What is configured: collections, sites, peers. Doors see it as a `Snapshot`, cached until someone changes something.

Routing is decided from door facts only, never from content: see `routing`.
"""

from pacs.registry.counters import Counters
from pacs.registry.mapping import MappingTables
from pacs.registry.registry import Registry
from pacs.registry.routing import route
from pacs.registry.snapshot import Snapshot

__all__ = ["Counters", "MappingTables", "Registry", "Snapshot", "route"]
