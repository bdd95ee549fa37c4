"""The places of watchers at all workers: when somebody opens too many pages, the oldest loses its place, wherever it is."""

import itertools
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256

from .redis_link import Gone, Link

LOSE = "lose"


class Places:
    """Where Redis does not answer, every worker counts for itself. What a dead worker has left behind is old, and goes first."""

    def __init__(self, link: Link, worker: str, is_connected: Callable[[], bool]) -> None:
        self._link, self._worker, self._is_connected = link, worker, is_connected
        self._numbers = itertools.count(1)
        self._here: dict[str, Callable[[], None]] = {}

    def enter(self, key: str, limit: int, lose: Callable[[], None]) -> str:
        """Takes one of so many places, and gives its name; `lose` is called when somebody younger needs it."""
        name = f"{self._worker}.{next(self._numbers)}"
        self._here[name] = lose
        if self._is_connected():
            # Whoever waits for Redis finds out too that it has gone.
            with suppress(Gone):
                for lost in self._link.enter(_hidden(key), name, limit):
                    self._link.tell(lost.partition(".")[0], {LOSE: lost})
        return name

    def leave(self, key: str, name: str) -> None:
        del self._here[name]
        if self._is_connected():
            with suppress(Gone):
                self._link.leave(_hidden(key), name)

    def lose(self, name: str) -> None:
        """Somebody elsewhere has taken this place."""
        if lose := self._here.get(name):
            lose()


def _hidden(key: str) -> str:
    return sha256(key.encode()).hexdigest()[:32]
