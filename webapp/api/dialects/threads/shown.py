"""Threads, messages and workflow runs in the form of dialect 3."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from webapp.api.authors import authors_of
from webapp.api.dialects.threads.schemas import Thread, ThreadMessage, WorkflowState
from webapp.api.sources import source_answers_by_message
from webapp.base import topic_names
from webapp.base.db import utc_now
from webapp.base.heavy.turns import by_turns
from webapp.chat.record import queries
from webapp.chat.record.tables import Chat, Message
from webapp.engine import service as generations
from webapp.engine.engine import the_engine
from webapp.workflows.running.record import definition_of
from webapp.workflows.shown import question
from webapp.workflows.tables import WorkflowRun


def shown_thread(chat: Chat, workflows: Mapping[str, str]) -> Thread:
    """Returns a chat as a thread; `workflows` maps the ids of chats to the workflows that lead them."""
    status = "archived" if chat.archived_at else "active"
    times = {"createdAt": iso(chat.created_at), "updatedAt": iso(chat.changed_at)}
    return Thread(id=chat.id, title=chat.title, workflow=workflows.get(chat.id), status=status, **times)


def shown_message(message: Message, **otherwise: str) -> ThreadMessage:
    return shown_messages([message], **otherwise)[0]


def shown_messages(rows: Sequence[Message], **otherwise: str) -> list[ThreadMessage]:
    """Returns messages of a chat with the text written so far; `otherwise` replaces fields of all of them."""
    engine, authors, sources = the_engine(), authors_of(rows), source_answers_by_message(rows)
    are_answers = any(each.role == "assistant" for each in rows)
    running = generations.running_in(topic_names.of_chat(rows[0].chat_id)) if are_answers else None
    written_id = running.message_id if running else None
    return [
        ThreadMessage(
            id=each.id,
            role=each.role,
            createdAt=iso(each.created_at),
            sources=[source.model_dump() for source in sources.get(each.id, [])],
            author=authors.get(each.id),
            **{"content": queries.text_so_far(engine, each) if each.id == written_id else each.content, **otherwise},
        )
        for each in by_turns(rows)
    ]


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
