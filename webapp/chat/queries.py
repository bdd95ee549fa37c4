"""Named reads of chats and messages."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import (
    CTE,
    ColumnElement,
    Select,
    String,
    and_,
    bindparam,
    case,
    func,
    literal,
    or_,
    select,
    text,
    tuple_,
    union_all,
)
from sqlalchemy.orm import aliased, defer
from sqlalchemy.sql.base import ExecutableOption

from webapp import topic_names
from webapp.accounts import grants
from webapp.accounts.tables import Grant, User
from webapp.chat.tables import Chat, Message
from webapp.db import db, utc_now
from webapp.engine.engine import Engine
from webapp.engine.tables import WHILE_ACTIVE, Generation
from webapp.heavy import bounded
from webapp.statements import Ready

NEW_LINE = "\n"
VISITORS_DAY = timedelta(days=1)
MOST_PINNED = 100
# Temporary chats stand in no list.
KEPT = Chat.is_temporary.is_(False)
NEWEST_FIRST = Chat.changed_at.desc(), Chat.id.desc()
# Whoever looks.
ME = bindparam("owner_id", type_=String)
# How many messages a page shows at once; the earlier ones come as one scrolls.
WINDOW = 60
# A visitor's page, which lives for a day, has nothing that fetches earlier ones.
VISITORS_WINDOW = 500
# Of these messages those that were deleted, or stand below one that was. Chats without any deleted one are not climbed.
OUT_OF_SIGHT = text("""
    WITH RECURSIVE up(id, parent_id, origin) AS (
        SELECT m.id, m.parent_id, m.id FROM messages m
        WHERE m.id IN :ids AND EXISTS (SELECT 1 FROM messages d WHERE d.chat_id = m.chat_id AND d.deleted_at IS NOT NULL)
        UNION ALL SELECT p.id, p.parent_id, up.origin FROM messages p JOIN up ON p.id = up.parent_id)
    SELECT DISTINCT up.origin FROM up JOIN messages m ON m.id = up.id WHERE m.deleted_at IS NOT NULL
""").bindparams(bindparam("ids", expanding=True))


class Listed(NamedTuple):
    """What lists show of a chat."""

    id: str
    title: str
    changed_at: datetime
    pinned_at: datetime | None
    character_id: str | None
    character_ids: list[str]
    # Who has shared it; of one's own chats nobody.
    sharer: str = ""


class Said(NamedTuple):
    """What a model is sent of a message: of a long chat a fraction of what the messages are.

    `speaker` is the name of who says it, which only groups know.
    """

    id: str
    role: str
    content: str
    speaker: str = ""

    @property
    def told(self) -> str:
        """As a model hears it. Some models begin with the name by themselves."""
        if not self.speaker or self.content.startswith(f"{self.speaker}:"):
            return self.content
        # A picture or a file stands in a line of its own.
        return f"{self.speaker}:{NEW_LINE if self.content.startswith(('![', '[')) else ' '}{self.content}"


class Glimpse(NamedTuple):
    """What the composer asks of the messages before it."""

    id: str
    parent_id: str | None
    role: str
    content: str


def chat_of(message: Message) -> Chat:
    return db.session.get_one(Chat, message.chat_id)


def recent_chats(owner_id: str, *, limit: int = 50) -> Sequence[Chat]:
    """The newest chats that are neither archived nor deleted."""
    return db.session.scalars(_newest_first(owner_id).where(Chat.archived_at.is_(None)).limit(limit)).all()


def listed_chats(owner_id: str, *, are_archived: bool = False, before: str = "", limit: int) -> Sequence[Chat]:
    """A page of a person's chats without the pinned ones, newest first, from behind the chat with the id `before`."""
    archived = Chat.archived_at.is_not(None) if are_archived else and_(Chat.archived_at.is_(None), Chat.pinned_at.is_(None))
    query = _newest_first(owner_id).where(archived)
    if last := owned_chat(owner_id, before) if before else None:
        query = query.where(tuple_(Chat.changed_at, Chat.id) < tuple_(literal(last.changed_at, Chat.changed_at.type), last.id))
    return db.session.scalars(query.limit(limit)).all()


def pinned_chats(owner_id: str) -> Sequence[Chat]:
    """The pinned chats, those first that were pinned last."""
    query = select(Chat).where(Chat.owner_id == owner_id, Chat.pinned_at.is_not(None), Chat.deleted_at.is_(None), KEPT)
    return db.session.scalars(query.where(Chat.archived_at.is_(None)).order_by(Chat.pinned_at.desc()).limit(MOST_PINNED)).all()


