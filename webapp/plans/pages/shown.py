"""Plans as pages show them: sections, cards and tasks, for any plan type."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from webapp.base.db import db, utc_now
from webapp.base.languages import gettext as _, lowered, ngettext
from webapp.engine.costs import cost
from webapp.engine.engine import Engine, the_engine
from webapp.engine.generation_text import notice_lines
from webapp.engine.tables import Generation
from webapp.models.connections.models import the_models
from webapp.plans import queries
from webapp.plans.pages.parts import Editing, PartsBuilder, PlanCard, PlanSection
from webapp.plans.plan_about import PlanAbout
from webapp.plans.tables import Plan
from webapp.plans.types.schema import at, expected, label, main_list, missing, sections, value_at
from webapp.plans.writing.plan_prompt import PlanPrompt
from webapp.plans.writing.projection import PlanPace, PlanProjection, time_left
from webapp.streaming.broadcaster import Cursor
from webapp.web.addresses import address
from webapp.workspace.home.open_work_shown import OpenWork
from webapp.workspace.page.answer_shown import pace

# Errors that streaming can cause, or that an answer in one piece can avoid.
NOT_OF_WHOLE = {"cut", "stall", "error", "first_byte", "invalid"}


@dataclass(frozen=True, slots=True)
class ShownPlan:
    id: str
    title: str
    type: str
    status: str
    sections: tuple[PlanSection, ...]
    done: int
    total: int
    unit: str
    started_at: datetime | None
    left: str = ""
    is_running: bool = False
    can_change: bool = False
    can_finish: bool = False
    can_finish_whole: bool = False
    is_kept: bool = False
    error: str = ""
    notices: tuple[str, ...] = ()
    is_good: bool | None = None
    is_demo: bool = False
    receipt: str = ""
    pace: str = ""
    slug: str = ""
    generation_id: str = ""
    cursor: Cursor = ()
    again_of: str = ""

    @property
    def progress(self) -> str:
        if not self.total:
            return ""
        return _("%(unit)s %(done)s of %(total)s", unit=self.unit, done=min(self.done, self.total), total=self.total)

    @property
    def says(self) -> str:
        """What a screen reader announces on a change."""
        ended = {
            "completed": _("The plan is complete."),
            "partial": _("The plan ended early."),
            "failed": _("There is no plan."),
        }
        return self.progress if self.is_running else ended.get(self.status, "")

    @property
    def strip(self) -> str:
        """The text of the amber strip on a plan that is not complete."""
        if self.is_running or self.is_kept or self.status not in ("partial", "failed"):
            return ""
        saved = (
            _("Saved up to %(unit)s %(done)s of %(total)s.", unit=lowered(self.unit), done=self.done, total=self.total)
            if self.done
            else _("Everything finished so far is saved.")
        )
        return f"{self.error} {saved}" if self.status == "partial" or (self.can_finish and self.done) else self.error


def plan(
    engine: Engine, row: Plan, generation: Generation | None, inputs: Mapping[str, Any], *, editing: Editing | None = None
) -> ShownPlan:
    """Returns a plan to show, including what has been written so far."""
    broadcast = engine.logs.broadcast(generation) if generation and row.is_running else None
    content, notices = row.content, tuple(text for text, _ in notice_lines(generation.notices if generation else ()))
    cursor: Cursor = ()
    time_text = ""
    if broadcast and generation:
        content, cursor = broadcast.snapshot()
        projection = broadcast.projection
        assert isinstance(projection, PlanProjection)
        notices = tuple(projection.notices)
        time_text = time_left(projection, row.schema, pace_of(engine, row, generation))
    plan = from_content(row.about, content, inputs, frozenset(row.ticked), is_running=row.is_running, editing=editing)
    return replace(
        plan,
        id=row.id,
        slug=row.type,
        title=str(content.get("title") or row.title or plan.title),
        status=row.status,
        started_at=row.generation_started_at,
        left=time_text,
        is_running=row.is_running,
        can_change=not row.is_running and bool(row.content),
        # Without saved content, there is nothing to complete.
        can_finish=any(row.content.values()) and bool(missing(row.content, row.schema)),
        can_finish_whole=row.error_code in NOT_OF_WHOLE,
        is_kept=row.is_kept,
        error=row.error,
        notices=notices,
        is_good=row.is_good,
        is_demo=bool(generation and (generation.is_demo or generation.model_asked.startswith("demo/"))),
        receipt=_receipt(generation) if generation and not row.is_running else "",
        pace=pace([generation]) if generation and not row.is_running else "",
        generation_id=generation.id if broadcast and generation else "",
        cursor=cursor,
        again_of=row.again_of_id or "",
    )


def pace_of(engine: Engine, row: Plan, generation: Generation) -> PlanPace:
    """Returns what the progress of a plan's generation is measured by."""
    began, end = row.generation_started_at, generation.ended_at or utc_now()
    seconds = max(0.0, (end - began).total_seconds()) if began else 0.0
    usual = queries.usual_seconds(row, generation.model_asked) if row.is_running else None
    return PlanPace(PlanPrompt.from_record(generation.prompt).chars_before, engine.now() - seconds, usual)


