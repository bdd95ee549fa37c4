"""Presence: which watchers are connected, and which were seen recently. Pure."""

from collections import Counter
from collections.abc import Callable


class Presence:
    """Counts watchers per lane. A page that refreshes itself without JavaScript is seen, though never connected.

    When someone was last seen is kept from `begin` to `forget`, for no other lanes.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._here: Counter[str] = Counter()
        self._people: Counter[tuple[str, str]] = Counter()
        self._seen: dict[str, float] = {}

    def begin(self, lane: str) -> None:
        """Starts tracking a lane; the client that has just begun something in it counts as present now."""
        self._seen[lane] = self._now()

    def seen(self, lane: str) -> None:
        if lane in self._seen:
            self._seen[lane] = self._now()

    def arrive(self, lane: str, person: str = "") -> None:
        self._here[lane] += 1
        self._people[lane, person] += 1

    def leave(self, lane: str, person: str = "") -> None:
        self._here[lane] -= 1
        if not self._here[lane]:
            del self._here[lane]
        self._people[lane, person] -= 1
        if not self._people[lane, person]:
            del self._people[lane, person]
        self.seen(lane)

    def forget(self, lane: str) -> None:
        self._seen.pop(lane, None)

    def count(self, lane: str) -> int:
        """Returns how many watchers are connected."""
        return self._here[lane]

    def has(self, lane: str, person: str) -> bool:
        """Returns whether a watcher of this person is connected."""
        return (lane, person) in self._people

    def is_alone(self, lane: str) -> bool:
        """Returns whether no watcher is connected."""
        return not self._here[lane]

    def was_seen(self, lane: str, seconds: float) -> bool:
        """Returns whether a watcher is connected or was seen within so many seconds; of a lane never seen, nothing is known."""
        return bool(self._here[lane]) or self._now() - self._seen.get(lane, float("-inf")) < seconds

    def seconds_alone(self, lane: str) -> float:
        """Returns for how long no one has been present; a lane never seen counts as left just now."""
        if self._here[lane]:
            return 0.0
        return self._now() - self._seen.setdefault(lane, self._now())
