"""What clients of dialect 3 send, get and hear, field by field."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from webapp.api.dialects.schemas import Given, Id, Notice, PlainError, Said, Taken
from webapp.api.grammars import Grammar, register


class NewThread(Taken):
    title: Annotated[str, Field(max_length=200)] | None = None
    workflow: str | None = None


class Thread(Given):
    id: str
    title: str
    workflow: str | None
    status: str
    createdAt: str
    updatedAt: str


class OneThread(Given):
    thread: Thread


class Threads(Given):
    threads: list[Thread]


class ThreadMessage(Given):
    id: str
    role: str
    content: str
    createdAt: str
    sources: list[dict[str, Any]]


class ThreadMessages(Given):
    messages: list[ThreadMessage]
    nextBefore: str | None


class ThreadPage(BaseModel):
    """Read from an address, where everything is text."""

    before: Id = ""
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class ThreadContent(Taken):
    content: Said


class ThreadAnswer(Given):
    response: str
    message: ThreadMessage
    workflow: None = None
    status: str
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


class ThreadErrorEvent(ThreadEvent):
    type: Literal["error"]
    data: PlainError


class DoneEvent(ThreadEvent):
    type: Literal["done"]
    data: Done


THREADS = register(
    "threads",
    Grammar(
        order="connected message_saved ai_response* (ai_response|error) done",
        events={
            "connected": ConnectedEvent,
            "message_saved": MessageSavedEvent,
            "ai_response": AiResponseEvent,
            "error": ThreadErrorEvent,
            "done": DoneEvent,
        },
        sentence="Each event is an object with `type`, `data` and `timestamp`.",
        is_named=False,
    ),
)