def from_content(
    about: PlanAbout,
    content: Mapping[str, Any],
    inputs: Mapping[str, Any],
    ticked: frozenset[str] = frozenset(),
    *,
    is_running: bool = False,
    editing: Editing | None = None,
) -> ShownPlan:
    """Returns a plan to show from its content, which can be saved, in progress or an example."""
    maker = PartsBuilder(about, dict(content), dict(inputs), ticked, is_running, editing)
    parts = tuple(maker.section(name, part) for name, part in sections(about.get("plan", {})) if name != "title")
    return replace(_outline(about, content), sections=parts)


def _outline(about: PlanAbout, content: Mapping[str, Any]) -> ShownPlan:
    """Returns the properties shown above the sections of a plan."""
    schema = about.get("plan", {})
    maker = PartsBuilder(about, dict(content), {}, frozenset(), False)
    name = main_list(schema)
    value = value_at(content, name) if name else None
    done = len(value) if isinstance(value, list) else 0
    return ShownPlan(
        id="",
        title=str(content.get("title") or about.get("title", "")),
        type=str(about.get("title", "")),
        status="completed",
        sections=(),
        done=maker.finished(name, done),
        total=max(done, expected(schema)),
        unit=label((at(schema, name) or {}).get("items", {}), _("Part")),
        started_at=None,
    )


def row(engine: Engine, id: str) -> ShownPlan | None:
    """Returns the plan for a row of a list, or None if it no longer exists."""
    plan = db.session.get(Plan, id)
    return listed(engine, plan) if plan else None


def listed(engine: Engine, row: Plan) -> ShownPlan:
    """Returns a plan for lists: its title and its progress, without its content."""
    generation = queries.generation_of(row) if row.is_running else None
    if generation and (broadcast := engine.logs.broadcast(generation)):
        broadcast.catch_up()
        projection = broadcast.projection
        assert isinstance(projection, PlanProjection)
        plan, content = progress(row.about, projection), projection.draft.value
    else:
        plan, content = _outline(row.about, row.content), row.content
    return replace(
        plan,
        id=row.id,
        slug=row.type,
        title=str(content.get("title") or row.title or plan.title),
        status=row.status,
        is_running=row.is_running,
        can_finish=any(row.content.values()) and bool(missing(row.content, row.schema)),
        is_kept=row.is_kept,
        error=row.error,
    )


def progress(about: PlanAbout, projection: PlanProjection) -> ShownPlan:
    """Returns the progress of a plan that is being written, without rendering or counting its content again."""
    total = max(projection.made, expected(about["plan"]))
    return replace(_outline(about, {}), done=projection.done, total=total, is_running=True)


def card(about: PlanAbout, content: Mapping[str, Any], inputs: Mapping[str, Any], path: str) -> PlanCard:
    """Returns a card of a plan that is being written."""
    return PartsBuilder(about, dict(content), dict(inputs), frozenset(), True).card(path)


def section(about: PlanAbout, content: Mapping[str, Any], name: str) -> PlanSection | None:
    """Returns a section of a plan that is being written."""
    part = at(about["plan"], name)
    return PartsBuilder(about, dict(content), {}, frozenset(), True).section(name, part) if part else None


def _receipt(generation: Generation) -> str:
    """Returns the model that wrote the plan last, how long it took, its tokens and its cost, as far as known."""
    parts = [the_models().display_name(generation.model, generation.connection)]
    if generation.started_at and generation.ended_at:
        parts.append(f"{(generation.ended_at - generation.started_at).total_seconds():.0f} s")
    if generation.output_tokens is not None:
        parts.append(ngettext("%(num)s token", "%(num)s tokens", generation.output_tokens))
    return " · ".join(filter(None, (*parts, cost([generation]))))


def open_work(owner_id: str, limit: int) -> list[OpenWork]:
    """Returns the plans that the home page shows: those being written, and those to be finished."""
    plans = [listed(the_engine(), row) for row in queries.open_plans(owner_id, limit)]
    return [
        OpenWork(
            plan.title,
            address("plans.show", plan.id),
            (plan.progress or _("being written")) if plan.is_running else _("not finished"),
            is_running=plan.is_running,
        )
        for plan in plans
    ]
