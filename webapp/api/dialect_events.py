"""The grammars of the event streams of dialects 1 to 4 and of the OpenAI-compatible door."""

from typing import Any, Literal

from pydantic import BaseModel

from webapp.api.grammars import Grammar, register
from webapp.api.schemas.dialects import Notice, ThreadMessage
from webapp.api.schemas.door import CompletionUsage, DoorError


class State(BaseModel):
    isStreaming: bool
    partialMessage: str
    streamId: str | None
    seq: int


class Chunk(BaseModel):
    content: str
    streamId: str
    seq: int


class Saved(BaseModel):
    messageId: str
    role: str


class RoleplayError(BaseModel):
    code: str
    message: str
    retryable: bool


class End(BaseModel):
    status: Literal["completed", "stopped", "interrupted", "failed"]
    streamId: str
    messageId: str


class Block(BaseModel):
    n: int
    html: str


class QuickPiece(BaseModel):
    content: str
    blocks: list[Block] | None = None


class QuickUsage(BaseModel):
    inputTokens: int | None
    outputTokens: int | None
    cost: str | None


class Complete(BaseModel):
    status: Literal["completed", "stopped", "failed"]
    chatId: str
    messageId: str
    usage: QuickUsage | None
    demo: bool
    notices: list[Notice]
    blocks: list[Block] | None = None


class PlainError(BaseModel):
    error: str
    code: str


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


class SessionInfo(BaseModel):
    type: Literal["session_info"]
    session_id: str
    status: Literal["processing"]


class Token(BaseModel):
    type: Literal["token"]
    content: str


class Told(BaseModel):
    type: Literal["done"]
    message: str


class Warned(BaseModel):
    type: Literal["warning"]
    message: str
    code: str


class AssistantError(BaseModel):
    type: Literal["error"]
    message: str
    code: str


class ResponseSaved(BaseModel):
    type: Literal["response_saved"]
    message_id: str
    processing_time_ms: int
    sources: list[dict[str, Any]]


class StreamEnd(BaseModel):
    type: Literal["stream_end"]


class ChunkDelta(BaseModel):
    role: Literal["assistant"] | None = None
    content: str | None = None


class ChunkChoice(BaseModel):
    index: int
    delta: ChunkDelta
    logprobs: None
    finish_reason: str | None


class CompletionChunk(BaseModel):
    id: str
    object: Literal["chat.completion.chunk"]
    created: int
    model: str
    choices: list[ChunkChoice]
    usage: CompletionUsage | None = None


ROLEPLAY = register(
    "roleplay",
    Grammar(
        order="state (state? saved? (chunk|notice)* error? saved? end)*",
        events={
            "state": State,
            "chunk": Chunk,
            "notice": Notice,
            "saved": Saved,
            "error": RoleplayError,
            "end": End,
        },
        sentence="The text of a `state` and all `chunk`s after it are the stored text when `end` comes.",
        end="A chat's stream stays open for what is written next; the stream of a message is closed after `end`.",
    ),
)
QUICK = register(
    "quick",
    Grammar(
        order="message* error? complete",
        events={"message": QuickPiece, "error": PlainError, "complete": Complete},
        sentence="All `content`s are the stored text, which is Markdown; `blocks` are its finished parts as sanitised HTML.",
    ),
)
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
        sentence="Each event is an object of `type`, `data` and `timestamp`.",
        is_named=False,
    ),
)
ASSISTANT = register(
    "assistant",
    Grammar(
        order="session_info (token|warning)* (done|error) response_saved? stream_end",
        events={
            "session_info": SessionInfo,
            "token": Token,
            "warning": Warned,
            "done": Told,
            "error": AssistantError,
            "response_saved": ResponseSaved,
            "stream_end": StreamEnd,
        },
        sentence="Each event is a flat object with its `type`.",
        is_named=False,
    ),
)
OPENAI = register(
    "openai",
    Grammar(
        order="chunk* error?",
        events={"chunk": CompletionChunk, "error": DoorError},
        sentence="As OpenAI's own: objects without a type, an object with `error` when it breaks off, and `[DONE]` at the end.",
        is_named=False,
        texts=("[DONE]",),
    ),
)
