"""Request bodies, responses and events of dialect 3."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from webapp.api.authors import Author
from webapp.api.dialects.schemas import DialectRequest, DialectResponse, Id, Notice, PlainError, Reason, Said
from webapp.api.grammars import Grammar, register

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
    sources: list[dict[str, Any]]
    author: Author | None = Field(description="Who wrote it, or edited this answer; null for a model's text.")


class ThreadMessages(DialectResponse):
    messages: list[ThreadMessage]
    nextBefore: str | None


class ThreadPage(BaseModel):
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
    slots: dict[str, Any]


class EventsQuery(BaseModel):
    after: Annotated[str, Field(max_length=80, description="The `id:` of the last event received; the header goes before.")] = ""


class ThreadAnswer(DialectResponse):
    response: str = Field(description="In a workflow, everything that was said since, with empty lines between.")
    message: ThreadMessage
    workflow: WorkflowState | None = None
    status: str
    reason: Reason
    notices: list[Notice]


class Connected(BaseModel):
    threadId: str


class MessageSaved(BaseModel):
    message: ThreadMessage


class AiResponse(BaseModel):
    content: str
    isComplete: bool
    accumulated: str | None = None
    sources: list[dict[str, Any]] | None = None


class WorkflowComplete(BaseModel):
    message: str
    slots: dict[str, Any]


class Done(BaseModel):
    success: bool
    stopped: bool
    messageId: str
    notices: list[Notice]


class ThreadEvent(BaseModel):
    timestamp: str


class ConnectedEvent(ThreadEvent):
    type: Literal["connected"]
    data: Connected


class MessageSavedEvent(ThreadEvent):
    type: Literal["message_saved"]
    data: MessageSaved


class AiResponseEvent(ThreadEvent):
    type: Literal["ai_response"]
    data: AiResponse


class WorkflowStatusEvent(ThreadEvent):
    type: Literal["workflow_status"]
    data: WorkflowState


class WorkflowCompleteEvent(ThreadEvent):
    type: Literal["workflow_complete"]
    data: WorkflowComplete


class ThreadErrorEvent(ThreadEvent):
    type: Literal["error"]
    data: PlainError


class DoneEvent(ThreadEvent):
    type: Literal["done"]
    data: Done


THREADS = register(
    "threads",
    Grammar(
        order="connected (message_saved|workflow_status|ai_response)* (workflow_complete|error)? done",
        events={
            "connected": ConnectedEvent,
            "message_saved": MessageSavedEvent,
            "ai_response": AiResponseEvent,
            "workflow_status": WorkflowStatusEvent,
            "workflow_complete": WorkflowCompleteEvent,
            "error": ThreadErrorEvent,
            "done": DoneEvent,
        },
        sentence=(
            "Each event is an object with `type`, `data` and `timestamp`. Outside of workflows: `connected`, `message_saved`, "
            "`ai_response`s, then the last of them or `error`, then `done`. In a workflow everything that is said has its own "
            "`message_saved` and `ai_response`s, the last with `isComplete: true`."
        ),
        is_named=False,
    ),
)
