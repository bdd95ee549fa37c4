"""Request bodies, responses and events of dialect 2."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from webapp.api.dialects.schemas import DialectRequest, DialectResponse, Id, Notice, PlainError, Reason, Said
from webapp.api.grammars import Grammar, register


class QuickMessage(DialectRequest):
    message: Said
    chatId: Id | None = None
    model: Annotated[str, Field(max_length=200)] | None = None
    blocks: bool | None = Field(False, description="Whether to stream the finished parts as HTML too, beside the text.")
    format: Literal["text", "html"] | None = Field(
        None, description="What `content` is: Markdown text, or the HTML of finished parts. Default: the server's setting."
    )


class QuickAnswer(DialectResponse):
    response: str
    html: str
    chatId: str
    messageId: str
    model: str
    demo: bool
    status: str
    reason: Reason
    notices: list[Notice]


class Block(BaseModel):
    """A finished part of the answer. A long one comes in `parts` events; `n` that comes again replaces everything from it on."""

    n: int
    html: str
    part: int | None = None
    parts: int | None = None


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


QUICK = register(
    "quick",
    Grammar(
        order="message* error? complete",
        events={"message": QuickPiece, "error": PlainError, "complete": Complete},
        sentence=(
            "All `content` values joined are the stored Markdown text or, with the format `html`, its sanitised HTML. `blocks`, "
            "if requested, are its finished parts as HTML. No event is longer than 1 200 bytes."
        ),
    ),
)
