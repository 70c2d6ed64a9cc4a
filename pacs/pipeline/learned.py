"""Names of patients that came before: for the second reader alone, so that results do not depend on their order."""

from collections import OrderedDict

MOST = 256


class LearnedNames:
    """The last names (PN values) of each collection, in this process's memory. Identified: never stored or logged."""

    def __init__(self) -> None:
        self._names: dict[int, OrderedDict[str, None]] = {}
        self._known: dict[int, frozenset[str]] = {}

    def others(self, collection_id: int, name: str) -> frozenset[str]:
        """Names learned before, but for this patient's own; `name` is learned for the next."""
        names = self._names.setdefault(collection_id, OrderedDict())
        known = self._known.get(collection_id, frozenset())
        if name and name not in names:
            names[name] = None
            while len(names) > MOST:
                names.popitem(last=False)
            self._known[collection_id] = frozenset(names)
        return known - {name}
