"""Rows as callers of the native API are told of them."""

from collections.abc import Sequence

from webapp.api.problems import stream_url
from webapp.api.schemas.chats import ChatAnswer, MessageAnswer, Sent
from webapp.api.schemas.generations import GenerationAnswer
from webapp.chat import queries
from webapp.chat.access import right_in
from webapp.chat.tables import Chat, Message
from webapp.extensions import db
from webapp.generations.engine import the_engine
from webapp.generations.tables import Generation
from webapp.web.guards import user_or_none


def chats(rows: Sequence[Chat]) -> list[ChatAnswer]:
    """Chats in their order, each with the caller's right in it."""
    running = queries.lanes_in_use(row.lane for row in rows)
    return [_chat(row, is_running=row.lane in running) for row in rows]


def chat(row: Chat) -> ChatAnswer:
    return chats([row])[0]


def messages(rows: Sequence[Message]) -> list[MessageAnswer]:
    """Messages of one chat in their order, as far as they are written."""
    generations, versions = queries.generations_of(rows), queries.siblings_of(rows)
    return [_message(row, generations.get(row.id, []), versions.get(row.id, [])) for row in rows]


def message(row: Message) -> MessageAnswer:
    return messages([row])[0]


def generation(row: Generation) -> GenerationAnswer:
    return GenerationAnswer.of(row)


def sent(row: Generation) -> Sent:
    answer = db.session.get_one(Message, row.message_id)
    return Sent(
        chat_id=answer.chat_id,
        message_id=answer.id,
        question_id=answer.parent_id,
        generation_id=row.id,
        status=row.status,
        stream_url=stream_url(row.id),
    )


def _chat(row: Chat, *, is_running: bool) -> ChatAnswer:
    # In the trash it is its owner's alone.
    return ChatAnswer.of(row, right=right_in(row, user_or_none()) or "view", is_running=is_running)


def _message(row: Message, generations: Sequence[Generation], versions: Sequence[str]) -> MessageAnswer:
    last = generations[-1] if generations else None
    return MessageAnswer.of(
        row,
        content=queries.text_so_far(the_engine(), row) if last and last.is_active else row.content,
        status=last.status if last else "completed",
        generation=generation(last) if last else None,
        versions=list(versions),
    )
