"""Request bodies, responses and events of dialect 1."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from webapp.api.dialects.schemas import DialectRequest, DialectResponse, Id, Notice, Said
from webapp.api.grammars import Grammar, register
from webapp.api.schemas import AnyId, Query


class UserMessage(DialectRequest):
    chatSessionId: Id
    message: Said


class StreamQuery(Query):
    generation: AnyId = Field("", description="The only answer to tell, whole; empty for what the chat says from now on.")
    after: str = Field(
        "", description="A `Last-Event-ID` for clients that can't send headers; 0: from the last answer's start.", max_length=64
    )
    ticket: str = Field("", description="From a `streamUrl`, instead of a header.", max_length=200)


class StreamBegun(DialectResponse):
    streamId: str
    userMessageId: str
    chatSessionId: str
    streamUrl: str


class StreamStatus(DialectResponse):
    chatSessionId: str
    isStreaming: bool
    partialMessage: str
    streamId: str | None
    streamUrl: str
    status: str


class StreamCancelled(DialectResponse):
    streamId: str | None
    status: str


class KeyStatus(DialectResponse):
    configured: bool
    source: str
    last4: str


class KeyValue(DialectRequest):
    value: Annotated[str, Field(min_length=1, max_length=1000)]


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
        sentence="At `end`, the text of `state` plus all `chunk`s after it equals the stored text.",
        end="A chat's stream stays open for later messages; a stream of one answer closes after `end`.",
    ),
)
