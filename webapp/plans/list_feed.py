"""What open lists of plans hear: new ones, changed ones, and how far those are that are being written."""

from flask import render_template, url_for

from webapp import lanes
from webapp.chat.rail_feed import Rail
from webapp.extensions import db
from webapp.generations.engine import Engine
from webapp.plans import queries, shown
from webapp.plans.shown import ShownPlan
from webapp.plans.tables import Plan
from webapp.rendering.part import part
from webapp.streaming.broadcaster import Broadcast, Cursor, Frame
from webapp.streaming.topics import Signal
from webapp.web.lane_feed import LaneFeed, known_at, now_in
from webapp.web.watch import has_changed
from webapp.web.watchers import Context


class PlansFeed(LaneFeed):
    """The news of all plans of a person for one page, several of which may be written at once."""

    def __init__(self, engine: Engine, owner_id: str, position: str, context: Context) -> None:
        super().__init__(engine, lanes.of_person(owner_id), context)
        self._after, self._owner_id = known_at(engine, position), owner_id
        self._rail = Rail(engine, owner_id, self._after, context)
        self._followed: dict[str, tuple[Broadcast, Cursor]] = {}

    def listen(self, signal: Signal) -> None:
        super().listen(signal)
        with self._context():
            self._follow()

    def topics(self) -> dict[str, int]:
        return {self.lane: self._after, **self._rail.topics()}

    def position(self) -> str:
        return f"{self._engine.topics.epoch}.{self._after}"

    def news(self) -> list[Frame]:
        """The whole list when a plan has changed, else the rows of those that have grown."""
        frames = self._whole() if self._has_changed() else self._rows()
        return frames + self._rail.news()

    def _has_changed(self) -> bool:
        before, self._after = self._after, self._engine.topics.last(self.lane)
        return has_changed(self._engine.topics, self.lane, before, "plan")

    def _whole(self) -> list[Frame]:
        with self._context():
            html = render_template("plans/_rows.html", plans=rows(self._engine, self._owner_id))
            self._follow()
        return [Frame(part("#plans", "outerMorph", html))]

    def _rows(self) -> list[Frame]:
        grown = []
        for id, (broadcast, before) in self._followed.items():
            notes, cursor = broadcast.since(before)
            self._followed[id] = (broadcast, cursor)
            if any(note.event == "element" for note in notes):
                grown.append(id)
        return [Frame("".join(map(self._row, grown)))] if grown else []

    def _row(self, id: str) -> str:
        with self._context():
            row = db.session.get(Plan, id)
            found = _shown(self._engine, row) if row else None
            html = render_template("plans/_row.html", plan=found) if found else ""
        return part(f"#row-{id}", "outerMorph", html) if html else ""

    def _follow(self) -> None:
        running = {plan.id: plan for plan in queries.plans_of(self._owner_id) if plan.is_running}
        if set(running) == set(self._followed):
            return
        self.close()
        before, self._followed = self._followed, {}
        for id, plan in running.items():
            generation = queries.generation_of(plan)
            if generation and (broadcast := self._engine.broadcast(generation)):
                cursor = before[id][1] if id in before else broadcast.snapshot()[1]
                self._followed[id] = (broadcast, cursor)
                if self._signal:
                    self._listening.enter_context(broadcast.watched_by(self._signal))


def rows(engine: Engine, owner_id: str, *, before: str = "", limit: int = 50) -> list[ShownPlan]:
    """A person's plans as their list shows them."""
    return [_shown(engine, plan) for plan in queries.plans_of(owner_id, before=before, limit=limit)]


def plans_url(engine: Engine, owner_id: str) -> str:
    """The stream of a list from this moment on."""
    return url_for("plans.list_events", at=now_in(engine, lanes.of_person(owner_id)))


def _shown(engine: Engine, plan: Plan) -> ShownPlan:
    return shown.plan(engine, plan, queries.generation_of(plan) if plan.is_running else None, {})
