"""Limits the watchers of a person across all workers: when too many pages are open, the oldest loses its place."""

import itertools
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256

from .redis_link import Link, RedisUnavailable

LOSE = "lose"


class WatcherLimit:
    """The places of watchers. Without Redis every worker counts by itself; places of dead workers are the oldest and go first."""

    def __init__(self, link: Link, worker: str, is_connected: Callable[[], bool]) -> None:
        self._link, self._worker, self._is_connected = link, worker, is_connected
        self._numbers = itertools.count(1)
        self._here: dict[str, Callable[[], None]] = {}

    def enter(self, key: str, limit: int, lose: Callable[[], None]) -> str:
        """Takes one of `limit` places and returns its name; `revoke` is called when a newer watcher takes it over."""
        name = f"{self._worker}.{next(self._numbers)}"
        self._here[name] = lose
        if self._is_connected():
            # The blocking read will detect that Redis is gone, too.
            with suppress(RedisUnavailable):
                for lost in self._link.enter(_hidden(key), name, limit):
                    self._link.send(lost.partition(".")[0], {LOSE: lost})
        return name

    def leave(self, key: str, name: str) -> None:
        del self._here[name]
        if self._is_connected():
            with suppress(RedisUnavailable):
                self._link.leave(_hidden(key), name)

    def revoke(self, name: str) -> None:
        """Gives up a place that a watcher in another worker has taken over."""
        if lose := self._here.get(name):
            lose()


def _hidden(key: str) -> str:
    return sha256(key.encode()).hexdigest()[:32]
