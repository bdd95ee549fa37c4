"""Temporary chats: their text is deleted when they are closed, or after a day."""

from sqlalchemy import select

from webapp import changes, topic_names
from webapp.chat.keeping import erasing
from webapp.chat.tables import Chat
from webapp.db import db
from webapp.engine import service as generations
from webapp.engine.engine import Engine, the_engine
from webapp.errors import Conflict

END_SECONDS = 3.0


def close(chat: Chat) -> None:
    """Delete a temporary chat with all its text, at once and for good; an answer that runs in it is stopped."""
    if not chat.is_temporary:
        raise Conflict("This isn't a temporary chat, so it can't be closed. You can delete it instead.")
    id, owner_id = chat.id, chat.owner_id
    _stop(id)
    erasing.erase(Chat.id == id)
    # Pages that still show it lose their stream at once.
    changes.tell_person(owner_id or "", "access", id)


def stop_due() -> None:
    """Stop what is still being written in chats whose day is over: they go now."""
    for id in db.session.scalars(select(Chat.id).where(erasing.day_is_over())).all():
        _stop(id)


def _stop(id: str) -> None:
    if running := generations.running_in(topic_names.of_chat(id)):
        running_id = running.id
        generations.stop(the_engine(), running)
        _let_it_end(the_engine(), running_id)


def _let_it_end(engine: Engine, id: str) -> None:
    """Waits for an answer that was stopped: its end and the deletion would each hold what the other needs."""
    # No connection is held meanwhile.
    db.session.rollback()
    until = engine.now() + END_SECONDS
    while generations.is_running(engine, id) and engine.now() < until:
        engine.pause(0.01)
