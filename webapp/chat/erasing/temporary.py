"""Temporary chats: their text is deleted when they are closed, or after a day."""

from sqlalchemy import select

from webapp.base import changes, topic_names
from webapp.base.db import db
from webapp.base.errors import Conflict
from webapp.chat.erasing import erasing
from webapp.chat.record.tables import Chat
from webapp.engine import service as generations
from webapp.engine.engine import Engine, the_engine

END_SECONDS = 3.0


def close(chat: Chat) -> None:
    """Permanently deletes a temporary chat with all its text; a running answer is stopped first."""
    if not chat.is_temporary:
        raise Conflict("This isn't a temporary chat, so it can't be closed. You can delete it instead.")
    id, owner_id = chat.id, chat.owner_id
    _stop(id)
    erasing.erase(Chat.id == id)
    # Closes the streams of pages that still show the chat.
    changes.notify_person(owner_id or "", "access", id)


def stop_due() -> None:
    """Stops running answers in temporary chats that are about to be deleted because a day has passed."""
    for id in db.session.scalars(select(Chat.id).where(erasing.is_expired())).all():
        _stop(id)


def _stop(id: str) -> None:
    if running := generations.running_in(topic_names.of_chat(id)):
        running_id = running.id
        generations.stop(running)
        _let_it_end(the_engine(), running_id)


def _let_it_end(engine: Engine, id: str) -> None:
    """Waits until a stopped answer has ended: writing its end and deleting the chat concurrently would deadlock."""
    # Releases the database connection while waiting.
    db.session.rollback()
    until = engine.now() + END_SECONDS
    while generations.is_running(engine, id) and engine.now() < until:
        engine.pause(0.01)
