"""What open pages hear of a person's other chats: their order, their names, and which of them are being answered."""

from collections import OrderedDict

from flask import render_template, url_for

from webapp import lanes
from webapp.chat import list_shown
from webapp.generations.engine import Engine
from webapp.rendering.part import part
from webapp.streaming.broadcaster import Frame
from webapp.web.guards import user_or_none
from webapp.web.lane_feed import LaneFeed, Made, known_at, now_in, remembered
from webapp.web.watch import has_changed
from webapp.web.watchers import Context

_made: "Made[str]" = OrderedDict()


class Rail:
    """The news of one person's rail for one page; rendered once for all their pages, and marked for each."""

    def __init__(self, engine: Engine, person: str, after: int, context: Context, *, current: str = "") -> None:
        self.after = after
        self._engine, self._person, self._context, self._current = engine, person, context, current
        self._topic, self._sent = lanes.of_person(person), ""

    def topics(self) -> dict[str, int]:
        return {self._topic: self.after}

    def news(self) -> list[Frame]:
        """The whole rail, if it has changed since the page has it."""
        if not self._has_news():
            return []
        html = self._marked(remembered(_made, (self._engine.topics.epoch, self._person, self.after), self._rendered))
        if not html or html == self._sent:
            return []
        self._sent = html
        return [Frame(part("#rail-chats", "innerMorph", html))]

    def _has_news(self) -> bool:
        before, self.after = self.after, self._engine.topics.last(self._topic)
        return has_changed(self._engine.topics, self._topic, before, "chat", "access")

    def _rendered(self) -> str:
        with self._context():
            user = user_or_none()
            return render_template("layouts/_rail_chats.html", groups=list_shown.rail(user)) if user else ""

    def _marked(self, html: str) -> str:
        link = f'<a href="/chats/{self._current}"'
        return html.replace(f"{link}>", f'{link} aria-current="page">') if self._current else html


class RailFeed(LaneFeed):
    """A page that shows no chat hears of its rail alone."""

    def __init__(self, engine: Engine, person: str, position: str, context: Context) -> None:
        super().__init__(engine, lanes.of_person(person), context)
        self._rail = Rail(engine, person, known_at(engine, position), context)

    def topics(self) -> dict[str, int]:
        return self._rail.topics()

    def position(self) -> str:
        return f"{self._engine.topics.epoch}.{self._rail.after}"

    def news(self) -> list[Frame]:
        return self._rail.news()


def rail_url(engine: Engine, person: str) -> str:
    """The stream of a page that shows no chat, from this moment on."""
    return url_for("rail.events", at=now_in(engine, lanes.of_person(person)))
