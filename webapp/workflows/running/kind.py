"""The kinds of generation in workflows: like answers in chats and like plans, but the run continues when they end."""

from dataclasses import replace
from functools import partial

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from webapp.base import topic_names
from webapp.base.database import rows
from webapp.base.db import db
from webapp.chat import kind as chat_kind
from webapp.chat.attachments.answer_pictures import with_pictures
from webapp.chat.calls.answering import source_with_tools
from webapp.chat.messages.projection import AnswerProjection
from webapp.chat.prompt.answer_prompt import request_of
from webapp.chat.record import announcements, paths
from webapp.chat.record.tables import Chat, Message
from webapp.engine import generations
from webapp.engine.engine import the_engine
from webapp.engine.kinds import GenerationFacts
from webapp.engine.live import EventSource
from webapp.engine.tables import Generation
from webapp.plans.tables import Plan
from webapp.plans.writing.kind import PLAN
from webapp.plans.writing.projection import PlanProjection
from webapp.streaming.transcript import Transcript
from webapp.workflows import queries
from webapp.workflows.definition.definition import Step
from webapp.workflows.running import model_calls, planning, service, tool_steps
from webapp.workflows.running.record import definition_of, locked_run, notify_group, record
from webapp.workflows.state import MODEL_ANSWERED, MODEL_FAILED, Event
from webapp.workflows.tables import WorkflowRun

NOTHING = "The model returned no text."
GONE = "The plan was deleted."
NOT_CALLED = "The tool couldn't be called."


def _lock_run(session: Session, generation: GenerationFacts) -> None:
    """Locks the run, then its chat: the same order as in the next step, which avoids a deadlock."""
    if id := _run_id(session, _has_answer(generation)):
        rows.locked(session, WorkflowRun, id)
    chat_kind.lock_chat(session, generation)


def _finish(session: Session, generation: Generation, transcript: Transcript, projection: AnswerProjection | None) -> None:
    """Saves the answer and advances the run in one transaction, so that neither is stored without the other."""
    chat_kind.finish(session, generation, transcript, projection)
    if not (id := _run_id(session, _has_answer(generation))):
        return
    run = locked_run(session, id)
    step = definition_of(run).by_id.get(run.current_state.step)
    if step and step.verb == "tool":
        _finish_call(session, run, step, generation)
        return
    text = session.scalar(select(Message.content).where(Message.id == generation.message_id)) or ""
    if generation.status in ("completed", "stopped") and text.strip():
        run.message_id = None
        record(session, run, Event(MODEL_ANSWERED, text[:4_000], run.current_state.step))
        return
    is_aside = run.is_due and run.current_state.is_aside
    if is_aside and not text.strip():
        _leave_out(session, generation)
    record(session, run, Event(MODEL_FAILED, _why_failed(generation, generation.error or NOTHING)))
    if is_aside:
        # A failed side question is not asked again.
        run.message_id = None


def _finish_call(session: Session, run: WorkflowRun, step: Step, generation: Generation) -> None:
    """Advances the run with what became of a step's call; one that is still open is gone on with in the same message."""
    if event := tool_steps.outcome(session, step, run.message_id or ""):
        run.message_id = None
        record(session, run, event)
    else:
        record(session, run, Event(MODEL_FAILED, _why_failed(generation, generation.error or NOT_CALLED)))


def _resume(generation: Generation, transcript: Transcript) -> EventSource:
    """Returns the source of an answer of a run that waited for a person, with the tools and limits of its step."""
    session, engine = db.session(), the_engine()
    message = session.get_one(Message, generation.message_id)
    chat, run = session.get_one(Chat, message.chat_id), queries.run_of(message.chat_id)
    # The run is there as long as its chat is.
    assert run
    step = model_calls.step_to_answer(run)
    if step.verb == "tool":
        return tool_steps.call_source(session, run, chat, message, generation, transcript)
    request = request_of(generation, paths.messages_within(session, message.id))
    person = generation.user_id or ""
    ladder = with_pictures(partial(generations.ladder, engine, person=person), engine, chat.id, person)
    ladder = model_calls.limited(step, ladder)
    tools = tool_steps.tools_for(session, chat, step)
    return source_with_tools(engine, chat, message, generation, request, ladder, transcript=transcript, tools=tools)


