"""Limits the open connections of each address."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from webapp.throttle import network

SENTENCE = "Your address has too many open connections to this server. Close some pages, or try again in a few seconds."
RETRY_SECONDS = 5


class ConnectionLimiter:
    """Counts the open connections of each address; `most` returns the current limit, and 0 means no limit."""

    def __init__(self, most: Callable[[], int]) -> None:
        self._most = most
        self._open: Counter[str] = Counter()

    @contextmanager
    def entered(self, address: str) -> Iterator[bool]:
        """Counts a connection until the block ends; yields False, and counts nothing, above the limit."""
        whose, most = network(address), self._most()
        if most and self._open[whose] >= most:
            yield False
            return
        self._open[whose] += 1
        try:
            yield True
        finally:
            self._open[whose] -= 1
            if not self._open[whose]:
                del self._open[whose]
