"""Dialect 2: quick chat, for people with an account and for visitors, whom the demo answers."""

import time
from collections.abc import Callable
from typing import Annotated, Literal

from flask import Blueprint, Response
from pydantic import Field
from sqlalchemy import select

from webapp.api.access import caller_or_none
from webapp.api.operations import STARTS, answered_with, idempotency_key, operation
from webapp.api.schemas import Grammar, register, shape
from webapp.api.streaming.course import about_chat, as_objects
from webapp.api.streaming.streams import stream
from webapp.api.streaming.wait_for_answer import NO_ANSWER, wait_for_text
from webapp.base.current import BUCKETS
from webapp.base.db import db
from webapp.base.errors import Invalid, TooMany
from webapp.base.throttle import Throttle, network
from webapp.base.untrusted_json import JsonObject
from webapp.chat.messages import sending
from webapp.chat.messages.projection import AnswerProjection
from webapp.chat.messages.renderings import html_of, with_current_html
from webapp.chat.record.access import as_visitor, visitor_hash, writable_chat_if_any
from webapp.chat.record.tables import Message
from webapp.engine.engine import the_engine
from webapp.engine.metric_events import Limited
from webapp.engine.tables import Generation
from webapp.guests.dialects.quick.encoder import Quick, QuickEncoder
from webapp.guests.dialects.schemas import DialectNotice, DialectRequest, DialectResponse, Id, PlainError, Reason, Said
from webapp.people.accounts.guards import client_address
from webapp.people.accounts.tables import User
from webapp.settings.service import setting


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
    notices: list[DialectNotice]


class Block(DialectResponse):
    """A finished part of the answer. A long one comes in `parts` events; `n` that comes again replaces everything from it on."""

    n: int
    html: str
    part: int | None = None
    parts: int | None = None


QuickUsage = shape("QuickUsage", inputTokens=int | None, outputTokens=int | None, cost=str | None)

QUICK = register(
    "quick",
    Grammar(
        order="message* error? complete",
        events={
            "message": shape("QuickPiece", content=str, blocks=(list[Block] | None, None)),
            "error": PlainError,
            "complete": shape(
                "Complete",
                status=Literal["completed", "stopped", "failed"],
                chatId=str,
                messageId=str,
                usage=QuickUsage | None,
                demo=bool,
                notices=list[DialectNotice],
                blocks=(list[Block] | None, None),
            ),
        },
        sentence=(
            "All `content` values joined are the stored Markdown text or, with the format `html`, its sanitized HTML. `blocks`, "
            "if requested, are its finished parts as HTML. No event is longer than 1 200 bytes."
        ),
    ),
)


# Limited by address: a client without a cookie would be a new visitor with every request.
VISITORS = Throttle(burst=20, seconds=6.0, now=time.monotonic, name="visitors")
UNREAD = sending.AnswerOptions(when_unwatched="abort:0")
FACTS: JsonObject = {
    "scope": "chat",
    "body": QuickMessage,
    "errors": STARTS,
    "tag": "Quick chat compatibility API",
    "visitors": True,
    "takes_key": True,
}
bp = Blueprint("api_quick", __name__)


@bp.post("/api/chat")
@operation(
    "Send a message and wait for the answer", **{**FACTS, "answer": QuickAnswer, "errors": (404, *STARTS), "others": NO_ANSWER}
)
def ask(body: QuickMessage) -> Response:
    return _answered(body, sending.DEFAULT_OPTIONS, lambda generation, _: answered_with(_answer_in_full(body, generation)))


