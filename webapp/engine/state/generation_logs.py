"""The logs of generations in this process: those that run here and copies of others, with the broadcasts to their watchers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from webapp.base import topic_names
from webapp.engine.kinds import GenerationFacts, Kind
from webapp.engine.live import LiveGeneration
from webapp.streaming.broadcaster import Broadcast, Projection
from webapp.streaming.events import Event
from webapp.streaming.loops import Spawn
from webapp.streaming.topics import Entry, Topics
from webapp.streaming.transcript import Transcript

KEEP_SECONDS = 300.0
# For pages that reconnect soon; later, a page reloads the whole chat.
KEEP_BROADCAST_SECONDS = 60.0


@dataclass(slots=True)
class AnswerCopy:
    """An answer that another worker writes and that is read in this one; `asked_at` is the time of the last request for it."""

    id: str
    lane: str
    asked_at: float
    length: int = -1
    notified_at: float = float("-inf")


class GenerationLogs:
    """The topics of this process, the copies among them, and the broadcasts of generations.

    `follow` brings the log of a generation that doesn't run here: it copies it from another worker from now on, or reads it back
    if the generation is parked. It is set afterwards.
    """

    def __init__(
        self,
        topics: Topics,
        *,
        live: Mapping[str, LiveGeneration],
        kinds: Mapping[str, Kind],
        spawn: Spawn,
        pause: Callable[[float], object],
        now: Callable[[], float],
    ) -> None:
        self.topics = topics
        self.follow: Callable[[GenerationFacts], None] | None = None
        self.copied: dict[str, AnswerCopy] = {}
        # Parked generations whose log is in this process.
        self.parked = set[str]()
        # The last state in the database of each watched topic, while Redis is unavailable.
        self.seen_lanes: dict[str, object] = {}
        # Topics with a delayed event that is about to be sent.
        self.soon = set[str]()
        self._live, self._kinds = live, kinds
        self._spawn, self._pause, self._now = spawn, pause, now
        self._broadcasts: dict[str, Broadcast] = {}
        self._forget_at: dict[str, float] = {}

    def follows(self, generation: GenerationFacts) -> bool:
        """Returns whether its log is in this process: it runs here, is parked, or is copied from another worker from now on."""
        if self.follow and generation.id not in self._live:
            self.follow(generation)
        return self.has_log(generation.id)

    def has_log(self, id: str) -> bool:
        """Returns whether its log is in this process, but brings none."""
        return id in self._live or id in self.copied or id in self.parked

    def transcript(self, id: str) -> Transcript | None:
        """Returns the transcript so far of a generation whose log is in this process."""
        if live := self._live.get(id):
            return live.run.transcript
        if not self.has_log(id):
            return None
        return Transcript.of(self.topics.read(topic_names.of_generation(id), 0))

    def broadcast(self, generation: GenerationFacts) -> Broadcast | None:
        """Returns the broadcast that a generation's watchers share; None if its log is not, or no longer, in this process."""
        is_known = self.follows(generation)
        broadcast = self._broadcasts.get(generation.id)
        if broadcast or not is_known:
            return broadcast
        topic, projection = topic_names.of_generation(generation.id), self._kinds[generation.kind].projection(generation)
        broadcast = Broadcast(topic, projection, self.topics, spawn=self._spawn, pause=self._pause)
        return self._broadcasts.setdefault(generation.id, broadcast)

    def is_watched(self, id: str) -> bool:
        """Returns whether it has watchers in this process, or had some recently."""
        return id in self._broadcasts

    def projection_of(self, generation: GenerationFacts) -> Projection:
        """Returns a new projection, of the feature's own type, for a generation without watchers in this process."""
        kind = self._kinds[generation.kind]
        return (kind.unseen or kind.projection)(generation)

    def end(self, id: str, events: Sequence[Event]) -> None:
        """Appends the end to the log of a generation that ended without one, for its readers."""
        topic = topic_names.of_generation(id)
        for event in events:
            self.topics.append(topic, event)
        self.forget(id)

    def restore(self, id: str, entries: Sequence[Entry]) -> None:
        """Takes up a log that was parked: entries follow."""
        self.parked.discard(id)
        self.topics.extend(topic_names.of_generation(id), entries)
        self._forget_at.pop(id, None)

    def park(self, id: str, entries: Sequence[Entry] = ()) -> None:
        """Keeps a log to which nothing is appended until a person has decided, as long as readers may come back to it."""
        self.topics.extend(topic_names.of_generation(id), entries)
        self.parked.add(id)
        self.forget(id)

    def forget_copy(self, id: str) -> None:
        """Drops the copy of a generation that has ended, or has no readers left in this process."""
        self.copied.pop(id, None)
        self.forget(id)

    def forget(self, id: str) -> None:
        """Keeps the log of a generation that has ended, and its broadcast, only as long as readers may come back to it."""
        self.topics.expire(topic_names.of_generation(id), KEEP_SECONDS)
        now = self._now()
        # Ordered by time, so that only the oldest have to be checked.
        self._forget_at.pop(id, None)
        self._forget_at[id] = now + KEEP_BROADCAST_SECONDS
        while self._forget_at[old := next(iter(self._forget_at))] <= now:
            del self._forget_at[old]
            self._broadcasts.pop(old, None)
            self.parked.discard(old)
