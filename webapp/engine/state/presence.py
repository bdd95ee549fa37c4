"""Presence: which watchers are connected, and which were seen recently. Pure."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

# What was sent this shortly before a watcher left may not have arrived.
GLANCE_SECONDS = 1.0


@dataclass(eq=False, slots=True)
class Lookout:
    """Waits for one person in a lane, since a time; `seen_at` is when they were last there."""

    lane: str
    person: str
    since: float
    seen_at: float = float("-inf")


def slots_key(person: str, lane: str, sort: str) -> str:
    """Returns the name by which all workers count the watchers of a lane, or of all lanes, that are a person's."""
    return repr((person, lane, sort))


class Presence:
    """Counts watchers per lane. A page that refreshes itself without JavaScript is seen, though never connected.

    When someone was last seen is kept from `begin` to `forget`, for no other lanes.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._here: Counter[str] = Counter()
        self._people: Counter[tuple[str, str]] = Counter()
        self._seen: dict[str, float] = {}
        self._lookouts: set[Lookout] = set()

    def begin(self, lane: str) -> None:
        """Starts tracking a lane; the client that has just begun something in it counts as present now."""
        self._seen[lane] = self._now()

    def seen(self, lane: str, person: str = "") -> None:
        """Notes that a watcher is there now; who, if what they are shown is the newest."""
        if lane in self._seen:
            self._seen[lane] = self._now()
        self._note(lane, person, self._now)

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
        self._note(lane, person, lambda: self._now() - GLANCE_SECONDS)

    def look_out(self, lane: str, person: str) -> Lookout:
        """Begins to look out for a person; ends with `has_come`."""
        lookout = Lookout(lane, person, self._now())
        self._lookouts.add(lookout)
        return lookout

    def has_come(self, lookout: Lookout) -> bool:
        """Returns whether the person is there, or was so for a moment, and ends the look-out."""
        self._lookouts.remove(lookout)
        return self.has(lookout.lane, lookout.person) or lookout.seen_at >= lookout.since

    def _note(self, lane: str, person: str, at: Callable[[], float]) -> None:
        for lookout in self._lookouts if person else ():
            if (lookout.lane, lookout.person) == (lane, person):
                lookout.seen_at = max(lookout.seen_at, at())

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

    def seconds_alone(self, lane: str) -> float:
        """Returns for how long no one has been present; a lane never seen counts as left just now."""
        if self._here[lane]:
            return 0.0
        return self._now() - self._seen.setdefault(lane, self._now())
