"""Live lists on open pages: described by their features, rendered again when their data has changed."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from flask import render_template

from webapp.base import topic_names
from webapp.engine.engine import Engine
from webapp.engine.tables import Generation
from webapp.engine.watching.difference import difference
from webapp.engine.watching.lane_feed import LaneFeed, known_at, position_in
from webapp.engine.watching.single_flight import SingleFlight
from webapp.engine.watching.watcher_loop import has_changed
from webapp.engine.watching.watchers import Context
from webapp.people.accounts.guards import user_or_none
from webapp.people.accounts.permissions import may
from webapp.people.accounts.tables import User
from webapp.people.things.thing import things
from webapp.rendering.part import part
from webapp.streaming.broadcaster import Broadcast, Cursor, Frame
from webapp.streaming.topics import Signal
from webapp.web.feature import brought

# The position of a page of which it isn't known what it has.
UNKNOWN = (-1, -1)
drawn = SingleFlight[str](len, most=512)
# Keyed by the lists' HTML: pages at the same position can have been sent different lists.
differences = SingleFlight[str](len, most=64)


@dataclass(frozen=True, kw_only=True)
class GrowingRows:
    """Rows that change while models write them.

    `generations` returns a person's active ones by the id of their row; `event` is the frame of their projection after which
    the row, `#row-` and the id, is rendered again with what `read` returns.
    """

    template: str
    event: str
    generations: Callable[[str], Mapping[str, Generation]]
    read: Callable[[str], Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class LiveList:
    """A person's list on their open pages.

    When `notify_person` publishes one of `changes`, `element` is replaced by `template`, rendered with what `read` returns. If
    the list consists of rows as in `difference` (`is_by_row`), a page that has it is only sent the changed ones. `requires` is
    the permission for it. A list that `is_on_every_page` every page is part of every page's stream.
    """

    name: str
    element: str
    template: str
    changes: tuple[str, ...]
    read: Callable[[User], Mapping[str, Any]]
    requires: str = ""
    swap: str = "outerMorph"
    is_on_every_page: bool = False
    rows: GrowingRows | None = None
    is_by_row: bool = False


def can_see(user: User, page: str) -> bool:
    """Returns whether a person can see the page of an object, which is named by its kind and id: `preset:ID`."""
    kind, _, id = page.partition(":")
    thing = next((thing for thing in things() if thing.kind == kind), None)
    return thing is not None and may(user, thing.requires) and thing.seen(user, id) is not None


def live_list(name: str) -> LiveList | None:
    return next((live for live in brought(LiveList) if live.name == name), None)


class ListNews:
    """The updates of a person's lists for one page: its own lists, and those beside every page.

    `after` are the page's positions in the person's topics, or `UNKNOWN`.
    Each list is rendered once for all of the person's pages; the link to the page `here` is marked for each.
    """

    def __init__(
        self, engine: Engine, person: str, after: Sequence[int], context: Context, *, own: Iterable[LiveList] = (), here: str = ""
    ) -> None:
        self.after = tuple(after)
        self._engine, self._person, self._context, self._here = engine, person, context, here
        self._topics, self._sent = topic_names.for_person(person), dict[str, str]()
        with engine.in_app():
            everywhere = {live.name: live for live in brought(LiveList) if live.is_on_every_page}
        self._lists = {**{live.name: live for live in own}, **everywhere}

    def topics(self) -> dict[str, int]:
        return dict(zip(self._topics, self.after, strict=True))

    def has_changed(self, live_list: LiveList) -> bool:
        """Returns whether a list has changed since the page's position."""
        return self._is_newer(live_list, self.topics())

    def news(self) -> list[Frame]:
        """Returns every list that has changed since the page's position."""
        before, self.after = self.topics(), tuple(map(self._engine.logs.topics.last, self._topics))
        return [frame for live in self._lists.values() if self._is_newer(live, before) for frame in self._renewed(live)]

    def _is_newer(self, live_list: LiveList, before: Mapping[str, int]) -> bool:
        topics = self._engine.logs.topics
        return any(has_changed(topics, topic, after, *live_list.changes) for topic, after in before.items())

    def _renewed(self, live_list: LiveList) -> list[Frame]:
        key = (live_list.name, self._engine.logs.topics.epoch, self._person, self.after)
        html, before = drawn.get(key, lambda: self._rendered(live_list)), self._sent.get(live_list.name, "")
        # An equal list is sent again if its rows grow: the page can show rows that were updated since.
        if not html or (html == before and not live_list.rows):
            return []
        self._sent[live_list.name] = html
        return [Frame(self._marked(_changed(live_list, before, html) or part(live_list.element, live_list.swap, html)))]

    def _rendered(self, live_list: LiveList) -> str:
        with self._context():
            user = user_or_none()
            return render_template(live_list.template, **live_list.read(user)) if user else ""

    def _marked(self, html: str) -> str:
        link = f'<a href="{self._here}"'
        return html.replace(f"{link}>", f'{link} aria-current="page">') if self._here else html


def _changed(live_list: LiveList, before: str, html: str) -> str:
    """Returns the updates for a page that has the list as it was before; empty if it needs the whole list."""
    if not before or not live_list.is_by_row:
        return ""
    return differences.get((before, html), lambda: difference(before, html))


class ListFeed(LaneFeed):
    """The feed of a person's list for one page; several of its rows can be written simultaneously."""

    def __init__(self, engine: Engine, live_list: LiveList, person: str, position: str, context: Context) -> None:
        super().__init__(engine, topic_names.of_person(person), context)
        self._list, self._person = live_list, person
        after = known_at(engine, position, count=len(topic_names.for_person(person)))
        self._news = ListNews(engine, person, after, context, own=[live_list])
        self._followed: dict[str, tuple[Broadcast, Cursor]] = {}

    def listen(self, signal: Signal) -> None:
        super().listen(signal)
        self._follow()

    def topics(self) -> dict[str, int]:
        return self._news.topics()

    def position(self) -> str:
        return position_in(self._engine.logs.topics.epoch, self._news.after)

    def news(self) -> list[Frame]:
        """Returns the whole list if it has changed, else the rows that have grown."""
        is_changed = self._news.has_changed(self._list)
        frames = self._news.news()
        if is_changed:
            self._follow()
        return frames if is_changed or not self._list.rows else self._grown(self._list.rows) + frames

    def _grown(self, rows: GrowingRows) -> list[Frame]:
        grown = []
        for id, (broadcast, before) in self._followed.items():
            notes, cursor = broadcast.since(before)
            self._followed[id] = (broadcast, cursor)
            if any(note.event == rows.event for note in notes):
                grown.append(id)
        parts = (drawn.get((self._list.name, id, *self._followed[id][1]), partial(self._row, rows, id)) for id in grown)
        return [Frame("".join(parts))] if grown else []

    def _row(self, rows: GrowingRows, id: str) -> str:
        with self._context():
            if not (row := rows.read(id)):
                return ""
            html = render_template(rows.template, **row)
            return part(f"#row-{id}", "outerMorph", html)

    def _follow(self) -> None:
        if not self._list.rows:
            return
        with self._context():
            running = self._list.rows.generations(self._person)
            if set(running) == set(self._followed):
                return
            self._unfollow()
            before, self._followed = self._followed, {}
            for id, generation in running.items():
                if broadcast := self._engine.logs.broadcast(generation):
                    cursor = before[id][1] if id in before else broadcast.snapshot()[1]
                    self._followed[id] = (broadcast, cursor)
                    if self._signal:
                        self._listening.enter_context(broadcast.watched_by(self._signal))
