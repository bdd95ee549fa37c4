"""Queued messages of a chat: each is sent once the answer before it is complete; if that fails it stays queued."""

import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Delete, Update, delete, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from webapp.base.current import PerApp
from webapp.base.database import rows
from webapp.base.db import db, utc_now, write
from webapp.base.errors import AppError, Busy, Conflict, Forbidden, Unavailable
from webapp.chat.group.members import answering_speaker
from webapp.chat.messages import drafts, sending, source_search
from webapp.chat.messages.storing import PendingGeneration, store_and_start_all
from webapp.chat.record import announcements, queries, sharing
from webapp.chat.record.leader import refuse_if_led
from webapp.chat.record.model_choice import ChosenModel, choice_in, choice_to_ask, chosen_by, model_to_ask, models_to_ask
from webapp.chat.record.tables import Chat, FollowUp, Message
from webapp.engine import generations
from webapp.engine.duties.recovery import WITHIN
from webapp.engine.engine import Engine, the_engine
from webapp.engine.tables import Generation
from webapp.people.accounts.tables import User
from webapp.people.members import service as people_service
from webapp.settings.service import setting
from webapp.streaming.loops import supervise

log = logging.getLogger("chat:follow-up")

# About a minute in total.
MOST_TRIES, MOST_SECONDS = 10, 10.0
MOST_QUEUED = 20
# The last answers to messages that were written offline, each with who wrote it: those of this worker, as far as memory goes.
SENT_LATE = PerApp(lambda: deque[tuple[str, str]](maxlen=200))


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderChoices:
    """Who sends a message that was written offline, and what they chose for its answer; the arguments of `sending.ask`."""

    person: str
    model: str = ""
    answered_by: str = ""
    speaker_id: str = ""
    models: Sequence[str] = ()


def waiting_in(*chat_ids: str) -> list[FollowUp]:
    """Returns the queued messages of these chats, the next one first."""
    return list(db.session.scalars(select(FollowUp).where(FollowUp.chat_id.in_(chat_ids)).order_by(FollowUp.id)))


def ask_in_turn(chat: Chat, text: str, *, key: str, choices: SenderChoices) -> None:
    """Sends a message that was written offline, behind whatever waits in the chat; repeating key and text sends it once."""
    id, person = chat.id, choices.person
    if has_come(id, person, text, key):
        return
    options = {"model": choices.model, "answered_by": choices.answered_by, "speaker_id": choices.speaker_id}
    if not (waiting_in(id) or generations.active_generation(chat.lane)):
        try:
            generation = sending.ask(
                chat, text, key=key, by=person, options=sending.TYPED_OPTIONS, models=choices.models, **options
            )
            SENT_LATE.get().append((person, generation.message_id or ""))
            return
        except Busy:
            # Another message has come before it.
            chat = db.session.get_one(Chat, id, populate_existing=True)
    if not generations.active_generation(chat.lane):
        # What waits behind an answer that was stopped goes first.
        send(chat)
        chat = db.session.get_one(Chat, id, populate_existing=True)
    queue(chat, text, key=key, by=person, **options)
    drafts.forget(person, id)


def seen_last(chat: Chat, after: str, person: str) -> str:
    """Returns the message below which one that was typed on a page goes: the last that the page shows, or empty for the end.

    What this person has written offline is sent just before, and their page is about to show it: it has been seen.
    """
    late, id = SENT_LATE.get(), chat.head_id
    while after and id and id != after and (person, id) in late:
        answer = db.session.get(Message, id)
        question = db.session.get(Message, answer.parent_id) if answer and answer.parent_id else None
        id = question.parent_id if question else None
    return "" if after and id == after else after


def queue(
    chat: Chat, text: str, *, by: str = "", model: str = "", answered_by: str = "", speaker_id: str = "", key: str = ""
) -> None:
    """Queues a message until the running answer is complete; sends it immediately if the answer has just completed.

    Repeating key and text queues it once, as when a button is pressed twice; so does the same text twice in a row without keys.
    `by` is its author, if that is not the owner. `answered_by` is the model of its answer alone, and `speaker_id` the character
    of a group that is to answer.
    """
    person = by or sending.person_of(chat)
    choice, answered_by = chosen_by(chat, model, answered_by, person)
    if speaker_id:
        answering_speaker(chat, chat.head_id, speaker_id=speaker_id)
    id, content = refuse_if_led(chat).id, sending.checked_text(text)
    sent_as = generations.request_hash(person, key, f"{id}\0{content}")
    if generations.generation_of_request(sent_as):
        return
    choices = {"model": choice.word, "answered_by": answered_by, "speaker_id": speaker_id}
    _store(FollowUp(chat_id=id, author_id=by or None, text=content, sent_as=sent_as, **choices), choice)
    _notify(id)
    try:
        send_if_complete(id)
    except (Unavailable, SQLAlchemyError) as error:
        # The message is stored, so the request succeeds; sending is retried in the background.
        log.info("the queued message in %s is sent later: %s", id, type(error).__name__)
        _send_later(the_engine(), id)