def _leave_out(session: Session, generation: Generation) -> None:
    """Resets the chat's head to the question, because the answer is empty; the run shows the reason."""
    message = session.get_one(Message, generation.message_id)
    chat = session.get_one(Chat, message.chat_id, populate_existing=True)
    if chat.head_id == message.id:
        chat.head_id = message.parent_id
        session.flush()


def _changed(generation: Generation) -> None:
    """Notifies open pages, and starts the next answer if it is a model's turn."""
    chat_kind.changed(generation)
    if run := queries.run_of(generation.chat_id):
        _go_on(run, generation)


def _continue_interrupted(generation: Generation) -> None:
    """Resumes a run that a restart interrupted."""
    run = queries.run_of(generation.chat_id)
    if run and run.message_id == generation.message_id and run.status == "paused":
        service.apply_event(run, Event("resume"))


def _recover() -> None:
    """Starts the answers that were due when a process ended before it had called the model."""
    for id in queries.due():
        model_calls.call_if_due(id)
        db.session.rollback()


def _lock_run_of_plan(session: Session, generation: GenerationFacts) -> None:
    """Locks the run first, as the next step does."""
    if id := _run_id(session, WorkflowRun.plan_id == topic_names.plan_in(generation.lane)):
        rows.locked(session, WorkflowRun, id)


def _finish_plan(session: Session, generation: Generation, transcript: Transcript, projection: PlanProjection | None) -> None:
    """Saves the plan and advances the run in one transaction; a plan that was stopped on purpose is kept as it is."""
    PLAN.finish(session, generation, transcript, projection)
    plan_id = topic_names.plan_in(generation.lane)
    if not (id := _run_id(session, WorkflowRun.plan_id == plan_id)):
        return
    run, plan = locked_run(session, id), session.get(Plan, plan_id)
    if plan is None:
        run.plan_id = None
        record(session, run, Event(MODEL_FAILED, GONE))
    elif plan.status == "completed" or (generation.status == "stopped" and any(plan.content.values())):
        plan.is_kept = plan.status != "completed"
        record(session, run, Event(MODEL_ANSWERED, planning.text_of(plan), run.current_state.step))
    else:
        record(session, run, Event(MODEL_FAILED, _why_failed(generation, plan.error)))


def _plan_changed(generation: Generation) -> None:
    """Notifies the pages of the plan and of the chat, and starts the next answer if it is a model's turn."""
    PLAN.changed(generation)
    if run := queries.run_with_plan(topic_names.plan_in(generation.lane)):
        announcements.announce(db.session.get_one(Chat, run.chat_id), "chat", run.chat_id)
        _go_on(run, generation)


def _continue_plan(generation: Generation) -> None:
    """Resumes a run that a restart interrupted."""
    run = queries.run_with_plan(topic_names.plan_in(generation.lane))
    if run and run.status == "paused":
        service.apply_event(run, Event("resume"))


def _has_answer(generation: GenerationFacts) -> ColumnElement[bool]:
    is_in_chat = WorkflowRun.chat_id == topic_names.chat_in(generation.lane)
    return is_in_chat & (WorkflowRun.message_id == generation.message_id)


def _run_id(session: Session, which: ColumnElement[bool]) -> str | None:
    id: str | None = session.scalar(select(WorkflowRun.id).where(which))
    return id


def _go_on(run: WorkflowRun, generation: Generation) -> None:
    notify_group(run)
    if run.is_due:
        model_calls.call_after(the_engine(), generation.id, run.id)


def _why_failed(generation: Generation, why: str) -> str:
    """Returns why a model wrote nothing; empty if a person stopped it."""
    return "" if generation.status == "stopped" else why


WORKFLOW = replace(
    chat_kind.CHAT,
    name=service.KIND,
    words="Workflows",
    finish=_finish,
    changed=_changed,
    continue_interrupted=_continue_interrupted,
    resume=_resume,
    recover=_recover,
    lock=_lock_run,
)
WORKFLOW_PLAN = replace(
    PLAN,
    name=planning.KIND,
    words="Plans in workflows",
    finish=_finish_plan,
    changed=_plan_changed,
    continue_interrupted=_continue_plan,
    lock=_lock_run_of_plan,
)
