"""Threads, messages and workflow runs in the form of dialect 3: request bodies, responses and events."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from webapp.api.authors import Author, authors_of
from webapp.api.schemas import Grammar, Query, register, shape
from webapp.api.sources import source_answers_by_message
from webapp.base import topic_names
from webapp.base.db import utc_now
from webapp.base.heavy.turns import by_turns
from webapp.base.untrusted_json import JsonObject
from webapp.chat.record import queries
from webapp.chat.record.tables import Chat, Message
from webapp.engine import generations
from webapp.engine.engine import the_engine
from webapp.guests.dialects.schemas import DialectNotice, DialectRequest, DialectResponse, Id, PlainError, Reason, Said
from webapp.workflows.running.record import definition_of
from webapp.workflows.shown import question
from webapp.workflows.tables import WorkflowRun

# Clients of this dialect show whole threads and don't ask for pages.
MOST_MESSAGES = 1_000


class NewThread(DialectRequest):
    title: Annotated[str, Field(max_length=200)] | None = None
    workflow: str | None = None


class Thread(DialectResponse):
    id: str
    title: str
    workflow: str | None
    status: str
    createdAt: str
    updatedAt: str


class OneThread(DialectResponse):
    thread: Thread


class Threads(DialectResponse):
    threads: list[Thread]


class ThreadMessage(DialectResponse):
    id: str
    role: str
    content: str
    createdAt: str
    sources: list[JsonObject]
    author: Author | None = Field(description="Who wrote it, or edited this answer; null for a model's text.")


class ThreadMessages(DialectResponse):
    messages: list[ThreadMessage]
    nextBefore: str | None


class ThreadPage(Query):
    """Query parameters of a page of messages. Not strict: in a URL, all values are text."""

    before: Id = ""
    limit: Annotated[int, Field(ge=1, le=MOST_MESSAGES)] = MOST_MESSAGES


class ThreadContent(DialectRequest):
    content: Said


class WorkflowState(DialectResponse):
    """The state of the run in a thread; `status` is `waiting` whenever it waits for the person's answer."""

    runId: str
    workflow: str
    status: Literal["running", "waiting", "paused", "completed", "cancelled", "failed"]
    step: str | None
    ask: str
    options: list[str]
    slots: JsonObject


class ThreadEventsQuery(Query):
    after: Annotated[str, Field(max_length=80, description="The `id:` of the last event received; the header goes before.")] = ""


class ThreadAnswer(DialectResponse):
    response: str = Field(description="In a workflow, everything that was said since, with empty lines between.")
    message: ThreadMessage
    workflow: WorkflowState | None = None
    status: str
    reason: Reason
    notices: list[DialectNotice]


SENT = (
    ("connected", "Connected", shape("Connected", threadId=str)),
    ("message_saved", "MessageSaved", shape("MessageSaved", message=ThreadMessage)),
    (
        "ai_response",
        "AiResponse",
        shape(
            "AiResponse",
            content=str,
            isComplete=bool,
            accumulated=(str | None, None),
            sources=(list[JsonObject] | None, None),
        ),
    ),
    ("workflow_status", "WorkflowStatus", WorkflowState),
    ("workflow_complete", "WorkflowComplete", shape("WorkflowComplete", message=str, slots=JsonObject)),
    ("error", "ThreadError", PlainError),
    ("done", "Done", shape("Done", success=bool, stopped=bool, messageId=str, notices=list[DialectNotice])),
)
THREADS = register(
    "threads",
    Grammar(
        order="connected (message_saved|workflow_status|ai_response)* (workflow_complete|error)? done",
        events={kind: shape(f"{name}Event", timestamp=str, type=Literal[kind], data=data) for kind, name, data in SENT},
        sentence=(
            "Each event is an object with `type`, `data` and `timestamp`. Outside of workflows: `connected`, `message_saved`, "
            "`ai_response`s, then the last of them or `error`, then `done`. In a workflow everything that is said has its own "
            "`message_saved` and `ai_response`s, the last with `isComplete: true`."
        ),
        is_named=False,
    ),
)


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
    are_answers = any(row.role == "assistant" for row in rows)
    running = generations.active_generation(topic_names.of_chat(rows[0].chat_id)) if are_answers else None
    written_id = running.message_id if running else None
    return [
        ThreadMessage(
            id=row.id,
            role=row.role,
            createdAt=iso(row.created_at),
            sources=[source.model_dump() for source in sources.get(row.id, [])],
            author=authors.get(row.id),
            **{"content": queries.text_so_far(engine, row) if row.id == written_id else row.content, **otherwise},
        )
        for row in by_turns(rows)
    ]


def workflow_state(run: WorkflowRun) -> WorkflowState:
    """Returns the state of a run, with the question it waits on."""
    definition, state = definition_of(run), run.current_state
    step = definition.by_id.get(state.step) if not state.has_ended else None
    due = question(run, definition, state) if step and state.status == "waiting" else None
    return WorkflowState(
        runId=run.id,
        workflow=run.slug,
        status=state.status,
        step=step.id if step else None,
        ask=due.ask if due else "",
        options=list(due.options) if due else [],
        slots=dict(state.slots),
    )


def now() -> str:
    return iso(utc_now())


def iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
