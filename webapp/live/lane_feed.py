"""What the streams of pages have in common: news of a lane, and of the generation in it that a page follows."""

from contextlib import ExitStack

from webapp.engine.engine import Engine
from webapp.engine.kinds import Begun
from webapp.live.watchers import Context
from webapp.streaming.broadcaster import Broadcast, Frame
from webapp.streaming.topics import Entry, Gap, Signal


class LaneFeed:
    """A feed that says in `news` what its lane and the generation it follows have to say."""

    def __init__(self, engine: Engine, lane: str, context: Context) -> None:
        self.lane = lane
        self._engine, self._context = engine, context
        self._broadcast: Broadcast | None = None
        self._listening = ExitStack()
        self._signal: Signal | None = None

    def listen(self, signal: Signal) -> None:
        """From now on the signal is set when what the page follows has news."""
        self._signal = signal

    def news(self) -> list[Frame]:
        raise NotImplementedError

    def quick_news(self) -> list[Frame]:
        """More of the answer that is followed; of a feed that does not know it, nothing."""
        return []

    def last_news(self) -> list[Frame]:
        """What is new, with all that has been said and not been folded yet."""
        if self._broadcast:
            self._broadcast.catch_up()
        return self.news()

    def close(self) -> None:
        """The page has gone."""
        self._unfollow()

    def _unfollow(self) -> None:
        """It follows no generation any more."""
        self._listening.close()
        self._broadcast = None

    def _entries(self, after: int) -> list[Entry] | None:
        """What is new in the lane; None from a position that is not in its log."""
        try:
            return self._engine.topics.read(self.lane, after)
        except Gap:
            return None

    def _hear(self, generation: Begun | None) -> bool:
        """Follows the generation, if there is something to follow; from now on the signal is set when it has news."""
        self._broadcast = self._engine.broadcast(generation) if generation else None
        if self._broadcast and self._signal:
            self._listening.enter_context(self._broadcast.watched_by(self._signal))
        return self._broadcast is not None


def now_in(engine: Engine, topic: str) -> str:
    """The position of a page that has all of this topic: to be taken before anything of the page is read."""
    return f"{engine.topics.epoch}.{engine.topics.last(topic)}"


def known_at(engine: Engine, position: str) -> int:
    """How much of its topic a page has; of another position nothing, which is a gap, and all is sent again."""
    epoch, _, after = position.rpartition(".")
    is_of_now = epoch == engine.topics.epoch and after.isascii() and after.isdigit() and len(after) < 19
    return int(after) if is_of_now else -1
