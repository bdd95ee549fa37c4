"""The sources of an answer: searched with the requester's permissions before it is stored, or once long files have been read.

Its request is then built again, as is one that its model has refused for its length.
"""

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypedDict, Unpack

from sqlalchemy import update
from sqlalchemy.exc import SQLAlchemyError

from webapp.base.db import db, write
from webapp.base.errors import Unavailable
from webapp.chat.facts.remembered import replace_uses
from webapp.chat.files import long_files
from webapp.chat.files.reference import long_in
from webapp.chat.folds import making
from webapp.chat.prompt import answer_prompt, remembering
from webapp.chat.prompt.chat_collections import ids_for
from webapp.chat.prompt.fold_due import FoldDue
from webapp.chat.prompt.question import texts_of, words_of
from webapp.chat.record import paths
from webapp.chat.record.tables import Chat, Message
from webapp.chat.record.variables import variables_below
from webapp.engine.engine import Engine
from webapp.engine.live import EventSource
from webapp.engine.tables import Generation
from webapp.knowledge import answer_sources, sources
from webapp.knowledge.documents import chat_files
from webapp.models.providers.base import ModelRequest
from webapp.people.accounts.tables import User
from webapp.settings.service import setting
from webapp.streaming.events import Event
from webapp.streaming.stop import Stop
from webapp.tools.outside import places_text

# Words that request a whole text, in the most common languages, searched for in the beginning of a message.
WHOLE = re.compile(
    r"\b(summar\w*|sum .{0,20}up|overview|outline|tl;?dr|zusammenfass\w*|fass\w* .{0,30}zusammen|überblick|übersicht"
    r"|résum\w*|resum\w*|riassu\w*|samenvat\w*)\b",
    re.IGNORECASE,
)
MOST_ASKING = 400
log = logging.getLogger("chat:awaiting")
POLL_SECONDS = 0.1
# How often one refusal folds a conversation.
MOST_FOLDS = 3


class PromptOptions(TypedDict):
    """What an answer's prompt is built with besides what is stored with it."""

    history_limit: int | None
    is_personal: bool
    without_facts: frozenset[str]


def for_message(
    chat: Chat, text: str, below: str | None, person: str, *, speaker_id: str | None = None
) -> answer_sources.AnswerSources:
    """Finds sources for the answer to a new message below another one."""
    ids, memory = ids_for(chat, speaker_id), _memory_of(person, chat)
    return _fitting(chat, [*_texts_to(below), text], person, ids, memory) if ids or memory else answer_sources.NO_SOURCES


def for_first_message(
    collection_ids: Sequence[str], text: str, person: str, *, is_temporary: bool = False, prompt_key: str = ""
) -> answer_sources.AnswerSources:
    """Finds sources for the first answer of a chat; `prompt_key` is the prompt that leads it, if not the usual one."""
    memory = () if is_temporary else _memory_of(person, None, prompt_key)
    return (
        in_collections(collection_ids, [words_of(text)], person, memory)
        if collection_ids or memory
        else answer_sources.NO_SOURCES
    )


def in_collections(
    collection_ids: Sequence[str], texts: Sequence[str], person: str, memory: Sequence[str] = (), but_chat: str = ""
) -> answer_sources.AnswerSources:
    """Finds sources for these texts in the collections, and in these memories except for what a chat has added to them."""
    seconds, user = float(setting("knowledge.search_seconds")), db.session.get(User, person)
    return answer_sources.find_sources(user, texts, collection_ids, seconds=seconds, memory=memory, but_chat=but_chat)


def for_retry(chat: Chat, question_id: str, person: str, *, speaker_id: str | None = None) -> answer_sources.AnswerSources:
    """Finds sources for another answer to a question."""
    ids, memory = ids_for(chat, speaker_id), _memory_of(person, chat)
    return _fitting(chat, _texts_to(question_id), person, ids, memory) if ids or memory else answer_sources.NO_SOURCES


def for_continuation(chat: Chat, message: Message, person: str) -> answer_sources.AnswerSources:
    """Returns an answer's own sources with their numbers, to continue it; for an answer without text, searches again."""
    if message.content:
        records = message.sources
        return (
            answer_sources.same_sources(records, sources.permitted(db.session.get(User, person), records))
            if records
            else answer_sources.NO_SOURCES
        )
    return for_retry(chat, message.parent_id or "", person, speaker_id=message.speaker_id)


def _memory_of(person: str, chat: Chat | None, prompt_key: str = "") -> Sequence[str]:
    # Visitors have no memory.
    user = db.session.get(User, person) if person and (not chat or chat.owner_id) else None
    return remembering.ids_for(user, chat, prompt_key=prompt_key) if user else ()


def _texts_to(message_id: str | None) -> list[str]:
    return texts_of(paths.messages_to(message_id)) if message_id else []


def _fitting(
    chat: Chat, texts: Sequence[str], person: str, ids: Sequence[str], memory: Sequence[str]
) -> answer_sources.AnswerSources:
    """Finds sources for the newest message; one with a long file is about that file, so earlier messages are ignored."""
    newest = texts[-1] if texts else ""
    queries = [words_of(text) for text in (texts[-1:] if long_in(newest) else texts)]
    sources = in_collections(ids, queries, person, memory, chat.id)
    return _with_files(sources, chat, newest, person, is_about_all=bool(queries and WHOLE.search(queries[-1][:MOST_ASKING])))