def sidebar_chats(owner_id: str, *, limit: int = 50) -> tuple[Sequence[Listed], Sequence[Listed], set[str]]:
    """The pinned chats, the newest others, and the lanes of those being answered, in one statement: every page asks.

    Among the others are those that were shared with this person.
    """
    rows = SIDEBAR.all(db.session(), {"owner_id": owner_id, "limit": limit})
    found, lanes = [Listed(*row[:7]) for row in rows], {row.lane for row in rows if row.lane}
    first = sorted((row for row in found if row.pinned_at), key=lambda row: row.pinned_at or row.changed_at, reverse=True)
    return first, [row for row in found if not row.pinned_at], lanes


def shared_chats(person_id: str, *, limit: int = 200) -> list[Listed]:
    """Chats of others that were given to this person or to a group of theirs, newest first."""
    return [Listed(*row) for row in db.session.execute(SHARED, {"owner_id": person_id, "limit": limit})]


def deleted_chats(owner_id: str, *, limit: int = 200) -> Sequence[Chat]:
    """What lies in a person's trash, the last deleted first."""
    query = select(Chat).where(in_trash(owner_id)).order_by(Chat.deleted_at.desc(), Chat.id)
    return db.session.scalars(query.limit(limit)).all()


def owned_chat(owner_id: str, id: str, *, is_deleted: bool = False) -> Chat | None:
    """The chat, if it is this person's own; one in the trash only when that is asked for."""
    chat = db.session.get(Chat, id)
    return chat if chat and chat.owner_id == owner_id and bool(chat.deleted_at) == is_deleted else None


def own_chats(owner_id: str, ids: Sequence[str]) -> list[Chat]:
    """Those of these chats that are this person's own and in a list or in the trash, in the order of their ids here."""
    rows = db.session.scalars(select(Chat).where(Chat.id.in_(ids), Chat.owner_id == owner_id, KEPT))
    return sorted(rows, key=lambda chat: ids.index(chat.id))


def temporary_chat(owner_id: str) -> Chat | None:
    """The newest chat of this person that is not kept and still open."""
    query = select(Chat).where(Chat.is_temporary, Chat.owner_id == owner_id, Chat.deleted_at.is_(None))
    return db.session.scalar(query.order_by(Chat.created_at.desc()).limit(1))


def in_trash(owner_id: str) -> ColumnElement[bool]:
    """Whether a chat lies in this person's trash."""
    return and_(Chat.owner_id == owner_id, Chat.deleted_at.is_not(None))


def count_in_trash(owner_id: str) -> int:
    return db.session.scalar(select(func.count()).select_from(Chat).where(in_trash(owner_id))) or 0


def is_running_in_trash(owner_id: str) -> bool:
    """Whether in a chat of this person's trash an answer has not ended yet."""
    lane = literal(topic_names.of_chat("")) + Chat.id
    running = select(Chat.id).join(Generation, Generation.lane == lane).where(in_trash(owner_id), WHILE_ACTIVE)
    return db.session.scalar(running.limit(1)) is not None


def visitors_chat(visitor_hash: str) -> Chat | None:
    """The newest chat of a visitor's cookie, for a day."""
    if not visitor_hash:
        return None
    query = select(Chat).where(Chat.visitor_hash == visitor_hash, Chat.created_at > utc_now() - VISITORS_DAY)
    return db.session.scalar(query.order_by(Chat.id.desc()).limit(1))


def lanes_in_use(lanes: Iterable[str]) -> set[str]:
    """Which of these lanes have a generation that runs."""
    # Said in the words of the index of those that run, so that only they are looked at.
    query = select(Generation.lane).where(Generation.lane.in_(list(lanes)), WHILE_ACTIVE)
    return set(db.session.scalars(query))


def path_ids(chat: Chat) -> list[str]:
    """The ids of the messages that the chat shows, from the root on: of a long chat far less to read than the messages."""
    return list(db.session.scalars(PATH_IDS, {"id": chat.head_id})) if chat.head_id else []


def is_shown(chat: Chat, message: Message) -> bool:
    """Whether a message stands in the thread; however long that is, nobody waits for it."""
    up = up_from(Message.id == bindparam("id"))
    query = select(up.c.id).where(up.c.id == message.id)
    return bool(chat.head_id) and bool(bounded.column(query.params(id=chat.head_id)))


def ids_to(message_id: str) -> list[str]:
    """The ids of the messages from the root of the tree to this one; however many there are, nobody waits for them."""
    return bounded.column(PATH_IDS.params(id=message_id))


def in_order(ids: Sequence[str], *options: ExecutableOption) -> list[Message]:
    """These messages in the order of their ids here, without those that are gone."""
    query = select(Message).where(Message.id.in_(ids)).options(*options)
    rows = {each.id: each for each in db.session.scalars(query)} if ids else {}
    return [rows[id] for id in ids if id in rows]


