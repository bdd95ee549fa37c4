"""Keyset paging of chats and messages for the API: each page begins after the last row of the one before."""

from collections.abc import Sequence
from typing import Literal

from sqlalchemy import literal, select, tuple_

from webapp.chat import queries
from webapp.chat.tables import Chat, Message
from webapp.db import db

Show = Literal["open", "archived", "deleted", "all"]


def chats(owner_id: str, *, show: Show = "open", after: str = "", limit: int) -> Sequence[Chat]:
    """A person's chats, those that changed last first, without temporary ones; `all` are the open and the archived ones."""
    query = select(Chat).where(Chat.owner_id == owner_id, queries.KEPT)
    query = query.where(Chat.deleted_at.is_not(None) if show == "deleted" else Chat.deleted_at.is_(None))
    if show in ("open", "archived"):
        query = query.where(Chat.archived_at.is_(None) if show == "open" else Chat.archived_at.is_not(None))
    last = db.session.get(Chat, after) if after else None
    if last and last.owner_id == owner_id:
        query = query.where(tuple_(Chat.changed_at, Chat.id) < tuple_(literal(last.changed_at, Chat.changed_at.type), last.id))
    return db.session.scalars(query.order_by(Chat.changed_at.desc(), Chat.id.desc()).limit(limit)).all()


def path(chat: Chat, *, after: str = "", limit: int) -> Sequence[Message]:
    """The messages that the chat shows, from its root on."""
    ids = queries.path_ids(chat)
    begin = ids.index(after) + 1 if after in ids else 0
    return queries.in_order(ids[begin : begin + limit])


def tree(chat: Chat, *, after: str = "", limit: int) -> Sequence[Message]:
    """Every message of every branch, oldest first, without those out of sight and what follows them."""
    seen = [id for id in _in_sight(chat.id) if id > after][:limit]
    return db.session.scalars(select(Message).where(Message.id.in_(seen)).order_by(Message.id)).all()


def _in_sight(chat_id: str) -> list[str]:
    query = select(Message.id, Message.parent_id, Message.deleted_at).where(Message.chat_id == chat_id).order_by(Message.id)
    seen: dict[str | None, None] = {None: None}
    for id, parent_id, deleted_at in db.session.execute(query):
        if parent_id in seen and not deleted_at:
            seen[id] = None
    return [id for id in seen if id]
