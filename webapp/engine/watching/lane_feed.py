"""The base of pages' feeds: events of a lane, and of the generation in it that a page follows."""

import re
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass

from webapp.engine.engine import Engine, the_engine
from webapp.engine.kinds import GenerationFacts
from webapp.engine.watching.watchers import Context
from webapp.streaming.broadcaster import Broadcast, Cursor, Frame
from webapp.streaming.topics import Entry, Gap, Signal

NUMBER = "[0-9]{1,18}"
# The counts of a generation's cursor that outlive a connection.
COUNTS = rf"{NUMBER}(?:-{NUMBER}){{4}}"
# The two ends of a position's text; a feed can have parts of its own between them, and behind.
SEEN = rf"(?P<epoch>\w*)\.(?P<numbers>{NUMBER}(?:-{NUMBER}-{NUMBER})?)"
FOLLOWED = rf"(?:(?P<generation>\w+)\.(?P<counts>{COUNTS})|\.)"
POSITION = re.compile(rf"{SEEN}\.{FOLLOWED}")


@dataclass(frozen=True, slots=True)
class LanePosition:
    """The position of a page: the events it has of its lane and of the sidebar, and how far it is in which generation."""

    epoch: str
    seq: int
    sidebar: tuple[int, ...] = ()
    generation: str = ""
    cursor: Cursor = ()

    def __str__(self) -> str:
        return position_text(self.epoch, (self.seq, *self.sidebar), self.generation, self.cursor)

    @classmethod
    def parse(cls, text: str) -> "LanePosition | None":
        """Parses the position that a page sends; returns None if it is invalid."""
        match = POSITION.fullmatch(text)
        return cls.from_match(match) if match else None

    @classmethod
    def from_match(cls, match: re.Match[str]) -> "LanePosition":
        """Reads a text that matches a pattern of `SEEN` and `FOLLOWED`."""
        seq, *sidebar = split_counts(match["numbers"])
        return cls(match["epoch"], seq, tuple(sidebar), match["generation"] or "", split_counts(match["counts"] or ""))


def position_text(epoch: str, numbers: Iterable[int], generation: str, cursor: Iterable[int], *own: str) -> str:
    """Returns a position as it is sent, with a feed's own parts before the generation.

    Of plain values: every page makes one with every frame.
    """
    return ".".join((epoch, joined_counts(numbers), *own, generation, joined_counts(cursor)))


def joined_counts(counts: Iterable[int]) -> str:
    return "-".join(map(str, counts))


def split_counts(text: str) -> Cursor:
    return tuple(map(int, text.split("-"))) if text else ()


class LaneFeed:
    """A feed whose `news` are the new frames of its lane and of the generation that it follows, or of several side by side."""

    def __init__(self, engine: Engine, lane: str, context: Context) -> None:
        self.lane = lane
        self._engine, self._context = engine, context
        self._broadcast: Broadcast | None = None
        self._beside = dict[str, Broadcast]()
        self._listening = ExitStack()
        self._signal: Signal | None = None

    def listen(self, signal: Signal) -> None:
        """Registers the signal that is set when the generation followed has new frames."""
        self._signal = signal

    def news(self) -> list[Frame]:
        raise NotImplementedError

    def quick_news(self) -> list[Frame]:
        """Returns more text of the answer followed; nothing if a subclass does not support it."""
        return []

    def last_news(self) -> list[Frame]:
        """Returns the new frames, after folding all entries of the answer."""
        for broadcast in (*filter(None, [self._broadcast]), *self._beside.values()):
            broadcast.catch_up()
        return self.news()

    def close(self) -> None:
        """Releases the feed's resources after the page has left."""
        self._unfollow()

    def _unfollow(self) -> None:
        """Stops following generations."""
        self._listening.close()
        self._broadcast = None
        self._beside.clear()

    def _entries(self, after: int) -> list[Entry] | None:
        """Returns the new entries of the lane; None if the position is not in its log."""
        try:
            return self._engine.logs.topics.read(self.lane, after)
        except Gap:
            return None

    def _follow_generation(self, generation: GenerationFacts | None) -> bool:
        """Follows the generation if it has a broadcast, which then sets the signal; returns whether it has."""
        self._broadcast = self._engine.logs.broadcast(generation) if generation else None
        return self._is_heard(self._broadcast)

    def _follow_beside(self, generation: GenerationFacts) -> bool:
        """Follows one of several generations if it has a broadcast; returns whether it has."""
        if broadcast := self._engine.logs.broadcast(generation):
            self._beside[generation.id] = broadcast
        return self._is_heard(broadcast)

    def _is_heard(self, broadcast: Broadcast | None) -> bool:
        if broadcast and self._signal:
            self._listening.enter_context(broadcast.watched_by(self._signal))
        return broadcast is not None


def now_in(*names: str) -> str:
    """Returns the current position in these topics for a page; to be read before any data of the page."""
    topics = the_engine().logs.topics
    return position_in(topics.epoch, map(topics.last, names))


def position_in(epoch: str, numbers: Iterable[int]) -> str:
    return f"{epoch}.{joined_counts(numbers)}"


def known_at(engine: Engine, position: str, *, count: int = 1) -> tuple[int, ...]:
    """Parses a page's position in so many topics.

    Returns -1 for each if it is of another epoch, which is a gap, so that everything is sent again.
    """
    epoch, _, after = position.rpartition(".")
    numbers = after.split("-")
    is_valid = len(numbers) == count and all(text.isascii() and text.isdigit() and len(text) < 19 for text in numbers)
    return tuple(map(int, numbers)) if is_valid and epoch == engine.logs.topics.epoch else (-1,) * count
