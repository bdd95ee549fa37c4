"""Moving about in the tree of a chat: other versions, and what was taken out of sight."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from sqlalchemy import update

from webapp.chat import asking, queries
from webapp.chat.tables import Chat, Message
from webapp.errors import Conflict, Invalid
from webapp.extensions import db, utc_now, write
from webapp.generations import service as generations


def show_version(message: Message) -> None:
    """Show the branch of this version instead of the present one."""
    chat = queries.chat_of(message)
    generations.refuse_if_busy(asking.lane_of(chat))
    _move_head(chat, queries.newest_below(message))


def delete(message: Message) -> None:
    """Take a message and what follows it out of sight; it can be brought back."""
    chat = queries.chat_of(message)
    generations.refuse_if_busy(asking.lane_of(chat))
    beside = [id for id in queries.siblings_of([message]).get(message.id, []) if id != message.id]
    if not beside and not message.parent_id:
        raise Invalid("This is the first message: delete the whole chat instead.")
    is_shown = message.id in {each.id for each in queries.thread(chat)}
    head = chat.head_id or ""
    if is_shown:
        head = queries.newest_below(db.session.get_one(Message, beside[-1])) if beside else message.parent_id or ""
    _move_head(chat, head, {message.id: utc_now()})


def restore(message: Message) -> None:
    """Bring back what was deleted, and show it."""
    chat = queries.chat_of(message)
    generations.refuse_if_busy(asking.lane_of(chat))
    _move_head(chat, queries.newest_below(message), {message.id: None})


def _move_head(chat: Chat, to: str, deleted: Mapping[str, datetime | None] = MappingProxyType({})) -> None:
    """Moves the head and, in the same transaction, takes messages out of sight or brings them back."""
    id, seen = chat.id, chat.head_id
    with write() as session:
        for message_id, moment in deleted.items():
            session.execute(update(Message).where(Message.id == message_id).values(deleted_at=moment))
        # Only from where it was seen: another tab may have moved it in this very moment.
        moved = session.execute(
            update(Chat).where(Chat.id == id, Chat.head_id == seen).values(head_id=to).returning(Chat.id)
        ).first()
        if not moved:
            raise Conflict("The chat has gone on elsewhere in this very moment. Look again.")
    asking.announce(db.session.get_one(Chat, id), "thread", to)
