"""What the open pages of a plan hear: each part as it is finished, the words that are written, and every change."""

import json
import re
from dataclasses import dataclass, replace

from flask import render_template
from markupsafe import escape

from webapp import lanes
from webapp.chat.rail_feed import Rail
from webapp.extensions import db
from webapp.generations.engine import Engine
from webapp.plans import queries, shown
from webapp.plans.parts import text_of
from webapp.plans.projection import PlanProjection
from webapp.plans.tables import Plan
from webapp.rendering.part import part
from webapp.streaming.broadcaster import Cursor, Frame
from webapp.streaming.topics import Signal
from webapp.web.lane_feed import LaneFeed
from webapp.web.watchers import Context

# Whoever follows a generation says by five counts how much of it they have.
POSITION = re.compile(r"(\w*)\.([0-9]{1,18})-([0-9]{1,18})\.(?:(\w+)\.([0-9]{1,18}(?:-[0-9]{1,18}){4})|\.)")


@dataclass(frozen=True, slots=True)
class Position:
    """What a page has: the plan's changes, its rail's, and how much of which generation."""

    epoch: str
    seq: int
    rail: int
    generation: str = ""
    cursor: Cursor = ()

    def __str__(self) -> str:
        return ".".join((self.epoch, f"{self.seq}-{self.rail}", self.generation, "-".join(map(str, self.cursor))))

    @classmethod
    def parse(cls, text: str) -> "Position | None":
        """The position that a page says it has; None for anything else."""
        if not (found := POSITION.fullmatch(text)):
            return None
        epoch, seq, rail, generation, cursor = found.groups()
        counts = tuple(map(int, cursor.split("-"))) if cursor else ()
        return cls(epoch, int(seq), int(rail), generation or "", counts)


class PlanFeed(LaneFeed):
    """The news of one plan for one page."""

    def __init__(self, engine: Engine, plan_id: str, owner_id: str, position: Position | None, context: Context) -> None:
        super().__init__(engine, lanes.of_plan(plan_id), context)
        self._plan_id = plan_id
        self._position = position if position and position.epoch == engine.topics.epoch else None
        self._rail = Rail(engine, owner_id, self._position.rail if self._position else -1, context)

    def listen(self, signal: Signal) -> None:
        super().listen(signal)
        if self._position and self._position.generation:
            self._follow(self._position.generation)

    def topics(self) -> dict[str, int]:
        return {self.lane: self._position.seq if self._position else -1, **self._rail.topics()}

    def position(self) -> str:
        return str(replace(self._position, rail=self._rail.after)) if self._position else ""

    def news(self) -> list[Frame]:
        """Everything since the last call, in order; an unknown position gets the whole plan again."""
        return self._of_plan() + self._rail.news()

    def _of_plan(self) -> list[Frame]:
        has_only_grown = self._position is not None and self._entries(self._position.seq) == []
        return self._written() if has_only_grown else self._everything()

    def _everything(self) -> list[Frame]:
        """The whole plan."""
        seq = self._engine.topics.last(self.lane)
        self.close()
        with self._context():
            row = db.session.get(Plan, self._plan_id)
            if row is None:
                self._position = Position(self._engine.topics.epoch, seq, 0)
                return [Frame("gone", "gone")]
            found = shown.plan(self._engine, row, queries.generation_of(row), queries.inputs_of(row).values)
            html = render_template("plans/_plan.html", plan=found)
            title = f"{escape(found.title)} · Millrace"
        self._position = Position(self._engine.topics.epoch, seq, 0, found.generation_id, found.cursor)
        if found.generation_id:
            self._follow(found.generation_id)
        says = part("#plan-says", "innerHTML", str(escape(found.says)))
        return [Frame(part("#plan", "outerMorph", html) + part("title", "innerHTML", title) + says)]

    def _written(self) -> list[Frame]:
        """What has been written since, as the parts of the page that it changes."""
        if not self._broadcast or not self._position:
            return []
        notes, cursor = self._broadcast.since(self._position.cursor)
        self._position = replace(self._position, cursor=cursor)
        if not notes:
            return []
        with self._context():
            row = db.session.get(Plan, self._plan_id)
            return [Frame("".join(self._parts(row, notes)))] if row else []

    def _parts(self, row: Plan, notes: list[Frame]) -> list[str]:
        inputs = queries.inputs_of(row).values
        found = shown.plan(self._engine, row, queries.generation_of(row), inputs)
        assert self._broadcast
        projection = self._broadcast.projection
        assert isinstance(projection, PlanProjection)
        elements = [note.data for note in notes if note.event == "element"]
        parts = [_element(row, projection, inputs, place) for place in elements]
        parts += [_text(row, projection, *json.loads(note.data)) for note in notes if note.event == "text"]
        if any(note.event != "text" for note in notes):
            parts.append(part("#plan-bar", "outerMorph", render_template("plans/_bar.html", plan=found)))
            parts.append(part("#plan-says", "innerHTML", str(escape(found.says))))
        return parts

    def _follow(self, generation_id: str) -> None:
        with self._context():
            row = db.session.get(Plan, self._plan_id)
            generation = queries.generation_of(row) if row else None
            # The browser names it: what is written in another plan is not for this page.
            if not self._hear(generation if generation and generation.id == generation_id else None):
                self._position = None


def _element(row: Plan, projection: PlanProjection, inputs: dict[str, object], place: str) -> str:
    """A part that is finished, in its place."""
    name, _, number = place.partition(".")
    found = shown.section(row.about, projection.shown, name)
    if name == "title":
        return part("#plan-title", "innerHTML", str(escape(text_of(projection.shown.get("title")))))
    if found is None:
        return ""
    if found.view != "cards":
        html = render_template("plans/_section.html", section=found, plan=None)
        return part(f"#{found.id}", "outerHTML", html)
    if not number:
        return ""
    card = shown.card(row.about, projection.shown, inputs, place)
    html = render_template("plans/_card.html", card=card, plan=None)
    is_kept_place = int(number) < int(row.schema["properties"][name].get("minItems", 0))
    return part(f"#{card.id}", "outerHTML", html) if is_kept_place else part(f"#{found.id}-cards", "beforeend", html)


def _text(row: Plan, projection: PlanProjection, place: str, known: int, new: str) -> str:
    """Words of a text that is being written; in a section of its own they are put at the end of what is there."""
    found = shown.section(row.about, projection.shown, place) if "." not in place else None
    if found is None or place == "title":
        return ""
    if known:
        return part(f"#{found.id}-text", "beforeend", str(escape(new)))
    return part(
        f"#{found.id}", "outerHTML", render_template("plans/_section.html", section=replace(found, state="live"), plan=None)
    )
