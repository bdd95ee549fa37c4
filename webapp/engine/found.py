"""What a worker remembers while it looks for orphaned generations. Pure."""

from collections import Counter
from datetime import datetime
from typing import Literal

# A graceful replacement overlaps with the worker that it replaces, which has ten seconds to go.
LOOK_AGAIN_SECONDS = (0.0, 1.0, 2.0, 4.0, 8.0)
MOST_TRIES = 5
# What of an answer is saved with its end: all of it, its text without a picture, or the end alone, its journal left as it is.
Keeps = Literal["all", "text", "end"]


class Found:
    """What is remembered between two looks: since when the heart of a generation has not been beaten, by our own clock."""

    def __init__(self) -> None:
        self.looks = 0
        self.continued: set[str] = set()
        # Taken from dead workers.
        self.taken: set[str] = set()
        # How often the end of each could not be written, though the database works.
        self.tries: Counter[str] = Counter()
        self._since: dict[str, tuple[datetime | None, float]] = {}

    @property
    def wait_seconds(self) -> float:
        """How long it takes until the next look; what has just been found missing is looked for soon."""
        return LOOK_AGAIN_SECONDS[min(self.looks, len(LOOK_AGAIN_SECONDS) - 1)]

    def keeps(self, id: str) -> Keeps:
        """What fails again and again must not lock its place for ever: then less is saved with its end."""
        tries = self.tries[id]
        return "all" if tries < MOST_TRIES else "text" if tries == MOST_TRIES else "end"

    def seconds_unchanged(self, id: str, heartbeat_at: datetime | None, now: float) -> float:
        before, since = self._since.get(id, (heartbeat_at, now))
        self._since[id] = heartbeat_at, since if before == heartbeat_at else now
        return now - self._since[id][1]

    def keep_only(self, ids: set[str]) -> None:
        self._since = {id: seen for id, seen in self._since.items() if id in ids}