def is_by(chat: Chat, queued: FollowUp, person: str) -> bool:
    """Returns whether a person has queued a message; a visitor has no id."""
    return (queued.author_id or chat.owner_id or "") == person


def edit(chat: Chat, waiting_id: str, text: str, *, by: str) -> None:
    """Changes the text of a queued message of one's own; it keeps its place."""
    content = sending.checked_text(text)
    _refuse_too_much(content, [queued.text for queued in waiting_in(chat.id) if queued.id != waiting_id])
    _refuse_others(chat, waiting_id, by)
    _change(chat, update(FollowUp).where(FollowUp.id == waiting_id).values(text=content))


def remove(chat: Chat, waiting_id: str, *, by: str) -> None:
    """Removes one queued message of one's own; the chat's owner can remove any."""
    if by != chat.owner_id:
        _refuse_others(chat, waiting_id, by)
    _change(chat, delete(FollowUp).where(FollowUp.id == waiting_id))


def remove_all(chat: Chat, *, by: str) -> None:
    """Removes all queued messages of a chat or, for others than its owner, all of their own."""
    id = chat.id
    statement = delete(FollowUp).where(FollowUp.chat_id == id)
    with write() as session:
        session.execute(statement if by == (chat.owner_id or "") else statement.where(FollowUp.author_id == by))
    _notify(id)


def send(chat: Chat) -> Generation:
    """Sends the next queued message and removes it from the queue; of two concurrent calls one raises `Conflict`."""
    _forget_those_of_others(chat)
    following = next(iter(waiting_in(chat.id)), None)
    if following is None:
        raise Conflict("The queued message no longer exists.")
    person = following.author_id or sending.person_of(chat)
    id, waiting_id, text, queued_model = chat.id, following.id, following.text, following.model
    queued_choice, speaker_id, sent_as = following.answered_by, following.speaker_id, following.sent_as
    entered = sending.message_input_below(text, chat, chat.head_id, by=person)
    chat = db.session.get_one(Chat, id)
    choice = choice_in(chat) if queued_choice else choice_to_ask(chat, queued_model, by=person)
    answered_by = queued_choice and model_to_ask(chat, queued_choice, by=person)
    models = [] if queued_choice else models_to_ask(chat.models, chat, by=person)
    generations.refuse_if_busy(chat.lane)
    speaker = answering_speaker(chat, chat.head_id, text=entered.content, speaker_id=speaker_id)
    sources = source_search.for_message(chat, entered.content, chat.head_id, person, speaker_id=speaker.id if speaker else None)
    options = sending.AnswerOptions(given=sources, speaker=speaker, shared=entered.shared, person=person)

    def store(session: Session) -> list[PendingGeneration]:
        taken = delete(FollowUp).where(FollowUp.id == waiting_id, FollowUp.text == text).returning(FollowUp.id)
        if not session.execute(taken).first():
            raise Conflict("The queued message has just been sent or removed.")
        rows.locked(session, Chat, id)
        sending.refuse_if_beside(chat)
        chat.model, chat.preset_id = choice
        question = sending.new_question(chat, chat.head_id, entered, by=person)
        return sending.new_answers(session, chat, question, models or [answered_by], sent_as=sent_as, options=options)

    return store_and_start_all(store, person, answers=len(models) or 1, lane=chat.lane, sent_as=sent_as)


def send_if_complete(chat_id: str) -> None:
    """Sends the next queued message if the answer before it is complete; a refused one stays queued and visible.

    Temporary failures, such as a busy database, are raised.
    """
    chat = db.session.get_one(Chat, chat_id, populate_existing=True)
    if chat.deleted_at or not waiting_in(chat_id) or not _is_complete(chat):
        return
    try:
        send(chat)
    except Unavailable:
        raise
    except AppError as error:
        log.info("the queued message in %s was not sent: %s", chat_id, error.message)


def send_after(engine: Engine, generation: Generation) -> None:
    """Sends the next queued message once the generation, whose end has been saved, has left the engine."""
    id, chat_id = generation.id, generation.chat_id
    # Of answers side by side, one that fails can be the last to end.
    if (generation.status == "completed" or generation.column_number) and chat_id and waiting_in(chat_id):
        engine.spawn(lambda: _send_after(engine, id, chat_id))


