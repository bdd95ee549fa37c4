"""Looks for the sources of an answer before it is stored: in the name of who asks, and no longer than the house allows."""

from collections.abc import Sequence

from webapp.accounts.tables import User
from webapp.chat import queries, remembering
from webapp.chat.reading import read_by
from webapp.chat.tables import Chat, Message
from webapp.db import db
from webapp.knowledge import answering, sources
from webapp.knowledge.answering import NOTHING, Given
from webapp.settings.service import setting


def found_for(chat: Chat, text: str, below: str | None, person: str) -> Given:
    """For a message that is to be stored below another one."""
    ids, memory = read_by(chat), _memory_of(person, chat)
    return _found(ids, [*_said_to(below), text], person, memory, chat.id) if ids or memory else NOTHING


def found_at_first(collection_ids: Sequence[str], text: str, person: str, *, is_temporary: bool = False) -> Given:
    """For the message that begins a chat."""
    memory = () if is_temporary else _memory_of(person, None)
    return _found(collection_ids, [text], person, memory) if collection_ids or memory else NOTHING


def found_in(collection_ids: Sequence[str], said: Sequence[str], person: str) -> Given:
    """For a feature that leads a chat and says itself where to look and for what."""
    return _found(collection_ids, said, person)


def found_again(chat: Chat, question_id: str, person: str) -> Given:
    """For another answer to a question."""
    ids, memory = read_by(chat), _memory_of(person, chat)
    return _found(ids, _said_to(question_id), person, memory, chat.id) if ids or memory else NOTHING


def kept_for(chat: Chat, message: Message, person: str) -> Given:
    """For an answer that goes on: what it cites keeps its number. One without a word is asked for anew."""
    if message.content:
        kept = message.sources
        return answering.given_again(kept, sources.permitted(db.session.get(User, person), kept)) if kept else NOTHING
    return found_again(chat, message.parent_id or "", person)


def _memory_of(person: str, chat: Chat | None) -> Sequence[str]:
    # A visitor has none.
    user = db.session.get(User, person) if person and (not chat or chat.owner_id) else None
    return remembering.ids_for(user, chat) if user else ()


def _found(
    collection_ids: Sequence[str], said: Sequence[str], person: str, memory: Sequence[str] = (), but_chat: str = ""
) -> Given:
    seconds, user = float(setting("knowledge.search_seconds")), db.session.get(User, person)
    return answering.found_for(user, said, collection_ids, seconds=seconds, memory=memory, but_chat=but_chat)


def _said_to(message_id: str | None) -> list[str]:
    """What people have said down to a message."""
    return [each.content for each in queries.said_to(message_id) if each.role == "user"] if message_id else []
