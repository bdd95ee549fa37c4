"""Adds finished answers to people's memories, if they opted in or, for chats of the assistant API, if a setting says so.

All recently changed chats are checked, so that no answer is missed.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, exists, func, or_, select
from sqlalchemy.orm import aliased

from webapp.base.db import db, utc_now, write
from webapp.chat.prompt import leading
from webapp.chat.record import announcements, queries, sharing
from webapp.chat.record.tables import Chat, Message
from webapp.engine.chores import Chore
from webapp.engine.tables import Generation
from webapp.knowledge.documents import memory
from webapp.knowledge.tables import Document
from webapp.people.accounts.tables import User
from webapp.settings.service import setting
from webapp.settings.tables import ApplicationSetting

OF_LATE, AT_ONCE = timedelta(days=7), 50


def work() -> bool:
    """Adds a batch of answers to their people's memories; returns whether more can be left."""
    memory.erase()
    rows = _missing()
    hidden = queries.deleted_among([row.message_id for row in rows])
    exchanges = [memory.RememberedExchange(**row._mapping) for row in rows if row.message_id not in hidden]
    db.session.rollback()
    memory.add(exchanges)
    return bool(exchanges) and len(rows) == AT_ONCE


wake = Chore("remembering", work, every_seconds=0.2, most_seconds=30.0).wake


def is_on(user: User, prompt_key: str) -> bool:
    """Returns whether answers of this person's chats that are led by this prompt go into the memory, and quote it."""
    return bool(user.remembers_since) or leading.has_memory(prompt_key)


def ids_for(user: User, chat: Chat | None, *, prompt_key: str = "") -> list[str]:
    """Returns the memories that an answer in this chat can quote: the person's own, unless others can read the chat.

    `prompt_key` is the prompt that leads a chat that doesn't exist yet.
    """
    if not is_on(user, chat.prompt_key if chat else prompt_key):
        return []
    if chat and (chat.owner_id != user.id or chat.is_forgotten or chat.is_temporary or sharing.is_shared(chat)):
        return []
    return memory.ids_of(user)


def keep_out(chat: Chat, *, is_forgotten: bool) -> None:
    """Excludes a chat from its owner's memory and deletes what was remembered of it, or includes it again."""
    if is_forgotten == chat.is_forgotten:
        return
    id = chat.id
    with write() as session:
        chat.is_forgotten = is_forgotten
        if is_forgotten:
            memory.forget(session, Document.chat_id == id)
    announcements.announce_settings(id)
    wake()


def _missing() -> Sequence[Row[*tuple[Any, ...]]]:
    """Returns complete answers in people's own chats, written since the memory is on for them, that have no document yet."""
    question = aliased(Message)
    is_wanted: ColumnElement[bool] = User.remembers_since.is_not(None)
    # Of many messages at once, the times run ahead of the clock; those of generations don't.
    is_since: ColumnElement[bool] = Generation.created_at >= User.remembers_since
    if setting(leading.MEMORY):
        turned_on = select(ApplicationSetting.changed_at).where(ApplicationSetting.key == leading.MEMORY)
        is_assistants = Chat.prompt_key.in_(leading.ASSISTANT_KEYS)
        is_wanted = or_(is_wanted, is_assistants)
        is_since = or_(is_since, and_(is_assistants, Generation.created_at >= turned_on.scalar_subquery()))
    is_kept = and_(Chat.deleted_at.is_(None), Chat.is_temporary.is_(False), Chat.is_forgotten.is_(False))
    is_answer = and_(Message.role == "assistant", Message.content != "", Message.deleted_at.is_(None), ~Message.is_hidden)
    ran = exists().where(Generation.message_id == Message.id, Generation.status == "completed", is_since)
    is_known = exists().where(Document.message_id == Message.id, Document.message_id != "")
    texts = (
        func.substr(func.coalesce(question.content, ""), 1, memory.MOST_QUESTION),
        func.substr(Message.content, 1, memory.MOST_ANSWER),
    )
    query = select(
        Chat.owner_id.label("owner_id"),
        Chat.id.label("chat_id"),
        Message.id.label("message_id"),
        Chat.title.label("title"),
        texts[0].label("question"),
        texts[1].label("answer"),
        Message.outside.label("outside"),
    )
    query = query.join(Chat, Chat.id == Message.chat_id).join(User, User.id == Chat.owner_id)
    query = query.outerjoin(question, and_(question.id == Message.parent_id, ~question.is_hidden))
    is_of_late = Chat.changed_at >= utc_now() - OF_LATE
    query = query.where(is_wanted, is_kept, is_of_late, is_answer, ran, ~is_known)
    return db.session.execute(query.order_by(Message.id).limit(AT_ONCE)).all()