def thread(chat: Chat) -> list[Message]:
    """The messages that the chat shows: from the root to its head."""
    return _path(chat.head_id) if chat.head_id else []


def window(chat: Chat, *, until: str | None = None) -> list[Message]:
    """So many at the end of the thread, or of the path that ends at another message."""
    end = until or chat.head_id
    return list(db.session.scalars(LAST_OF_PATH, _window_to(chat, end))) if end else []


def glimpses(chat: Chat) -> list[Glimpse]:
    """The same, as the composer needs them: objects cost several times as much."""
    asked = _window_to(chat, chat.head_id)
    return [Glimpse(*row) for row in GLIMPSES.all(db.session(), asked)] if chat.head_id else []


def _window_to(chat: Chat, end: str | None) -> dict[str, object]:
    return {"id": end, "height": VISITORS_WINDOW if chat.visitor_hash else WINDOW, "since": ""}


def message_in(chat: Chat, id: str) -> Message | None:
    """The message, if it is one of the chat's and in sight."""
    message = db.session.get(Message, id)
    return message if message and message.chat_id == chat.id and not out_of_sight([id]) else None


def out_of_sight(ids: Iterable[str]) -> set[str]:
    """Those of the messages that were deleted, and those that stand below such a one."""
    asked = list(ids)
    return set(db.session.scalars(OUT_OF_SIGHT, {"ids": asked})) if asked else set()


def generations_of(messages: Iterable[Message]) -> dict[str, list[Generation]]:
    """The generations of each message, oldest first."""
    found: dict[str, list[Generation]] = {}
    for generation in db.session.scalars(GENERATIONS, {"ids": [message.id for message in messages]}):
        found.setdefault(generation.message_id or "", []).append(generation)
    return found


def last_generation(message: Message | Glimpse) -> Generation | None:
    query = select(Generation).where(Generation.message_id == message.id).order_by(Generation.id.desc()).limit(1)
    return db.session.scalar(query)


def asked_with(message: Message | Glimpse) -> dict[str, Any]:
    """What the last generation of a message was asked with, as it was recorded; nothing where there is none."""
    return ASKED_WITH.scalar(db.session(), {"message": message.id}) or {}


def branch_point(chat: Chat, after: str) -> str | None:
    """Where the next message belongs: below the message that was seen last, if it is one of the chat's, else at the head."""
    seen = message_in(chat, after) if after and after != chat.head_id else None
    return seen.id if seen else chat.head_id


def siblings_of(messages: Sequence[Message]) -> dict[str, list[str]]:
    """For each message with others beside it: all of them, oldest first."""
    if not messages:
        return {}
    parents = [message.parent_id for message in messages if message.parent_id]
    # Only with the root in sight: this looks at every message of the chat.
    query = CHILDREN_AND_ROOTS if len(parents) < len(messages) else CHILDREN
    children: dict[str | None, list[str]] = {}
    asked = {"parents": parents, "chat_id": messages[0].chat_id}
    for id, parent_id in db.session().connection().execute(query, asked):
        children.setdefault(parent_id, []).append(id)
    return {message.id: found for message in messages if len(found := children.get(message.parent_id, [])) > 1}


def version_that_says(message: Message, content: str) -> Message | None:
    """The message, or one beside it in sight, with exactly these words."""
    query = select(Message).where(Message.chat_id == message.chat_id, Message.role == message.role, Message.content == content)
    query = query.where(Message.parent_id.is_not_distinct_from(message.parent_id), Message.deleted_at.is_(None))
    return db.session.scalar(query.order_by(Message.id != message.id, Message.id).limit(1))


def is_answered(message: Message) -> bool:
    """Whether anything stands below the message that was not deleted."""
    below = select(Message.id).where(Message.parent_id == message.id, Message.deleted_at.is_(None)).limit(1)
    return db.session.scalar(below) is not None


def newest_below(message: Message) -> str:
    """The end of the branch that a message leads to, following the newest at each fork."""
    children = select(Message.parent_id, Message.id).where(Message.chat_id == message.chat_id, Message.deleted_at.is_(None))
    [rows] = bounded.read([children.order_by(Message.id)])
    newest: dict[str | None, str] = dict(rows)
    id = message.id
    while id in newest:
        id = newest[id]
    return id


def text_so_far(engine: Engine, message: Message) -> str:
    """The raw text as it stands at this moment, running or ended."""
    last = last_generation(message)
    transcript = engine.transcript(last.id) if last and last.is_active and engine.follows(last) else None
    return message.content + transcript.text if transcript else message.content


def _path(message_id: str) -> list[Message]:
    return list(db.session.scalars(PATH, {"id": message_id}))


