"""Presence: which watchers are connected, and which were seen recently. Pure."""

from collections import Counter
from collections.abc import Callable


class Presence:
    """Counts per lane. A page that refreshes itself without JavaScript is seen, though never connected.

    When somebody was seen last is remembered from `begin` to `forget`, and of no other lane.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._here: Counter[str] = Counter()
        self._seen: dict[str, float] = {}

    def begin(self, lane: str) -> None:
        """Who has just begun something there is there."""
        self._seen[lane] = self._now()

    def seen(self, lane: str) -> None:
        if lane in self._seen:
            self._seen[lane] = self._now()

    def arrive(self, lane: str) -> None:
        self._here[lane] += 1

    def leave(self, lane: str) -> None:
        self._here[lane] -= 1
        if not self._here[lane]:
            del self._here[lane]
        self.seen(lane)

    def forget(self, lane: str) -> None:
        self._seen.pop(lane, None)

    def is_alone(self, lane: str) -> bool:
        """Whether nobody is connected."""
        return not self._here[lane]

    def seconds_alone(self, lane: str) -> float:
        """For how long nobody has been there; a lane never seen begins to be alone now."""
        if self._here[lane]:
            return 0.0
        return self._now() - self._seen.setdefault(lane, self._now())
