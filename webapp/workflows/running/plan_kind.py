"""The kind of generation for plans in workflows: like other plans, but the run continues when they end."""

from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.base import topic_names
from webapp.base.database import rows
from webapp.base.db import db
from webapp.chat.record import announcements
from webapp.chat.record.tables import Chat
from webapp.engine.engine import the_engine
from webapp.engine.kinds import GenerationFacts
from webapp.engine.tables import Generation
from webapp.plans.tables import Plan
from webapp.plans.writing.kind import PLAN
from webapp.plans.writing.projection import PlanProjection
from webapp.streaming.transcript import Transcript
from webapp.workflows import queries
from webapp.workflows.running import handover, model_calls, planning, runs
from webapp.workflows.running.kind import why_failed
from webapp.workflows.running.record import locked_run, record
from webapp.workflows.state import MODEL_ANSWERED, MODEL_FAILED, Event
from webapp.workflows.tables import WorkflowRun

GONE = "The plan was deleted."


def lock_run(session: Session, generation: GenerationFacts) -> None:
    """Locks the run first, as the next step does."""
    if id := _run_id(session, topic_names.plan_in(generation.lane)):
        rows.locked(session, WorkflowRun, id)


def finish(session: Session, generation: Generation, transcript: Transcript, picture: PlanProjection | None) -> None:
    """Saves the plan and advances the run in one transaction; a plan that was stopped on purpose is kept as it is."""
    PLAN.finish(session, generation, transcript, picture)
    plan_id = topic_names.plan_in(generation.lane)
    if not (id := _run_id(session, plan_id)):
        return
    run, plan = locked_run(session, id), session.get(Plan, plan_id)
    if plan is None:
        run.plan_id = None
        record(session, run, Event(MODEL_FAILED, GONE))
    elif plan.status == "completed" or (generation.status == "stopped" and any(plan.content.values())):
        plan.is_kept = plan.status != "completed"
        record(session, run, Event(MODEL_ANSWERED, planning.text_of(plan), run.place.step))
    else:
        record(session, run, Event(MODEL_FAILED, why_failed(generation, plan.error)))


def _run_id(session: Session, plan_id: str) -> str | None:
    id: str | None = session.scalar(select(WorkflowRun.id).where(WorkflowRun.plan_id == plan_id))
    return id


def changed(generation: Generation) -> None:
    """Notifies the pages of the plan and of the chat, and starts the next answer if it is a model's turn."""
    PLAN.changed(generation)
    if run := queries.run_with_plan(topic_names.plan_in(generation.lane)):
        announcements.announce(db.session.get_one(Chat, run.chat_id), "chat", run.chat_id)
        handover.notify_group(run)
        if run.is_due:
            model_calls.call_after(the_engine(), generation.id, run.id)


def continue_interrupted(generation: Generation) -> None:
    """Resumes a run that a restart interrupted."""
    run = queries.run_with_plan(topic_names.plan_in(generation.lane))
    if run and run.status == "paused":
        runs.happen(run, Event("resume"))


WORKFLOW_PLAN = replace(
    PLAN,
    name=planning.KIND,
    words="Plans in workflows",
    finish=finish,
    changed=changed,
    continue_interrupted=continue_interrupted,
    lock=lock_run,
)
