"""All of the registry as values, as of one revision."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pacs.errors import NotFound
from pacs.model import CollectionInfo, PeerInfo

INBOX = "inbox"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Collections by id, peers by AE title, and by collection the titles that get what is released there.

    Each of those titles has the text of a filter, or "": what does not pass it is not sent there.
    """

    revision: int = -1
    collections: Mapping[int, CollectionInfo] = field(default_factory=dict)
    peers: Mapping[str, PeerInfo] = field(default_factory=dict)
    forwards: Mapping[int, Mapping[str, str]] = field(default_factory=dict)

    def collection_named(self, name: str) -> CollectionInfo:
        """A collection by name. Raises `NotFound`."""
        for collection in self.collections.values():
            if collection.name == name:
                return collection
        raise NotFound("there is no such collection")

    @property
    def order(self) -> tuple[int, ...]:
        """Collection ids in the order in which they answer for a study that several have."""
        return tuple(sorted(self.collections, key=lambda each: (self.collections[each].order, each)))
