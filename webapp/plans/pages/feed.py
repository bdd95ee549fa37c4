"""The feed of a plan's open pages: each part when it is finished, text while it is written, and every change."""

import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from flask import render_template
from markupsafe import escape

from webapp.base import topic_names
from webapp.base.db import db
from webapp.engine.engine import Engine
from webapp.engine.watching.lane_feed import LaneFeed, LanePosition
from webapp.engine.watching.lists import UNKNOWN, ListNews
from webapp.engine.watching.single_flight import SingleFlight
from webapp.engine.watching.watchers import Context
from webapp.plans import queries
from webapp.plans.pages import shown
from webapp.plans.pages.parts import text_of
from webapp.plans.plan_about import PlanAbout
from webapp.plans.tables import Plan
from webapp.plans.types.schema import Schema, at, is_of_cards, is_of_objects, is_whole, kind_of
from webapp.plans.writing.projection import PlanPace, PlanProjection, time_left
from webapp.rendering.part import part
from webapp.streaming.broadcaster import Cursor, Frame
from webapp.streaming.topics import Signal


@dataclass(frozen=True, slots=True)
class RenderedPlan:
    """A plan rendered whole, with the generation and cursor of a page that shows it."""

    frame: Frame
    generation_id: str = ""
    cursor: Cursor = ()


@dataclass(frozen=True, slots=True)
class Writing:
    """The properties of a plan that don't change while it is written."""

    id: str
    about: PlanAbout
    inputs: dict[str, Any]
    started_at: datetime | None
    pace: PlanPace


_rendered_plans = SingleFlight[RenderedPlan](lambda whole: len(whole.frame.data))
_grown = SingleFlight[str](len)
_writings = SingleFlight["Writing | None"](lambda _: 1, most=32)


class PlanFeed(LaneFeed):
    """The feed of one plan for one page. Without `is_page`, the plan is only a part of the page, and the sidebar is left out."""

    template, is_page = "plans/_plan.html", True

    def __init__(self, engine: Engine, plan_id: str, owner_id: str, position: LanePosition | None, context: Context) -> None:
        super().__init__(engine, topic_names.of_plan(plan_id), context)
        self._plan_id = plan_id
        self._position = position if position and position.epoch == engine.logs.topics.epoch else None
        after = (self._position and self._position.sidebar) or UNKNOWN
        self._sidebar = ListNews(engine, owner_id, after, context) if self.is_page else None

    def listen(self, signal: Signal) -> None:
        super().listen(signal)
        if self._position and self._position.generation:
            self._follow(self._position.generation)

    def topics(self) -> dict[str, int]:
        return {self.lane: self._position.seq if self._position else -1, **(self._sidebar.topics() if self._sidebar else {})}

    def position(self) -> str:
        sidebar = self._sidebar.after if self._sidebar else ()
        return str(replace(self._position, sidebar=sidebar)) if self._position else ""

    def news(self) -> list[Frame]:
        """Returns the frames for everything since the last call; a page with an unknown position gets the whole plan."""
        has_only_grown = self._position is not None and self._entries(self._position.seq) == []
        frames = self._written() if has_only_grown else self._everything()
        return frames + (self._sidebar.news() if self._sidebar else [])

    def _everything(self) -> list[Frame]:
        """Renders the whole plan and restarts from its position."""
        epoch, seq = self._engine.logs.topics.epoch, self._engine.logs.topics.last(self.lane)
        self._unfollow()
        whole = _rendered_plans.get((epoch, self._plan_id, seq, self.template), self._drawn)
        self._position = LanePosition(epoch, seq, (), whole.generation_id, whole.cursor)
        if whole.generation_id:
            self._follow(whole.generation_id)
        return [whole.frame]

    def _drawn(self) -> "RenderedPlan":
        with self._context():
            row = db.session.get(Plan, self._plan_id)
            if row is None:
                return RenderedPlan(Frame("gone", "gone"))
            plan = shown.plan(self._engine, row, queries.generation_of(row), queries.inputs_of(row).values)
            html = render_template(self.template, plan=plan)
        title, says = f"{escape(plan.title)} · Millrace", str(escape(plan.says))
        parts = part("#plan", "outerMorph", html) + part("#plan-says", "innerHTML", says)
        parts += part("title", "innerHTML", title) if self.is_page else ""
        return RenderedPlan(Frame(parts), plan.generation_id, plan.cursor)

    def _written(self) -> list[Frame]:
        """Returns the parts of the page that have changed since the last call."""
        if not self._broadcast or not self._position:
            return []
        before, projection = self._position, self._broadcast.projection
        assert isinstance(projection, PlanProjection)
        notes, cursor = self._broadcast.since(before.cursor)
        self._position = replace(before, cursor=cursor)
        if not notes:
            return []
        writing = _writings.get((before.generation,), self._read)
        key = (before.generation, before.cursor, cursor)
        html = _grown.get(key, lambda: self._parts(writing, projection, notes)) if writing else ""
        return [Frame(html)] if html else []

    def _read(self) -> "Writing | None":
        with self._context():
            row = db.session.get(Plan, self._plan_id)
            generation = queries.generation_of(row) if row else None
            if not row or not generation:
                return None
            pace = shown.pace_of(self._engine, row, generation)
            return Writing(row.id, row.about, queries.inputs_of(row).values, row.generation_started_at, pace)

    def _parts(self, writing: "Writing", projection: PlanProjection, notes: list[Frame]) -> str:
        """Renders the parts named by the notes; nothing here waits for the database or the network."""
        with self._context():
            paths = dict.fromkeys(_drawn_with(writing, note.data) for note in notes if note.event == "element")
            parts = [_element(writing, projection, path) for path in paths]
            parts += [_text(writing, *json.loads(note.data)) for note in notes if note.event == "text"]
            # After the end, the whole plan is sent anyway.
            if not projection.has_ended and any(note.event != "text" for note in notes):
                time_text = time_left(projection, writing.about["plan"], writing.pace)
                plan = shown.progress(writing.about, projection)
                plan = replace(plan, id=writing.id, started_at=writing.started_at, left=time_text)
                parts.append(part("#plan-bar", "outerMorph", render_template("plans/_bar.html", plan=plan)))
                parts.append(part("#plan-says", "innerHTML", str(escape(plan.says))))
        return "".join(parts)

    def _follow(self, generation_id: str) -> None:
        with self._context():
            row = db.session.get(Plan, self._plan_id)
            generation = queries.generation_of(row) if row else None
            # Only the plan's own generation: the id comes from the browser, and could be that of another plan.
            if not self._follow_generation(generation if generation and generation.id == generation_id else None):
                self._position = None


