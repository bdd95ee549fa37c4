"""The kind of generation for plans."""

import logging

from sqlalchemy import Connection, bindparam, select, update
from sqlalchemy.orm import Session

from webapp.base import changes, topic_names
from webapp.base.database import rows
from webapp.base.database.statements import Prepared
from webapp.base.db import db, utc_now
from webapp.base.untrusted_json import JsonObject
from webapp.engine.generation_text import GenerationText, started_of
from webapp.engine.kinds import GenerationFacts, Kind
from webapp.engine.tables import Generation
from webapp.plans.export import as_json
from webapp.plans.queries import plan_of
from webapp.plans.tables import Plan
from webapp.plans.types import validation
from webapp.plans.types.schema import is_within
from webapp.plans.writing import quota
from webapp.plans.writing.ending import ParsedPlan, PlanEnding, ending, kept, repaired
from webapp.plans.writing.plan_prompt import PlanPrompt
from webapp.plans.writing.projection import PlanProjection
from webapp.streaming.events import AttemptRecord, Saved
from webapp.streaming.failure import MISTAKES
from webapp.streaming.transcript import Transcript

log = logging.getLogger("plan:kind")

TABLE = rows.table(Plan)
WRITTEN_BY = select(TABLE.c.id).where(
    TABLE.c.id == bindparam("which"), TABLE.c.generation_id == bindparam("of"), TABLE.c.status == "generating"
)
# Without waiting for a plan that is locked on PostgreSQL: the same transaction journals all other answers.
SAVE_TEXT = Prepared(
    update(TABLE).where(TABLE.c.id.in_(WRITTEN_BY.with_for_update(skip_locked=True))).values(partial_content=bindparam("text"))
)
UNREAD = validation.PlanFault("", "can't be read")


def projection(facts: GenerationFacts) -> PlanProjection:
    validation.load()
    generation = db.session.get_one(Generation, facts.id)
    plan, prompt = plan_of(generation), PlanPrompt.from_record(generation.prompt)
    schema = plan.schema if plan else {}
    return PlanProjection(schema, prompt.there, prompt.paths, validation.is_valid)


def finish(session: Session, generation: Generation, transcript: Transcript, projection: PlanProjection | None) -> None:
    """Saves the valid part of the plan, sets its status and settles its quota.

    If that fails, the plan stays as it was, and the model's text is kept as its partial text.
    """
    plan = session.get(Plan, topic_names.plan_in(generation.lane))
    if plan is None:
        # The plan was deleted while it was being written.
        return
    result, value = _read(plan, generation, projection)
    end = _take(plan, generation, result, value, transcript.text)
    plan.chars += projection.draft.chars if projection else transcript.chars
    quota.settle(session, plan)
    steps = (*result.steps, *(() if end.status == "completed" else ("kept",)))
    taken = [AttemptRecord(how=step, model=generation.model_asked, code="mended", message="") for step in steps]
    generation.attempts = [*generation.attempts, *taken]


def save_text(connection: Connection, facts: GenerationFacts, text: str) -> None:
    """Saves the model's text while it is being written."""
    SAVE_TEXT.run(connection, {"which": topic_names.plan_in(facts.lane), "of": facts.id, "text": text})


def saved(generation: Generation) -> list[Saved]:
    plan = plan_of(generation)
    return [Saved("plan", plan.id, "assistant")] if plan else []


def changed(generation: Generation) -> None:
    if plan := plan_of(generation):
        announce(plan)


def saved_text(generation: Generation) -> GenerationText | None:
    """Returns the plan's text while it is incomplete, else the plan; empty for a generation that another one has continued."""
    if not (plan := plan_of(generation)):
        return None
    return GenerationText(started_of(generation), text_of(plan) if plan.generation_id == generation.id else "")


def text_of(plan: Plan) -> str:
    """Returns the model's text while the plan is incomplete, else the plan as JSON; empty if there is neither."""
    return plan.partial_content or (as_json(plan.content) if plan.content else "")


def announce(plan: Plan) -> None:
    """Notifies every open page of the plan, and its owner's lists."""
    changes.notify(plan.lane, "plan", plan.id)
    changes.notify_person(plan.owner_id, "plan", plan.id)


def _read(plan: Plan, generation: Generation, projection: PlanProjection | None) -> tuple[ParsedPlan, JsonObject]:
    """Parses the model's text; returns the result, and the part of it that is saved."""
    try:
        if projection:
            result = repaired(projection.draft, plan.schema)
            return result, result.value if result.is_complete else kept(result, plan.schema)
    except MISTAKES:
        log.exception("what was said for the plan %s can't be read and is kept as text", plan.id)
    there = PlanPrompt.from_record(generation.prompt).there
    return ParsedPlan(there, (UNREAD,), ()), there


def _take(plan: Plan, generation: Generation, result: ParsedPlan, value: JsonObject, text: str) -> PlanEnding:
    end = ending(generation.status, generation.reason, generation.error, result, value)
    plan.content, plan.status, plan.error_code, plan.error = value, end.status, end.code, end.message
    plan.partial_content = None if end.status == "completed" else text
    plan.title = str(value.get("title") or plan.title)[:200]
    anew = PlanPrompt.from_record(generation.prompt).paths
    plan.ticked = [task for task in plan.ticked if not any(is_within(task, path) for path in anew)]
    plan.is_kept, plan.changed_at = False, utc_now()
    return end


def plan_now(plan_id: str) -> Plan | None:
    """Reads the plan from the database again."""
    return db.session.get(Plan, plan_id, populate_existing=True)


PLAN = Kind(
    name="plan",
    words="Plans",
    projection=projection,
    finish=finish,
    saved=saved,
    changed=changed,
    text=saved_text,
    priced=changed,
    save_text=save_text,
)
