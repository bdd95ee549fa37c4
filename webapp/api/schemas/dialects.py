"""What the clients of dialects 1 to 4 send and get, field by field."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

MOST_CHARS = 32_000


def _trimmed(value: object) -> object:
    return value.strip() if isinstance(value, str) else value


Said = Annotated[
    str,
    BeforeValidator(_trimmed),
    Field(min_length=1, max_length=MOST_CHARS, description="1 to 32 000 characters after trimming."),
]
Id = Annotated[str, Field(max_length=64)]


class Taken(BaseModel):
    """What a client sends; fields that nobody here knows are left alone."""

    model_config = ConfigDict(strict=True, extra="ignore")


class Given(BaseModel):
    """What a client gets."""


class Notice(Given):
    code: str
    message: str


# Dialect 1


class UserMessage(Taken):
    chatSessionId: Id
    message: Said


class StreamBegun(Given):
    streamId: str
    userMessageId: str
    chatSessionId: str
    streamUrl: str


class StreamStatus(Given):
    chatSessionId: str
    isStreaming: bool
    partialMessage: str
    streamId: str | None
    streamUrl: str
    status: str


class StreamCancelled(Given):
    streamId: str | None
    status: str


class KeyStatus(Given):
    configured: bool
    source: str
    last4: str


class KeyValue(Taken):
    value: Annotated[str, Field(min_length=1, max_length=1000)]


# Dialect 2


class QuickMessage(Taken):
    message: Said
    chatId: Id | None = None
    model: Annotated[str, Field(max_length=200)] | None = None


class QuickAnswer(Given):
    response: str
    html: str
    chatId: str
    messageId: str
    model: str
    demo: bool
    status: str
    notices: list[Notice]


# Dialect 3


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


# Dialect 4


class AssistantMessage(Taken):
    message: Said
    session_id: Id | None = None
    context_limit: Annotated[int, Field(ge=0, le=200, description="Earlier messages that are sent.")] = 10


class AssistantAnswer(Given):
    session_id: str
    message_id: str
    content: str
    chunks: int
    processing_time_ms: int
    model_used: str
    fallback_used: bool
    sources: list[dict[str, Any]]
    status: str
    notices: list[Notice]
