"""The state that a worker keeps between two passes of the recovery. Pure."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Literal

from webapp.base.process.pause_detector import PauseDetector

# During a graceful restart, the new worker overlaps with the one it replaces, which has ten seconds to finish.
NEXT_PASS_SECONDS = (0.0, 1.0, 2.0, 4.0, 8.0)
MOST_TRIES = 5
# How often each of several workers checks whether another has died.
LEASES_SECONDS = 3.0
# Until the next pass when the database can't be read.
UNAVAILABLE_SECONDS = 1.0
# What is saved of an answer with its end: everything, its text without the projection, or only the end, leaving its journal as
# it is.
Keeps = Literal["all", "text", "end"]


class RecoveryState:
    """State kept between two passes, such as since when, by our own clock, a generation's heartbeat has not changed."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.passes = 0
        self.pauses = PauseDetector(LEASES_SECONDS, now)
        self.is_database_unavailable = False
        self.continued: set[str] = set()
        # Generations taken over from dead workers.
        self.taken: set[str] = set()
        # How often the end of each could not be saved although the database works.
        self.tries: Counter[str] = Counter()
        self._since: dict[str, tuple[datetime | None, float]] = {}

    @property
    def wait_seconds(self) -> float:
        """Seconds until the next pass: none before the first, few after it, then more."""
        seconds = NEXT_PASS_SECONDS[min(self.passes, len(NEXT_PASS_SECONDS) - 1)]
        return max(seconds, UNAVAILABLE_SECONDS) if self.is_database_unavailable else seconds

    def keeps(self, id: str) -> Keeps:
        """Returns how much to save: less after repeated failures, so that a generation does not block its lane forever."""
        tries = self.tries[id]
        return "all" if tries < MOST_TRIES else "text" if tries == MOST_TRIES else "end"

    def seconds_unchanged(self, id: str, heartbeat_at: datetime | None, now: float) -> float:
        before, since = self._since.get(id, (heartbeat_at, now))
        self._since[id] = heartbeat_at, since if before == heartbeat_at else now
        return now - self._since[id][1]

    def keep_only(self, ids: set[str]) -> None:
        self._since = {id: seen for id, seen in self._since.items() if id in ids}
