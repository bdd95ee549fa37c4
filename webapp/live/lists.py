"""Lists that open pages hear of: described by their feature, drawn anew when something of theirs has changed."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import render_template

from webapp import topic_names
from webapp.accounts.guards import current_user, user_or_none
from webapp.accounts.tables import User
from webapp.engine.engine import Engine
from webapp.engine.tables import Generation
from webapp.feature import brought
from webapp.live.single_flight import SingleFlight
from webapp.live.watch import has_changed
from webapp.live.watchers import Context
from webapp.rendering.part import part
from webapp.streaming.broadcaster import Frame
from webapp.streaming.events import Changed

drawn = SingleFlight[str](len, most=512)


@dataclass(frozen=True, kw_only=True)
class GrowingRows:
    """Rows that change while models write them.

    `generations` gives those that run for a person, by the id of their row; `event` is the note of their projection
    that redraws the row, `#row-` and the id, by what `read` gives of it.
    """

    template: str
    event: str
    generations: Callable[[str], Mapping[str, Generation]]
    read: Callable[[str], Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class LiveList:
    """A person's list on their open pages.

    `element` gets what `template` makes of what `read` gives, when `tell_person` has said one of `changes`; where it has said
    nothing but `row_change` of a row, `read_row` gives what replaces a part of that. `reader` refuses whom it is not for.
    What is `beside` every page is heard with every other stream too.
    """

    name: str
    element: str
    template: str
    changes: tuple[str, ...]
    read: Callable[[User], Mapping[str, Any]]
    reader: Callable[[], User] = current_user
    swap: str = "outerMorph"
    is_beside: bool = False
    rows: GrowingRows | None = None
    row_change: str = ""
    read_row: Callable[[str], str] = lambda _: ""


def live_list(name: str) -> LiveList | None:
    return next((each for each in brought(LiveList) if each.name == name), None)


class ListNews:
    """The news of a person's lists for one page: its own, and those beside every page.

    Each is drawn once for all their pages; the link to the page `here` is marked for each.
    """

    def __init__(
        self, engine: Engine, person: str, after: int, context: Context, *, own: Iterable[LiveList] = (), here: str = ""
    ) -> None:
        self.after = after
        self._engine, self._person, self._context, self._here = engine, person, context, here
        self._topic, self._sent = topic_names.of_person(person), dict[str, str]()
        with engine.in_app():
            beside = {each.name: each for each in brought(LiveList) if each.is_beside}
        self._lists = {**{each.name: each for each in own}, **beside}

    def topics(self) -> dict[str, int]:
        return {self._topic: self.after}

    def news(self) -> list[Frame]:
        """Every list that has changed since the page has it, whole."""
        before, self.after = self.after, self._engine.topics.last(self._topic)
        return [frame for each in self._lists.values() for frame in self._since(each, before)]

    def _since(self, each: LiveList, before: int) -> list[Frame]:
        topics = self._engine.topics
        if has_changed(topics, self._topic, before, *each.changes):
            return self._renewed(each)
        if not each.row_change or not has_changed(topics, self._topic, before, each.row_change):
            return []
        told = (entry.event for entry in topics.read(self._topic, before))
        ids = dict.fromkeys(event.id for event in told if isinstance(event, Changed) and event.what == each.row_change)
        key = (each.name, topics.epoch, self._person, before, self.after)
        self._sent.pop(each.name, None)
        html = drawn.get(key, lambda: self._drawn_rows(each, ids))
        return [Frame(html)] if html else []

    def _drawn_rows(self, each: LiveList, ids: Iterable[str]) -> str:
        with self._context():
            return "".join(each.read_row(id) for id in ids)

    def _renewed(self, each: LiveList) -> list[Frame]:
        key = (each.name, self._engine.topics.epoch, self._person, self.after)
        html = self._marked(drawn.get(key, lambda: self._rendered(each)))
        # Rows may have grown since the whole was sent, which would then not be what the page shows.
        if not html or (html == self._sent.get(each.name) and not each.rows):
            return []
        self._sent[each.name] = html
        return [Frame(part(each.element, each.swap, html))]

    def _rendered(self, each: LiveList) -> str:
        with self._context():
            user = user_or_none()
            return render_template(each.template, **each.read(user)) if user else ""

    def _marked(self, html: str) -> str:
        link = f'<a href="{self._here}"'
        return html.replace(f"{link}>", f'{link} aria-current="page">') if self._here else html
