"""Threads, messages and workflow runs in the form of dialect 3."""

from collections.abc import Mapping
from datetime import datetime

from webapp.api.dialects.threads.schemas import Thread, ThreadMessage, WorkflowState
from webapp.api.sources import source_answers
from webapp.chat import queries
from webapp.chat.tables import Chat, Message
from webapp.db import utc_now
from webapp.engine.engine import the_engine
from webapp.workflows.record import definition_of
from webapp.workflows.shown import question
from webapp.workflows.tables import WorkflowRun


def shown_thread(chat: Chat, workflows: Mapping[str, str]) -> Thread:
    """Returns a chat as a thread; `workflows` maps the ids of chats to the workflows that lead them."""
    status = "archived" if chat.archived_at else "active"
    times = {"createdAt": iso(chat.created_at), "updatedAt": iso(chat.changed_at)}
    return Thread(id=chat.id, title=chat.title, workflow=workflows.get(chat.id), status=status, **times)


def shown_message(message: Message, **otherwise: str) -> ThreadMessage:
    content = queries.text_so_far(the_engine(), message) if message.role == "assistant" else message.content
    sources = [each.model_dump() for each in source_answers(message.sources)]
    fields = {"content": content, **otherwise}
    return ThreadMessage(id=message.id, role=message.role, createdAt=iso(message.created_at), sources=sources, **fields)


def workflow_state(run: WorkflowRun) -> WorkflowState:
    """Returns the state of a run, with the question it waits on."""
    definition, place = definition_of(run), run.place
    step = definition.by_id.get(place.step) if not place.has_ended else None
    due = question(run, definition, place) if step and place.status == "waiting" else None
    return WorkflowState(
        runId=run.id,
        workflow=run.slug,
        status=place.status,
        step=step.id if step else None,
        ask=due.ask if due else "",
        options=list(due.options) if due else [],
        slots=dict(place.slots),
    )


def now() -> str:
    return iso(utc_now())


def iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