@bp.post("/api/chat/stream")
@operation("Send a message and stream the answer", **FACTS, stream=QUICK)
def ask_and_watch(body: QuickMessage) -> Response:
    # A visitor without a cookie cannot return to the answer, so it stops when they disconnect.
    is_unread = caller_or_none() is None and not visitor_hash()

    def watched(generation: Generation, visitor: str) -> Response:
        notices = about_chat(body.chatId, generation.chat_id)
        is_html = (body.format or setting("dialects.quick_format")) == "html"
        html = GrowingHtml(generation) if is_html or body.blocks else None
        quick = Quick(generation.chat_id, generation.message_id or "", html, is_html=is_html, notices=notices)
        return stream(generation, QuickEncoder(quick), when_gone="stop" if is_unread else "leave", visitor=visitor)

    return _answered(body, UNREAD if is_unread else sending.DEFAULT_OPTIONS, watched)


def _answered(body: QuickMessage, options: sending.AnswerOptions, answer: Callable[[Generation, str], Response]) -> Response:
    """Sends the message as the caller or as a visitor, whose cookie is set with the response."""
    caller = caller_or_none()
    if caller:
        return answer(_begin_answer(caller.user, body), "")
    if body.model:
        raise Invalid("Without a token only the demo answers, so you can't choose a model.", field="model")
    _slow_down_visitors()
    return as_visitor(lambda visitor: answer(_begin_answer_as_visitor(visitor, body, options), visitor))


def _begin_answer(me: User, body: QuickMessage) -> Generation:
    model, key = body.model or "", idempotency_key()
    if chat := writable_chat_if_any(body.chatId or ""):
        return sending.ask(chat, body.message, model=model, key=key, by=me.id)
    return sending.start_chat(body.message, model=model or me.default_model, key=key, owner_id=me.id)


def _begin_answer_as_visitor(visitor: str, body: QuickMessage, options: sending.AnswerOptions) -> Generation:
    key = idempotency_key()
    if chat := writable_chat_if_any(body.chatId or ""):
        return sending.ask(chat, body.message, key=key, options=options)
    return sending.start_visitor_chat(body.message, key=key, visitor_hash=visitor, options=options)


def _slow_down_visitors() -> None:
    if wait_seconds := VISITORS.take(network(client_address()), BUCKETS.get()):
        seconds = int(wait_seconds) + 1
        the_engine().emit(Limited("visitor_rate"))
        raise TooMany(f"Visitors can't send messages that quickly. Please try again in {seconds} s.", retry_after=seconds)


def _answer_in_full(body: QuickMessage, generation: Generation) -> QuickAnswer:
    chat_id, message_id = generation.chat_id, generation.message_id or ""
    answer = wait_for_text(generation, chatId=chat_id, messageId=message_id)
    return QuickAnswer(
        response=answer.text,
        html=html_of(*with_current_html(lambda: [db.session.get_one(Message, message_id)])),
        chatId=chat_id,
        messageId=message_id,
        model=answer.model,
        demo=answer.generation.is_demo,
        status=answer.status,
        reason=answer.reason,
        notices=[DialectNotice(**notice) for notice in (*as_objects(about_chat(body.chatId, chat_id)), *answer.notices)],
    )


class GrowingHtml:
    """The HTML of an answer, from the projection that all its watchers share or, once that is gone, from the saved message."""

    def __init__(self, generation: Generation) -> None:
        self._engine, self._message_id = the_engine(), generation.message_id or ""
        self._broadcast = self._engine.logs.broadcast(generation)

    def blocks(self, first: int) -> list[tuple[int, str]]:
        projection = self._projection()
        return projection.blocks(first) if projection else []

    def last_blocks(self, first: int) -> list[tuple[int, str]]:
        projection = self._projection()
        return projection.last_blocks(first) if projection else [(0, html)] if (html := self._saved()) else []

    def rest(self, first: int) -> str:
        projection = self._projection()
        return projection.rest(first) if projection else self._saved()

    def _projection(self) -> AnswerProjection | None:
        if self._broadcast is None:
            return None
        self._broadcast.catch_up()
        projection = self._broadcast.projection
        return projection if isinstance(projection, AnswerProjection) else None

    def _saved(self) -> str:
        with self._engine.in_app():
            messages = with_current_html(lambda: list(db.session.scalars(select(Message).where(Message.id == self._message_id))))
            return "".join(map(html_of, messages))
