"""Searches the sources of an answer before it is stored, with the requester's permissions and within a time limit."""

import re
from collections.abc import Sequence
from dataclasses import replace

from webapp.base.db import db
from webapp.chat.files import long_files
from webapp.chat.files.reference import long_in, parted
from webapp.chat.prompt import remembering
from webapp.chat.prompt.chat_collections import ids_for
from webapp.chat.record import paths
from webapp.chat.record.tables import Chat, Message
from webapp.knowledge import answer_sources, formats, sources
from webapp.knowledge.answer_sources import NOTHING, AnswerSources
from webapp.knowledge.documents import chat_files
from webapp.people.accounts.tables import User
from webapp.settings.service import setting

# Words that request a whole text, in the most common languages, searched for in the beginning of a message.
WHOLE = re.compile(
    r"\b(summar\w*|sum .{0,20}up|overview|outline|tl;?dr|zusammenfass\w*|fass\w* .{0,30}zusammen|überblick|übersicht"
    r"|résum\w*|resum\w*|riassu\w*|samenvat\w*)\b",
    re.IGNORECASE,
)
MOST_ASKING = 400


def for_message(chat: Chat, text: str, below: str | None, person: str, *, speaker_id: str | None = None) -> AnswerSources:
    """Finds sources for the answer to a new message below another one."""
    ids, memory = ids_for(chat, speaker_id), _memory_of(person, chat)
    return _fitting(chat, [*_texts_to(below), text], person, ids, memory) if ids or memory else NOTHING


def for_first_message(
    collection_ids: Sequence[str], text: str, person: str, *, is_temporary: bool = False, prompt_key: str = ""
) -> AnswerSources:
    """Finds sources for the first answer of a chat; `prompt_key` is the prompt that leads it, if not the usual one."""
    memory = () if is_temporary else _memory_of(person, None, prompt_key)
    return _found(collection_ids, [words_of(text)], person, memory) if collection_ids or memory else NOTHING


def in_collections(collection_ids: Sequence[str], texts: Sequence[str], person: str) -> AnswerSources:
    """Finds sources for a feature that leads a chat, in the collections and for the texts that it passes."""
    return _found(collection_ids, texts, person)


def for_retry(chat: Chat, question_id: str, person: str, *, speaker_id: str | None = None) -> AnswerSources:
    """Finds sources for another answer to a question."""
    ids, memory = ids_for(chat, speaker_id), _memory_of(person, chat)
    return _fitting(chat, _texts_to(question_id), person, ids, memory) if ids or memory else NOTHING


def for_continuation(chat: Chat, message: Message, person: str) -> AnswerSources:
    """Returns an answer's own sources with their numbers, to continue it; for an answer without text, searches again."""
    if message.content:
        kept = message.sources
        return answer_sources.same_sources(kept, sources.permitted(db.session.get(User, person), kept)) if kept else NOTHING
    return for_retry(chat, message.parent_id or "", person, speaker_id=message.speaker_id)


def _memory_of(person: str, chat: Chat | None, prompt_key: str = "") -> Sequence[str]:
    # Visitors have no memory.
    user = db.session.get(User, person) if person and (not chat or chat.owner_id) else None
    return remembering.ids_for(user, chat, prompt_key=prompt_key) if user else ()


def _found(
    collection_ids: Sequence[str], texts: Sequence[str], person: str, memory: Sequence[str] = (), but_chat: str = ""
) -> AnswerSources:
    seconds, user = float(setting("knowledge.search_seconds")), db.session.get(User, person)
    return answer_sources.find_sources(user, texts, collection_ids, seconds=seconds, memory=memory, but_chat=but_chat)


def _texts_to(message_id: str | None) -> list[str]:
    """Returns the texts of a person's messages down to a message, without hidden ones."""
    path = paths.messages_to(message_id) if message_id else []
    return [each.content for each in path if each.role == "user" and not each.is_hidden]


def _fitting(chat: Chat, texts: Sequence[str], person: str, ids: Sequence[str], memory: Sequence[str]) -> AnswerSources:
    """Finds sources for the newest message; one with a long file is about that file, so earlier messages are ignored."""
    newest = texts[-1] if texts else ""
    queries = [words_of(text) for text in (texts[-1:] if long_in(newest) else texts)]
    given = _found(ids, queries, person, memory, chat.id)
    return _with_files(given, chat, newest, person, is_about_all=bool(queries and WHOLE.search(queries[-1][:MOST_ASKING])))


def words_of(content: str) -> str:
    """Returns the search text of a message: without its file references or, if it is otherwise empty, the file names."""
    words, files = parted(content)
    return words or "\n".join(formats.stem(file.name) for file in files)


def _with_files(given: AnswerSources, chat: Chat, content: str, person: str, *, is_about_all: bool) -> AnswerSources:
    """Adds parts of the files in the message, or of all files if it is about all of them, and the names of unreadable ones."""
    if not chat.collection_ids:
        return given
    documents = [document for document in long_files.documents_in(chat.id, content).values() if document]
    unread = long_files.not_indexed(chat)
    failed = [f"{document.name}: {document.error}" for document in documents if document.state == "failed"]
    given = replace(given, unread=tuple(document.name for document in unread), failed=tuple(failed))
    meant = documents or (chat_files.files_of(chat.id) if is_about_all else ())
    user = db.session.get(User, person)
    return answer_sources.with_parts(given, user, [document.id for document in meant]) if user and meant else given
