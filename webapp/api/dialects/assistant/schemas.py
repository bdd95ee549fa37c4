"""Request bodies, responses and events of dialect 4."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from webapp.api.dialects.schemas import DialectRequest, DialectResponse, Id, Notice, Reason, Said
from webapp.api.grammars import Grammar, register

# How many earlier messages are sent to the model if the client does not specify a number.
USUAL_LIMIT = 10


class AssistantMessage(DialectRequest):
    message: Said
    session_id: Annotated[
        Id | None, Field(description="Of one that doesn't exist, or isn't the caller's, a new one is begun.")
    ] = None
    context_limit: Annotated[int | None, Field(ge=0, le=200, description="Earlier messages to send; null: 10.")] = USUAL_LIMIT


class AssistantAnswer(DialectResponse):
    session_id: str
    message_id: str
    content: str
    chunks: int
    processing_time_ms: int
    model_used: str = Field(description="The model that answered, by its id in `GET /api/v1/models`.")
    model_name: str = Field(description="Its name, as pages show it.")
    fallback_used: bool
    sources: list[dict[str, Any]]
    status: str
    reason: Reason
    notices: list[Notice]
    prompt: str = Field(description="The prompts that led the answer, such as `version 3 of assistant.trading, arm B`.")


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
