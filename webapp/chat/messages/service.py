"""Actions on messages: start a chat, send, continue, try again and edit."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import and_
from sqlalchemy.orm import Session

from webapp.base.database import rows
from webapp.base.db import utc_now, write
from webapp.base.errors import Conflict, Invalid
from webapp.chat.erasing import erasing
from webapp.chat.group.members import answering, speaker_after
from webapp.chat.messages import chats as listing
from webapp.chat.messages import drafts, sending, source_search, titles
from webapp.chat.messages.sending import USUAL, AnswerOptions, PendingGeneration, person_of
from webapp.chat.prompt.built_in import QUICK
from webapp.chat.prompt.chat_collections import ids_of_prompt
from webapp.chat.record import paths, queries
from webapp.chat.record.model_choice import VISITORS_MODEL, answerer
from webapp.chat.record.tables import Chat, Message
from webapp.engine import service as generations
from webapp.engine.tables import Generation
from webapp.models.connections.models import providers
from webapp.people.accounts import creation_limit
from webapp.people.accounts.tables import User

# Reasons with which a generation is completed although its text was cut off.
CUT_SHORT = {"length", "cap", "budget"}


def create(owner_id: str, *, title: str = "", model: str = "", reads: Sequence[str] = ()) -> Chat:
    """Creates an empty chat."""
    model = model or providers().default()
    providers().of(model)
    creation_limit.count(owner_id)
    with write() as session:
        chat = Chat(owner_id=owner_id, model=model, collection_ids=list(reads))
        if title:
            chat.title, chat.title_is_own = listing.checked_title(title), True
        session.add(chat)
    sending.announce(chat, "chat", chat.id)
    return chat


def starting_model(user: User) -> str:
    """Returns the model for a person's new chats."""
    return providers().default(user.default_model)


def choose(chat: Chat, model: str) -> None:
    """Sets the chat's model for future answers."""
    model = answerer(chat, model)
    with write():
        chat.model = model
    sending.announce(chat, "chat", chat.id)


def begin(
    text: str,
    *,
    model: str = "",
    key: str = "",
    owner_id: str | None = None,
    visitor_hash: str | None = None,
    options: AnswerOptions = USUAL,
    is_temporary: bool = False,
    reads: Sequence[str] = (),
    prompt_key: str = "",
) -> Generation:
    """Creates a chat with its first message and starts the answer; repeating key and text returns the first result.

    `reads` are the collections attached to the chat; `prompt_key` is the prompt that leads it, if not the usual one.
    """
    entered, person = sending.input_of(text), owner_id or visitor_hash or ""
    model = model or providers().default()
    providers().of(model, for_visitor=bool(visitor_hash))
    sent_as = generations.sent_as(person, key, f"new\0{entered.written}")
    if repeated := generations.sent_before(sent_as):
        return repeated

    first = [*reads, *ids_of_prompt(prompt_key or QUICK)]
    about: dict[str, Any] = {"is_temporary": is_temporary, "prompt_key": prompt_key}
    options = replace(options, given=source_search.for_first_message(first, entered.content, person, **about))

    def store(session: Session) -> PendingGeneration:
        values: dict[str, Any] = {"owner_id": owner_id, "visitor_hash": visitor_hash, "collection_ids": list(reads)}
        chat = Chat(model=model, title=titles.first_words(entered.content), **values, **about)
        rows.put(session, chat)
        question = sending.question(chat, None, entered, by=person)
        return sending.answer(session, chat, question, sent_as=sent_as, options=options)

    return sending.start(store, person, sent_as=sent_as, draft=drafts.NEW_CHAT if options.is_typed else None)


def begin_as_visitor(text: str, *, key: str, visitor_hash: str, options: AnswerOptions = USUAL) -> Generation:
    """Starts a demo chat for a visitor without an account; also deletes visitors' chats that are a day old."""
    forget_visitors_of_yesterday()
    return begin(text, model=VISITORS_MODEL, key=key, visitor_hash=visitor_hash, options=options)


def forget_visitors_of_yesterday() -> None:
    """Deletes the chats of visitors that are a day old."""
    erasing.erase(and_(Chat.visitor_hash.is_not(None), Chat.created_at < utc_now() - queries.VISITORS_DAY))


def forget_visitor(visitor_hash: str) -> None:
    """Deletes a visitor's chats at the visitor's request."""
    erasing.erase(and_(Chat.visitor_hash == visitor_hash, Chat.visitor_hash != ""))


def ask(
    chat: Chat,
    text: str,
    *,
    key: str = "",
    model: str = "",
    after: str = "",
    by: str = "",
    options: AnswerOptions = USUAL,
    speaker_id: str = "",
) -> Generation:
    """Stores the message and starts the answer; repeating key and text returns the first result.

    When this returns, the message is committed and the answer is running, whatever happens to the caller. `after` is the last
    message that the person saw: if the chat has continued elsewhere in the meantime, the message starts a branch. `by` is the
    author, if that is not the owner; the author's limits apply. `speaker_id` is the character of a group that is to answer:
    without a text, it speaks after the last message.
    """
    if speaker_id and chat.is_group and not text.strip():
        return _speak(chat, speaker_id, key=key, model=model, after=after, by=by, options=options)
    model, person, id = answerer(chat, model), by or person_of(chat), chat.id
    below = queries.branch_point(chat, after)
    entered = sending.input_below(text, chat, below, by=person)
    sent_as = generations.sent_as(person, key, f"{id}\0{entered.written}")
    if repeated := generations.sent_or_refused(sent_as, lambda: generations.refuse_if_running(chat.lane)):
        return repeated
    is_named = bool(chat.title)
    speaker = answering(chat, below, text=entered.content, wanted_id=speaker_id)
    given = source_search.for_message(chat, entered.content, below, person, speaker_id=speaker.id if speaker else None)
    options = replace(options, given=given, speaker=speaker, shared=entered.shared)

    def store(session: Session) -> PendingGeneration:
        rows.locked(session, Chat, id)
        chat.model, chat.title = model, chat.title or titles.first_words(entered.content)
        question = sending.question(chat, queries.branch_point(chat, after), entered, by=person)
        return sending.answer(session, chat, question, sent_as=sent_as, options=options)

    begun = sending.start(store, person, lane=chat.lane, sent_as=sent_as, draft=id if options.is_typed else None)
    if not is_named:
        sending.announce(chat, "title", id)
    return begun