def _drawn_with(writing: Writing, path: str) -> str:
    """Returns the path to render when this one is finished: a single card, or else the whole section."""
    name, _, number = path.partition(".")
    schema = at(writing.about["plan"], name)
    is_drawn_whole = number and schema and not is_of_cards(schema) and (is_of_objects(schema) or not is_whole(schema))
    return name if is_drawn_whole else path


def _element(writing: Writing, projection: PlanProjection, path: str) -> str:
    """Renders a finished element as a replacement of its part of the page."""
    name, _, number = path.partition(".")
    value, schema = projection.draft.value, at(writing.about["plan"], name)
    if name == "title":
        return part("#plan-title", "innerHTML", str(escape(text_of(value.get("title")))))
    if schema is None:
        return ""
    if is_of_cards(schema):
        return _card(writing, value, path, schema) if number else ""
    if kind_of(schema) == "array" and number and is_whole(schema) and not is_of_objects(schema):
        # Shown when the whole list is complete.
        return ""
    section = shown.section(writing.about, {name: value.get(name)}, name)
    return part(f"#part-{name}", "outerHTML", render_template("plans/_section.html", section=section, plan=None))


def _card(writing: Writing, value: dict[str, Any], path: str, schema: Schema) -> str:
    name, _, number = path.partition(".")
    card = shown.card(writing.about, value, writing.inputs, path)
    html = render_template("plans/_card.html", card=card, plan=None)
    is_kept_card = int(number) < int(schema.get("minItems", 0))
    return part(f"#{card.id}", "outerHTML", html) if is_kept_card else part(f"#part-{name}-cards", "beforeend", html)


def _text(writing: Writing, path: str, count: int, new: str) -> str:
    """Renders new words of a text; a section of text gets them appended."""
    section = shown.section(writing.about, {path: new}, path) if "." not in path else None
    if section is None or path == "title":
        return ""
    if count:
        return part(f"#{section.id}-text", "beforeend", str(escape(new)))
    html = render_template("plans/_section.html", section=replace(section, state="live"), plan=None)
    return part(f"#{section.id}", "outerHTML", html)
