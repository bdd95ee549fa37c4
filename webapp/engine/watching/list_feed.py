"""The feed of a page with a live list: the list when it changes, and its rows while they grow."""

from functools import partial

from flask import render_template

from webapp.base import topic_names
from webapp.engine.engine import Engine
from webapp.engine.watching.lane_feed import LaneFeed, known_at
from webapp.engine.watching.lists import GrowingRows, ListNews, LiveList, drawn
from webapp.engine.watching.watcher_loop import has_changed
from webapp.engine.watching.watchers import Context
from webapp.rendering.part import part
from webapp.streaming.broadcaster import Broadcast, Cursor, Frame
from webapp.streaming.topics import Signal


class ListFeed(LaneFeed):
    """The feed of a person's list for one page; several of its rows can be written simultaneously."""

    def __init__(self, engine: Engine, live_list: LiveList, person: str, position: str, context: Context) -> None:
        super().__init__(engine, topic_names.of_person(person), context)
        self._list, self._person = live_list, person
        self._news = ListNews(engine, person, known_at(engine, position), context, own=[live_list])
        self._followed: dict[str, tuple[Broadcast, Cursor]] = {}

    def listen(self, signal: Signal) -> None:
        super().listen(signal)
        self._follow()

    def topics(self) -> dict[str, int]:
        return self._news.topics()

    def position(self) -> str:
        return f"{self._engine.topics.epoch}.{self._news.after}"

    def news(self) -> list[Frame]:
        """Returns the whole list if it has changed, else the rows that have grown."""
        is_changed = has_changed(self._engine.topics, self.lane, self._news.after, *self._list.changes)
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
        made = (drawn.get((self._list.name, id, *self._followed[id][1]), partial(self._row, rows, id)) for id in grown)
        return [Frame("".join(made))] if grown else []

    def _row(self, rows: GrowingRows, id: str) -> str:
        with self._context():
            if not (found := rows.read(id)):
                return ""
            return part(f"#row-{id}", "outerMorph", render_template(rows.template, **found))

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
                if broadcast := self._engine.broadcast(generation):
                    cursor = before[id][1] if id in before else broadcast.snapshot()[1]
                    self._followed[id] = (broadcast, cursor)
                    if self._signal:
                        self._listening.enter_context(broadcast.watched_by(self._signal))
