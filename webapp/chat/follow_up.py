"""The one message that waits in a chat: sent when the answer before it is complete, else kept for the person to send."""

import logging

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from webapp.chat import asking, queries
from webapp.chat.answerer import answerer
from webapp.chat.asking import Asked, person_of
from webapp.chat.tables import Chat, Message
from webapp.errors import AppError, Conflict
from webapp.extensions import db, utc_now, write
from webapp.generations import service as generations
from webapp.generations.engine import Engine
from webapp.generations.recovery import WITHIN
from webapp.generations.tables import Generation

log = logging.getLogger("chat:follow-up")


def queue(chat: Chat, text: str, *, model: str = "") -> None:
    """Keep a message until the answer that runs is complete; one that ends in this very moment is followed at once."""
    id, content = chat.id, asking.checked(text)
    _store(id, content, among=["", content], model=answerer(chat, model))
    _tell(id)
    send_if_complete(id)


def remove(chat: Chat) -> None:
    """Take back what waits; when nothing does, nothing changes."""
    id, seen = chat.id, chat.follow_up
    _store(id, "", among=["", seen], model=chat.model)
    _tell(id)


def send(chat: Chat) -> Generation:
    """Send what waits: it is a message from then on. Of two who do so in the same moment, one is refused."""
    if not chat.follow_up:
        raise Conflict("Nothing is waiting here any more.")
    id, waiting = chat.id, chat.follow_up
    said = asking.typed(waiting, chat)
    chat = db.session.get_one(Chat, id)
    answerer(chat)
    generations.refuse_if_busy(chat.lane)

    def store(session: Session) -> Asked:
        taken = update(Chat).where(Chat.id == id, Chat.follow_up == waiting).values(follow_up="").returning(Chat.id)
        if not session.execute(taken).first():
            raise Conflict("What was waiting has been sent or removed in this very moment.")
        question = asking.question(session, chat, chat.head_id, said, by=person_of(chat))
        return asking.answer(session, chat, question.id)

    return asking.start(store, person_of(chat), lane=chat.lane)


def send_if_complete(chat_id: str) -> None:
    """Send what waits if the answer before it is complete; whatever speaks against it leaves it waiting, to be seen."""
    chat = db.session.get_one(Chat, chat_id, populate_existing=True)
    if not chat.follow_up or chat.deleted_at or not _is_complete(chat):
        return
    try:
        send(chat)
    except AppError as error:
        log.info("what waits in %s is not sent: %s", chat_id, error.message)


def send_after(engine: Engine, generation: Generation) -> None:
    """Send what waits as soon as the generation, whose end has been written, has left its place."""
    id, chat_id = generation.id, generation.chat_id
    if generation.status == "completed" and db.session.get_one(Chat, chat_id).follow_up:
        engine.spawn(lambda: _send_after(engine, id, chat_id))


def send_left() -> None:
    """Send what a process that ended between an answer and the message after it has left waiting."""
    ended = select(Generation.message_id).where(Generation.status == "completed", Generation.ended_at > utc_now() - WITHIN)
    waiting = select(Chat.id).where(Chat.follow_up != "", Chat.deleted_at.is_(None), Chat.head_id.in_(ended))
    for id in db.session.scalars(waiting).all():
        send_if_complete(id)


def _send_after(engine: Engine, generation_id: str, chat_id: str) -> None:
    while generation_id in engine.live:
        engine.pause(0.01)
    if not engine.is_closing:
        with engine.in_app():
            send_if_complete(chat_id)


def _is_complete(chat: Chat) -> bool:
    head = db.session.get(Message, chat.head_id) if chat.head_id else None
    last = queries.last_generation(head) if head else None
    is_complete = last.status == "completed" if last else bool(head and head.is_edited)
    return is_complete and not generations.running_in(chat.lane)


def _store(chat_id: str, content: str, *, among: list[str], model: str) -> None:
    """Keeps the text in place of one of those; what another tab has queued meanwhile is never written over."""
    with write() as session:
        row = update(Chat).where(Chat.id == chat_id, Chat.follow_up.in_(among)).values(follow_up=content, model=model)
        is_stored = session.execute(row.returning(Chat.id)).first()
    if not is_stored:
        raise Conflict("One message is waiting here already. Remove it first, or wait until it is sent.")


def _tell(chat_id: str) -> None:
    asking.announce(db.session.get_one(Chat, chat_id), "follow-up", chat_id)
