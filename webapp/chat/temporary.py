"""Chats that are not kept: their text goes when they are closed, or after a day."""

from webapp.chat import asking, erasing
from webapp.chat.tables import Chat
from webapp.errors import Conflict
from webapp.extensions import write
from webapp.generations import service as generations
from webapp.generations.engine import the_engine
from webapp.streaming.events import Changed


def close(chat: Chat) -> None:
    """Delete a temporary chat with all its text, at once and for good; an answer that runs in it is stopped."""
    if not chat.is_temporary:
        raise Conflict("This chat is kept, so there is nothing to close. It can be deleted instead.")
    id, owner_id = chat.id, chat.owner_id
    if running := generations.running_in(asking.lane_of(chat)):
        generations.stop(the_engine(), running)
    with write() as session:
        erasing.erase(session, Chat.id == id)
    # Pages that still show it lose their stream at once.
    the_engine().topics.append(f"user:{owner_id}", Changed("access", id))
