"""A cache in memory, limited in size and age. Pure."""

import time
from collections import OrderedDict
from collections.abc import Callable
from math import inf
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Cache(Generic[K, V]):
    """Values by key, of which the least recently used are dropped; each is kept for at most so many `seconds`.

    `most` limits the number of values, or with `size_of` the sum of their sizes. What is read from the database for everyone is
    a `Recent` instead, and what is to be computed only once at a time a `SingleFlight`.
    """

    def __init__(
        self,
        most: int,
        *,
        seconds: float = inf,
        size_of: Callable[[V], int] = lambda _: 1,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most, self._seconds, self._size_of, self._now = most, seconds, size_of, now
        self._entries: OrderedDict[K, tuple[V, float]] = OrderedDict()
        self._size = 0

    def get(self, key: K) -> V | None:
        """Returns the value; None if there is none, or it is too old."""
        value, until = self._entries.get(key, (None, -inf))
        if until <= self._now():
            return None
        self._entries.move_to_end(key)
        return value

    def put(self, key: K, value: V) -> V:
        """Keeps a value, and returns it."""
        self.drop(key)
        self._entries[key] = value, self._now() + self._seconds
        self._size += self._size_of(value)
        while self._size > self._most:
            self.drop(next(iter(self._entries)))
        return value

    def drop(self, key: K) -> None:
        if entry := self._entries.pop(key, None):
            self._size -= self._size_of(entry[0])