def _newest_first(owner_id: str) -> Select[Chat]:
    query = select(Chat).where(Chat.owner_id == owner_id, Chat.deleted_at.is_(None), KEPT)
    return query.order_by(Chat.changed_at.desc(), Chat.id.desc())


def _path_statement(*, is_bounded: bool = False) -> Select[Message]:
    up = up_from(Message.id == bindparam("id"), is_bounded=is_bounded)
    return select(Message).join(up, up.c.id == Message.id).order_by(up.c.height.desc())


def _path_ids_statement() -> Select[str]:
    up = up_from(Message.id == bindparam("id"))
    return select(up.c.id).order_by(up.c.height.desc())


def up_from(end: ColumnElement[bool], *, is_bounded: bool = False) -> CTE:
    """The messages from an end towards the root: all, or as many as `height` says and none beyond `since`."""
    start = select(Message.id, Message.parent_id, literal(0).label("height")).where(end)
    up = start.cte("up", recursive=True)
    parent = aliased(Message)
    step = select(parent.id, parent.parent_id, up.c.height + 1).where(parent.id == up.c.parent_id)
    bounds = up.c.height + 1 < bindparam("height"), up.c.id != bindparam("since")
    return up.union_all(step.where(*bounds) if is_bounded else step)


def _children_statement(*, are_roots_too: bool = False) -> Select[str, str | None]:
    beside: ColumnElement[bool] = Message.parent_id.in_(bindparam("parents", expanding=True))
    if are_roots_too:
        beside = and_(Message.chat_id == bindparam("chat_id"), or_(beside, Message.parent_id.is_(None)))
    query = select(Message.id, Message.parent_id).where(beside, Message.deleted_at.is_(None))
    return query.order_by(Message.id)


def _generations_statement() -> Select[Generation]:
    # What was sent is as long as the chat, and not what anybody asks for here.
    query = select(Generation).options(defer(Generation.prompt)).order_by(Generation.id)
    return query.where(Generation.message_id.in_(bindparam("ids", expanding=True)))


def _listed_statement() -> Select[str, str, datetime, datetime | None, str | None, list[str], str]:
    """What `Listed` holds, as the person who looks has it: how its owner has pinned a chat is nothing to others."""
    is_own, name = Chat.owner_id == ME, func.coalesce(func.nullif(User.name, ""), User.email)
    sharer = select(name).where(User.id == Chat.owner_id).scalar_subquery()
    values = Chat.id, Chat.title, Chat.changed_at, case((is_own, Chat.pinned_at)), Chat.character_id, Chat.character_ids
    return select(*values, case((is_own, ""), else_=sharer)).order_by(*NEWEST_FIRST)


def _given_statement() -> Select[str]:
    given = select(Grant.object_id).where(Grant.object_kind == "chat", grants.is_named(ME))
    chats = select(Chat.id).where(Chat.id.in_(given), Chat.owner_id != ME, Chat.deleted_at.is_(None), KEPT)
    return select(chats.order_by(*NEWEST_FIRST).limit(bindparam("limit")).subquery())


def _sidebar_statement() -> Select[str, str, datetime, datetime | None, str | None, list[str], str, str | None]:
    is_shown = Chat.owner_id == ME, Chat.deleted_at.is_(None), Chat.archived_at.is_(None), KEPT
    newest = select(Chat.id).where(*is_shown).order_by(*NEWEST_FIRST).limit(bindparam("limit")).subquery()
    pinned = select(Chat.id).where(*is_shown, Chat.pinned_at.is_not(None)).limit(MOST_PINNED).subquery()
    its_lane = literal(topic_names.of_chat("")) + Chat.id
    running = select(Generation.lane).where(Generation.lane == its_lane, WHILE_ACTIVE).scalar_subquery()
    in_sight = union_all(select(newest), select(pinned), _given_statement())
    return _listed_statement().add_columns(running.label("lane")).where(Chat.id.in_(in_sight))


# Made once: to put it together costs more than to run it.
SIDEBAR = Ready(_sidebar_statement())
SHARED = _listed_statement().where(Chat.id.in_(_given_statement()))
CHILDREN, CHILDREN_AND_ROOTS = _children_statement(), _children_statement(are_roots_too=True)
GENERATIONS = _generations_statement()
PATH, PATH_IDS = _path_statement(), _path_ids_statement()
ASKED_WITH = Ready(
    select(Generation.prompt).where(Generation.message_id == bindparam("message")).order_by(Generation.id.desc()).limit(1)
)
LAST_OF_PATH = _path_statement(is_bounded=True)
GLIMPSES = Ready(LAST_OF_PATH.with_only_columns(Message.id, Message.parent_id, Message.role, Message.content))
