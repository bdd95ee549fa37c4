"""A cache that computes each result once when many pages request it simultaneously; the others wait for it."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Generic, TypeVar

from webapp.base import languages

Key = tuple[object, ...]
V = TypeVar("V")


@dataclass(slots=True)
class _Slot(Generic[V]):
    """The slot of one result; empty until it has been computed."""

    lock: Lock = field(default_factory=Lock)
    made: list[V] = field(default_factory=list)
    size: int = 0
    asked_at: float = 0.0


class SingleFlight(Generic[V]):
    """A cache of results by key, limited in number, total size and time since the last request.

    A key must contain the fragment, the reader's permission and the version; the language is added. Computing a result can block,
    on the database for example; others that request it wait for the same result. If computing fails, the next request tries
    again. A caller must not hold a database connection.
    """

    def __init__(
        self,
        size_of: Callable[[V], int],
        *,
        most: int = 256,
        most_chars: int = 16_000_000,
        seconds: float = 30.0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._size_of, self._most, self._most_chars = size_of, most, most_chars
        self._seconds, self._now = seconds, now
        self._slots: OrderedDict[Key, _Slot[V]] = OrderedDict()
        self._chars = 0

    def get(self, key: Key, make: Callable[[], V]) -> V:
        """Returns the result for this key; computes it unless it is cached or being computed."""
        key = (*key, languages.current().code)
        slot = self._slots.setdefault(key, _Slot())
        slot.asked_at = self._now()
        self._slots.move_to_end(key)
        with slot.lock:
            if not slot.made:
                self._trim()
                slot.made.append(make())
                self._count(key, slot)
        return slot.made[0]

    def _count(self, key: Key, slot: _Slot[V]) -> None:
        # It can have been evicted while it was computed.
        if self._slots.get(key) is slot:
            slot.size = self._size_of(slot.made[0])
            self._chars += slot.size
            self._trim()

    def _trim(self) -> None:
        while self._has_too_much():
            _, dropped = self._slots.popitem(last=False)
            self._chars -= dropped.size

    def _has_too_much(self) -> bool:
        if len(self._slots) <= 1:
            return False
        oldest = next(iter(self._slots.values()))
        is_old = oldest.asked_at < self._now() - self._seconds
        return is_old or len(self._slots) > self._most or self._chars > self._most_chars
