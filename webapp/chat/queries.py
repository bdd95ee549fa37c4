"""Named reads of chats and messages."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from sqlalchemy import Select, bindparam, literal, or_, select
from sqlalchemy.orm import aliased

from webapp.chat.tables import Chat, Message
from webapp.extensions import db, utc_now
from webapp.generations.engine import Engine
from webapp.generations.tables import ACTIVE, Generation

VISITORS_DAY = timedelta(days=1)


def chat_of(message: Message) -> Chat:
    return db.session.get_one(Chat, message.chat_id)


def recent_chats(owner_id: str, *, limit: int = 50) -> Sequence[Chat]:
    query = select(Chat).where(Chat.owner_id == owner_id, Chat.deleted_at.is_(None))
    return db.session.scalars(query.order_by(Chat.changed_at.desc(), Chat.id.desc()).limit(limit)).all()


def visitors_chat(visitor_hash: str) -> Chat | None:
    """The newest chat of a visitor's cookie, for a day."""
    if not visitor_hash:
        return None
    query = select(Chat).where(Chat.visitor_hash == visitor_hash, Chat.created_at > utc_now() - VISITORS_DAY)
    return db.session.scalar(query.order_by(Chat.id.desc()).limit(1))


def lanes_in_use(lanes: Iterable[str]) -> set[str]:
    """Which of these lanes have a generation that runs."""
    query = select(Generation.lane).where(Generation.lane.in_(list(lanes)), Generation.status.in_(ACTIVE))
    return set(db.session.scalars(query))


def path_to(message: Message) -> list[Message]:
    """The messages from the root of the tree to this one."""
    return _path(message.id)


def thread(chat: Chat) -> list[Message]:
    """The messages that the chat shows: from the root to its head."""
    return _path(chat.head_id) if chat.head_id else []


def generations_of(messages: Iterable[Message]) -> dict[str, list[Generation]]:
    """The generations of each message, oldest first."""
    query = select(Generation).where(Generation.message_id.in_([message.id for message in messages])).order_by(Generation.id)
    found: dict[str, list[Generation]] = {}
    for generation in db.session.scalars(query):
        found.setdefault(generation.message_id or "", []).append(generation)
    return found


def last_generation(message: Message) -> Generation | None:
    query = select(Generation).where(Generation.message_id == message.id).order_by(Generation.id.desc()).limit(1)
    return db.session.scalar(query)


def branch_point(chat: Chat, after: str) -> str | None:
    """Where the next message belongs: below the message that was seen last, if it is one of the chat's, else at the head."""
    seen = db.session.get(Message, after) if after and after != chat.head_id else None
    return seen.id if seen and seen.chat_id == chat.id and not seen.deleted_at else chat.head_id


def siblings_of(messages: Sequence[Message]) -> dict[str, list[str]]:
    """For each message with others beside it: all of them, oldest first."""
    if not messages:
        return {}
    parents = [message.parent_id for message in messages if message.parent_id]
    beside = or_(Message.parent_id.in_(parents), Message.parent_id.is_(None))
    query = select(Message.id, Message.parent_id).where(
        Message.chat_id == messages[0].chat_id, beside, Message.deleted_at.is_(None)
    )
    children: dict[str | None, list[str]] = {}
    for id, parent_id in db.session.execute(query.order_by(Message.id)):
        children.setdefault(parent_id, []).append(id)
    return {message.id: found for message in messages if len(found := children.get(message.parent_id, [])) > 1}


def newest_below(message: Message) -> str:
    """The end of the branch that a message leads to, following the newest at each fork."""
    children = select(Message.id, Message.parent_id).where(Message.chat_id == message.chat_id, Message.deleted_at.is_(None))
    newest: dict[str | None, str] = {}
    for id, parent_id in db.session.execute(children.order_by(Message.id)):
        newest[parent_id] = id
    id = message.id
    while id in newest:
        id = newest[id]
    return id


def text_so_far(engine: Engine, message: Message) -> str:
    """The raw text as it stands at this moment, running or ended."""
    last = last_generation(message)
    live = engine.live.get(last.id) if last and last.is_active else None
    return message.content + live.run.transcript.text if live else message.content


def _path(message_id: str) -> list[Message]:
    return list(db.session.scalars(PATH, {"id": message_id}))


def _path_statement() -> Select[Message]:
    start = select(Message.id, Message.parent_id, literal(0).label("height")).where(Message.id == bindparam("id"))
    up = start.cte("up", recursive=True)
    parent = aliased(Message)
    up = up.union_all(select(parent.id, parent.parent_id, up.c.height + 1).where(parent.id == up.c.parent_id))
    return select(Message).join(up, up.c.id == Message.id).order_by(up.c.height.desc())


# Made once: to put it together costs more than to run it.
PATH = _path_statement()
