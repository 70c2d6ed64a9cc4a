"""Searches that read data sets: so many of one caller at a time that others find a place to work."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from werkzeug.exceptions import TooManyRequests

from pacs.dicomweb.door import caller, caller_address
from pacs.model import PrincipalKind

MOST = 4  # in each process, which has twice as many places to work unless it is told otherwise
_RETRY_S = 2


class SlowSearches:
    """How many each caller has under way."""

    def __init__(self, most: int) -> None:
        self._most, self._lock = most, threading.Lock()
        self._under_way: Counter[str] = Counter()

    @contextmanager
    def one_of(self, who: str) -> Iterator[None]:
        """Within this a caller has one more. Raises `TooManyRequests`, which says when to come again."""
        with self._lock:
            if self._under_way[who] >= self._most:
                raise TooManyRequests(retry_after=_RETRY_S)
            self._under_way[who] += 1
        try:
            yield
        finally:
            with self._lock:
                self._under_way[who] -= 1
                if not self._under_way[who]:
                    del self._under_way[who]


slow_searches = SlowSearches(MOST)


def who_asks() -> str:
    """The caller of this request: users by name, others by their address."""
    principal = caller()
    return f"{principal.kind} {principal.name if principal.kind is PrincipalKind.USER else caller_address()}"
