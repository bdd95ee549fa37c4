"""Reads which answers have quoted the documents of a collection, among the chats that a person can read."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Text, cast, or_, select

from webapp.base.db import db
from webapp.chat.record import projects
from webapp.chat.record.seen_chats import IN_LISTS, can_open
from webapp.chat.record.tables import Chat, Message
from webapp.knowledge.tables import Collection
from webapp.people.accounts.tables import User

# How far a look goes back: a message names its sources in itself, where no index finds them.
MOST_CHATS, MOST_ANSWERS = 200, 500
NO_SOURCES = "[]"


class QuotingAnswer(NamedTuple):
    """An answer that has quoted a document, and the title of its chat."""

    message_id: str
    chat_id: str
    title: str
    created_at: datetime


def quoting_answers(person: User, collection: Collection, document_ids: Iterable[str]) -> dict[str, list[QuotingAnswer]]:
    """Returns the newest answers by the documents that they quote, in the chats that a person used last; in one statement.

    An answer was given passages and quotes those whose numbers are in its text.
    """
    wanted, answers = set(document_ids), defaultdict[str, list[QuotingAnswer]](list)
    chats = select(Chat.id).where(or_(can_open(person), projects.shares_with(person.id)), *IN_LISTS)
    if collection.project_id:
        chats = chats.where(Chat.project_id == collection.project_id)
    newest = chats.order_by(Chat.changed_at.desc()).limit(MOST_CHATS).subquery()
    query = (
        select(Message.id, Message.chat_id, Chat.title, Message.created_at, Message.sources, Message.content)
        .join(newest, newest.c.id == Message.chat_id)
        .join(Chat, Chat.id == Message.chat_id)
        .where(Message.role == "assistant", Message.deleted_at.is_(None), cast(Message.sources, Text) != NO_SOURCES)
        .order_by(Message.id.desc())
        .limit(MOST_ANSWERS)
    )
    for row in db.session.execute(query):
        quoted = {source["document_id"] for source in row.sources if f"[{source['number']}]" in row.content}
        for id in quoted & wanted:
            answers[id].append(QuotingAnswer(row.id, row.chat_id, row.title, row.created_at))
    return answers
