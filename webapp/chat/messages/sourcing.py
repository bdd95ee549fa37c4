"""Looks for the sources of an answer before it is stored: in the name of who asks, and no longer than the house allows."""

from collections.abc import Sequence

from webapp.accounts.tables import User
from webapp.chat import queries
from webapp.chat.reading import read_by
from webapp.chat.tables import Chat, Message
from webapp.db import db
from webapp.knowledge import answering, sources
from webapp.knowledge.answering import NOTHING, Given
from webapp.settings.service import setting


def found_for(chat: Chat, text: str, below: str | None, person: str) -> Given:
    """For a message that is to be stored below another one."""
    ids = read_by(chat)
    return _found(ids, [*_said_to(below), text], person) if ids else NOTHING


def found_at_first(collection_ids: Sequence[str], text: str, person: str) -> Given:
    """For the message that begins a chat."""
    return _found(collection_ids, [text], person) if collection_ids else NOTHING


def found_in(collection_ids: Sequence[str], said: Sequence[str], person: str) -> Given:
    """For a feature that leads a chat and says itself where to look and for what."""
    return _found(collection_ids, said, person)


def found_again(chat: Chat, question_id: str, person: str) -> Given:
    """For another answer to a question."""
    ids = read_by(chat)
    return _found(ids, _said_to(question_id), person) if ids else NOTHING


def kept_for(chat: Chat, message: Message, person: str) -> Given:
    """For an answer that goes on: what it cites keeps its number. One without a word is asked for anew."""
    if message.content:
        kept = message.sources
        return answering.given_again(kept, sources.permitted(db.session.get(User, person), kept)) if kept else NOTHING
    return found_again(chat, message.parent_id or "", person)


def _found(collection_ids: Sequence[str], said: Sequence[str], person: str) -> Given:
    seconds, user = float(setting("knowledge.search_seconds")), db.session.get(User, person)
    return answering.found_for(user, said, collection_ids, seconds=seconds)


def _said_to(message_id: str | None) -> list[str]:
    """What people have said down to a message."""
    return [each.content for each in queries.said_to(message_id) if each.role == "user"] if message_id else []
