"""The queued messages of a chat: each is sent when the answer before it is complete, otherwise kept for the person."""

import logging
from collections.abc import Sequence
from functools import partial

from sqlalchemy import Delete, Update, delete, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from webapp.chat import queries
from webapp.chat.group.members import answering
from webapp.chat.led import free
from webapp.chat.messages import sending, sourcing
from webapp.chat.messages.sending import Asked, How, person_of
from webapp.chat.prompt.model_choice import answerer
from webapp.chat.tables import Chat, FollowUp, Message
from webapp.db import db, utc_now, write
from webapp.engine import service as generations
from webapp.engine.engine import Engine, the_engine
from webapp.engine.recovery import WITHIN
from webapp.engine.tables import Generation
from webapp.errors import AppError, Conflict, Unavailable
from webapp.settings.service import setting
from webapp.streaming.loops import supervise

log = logging.getLogger("chat:follow-up")

# About a minute in all.
MOST_TRIES, MOST_SECONDS = 10, 10.0
MOST_QUEUED = 20


def waiting_in(*chat_ids: str) -> list[FollowUp]:
    """What waits in these chats, the next one first."""
    return list(db.session.scalars(select(FollowUp).where(FollowUp.chat_id.in_(chat_ids)).order_by(FollowUp.id)))


def queue(chat: Chat, text: str, *, model: str = "") -> None:
    """Keep a message until the answer that runs is complete; when it just has been, the message is sent at once.

    The same text twice in a row is one message, as when a button is pressed twice.
    """
    id, content, model = free(chat).id, sending.checked(text), answerer(chat, model)
    _store(id, content, model)
    _tell(id)
    try:
        send_if_complete(id)
    except (Unavailable, SQLAlchemyError) as error:
        # It is stored: whoever queued it need not do so again.
        log.info("the queued message in %s is sent later: %s", id, type(error).__name__)
        _send_later(the_engine(), id)


def edit(chat: Chat, waiting_id: str, text: str) -> None:
    """Say a queued message in other words; it keeps its place."""
    content = sending.checked(text)
    _refuse_too_much(content, [each.text for each in waiting_in(chat.id) if each.id != waiting_id])
    _change(chat, update(FollowUp).where(FollowUp.id == waiting_id).values(text=content))


def remove(chat: Chat, waiting_id: str) -> None:
    """Take back one queued message."""
    _change(chat, delete(FollowUp).where(FollowUp.id == waiting_id))


def remove_all(chat: Chat) -> None:
    """Take back what waits; when nothing does, nothing changes."""
    id = chat.id
    with write() as session:
        session.execute(delete(FollowUp).where(FollowUp.chat_id == id))
    _tell(id)


def send(chat: Chat) -> Generation:
    """Send what waits first: it is a message from then on. Of two who do so in the same moment, one is refused."""
    following = next(iter(waiting_in(chat.id)), None)
    if following is None:
        raise Conflict("There is no queued message any more.")
    id, waiting_id, text, wish = chat.id, following.id, following.text, following.model
    said = sending.said_below(text, chat, chat.head_id, by=person_of(chat))
    chat = db.session.get_one(Chat, id)
    model = answerer(chat, wish)
    generations.refuse_if_busy(chat.lane)
    speaker = answering(chat, chat.head_id, text=said.content)
    given = sourcing.found_for(chat, said.content, chat.head_id, person_of(chat), speaker_id=speaker.id if speaker else None)
    how = How(given=given, speaker=speaker, shared=said.shared)

    def store(session: Session) -> Asked:
        taken = delete(FollowUp).where(FollowUp.id == waiting_id, FollowUp.text == text).returning(FollowUp.id)
        if not session.execute(taken).first():
            raise Conflict("The queued message has just been sent or removed.")
        chat.model = model
        question = sending.question(chat, chat.head_id, said, by=person_of(chat))
        return sending.answer(session, chat, question, how=how)

    return sending.start(store, person_of(chat), lane=chat.lane)


def send_if_complete(chat_id: str) -> None:
    """Send what waits if the answer before it is complete; whatever speaks against it leaves it waiting, to be seen.

    What may pass by itself, such as a busy database, is raised.
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
    """Send what waits as soon as the generation, whose end has been written, has left its place."""
    id, chat_id = generation.id, generation.chat_id
    if generation.status == "completed" and chat_id and waiting_in(chat_id):
        engine.spawn(lambda: _send_after(engine, id, chat_id))


def send_left() -> None:
    """Send what a process that ended between an answer and the message after it has left waiting."""
    ended = select(Generation.message_id).where(Generation.status == "completed", Generation.ended_at > utc_now() - WITHIN)
    queued = select(FollowUp.chat_id)
    waiting = select(Chat.id).where(Chat.id.in_(queued), Chat.deleted_at.is_(None), Chat.head_id.in_(ended))
    engine = the_engine()
    for id in db.session.scalars(waiting).all():
        # One that fails must not keep the others waiting.
        if not _sent(engine, id, tries=1):
            _send_later(engine, id)


def _send_after(engine: Engine, generation_id: str, chat_id: str) -> None:
    while generation_id in engine.live:
        engine.pause(0.01)
    _sent(engine, chat_id)


def _send_later(engine: Engine, chat_id: str) -> None:
    engine.spawn(partial(_sent, engine, chat_id))


def _sent(engine: Engine, chat_id: str, *, tries: int = MOST_TRIES) -> bool:
    """Tries again where something fails, the database for example; after the last try the person can still send it."""

    def send_it() -> None:
        if not engine.is_closing:
            with engine.in_app():
                send_if_complete(chat_id)

    return supervise(f"sending of what waits in {chat_id}", send_it, engine.pause, tries=tries, most_seconds=MOST_SECONDS)


def _is_complete(chat: Chat) -> bool:
    head = db.session.get(Message, chat.head_id) if chat.head_id else None
    last = queries.last_generation(head) if head else None
    is_complete = last.status == "completed" if last else bool(head and head.is_edited)
    return is_complete and not generations.running_in(chat.lane)


def _store(chat_id: str, content: str, model: str) -> None:
    with write() as session:
        own = select(FollowUp).where(FollowUp.chat_id == chat_id).order_by(FollowUp.id.desc())
        waiting = session.scalars(own.limit(MOST_QUEUED)).all()
        if waiting and waiting[0].text == content:
            return
        if len(waiting) == MOST_QUEUED:
            raise Conflict(f"{MOST_QUEUED} messages are already queued. Remove one first, or wait until it is sent.")
        _refuse_too_much(content, [each.text for each in waiting])
        session.add(FollowUp(chat_id=chat_id, text=content, model=model))
        session.execute(update(Chat).where(Chat.id == chat_id).values(model=model))


def _refuse_too_much(content: str, others: Sequence[str]) -> None:
    """All that waits is drawn with every page of the chat: together it is no longer than one message may be."""
    if (most := setting("limits.message_chars")) and len(content) + sum(map(len, others)) > most:
        raise Conflict("Together, the queued messages are too long. Remove one first, or wait until it is sent.")


def _change(chat: Chat, statement: Update | Delete) -> None:
    id = chat.id
    with write() as session:
        found = session.execute(statement.where(FollowUp.chat_id == id).returning(FollowUp.id)).first()
    if not found:
        raise Conflict("The queued message has just been sent or removed.")
    _tell(id)


def _tell(chat_id: str) -> None:
    sending.announce(db.session.get_one(Chat, chat_id), "follow-up", chat_id)
