"""Chats that are not kept: their text goes when they are closed, or after a day."""

from sqlalchemy import select

from webapp import lanes
from webapp.chat import erasing
from webapp.chat.tables import Chat
from webapp.errors import Conflict
from webapp.extensions import db, write
from webapp.generations import service as generations
from webapp.generations.engine import Engine, the_engine
from webapp.streaming.events import Changed

END_SECONDS = 3.0


def close(chat: Chat) -> None:
    """Delete a temporary chat with all its text, at once and for good; an answer that runs in it is stopped."""
    if not chat.is_temporary:
        raise Conflict("This chat is kept, so there is nothing to close. It can be deleted instead.")
    id, owner_id = chat.id, chat.owner_id
    _stop(id)
    with write() as session:
        erasing.erase(session, Chat.id == id)
    # Pages that still show it lose their stream at once.
    the_engine().topics.append(lanes.of_person(owner_id or ""), Changed("access", id))


def stop_due() -> None:
    """Stop what is still being written in chats whose day is over: they go now."""
    for id in db.session.scalars(select(Chat.id).where(erasing.day_is_over())).all():
        _stop(id)


def _stop(id: str) -> None:
    if running := generations.running_in(lanes.of_chat(id)):
        running_id = running.id
        generations.stop(the_engine(), running)
        _let_it_end(the_engine(), running_id)


def _let_it_end(engine: Engine, id: str) -> None:
    """Waits for an answer that was stopped: its end and the deletion would each hold what the other needs."""
    # No connection is held meanwhile.
    db.session.rollback()
    until = engine.now() + END_SECONDS
    while id in engine.live and engine.now() < until:
        engine.pause(0.01)
