"""What open pages hear of a person's other chats: their order, their names, and which of them are being answered."""

from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractContextManager

from flask import render_template, url_for

from webapp.chat import shown
from webapp.generations.engine import Engine
from webapp.streaming.broadcaster import Frame
from webapp.streaming.events import Changed
from webapp.streaming.topics import Gap, Signal
from webapp.web.guards import user_or_none

Context = Callable[[], AbstractContextManager[object]]
REMEMBERED = 256
_made: "OrderedDict[tuple[str, str, int], str]" = OrderedDict()


class Rail:
    """The news of one person's rail for one page; rendered once for all their pages, and marked for each."""

    def __init__(self, engine: Engine, person: str, after: int, context: Context, *, current: str = "") -> None:
        self.after = after
        self._engine, self._person, self._context, self._current = engine, person, context, current
        self._topic, self._sent = f"user:{person}", ""

    def topics(self) -> dict[str, int]:
        return {self._topic: self.after}

    def news(self) -> list[Frame]:
        """The whole rail, if it has changed since the page has it."""
        if not self._has_news():
            return []
        html = self._marked(self._rendered())
        if not html or html == self._sent:
            return []
        self._sent = html
        return [Frame(f'<hx-partial hx-target="#rail-chats" hx-swap="innerMorph">{html}</hx-partial>')]

    def _has_news(self) -> bool:
        topics, after = self._engine.topics, self.after
        self.after = topics.last(self._topic)
        try:
            entries = topics.read(self._topic, after)
        except Gap:
            return True
        return any(isinstance(entry.event, Changed) and entry.event.what in ("chat", "access") for entry in entries)

    def _rendered(self) -> str:
        key = (self._engine.topics.epoch, self._person, self.after)
        if key not in _made:
            with self._context():
                user = user_or_none()
                _made[key] = render_template("layouts/_rail_chats.html", groups=shown.rail(user)) if user else ""
            while len(_made) > REMEMBERED:
                _made.popitem(last=False)
        return _made[key]

    def _marked(self, html: str) -> str:
        link = f'<a href="/chats/{self._current}"'
        return html.replace(f"{link}>", f'{link} aria-current="page">') if self._current else html


class RailFeed:
    """A page that shows no chat hears of its rail alone."""

    def __init__(self, engine: Engine, person: str, position: str, context: Context) -> None:
        self.lane = f"user:{person}"
        epoch, _, after = position.rpartition(".")
        is_of_now = epoch == engine.topics.epoch and after.isascii() and after.isdigit() and len(after) < 19
        # Another position is no position: what is not in the log is a gap, and all is sent again.
        self._rail = Rail(engine, person, int(after) if is_of_now else -1, context)
        self._epoch = engine.topics.epoch

    def listen(self, signal: Signal) -> None:
        """Nothing but its topic wakes it."""

    def close(self) -> None:
        """It holds nothing."""

    def topics(self) -> dict[str, int]:
        return self._rail.topics()

    def position(self) -> str:
        return f"{self._epoch}.{self._rail.after}"

    def news(self) -> list[Frame]:
        return self._rail.news()

    def last_news(self) -> list[Frame]:
        return self.news()


def rail_url(engine: Engine, person: str) -> str:
    """The stream of a page that shows no chat, from this moment on: to be taken before anything of the page is read."""
    return url_for("rail.events", at=f"{engine.topics.epoch}.{engine.topics.last(f'user:{person}')}")