def _with_files(
    sources: answer_sources.AnswerSources, chat: Chat, content: str, person: str, *, is_about_all: bool
) -> answer_sources.AnswerSources:
    """Adds parts of the files in the message, or of all files if it is about all of them, and the names of unreadable ones."""
    if not chat.collection_ids:
        return sources
    documents = [document for document in long_files.documents_in(chat.id, content).values() if document]
    unread = long_files.not_indexed(chat)
    failed = [f"{document.name}: {document.error}" for document in documents if document.state == "failed"]
    sources = replace(sources, unread=tuple(document.name for document in unread), failed=tuple(failed))
    quoted_documents = documents or (chat_files.files_of(chat.id) if is_about_all else ())
    user = db.session.get(User, person)
    return (
        answer_sources.with_parts(sources, user, [document.id for document in quoted_documents])
        if user and quoted_documents
        else sources
    )


class SourceAfterFiles:
    """A source that starts once all files of the chat have been read, or after a timeout; `rebuilt` returns its request."""

    def __init__(
        self,
        engine: Engine,
        chat_id: str,
        rebuilt: Callable[[], ModelRequest],
        source_of: Callable[[ModelRequest], EventSource],
        source: EventSource,
    ) -> None:
        self._engine, self._chat_id, self._rebuilt, self._source_of, self._source = engine, chat_id, rebuilt, source_of, source
        self._is_waiting = True

    def events(self, stop: Stop) -> Iterator[Event]:
        self._wait(stop)
        if stop:
            return
        try:
            with self._engine.in_app():
                self._source = self._source_of(self._rebuilt())
        except (Unavailable, SQLAlchemyError) as error:
            log.warning("an answer is written without the files of its chat: %s", type(error).__name__)
        self._is_waiting = False
        yield from self._source.events(stop)

    @property
    def is_between(self) -> bool:
        return self._source.is_between

    def check_timeout(self) -> str:
        """Reports no timeout before the request has been sent."""
        return "" if self._is_waiting else self._source.check_timeout()

    def _wait(self, stop: Stop) -> None:
        engine = self._engine
        with engine.in_app():
            long_files.wake()
            until = engine.now() + float(setting("files.reading_seconds"))
        while engine.now() < until and self._has_unread() and not stop.wait(POLL_SECONDS):
            pass

    def _has_unread(self) -> bool:
        try:
            with self._engine.in_app():
                return bool(chat_files.not_indexed(self._chat_id))
        except (Unavailable, SQLAlchemyError):
            # The database can be available again at the next check.
            return True


def request_with_files(generation_id: str, **options: Unpack[PromptOptions]) -> ModelRequest:
    """Builds the request again with the passages found by now, and stores it as the generation's prompt."""
    generation = db.session.get_one(Generation, generation_id)
    message = db.session.get_one(Message, generation.message_id)
    chat = db.session.get_one(Chat, message.chat_id)
    given = for_retry(chat, message.parent_id or "", generation.user_id or "", speaker_id=message.speaker_id)
    return _built_again(generation_id, given, **options)


def shorter_request(
    engine: Engine, generation_id: str, most_tokens: int, **options: Unpack[PromptOptions]
) -> ModelRequest | None:
    """Folds the conversation, for a model that takes so many tokens at most, and builds the request again with its sources.

    Returns None if no more can be folded.
    """
    try:
        with engine.in_app():
            for _ in range(MOST_FOLDS):
                try:
                    generation = db.session.get_one(Generation, generation_id)
                    before, message = generation.prompt["messages"], db.session.get_one(Message, generation.message_id)
                    person = db.session.get(User, generation.user_id or "")
                    records = sources.permitted(person, message.sources) if message.sources else ()
                    given = answer_sources.same_sources(message.sources, records) if records else answer_sources.NO_SOURCES
                    request = _built_again(generation_id, given, mark=most_tokens, **options)
                    after = db.session.get_one(Generation, generation_id).prompt["messages"]
                    return request if len(after) < len(before) else None
                except FoldDue as due:
                    db.session.rollback()
                    making.make(due.order)
    except (Unavailable, SQLAlchemyError) as error:
        log.warning("a chat is not folded after a refusal: %s", type(error).__name__)
    return None


def _built_again(
    generation_id: str, given: answer_sources.AnswerSources, *, mark: int = 0, **options: Unpack[PromptOptions]
) -> ModelRequest:
    generation = db.session.get_one(Generation, generation_id)
    message = db.session.get_one(Message, generation.message_id)
    chat, path = db.session.get_one(Chat, message.chat_id), paths.messages_to(message.id)
    prompt = answer_prompt.prompt_for(
        chat,
        path,
        generation.model_asked,
        given=given,
        speaker_id=message.speaker_id,
        # Saved when the generation was stored: building the prompt again sets the same values.
        variables=variables_below(message.parent_id or "", chat, is_personal=options["is_personal"]),
        tool_count=len(chat.tools) if mark else None,
        mark=mark,
        **options,
    )
    with write() as session:
        session.execute(update(Generation).where(Generation.id == generation_id).values(prompt=prompt.as_record()))
        replace_uses(session, generation_id, generation.message_id, prompt.facts)
        values = {"sources": list(prompt.sources), "outside": places_text(prompt.outside)}
        session.execute(update(Message).where(Message.id == generation.message_id).values(values))
    return answer_prompt.request_of(db.session.get_one(Generation, generation_id, populate_existing=True), path, given=given)