def send_remaining() -> None:
    """Sends messages left in the queue by a process that ended between an answer and the message after it."""
    ended = select(Generation.message_id).where(Generation.status == "completed", Generation.ended_at > utc_now() - WITHIN)
    queued = select(FollowUp.chat_id)
    waiting = select(Chat.id).where(Chat.id.in_(queued), Chat.deleted_at.is_(None), Chat.head_id.in_(ended))
    engine = the_engine()
    for id in db.session.scalars(waiting).all():
        # Retries of one chat run in the background, so that they don't delay the others.
        if not _sent(engine, id, tries=1):
            _send_later(engine, id)


def _send_after(engine: Engine, generation_id: str, chat_id: str) -> None:
    while generation_id in engine.live:
        engine.pause(0.01)
    _sent(engine, chat_id)


def _send_later(engine: Engine, chat_id: str) -> None:
    engine.spawn(partial(_sent, engine, chat_id))


def _sent(engine: Engine, chat_id: str, *, tries: int = MOST_TRIES) -> bool:
    """Retries with back-off if something fails, such as the database; after the last try, the person can still send it."""

    def send_it() -> None:
        if not engine.is_closing:
            with engine.in_app():
                send_if_complete(chat_id)

    return supervise(f"sending of what waits in {chat_id}", send_it, engine.pause, tries=tries, most_seconds=MOST_SECONDS)


def has_come(chat_id: str, person: str, text: str, key: str) -> bool:
    """Returns whether a message with this key and text was sent in a chat, or waits in it."""
    sent_as = generations.request_hash(person, key, f"{chat_id}\0{sending.checked_text(text)}")
    is_waiting = bool(sent_as) and sent_as in [queued.sent_as for queued in waiting_in(chat_id)]
    return is_waiting or generations.generation_of_request(sent_as) is not None


def _is_complete(chat: Chat) -> bool:
    head = db.session.get(Message, chat.head_id) if chat.head_id else None
    last = queries.last_generation(head) if head else None
    is_complete = last.status == "completed" if last else bool(head and head.is_edited)
    return is_complete and not generations.active_generation(chat.lane)


def _store(following: FollowUp, choice: ChosenModel) -> None:
    chat_id, content = following.chat_id, following.text
    with write() as session:
        own = select(FollowUp).where(FollowUp.chat_id == chat_id).order_by(FollowUp.id.desc())
        waiting = session.scalars(own.limit(MOST_QUEUED)).all()
        is_repeated = waiting and (waiting[0].text, waiting[0].author_id) == (content, following.author_id)
        if is_repeated and not following.sent_as:
            return
        if following.sent_as and following.sent_as in [queued.sent_as for queued in waiting]:
            return
        if len(waiting) == MOST_QUEUED:
            raise Conflict(f"{MOST_QUEUED} messages are already queued. Remove one first, or wait until it is sent.")
        _refuse_too_much(content, [queued.text for queued in waiting])
        session.add(following)
        session.execute(update(Chat).where(Chat.id == chat_id).values(**choice._asdict()))


def _refuse_too_much(content: str, others: Sequence[str]) -> None:
    """Limits all queued messages together to the length of one message, since every page of the chat renders them."""
    if (most := setting("limits.message_chars")) and len(content) + sum(map(len, others)) > most:
        raise Conflict("Together, the queued messages are too long. Remove one first, or wait until it is sent.")


def _refuse_others(chat: Chat, waiting_id: str, by: str) -> None:
    queued = db.session.get(FollowUp, waiting_id)
    if queued and queued.chat_id == chat.id and not is_by(chat, queued, by):
        raise Forbidden("Someone else wrote this message, and only they can take it back.")


def _forget_those_of_others(chat: Chat) -> None:
    """Removes what was queued by people who can't write in the chat any more."""
    authors = {queued.author_id for queued in waiting_in(chat.id) if queued.author_id not in (None, chat.owner_id)}
    users = db.session.scalars(select(User).where(User.id.in_(authors))).all() if authors else ()
    gone = authors - {user.id for user in users if not user.disabled_at and sharing.right_of(chat, user) == "write"}
    if gone:
        with write() as session:
            session.execute(delete(FollowUp).where(FollowUp.chat_id == chat.id, FollowUp.author_id.in_(gone)))


def _change(chat: Chat, statement: Update | Delete) -> None:
    id = chat.id
    with write() as session:
        row = session.execute(statement.where(FollowUp.chat_id == id).returning(FollowUp.id)).first()
    if not row:
        raise Conflict("The queued message has just been sent or removed.")
    _notify(id)


def _notify(chat_id: str) -> None:
    announcements.announce(db.session.get_one(Chat, chat_id), "follow-up", chat_id)


def _forget_author(session: Session, person_id: str) -> None:
    session.execute(delete(FollowUp).where(FollowUp.author_id == person_id))


DEPARTURE = people_service.Departure(detach=_forget_author)