def _speak(chat: Chat, speaker_id: str, *, key: str, model: str, after: str, by: str, options: AnswerOptions) -> Generation:
    """Has a character of a group speak after the last message, without a message of a person."""
    model, person, id = answerer(chat, model), by or person_of(chat), chat.id
    sent_as = generations.sent_as(person, key, f"{id}\0\0{speaker_id}")
    if repeated := generations.sent_or_refused(sent_as, lambda: generations.refuse_if_running(chat.lane)):
        return repeated
    below = queries.branch_point(chat, after) or ""
    speaker = answering(chat, below, wanted_id=speaker_id)
    options = replace(options, given=source_search.for_retry(chat, below, person, speaker_id=speaker_id), speaker=speaker)

    def store(session: Session) -> PendingGeneration:
        rows.locked(session, Chat, id)
        chat.model = model
        return sending.answer(session, chat, queries.branch_point(chat, after) or "", sent_as=sent_as, options=options)

    return sending.start(store, person, lane=chat.lane, sent_as=sent_as, draft=id if options.is_typed else None)


def continue_answer(message: Message, *, by: str = "", must_be_cut: bool = False) -> Generation:
    """Continues an answer in the same message: one that was cut, or the last of its branch. An empty one is generated again."""
    chat, last = queries.chat_of(message), queries.last_generation(message)
    if not _was_cut(last) and (must_be_cut or not _stands_last(chat, message)):
        raise Conflict("This answer is complete, so there is nothing to continue.")
    model = last.model_asked if last else answerer(chat)
    providers().of(model, for_visitor=bool(chat.visitor_hash))
    generations.refuse_if_busy(chat.lane)
    person = by or (last.user_id if last else None) or person_of(chat)
    options = AnswerOptions(given=source_search.for_continuation(chat, message, person))

    def store(session: Session) -> PendingGeneration:
        sending.lock_chat(session, chat, message.id)
        path = paths.messages_within(session, message.id)
        pending = sending.pending(chat, message, path, model=model, continues_id=last.id if last else None, options=options)
        if not message.content:
            message.sources = list(pending.generation.prompt.get("sources", ()))
        return pending

    return sending.start(store, person, lane=chat.lane)


def again(message: Message, *, model: str = "", by: str = "") -> Generation:
    """Generates another version of an answer, optionally by another model, or the missing answer to a message."""
    chat, question_id = queries.chat_of(message), _question_of(message)
    model = answerer(chat, model)
    generations.refuse_if_busy(chat.lane)
    person = by or person_of(chat)
    text = "" if message.role == "assistant" else message.content
    speaker = answering(chat, question_id, text=text, before=message.speaker_id)
    given = source_search.for_retry(chat, question_id, person, speaker_id=speaker.id if speaker else None)
    options = AnswerOptions(given=given, speaker=speaker, is_again=message.role == "assistant")

    def store(session: Session) -> PendingGeneration:
        sending.lock_chat(session, chat, question_id)
        return sending.answer(session, chat, question_id, model=model, options=options)

    return sending.start(store, person, lane=chat.lane)


def edit(message: Message, text: str, *, key: str = "", by: str = "") -> Generation:
    """Stores an edited message as a new version next to the original, and generates an answer to it."""
    chat = queries.chat_of(message)
    person = by or person_of(chat)
    entered = sending.input_below(text, chat, message.parent_id, by=person)
    if message.role != "user":
        raise Invalid("Only a person's message can be edited and answered again.", field="message")
    answerer(chat)
    sent_as = generations.sent_as(person, key, f"{message.id}\0{entered.written}")
    if repeated := generations.sent_or_refused(sent_as, lambda: generations.refuse_if_busy(chat.lane)):
        return repeated
    before = speaker_after(message) if chat.is_group else None
    speaker = answering(chat, message.parent_id, text=entered.content, before=before)
    given = source_search.for_message(
        chat, entered.content, message.parent_id, person, speaker_id=speaker.id if speaker else None
    )
    options = AnswerOptions(given=given, speaker=speaker, shared=entered.shared)

    def store(session: Session) -> PendingGeneration:
        sending.lock_chat(session, chat, message.id)
        question = sending.question(chat, message.parent_id, entered, by=person)
        return sending.answer(session, chat, question, sent_as=sent_as, options=options)

    return sending.start(store, person, lane=chat.lane, sent_as=sent_as)


def _was_cut(last: Generation | None) -> bool:
    return last is not None and not last.is_active and (last.status != "completed" or last.reason in CUT_SHORT)


def _stands_last(chat: Chat, message: Message) -> bool:
    """Returns whether the message is the last of the chat and can be continued; a greeting replies to nothing and can't."""
    return bool(message.role == "assistant" and message.id == chat.head_id and message.parent_id and message.content)


def _question_of(message: Message) -> str:
    if message.role == "assistant" and message.parent_id:
        return message.parent_id
    if message.role == "assistant" or queries.is_answered(message):
        raise Invalid("Only an answer can be tried again.")
    return message.id
