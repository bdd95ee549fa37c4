"""Request bodies, responses and events of dialect 2."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from webapp.api.dialects.schemas import DialectRequest, DialectResponse, Id, Notice, PlainError, Reason, Said
from webapp.api.grammars import Grammar, register


class QuickMessage(DialectRequest):
    message: Said
    chatId: Id | None = None
    model: Annotated[str, Field(max_length=200)] | None = None


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


QUICK = register(
    "quick",
    Grammar(
        order="message* error? complete",
        events={"message": QuickPiece, "error": PlainError, "complete": Complete},
        sentence="All `content` values joined are the stored Markdown text; `blocks` are its finished parts as sanitised HTML.",
    ),
)
