"""Generations and their events. Pure."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from webapp.api.schemas.base import Answer, Query

Status = Literal["queued", "running", "completed", "stopped", "interrupted", "failed"]
Position = "The `id:` of the last event that was seen; its header `Last-Event-ID` counts before this."


class GenerationAnswer(Answer):
    """One use of a model. What nobody knows is null, never 0."""

    id: str
    chat_id: str
    message_id: str | None
    continues_id: str | None
    status: Status
    reason: str
    error: str
    model_asked: str
    model_used: str
    provider: str
    is_demo: bool
    notices: list[dict[str, Any]]
    attempts: list[dict[str, Any]]
    input_tokens: int | None
    output_tokens: int | None
    cost: str | None = Field(description="US dollars, as decimal text.")
    created_at: datetime
    started_at: datetime | None
    first_text_at: datetime | None
    ended_at: datetime | None


class EventsQuery(Query):
    after: str = Field("", description=Position, max_length=40)
    ticket: str = Field("", description="From a `streamUrl`, in place of a header.", max_length=200)


class SnapshotEvent(Answer):
    """Everything said up to here: the position that was asked for is gone. What was read before is thrown away."""

    generation_id: str
    message_id: str
    chat_id: str
    status: str
    seq: int
    text: str
    reasoning: str


class StartedEvent(Answer):
    model: str
    provider: str
    demo: bool


class PhaseEvent(Answer):
    name: Literal["thinking", "responding", "saving"]


class DeltaEvent(Answer):
    text: str


class ReasoningEvent(Answer):
    text: str


class SourcesEvent(Answer):
    items: list[dict[str, Any]]


class NoticeEvent(Answer):
    code: str
    message: str
    detail: str


class UsageEvent(Answer):
    input_tokens: int | None
    output_tokens: int | None
    cost: str | None
    model: str
    upstream_id: str


class SavedEvent(Answer):
    what: str
    id: str
    role: str


class FailedEvent(Answer):
    code: str
    message: str
    retryable: bool


class EndedEvent(Answer):
    status: Literal["completed", "stopped", "interrupted", "failed"]
    reason: str


CANONICAL: dict[str, type[Answer]] = {
    "snapshot": SnapshotEvent,
    "started": StartedEvent,
    "phase": PhaseEvent,
    "delta": DeltaEvent,
    "reasoning": ReasoningEvent,
    "sources": SourcesEvent,
    "notice": NoticeEvent,
    "usage": UsageEvent,
    "saved": SavedEvent,
    "failed": FailedEvent,
    "ended": EndedEvent,
}
