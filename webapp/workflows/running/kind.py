"""The kind of generation for answers in workflows: like those of chats, but the run continues when they end."""

from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.base import topic_names
from webapp.base.database import rows
from webapp.base.db import db
from webapp.chat import kind as chat
from webapp.chat.page.projection import AnswerProjection
from webapp.chat.record.tables import Chat, Message
from webapp.engine.engine import the_engine
from webapp.engine.kinds import GenerationFacts
from webapp.engine.tables import Generation
from webapp.streaming.transcript import Transcript
from webapp.workflows import queries
from webapp.workflows.running import handover, model_calls, runs
from webapp.workflows.running.record import locked_run, record
from webapp.workflows.state import MODEL_ANSWERED, MODEL_FAILED, Event
from webapp.workflows.tables import WorkflowRun

NOTHING = "The model answered nothing."


def lock_run(session: Session, generation: GenerationFacts) -> None:
    """Locks the run, then its chat: the same order as in the next step, which avoids a deadlock."""
    if id := _run_id(session, generation):
        rows.locked(session, WorkflowRun, id)
    chat.lock_chat(session, generation)


def finish(session: Session, generation: Generation, transcript: Transcript, picture: AnswerProjection | None) -> None:
    """Saves the answer and advances the run in one transaction, so that neither is stored without the other."""
    chat.finish(session, generation, transcript, picture)
    if not (id := _run_id(session, generation)):
        return
    run = locked_run(session, id)
    text = session.scalar(select(Message.content).where(Message.id == generation.message_id)) or ""
    if generation.status in ("completed", "stopped") and text.strip():
        run.message_id = None
        record(session, run, Event(MODEL_ANSWERED, text[:4_000], run.place.step))
        return
    is_aside = run.is_due and run.place.is_aside
    if is_aside and not text.strip():
        _leave_out(session, generation)
    record(session, run, Event(MODEL_FAILED, why_failed(generation, generation.error or NOTHING)))
    if is_aside:
        # A failed side question is not asked again.
        run.message_id = None


def why_failed(generation: Generation, why: str) -> str:
    """Returns why a model wrote nothing; empty if a person stopped it."""
    return "" if generation.status == "stopped" else why


def _run_id(session: Session, generation: GenerationFacts) -> str | None:
    of_chat = WorkflowRun.chat_id == topic_names.chat_in(generation.lane)
    id: str | None = session.scalar(select(WorkflowRun.id).where(of_chat, WorkflowRun.message_id == generation.message_id))
    return id


def _leave_out(session: Session, generation: Generation) -> None:
    """Resets the chat's head to the question, because the answer is empty; the run shows the reason."""
    message = session.get_one(Message, generation.message_id)
    chat = session.get_one(Chat, message.chat_id, populate_existing=True)
    if chat.head_id == message.id:
        chat.head_id = message.parent_id
        session.flush()


def changed(generation: Generation) -> None:
    """Notifies open pages, and starts the next answer if it is a model's turn."""
    chat.changed(generation)
    run = queries.run_of(generation.chat_id)
    if run:
        handover.notify_group(run)
    if run and run.is_due:
        model_calls.call_after(the_engine(), generation.id, run.id)


def continue_interrupted(generation: Generation) -> None:
    """Resumes a run that a restart interrupted."""
    run = queries.run_of(generation.chat_id)
    if run and run.message_id == generation.message_id and run.status == "paused":
        runs.happen(run, Event("resume"))


def recover() -> None:
    """Starts the answers that were due when a process ended before it had called the model."""
    for id in queries.due():
        model_calls.call_if_due(id)
        db.session.rollback()


WORKFLOW = replace(
    chat.CHAT,
    name=runs.KIND,
    words="Workflows",
    finish=finish,
    changed=changed,
    continue_interrupted=continue_interrupted,
    recover=recover,
    lock=lock_run,
)
