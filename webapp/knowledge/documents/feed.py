"""The feed of an open collection page: sends the list of documents when any of them has changed."""

from collections.abc import Callable

from webapp.base import topic_names
from webapp.engine.engine import Engine
from webapp.engine.watching.lane_feed import LaneFeed, known_at
from webapp.engine.watching.watchers import Context
from webapp.rendering.part import part
from webapp.streaming.broadcaster import Frame


class CollectionFeed(LaneFeed):
    """The feed of one collection page, rendered for its person, because people may see different documents."""

    def __init__(self, engine: Engine, collection_id: str, position: str, context: Context, draw: Callable[[], str]) -> None:
        super().__init__(engine, topic_names.of_collection(collection_id), context)
        self._after, self._draw, self._sent = known_at(engine, position), draw, ""

    def topics(self) -> dict[str, int]:
        return {self.lane: self._after}

    def position(self) -> str:
        return f"{self._engine.topics.epoch}.{self._after}"

    def news(self) -> list[Frame]:
        """Renders the whole list of documents once, however many changes there were."""
        if self._entries(self._after) == []:
            return []
        self._after = self._engine.topics.last(self.lane)
        with self._context():
            html = self._draw()
        if html == self._sent:
            return []
        self._sent = html
        return [Frame(part("#documents", "outerMorph", html))]
