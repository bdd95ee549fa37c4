"""Queries for chats and messages."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
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
    true,
    union_all,
)
from sqlalchemy.orm import Session, aliased, defer
from sqlalchemy.sql.base import ExecutableOption

from webapp.base import topic_names
from webapp.base.database import rows
from webapp.base.database.statements import Prepared
from webapp.base.db import db, is_sqlite, utc_now
from webapp.base.heavy import bounded
from webapp.chat.record import projects
from webapp.chat.record.tables import Chat, Message, Project
from webapp.engine.engine import Engine
from webapp.engine.tables import WHILE_ACTIVE, Generation
from webapp.people.accounts.tables import User
from webapp.rendering.seams import CallsSeam
from webapp.tools.tables import Call

LONGER_THAN_A_REQUEST = timedelta(minutes=10)
VISITORS_DAY = timedelta(days=1)
MOST_PINNED = 100
# Lists leave out temporary chats.
KEPT = Chat.is_temporary.is_(False)
NEWEST_FIRST = Chat.changed_at.desc(), Chat.id.desc()
# The viewer.
ME = bindparam("owner_id", type_=String)
# The number of messages on a page; earlier ones are loaded on scrolling.
WINDOW = 60
# A visitor's page can't load earlier messages; its chat lives for a day.
VISITORS_WINDOW = 500
# How long the texts of a message's calls are together.
CALL_CHARS = case(
    (
        Message.call_count > 0,
        select(func.coalesce(func.sum(func.length(Call.text) + func.length(Call.arguments)), 0))
        .where(Call.message_id == Message.id)
        .correlate(Message)
        .scalar_subquery(),
    ),
    else_=0,
)
# An alias of its own for each query would take milliseconds.
_before = aliased(Message)
# Selects those of these messages that are deleted or below a deleted one. Chats without deleted messages are skipped.
DELETED_AMONG = text("""
    WITH RECURSIVE up(id, parent_id, origin) AS (
        SELECT m.id, m.parent_id, m.id FROM messages m
        WHERE m.id IN :ids AND EXISTS (SELECT 1 FROM messages d WHERE d.chat_id = m.chat_id AND d.deleted_at IS NOT NULL)
        UNION ALL SELECT p.id, p.parent_id, up.origin FROM messages p JOIN up ON p.id = up.parent_id)
    SELECT DISTINCT up.origin FROM up JOIN messages m ON m.id = up.id WHERE m.deleted_at IS NOT NULL
""").bindparams(bindparam("ids", expanding=True))


class ListedChat(NamedTuple):
    """The columns of a chat that lists show."""

    id: str
    title: str
    changed_at: datetime
    pinned_at: datetime | None
    character_id: str | None
    character_ids: list[str]
    # The name of the owner who shared it; empty for the viewer's own chats.
    sharer: str = ""

    @property
    def cast_ids(self) -> list[str]:
        return self.character_ids or ([self.character_id] if self.character_id else [])


class SidebarChats(NamedTuple):
    """Pinned chats, the others, and the lanes with an active answer and its status; whether the person can have projects."""

    pinned: Sequence[ListedChat]
    others: Sequence[ListedChat]
    running: dict[str, str]
    has_projects: bool


class ComposerMessage(NamedTuple):
    """The columns of a message that the composer needs."""

    id: str
    parent_id: str | None
    role: str
    content: str
    is_hidden: bool = False


def chat_of(message: Message) -> Chat:
    return db.session.get_one(Chat, message.chat_id)


def pinned_chats(owner_id: str) -> Sequence[Chat]:
    """Returns the pinned chats, most recently pinned first."""
    query = select(Chat).where(Chat.owner_id == owner_id, Chat.pinned_at.is_not(None), Chat.deleted_at.is_(None), KEPT)
    return db.session.scalars(query.where(Chat.archived_at.is_(None)).order_by(Chat.pinned_at.desc()).limit(MOST_PINNED)).all()


def sidebar_chats(owner_id: str, *, limit: int = 50) -> SidebarChats:
    """Returns pinned chats and the newest others, in one statement, as every page needs it.

    The others include chats that were shared with this person.
    """
    return _sidebar_chats(SIDEBAR, owner_id, limit)


def chats_outside_projects(owner_id: str, *, limit: int = 50) -> SidebarChats:
    """Returns the same without the chats of the person's projects, except pinned ones."""
    return _sidebar_chats(OUTSIDE_PROJECTS, owner_id, limit)


def _sidebar_chats(statement: Prepared, owner_id: str, limit: int) -> SidebarChats:
    rows = statement.all(db.session(), {"owner_id": owner_id, "limit": limit})
    chats, lanes = [ListedChat(*row[:7]) for row in rows], {row.lane: row.status for row in rows if row.lane}
    first = sorted((row for row in chats if row.pinned_at), key=lambda row: row.pinned_at or row.changed_at, reverse=True)
    has_projects = not rows or bool(rows[0].has_projects)
    return SidebarChats(first, [row for row in chats if not row.pinned_at], lanes, has_projects)


def shared_chats(person_id: str, *, limit: int = 200) -> list[ListedChat]:
    """Returns the chats of others shared with this person or a group of theirs, newest first."""
    return [ListedChat(*row) for row in db.session.execute(SHARED, {"owner_id": person_id, "limit": limit})]


def deleted_chats(owner_id: str, *, limit: int = 200) -> Sequence[Chat]:
    """Returns the chats in a person's trash, most recently deleted first."""
    query = select(Chat).where(in_trash(owner_id)).order_by(Chat.deleted_at.desc(), Chat.id)
    return db.session.scalars(query.limit(limit)).all()


def last_texts(chats: Iterable[Chat], *, chars: int) -> dict[str, tuple[str, str]]:
    """Returns how the last message of each of these chats begins, with its role, by chat id.

    An answer without a text yet leaves it to its question.
    """
    heads = {chat.head_id: chat.id for chat in chats if chat.head_id}
    is_empty = Message.content == ""
    role, content = (case((is_empty, own(_before)), else_=own(Message)) for own in (attrgetter("role"), attrgetter("content")))
    query = select(Message.id, role, func.substr(content, 1, chars))
    query = query.outerjoin(_before, _before.id == Message.parent_id).where(Message.id.in_(heads), Message.deleted_at.is_(None))
    return {heads[id]: (role, text) for id, role, text in db.session.execute(query) if text} if heads else {}


def owned_chat(owner_id: str, id: str, *, is_deleted: bool = False) -> Chat | None:
    """Returns the chat if this person owns it; `is_deleted` selects chats in the trash instead of the others."""
    chat = db.session.get(Chat, id)
    return chat if chat and chat.owner_id == owner_id and bool(chat.deleted_at) == is_deleted else None


def own_chats(owner_id: str, ids: Sequence[str]) -> list[Chat]:
    """Returns those of these chats that this person owns, in this order, including the trash but not temporary chats."""
    rows = db.session.scalars(select(Chat).where(Chat.id.in_(ids), Chat.owner_id == owner_id, KEPT))
    return sorted(rows, key=lambda chat: ids.index(chat.id))


def temporary_chat(owner_id: str, *, without: Sequence[str] = ()) -> Chat | None:
    """Returns the person's newest temporary chat that is still open, of any kind but these."""
    query = select(Chat).where(Chat.is_temporary, Chat.owner_id == owner_id, Chat.deleted_at.is_(None))
    query = query.where(Chat.kind.not_in(without)) if without else query
    return db.session.scalar(query.order_by(Chat.created_at.desc()).limit(1))


def in_trash(owner_id: str) -> ColumnElement[bool]:
    """Matches the chats in this person's trash."""
    return and_(Chat.owner_id == owner_id, Chat.deleted_at.is_not(None))


def count_in_trash(owner_id: str) -> int:
    return db.session.scalar(select(func.count()).select_from(Chat).where(in_trash(owner_id))) or 0


def is_running_in_trash(owner_id: str) -> bool:
    """Returns whether an answer is still active in a chat in this person's trash."""
    lane = literal(topic_names.of_chat("")) + Chat.id
    running = select(Chat.id).join(Generation, Generation.lane == lane).where(in_trash(owner_id), WHILE_ACTIVE)
    return db.session.scalar(running.limit(1)) is not None


def visitors_chat(visitor_hash: str) -> Chat | None:
    """Returns the newest chat of a visitor's cookie that is less than a day old."""
    if not visitor_hash:
        return None
    query = select(Chat).where(Chat.visitor_hash == visitor_hash, Chat.created_at > utc_now() - VISITORS_DAY)
    return db.session.scalar(query.order_by(Chat.id.desc()).limit(1))


def lanes_in_use(lanes: Iterable[str]) -> dict[str, str]:
    """Returns those of these lanes that have an active generation, with its status."""
    # Repeats the condition of the partial index of active generations, so that only those are read.
    query = select(Generation.lane, Generation.status).where(Generation.lane.in_(list(lanes)), WHILE_ACTIVE)
    return dict(iter(db.session.execute(query)))


def path_ids(chat: Chat) -> list[str]:
    """Returns the message ids on the branch that the chat shows, from the root on, without reading the messages."""
    return list(db.session.scalars(PATH_IDS, {"id": chat.head_id})) if chat.head_id else []


def is_shown(chat: Chat, message: Message) -> bool:
    """Returns whether a message is on the branch that the chat shows, without blocking other greenlets in a long chat."""
    up = ancestors(Message.id == bindparam("id"))
    query = select(up.c.id).where(up.c.id == message.id)
    return bool(chat.head_id) and bool(bounded.column(query.params(id=chat.head_id)))


def ids_to(message_id: str | None) -> list[str]:
    """Returns the message ids from the root down to this one, if any, without blocking other greenlets in a long chat."""
    return bounded.column(PATH_IDS.params(id=message_id)) if message_id else []


def in_order(ids: Sequence[str], *options: ExecutableOption) -> list[Message]:
    """Returns these messages in the order of the ids; missing ones are skipped."""
    if not ids:
        return []
    query = select(Message).where(Message.id.in_(ids)).options(*options)
    messages = {message.id: message for message in db.session.scalars(query)}
    return [messages[id] for id in ids if id in messages]


def thread(chat: Chat) -> list[Message]:
    """Returns the messages on the branch that the chat shows, from the root to the head."""
    return list(db.session.scalars(PATH, {"id": chat.head_id})) if chat.head_id else []


def window(chat: Chat, *, until: str | None = None) -> list[Message]:
    """Returns the last messages of the branch that the chat shows, or of the path that ends at `until`."""
    end = until or chat.head_id
    if not end:
        return []
    session = db.session()
    return [rows.read(session, Message, row._asdict()) for row in LAST_MESSAGES.all(session, _window_to(chat, end))]


def answers_beside(chat: Chat) -> list[Message]:
    """Returns the answers side by side with the one at the chat's end, in the order of their columns."""
    others = in_order([id for id in chat.columns if id != chat.head_id])
    return [message for message in others if not message.deleted_at]


def composer_messages(chat: Chat) -> list[ComposerMessage]:
    """Returns the last messages as the composer needs them; full objects cost several times as much."""
    parameters = _window_to(chat, chat.head_id)
    return [ComposerMessage(*row) for row in COMPOSER_MESSAGES.all(db.session(), parameters)] if chat.head_id else []


def _window_to(chat: Chat, end: str | None) -> dict[str, object]:
    return {"id": end, "height": VISITORS_WINDOW if chat.visitor_hash else WINDOW, "since": ""}


def message_in(chat: Chat, id: str) -> Message | None:
    """Returns the message if it belongs to the chat and is visible."""
    message = db.session.get(Message, id)
    return message if message and message.chat_id == chat.id and not deleted_among([id]) else None


def deleted_among(ids: Iterable[str]) -> set[str]:
    """Returns those of these message ids that are deleted or below a deleted message."""
    ids = list(ids)
    return set(db.session.scalars(DELETED_AMONG, {"ids": ids})) if ids else set()


def call_places(messages: Iterable[Message]) -> dict[str, list[CallsSeam]]:
    """Returns where each message's calls are in its text, by its id; a text that a person has edited has no such places.

    Without a query if none has called anything.
    """
    ids = [message.id for message in messages if message.call_count and not message.is_edited]
    query = select(Call.message_id, Call.round, Call.text_at).where(Call.message_id.in_(ids), Call.text_at > 0).distinct()
    places: dict[str, list[CallsSeam]] = {}
    for message_id, round, text_at in db.session.execute(query.order_by(Call.round)) if ids else ():
        places.setdefault(message_id, []).append(CallsSeam(text_at, round))
    return places


def generations_of(messages: Iterable[Message]) -> dict[str, list[Generation]]:
    """Returns the generations of each message by its id, oldest first."""
    generations_by_message: dict[str, list[Generation]] = {}
    for generation in db.session.scalars(GENERATIONS, {"ids": [message.id for message in messages]}):
        generations_by_message.setdefault(generation.message_id or "", []).append(generation)
    return generations_by_message


def generations_with_texts(messages: Sequence[Message]) -> dict[str, list[Generation]]:
    """Returns the generations of each message like `generations_of`, for readers: with an end comes the text that it stored.

    In PostgreSQL each query sees what is committed by then: an answer can end between the query of its message and that of its
    generations. In SQLite all queries of a request see the same.
    """
    generations_by_message = generations_of(messages)
    since = utc_now() - LONGER_THAN_A_REQUEST
    ended = [
        generation.message_id
        for of_message in generations_by_message.values()
        for generation in of_message[-1:]
        if generation.ended_at and generation.ended_at > since
    ]
    if ended and not is_sqlite():
        db.session.scalars(select(Message).where(Message.id.in_(ended)).execution_options(populate_existing=True)).all()
    return generations_by_message


def last_generation(message: Message | ComposerMessage) -> Generation | None:
    query = select(Generation).where(Generation.message_id == message.id).order_by(Generation.id.desc()).limit(1)
    return db.session.scalar(query)


def generation_in(chat: Chat, id: str) -> Generation | None:
    """Returns a generation that wrote a message of this chat."""
    query = select(Generation).where(Generation.id == id, Generation.lane == chat.lane, Generation.message_id.is_not(None))
    return db.session.scalar(query)


def branch_point(chat: Chat, after: str) -> str | None:
    """Returns the parent of the next message: the message last seen by the person if it belongs to the chat, else the head."""
    message = message_in(chat, after) if after and after != chat.head_id else None
    return message.id if message else chat.head_id


def siblings_of(messages: Sequence[Message]) -> dict[str, list[str]]:
    """Returns, for each message that has siblings, the ids of all versions, oldest first."""
    if not messages:
        return {}
    parents = [message.parent_id for message in messages if message.parent_id]
    # Only if a root is among them, because this query reads every message of the chat.
    query = CHILDREN_AND_ROOTS if len(parents) < len(messages) else CHILDREN
    children: dict[str | None, list[str]] = {}
    parameters = {"parents": parents, "chat_id": messages[0].chat_id}
    for id, parent_id in db.session().connection().execute(query, parameters):
        children.setdefault(parent_id, []).append(id)
    return {message.id: sibling_ids for message in messages if len(sibling_ids := children.get(message.parent_id, [])) > 1}


def version_with_text(message: Message, content: str) -> Message | None:
    """Returns the message or a visible sibling of it with exactly this text."""
    query = select(Message).where(Message.chat_id == message.chat_id, Message.role == message.role, Message.content == content)
    query = query.where(Message.parent_id.is_not_distinct_from(message.parent_id), Message.deleted_at.is_(None))
    return db.session.scalar(query.order_by(Message.id != message.id, Message.id).limit(1))


def hidden_in(chat: Chat) -> set[str]:
    """Returns the ids of the chat's messages that are hidden from models, on all branches."""
    return set(db.session.scalars(select(Message.id).where(Message.chat_id == chat.id, Message.is_hidden)))


def is_answered(message: Message) -> bool:
    """Returns whether the message has a child that isn't deleted."""
    below = select(Message.id).where(Message.parent_id == message.id, Message.deleted_at.is_(None)).limit(1)
    return db.session.scalar(below) is not None


def newest_below(message: Message) -> str:
    """Returns the id of the end of the branch below a message, taking the newest child at each fork."""
    children = select(Message.parent_id, Message.id).where(Message.chat_id == message.chat_id, Message.deleted_at.is_(None))
    [rows] = bounded.read([children.order_by(Message.id)])
    newest: dict[str | None, str] = dict(rows)
    id = message.id
    while id in newest:
        id = newest[id]
    return id


def text_so_far(engine: Engine, message: Message) -> str:
    """Returns the raw text of a message, including what a running generation has produced so far."""
    last = last_generation(message)
    transcript = engine.logs.transcript(last.id) if last and last.is_active and engine.logs.follows(last) else None
    return message.content + transcript.text if transcript else message.content


def _path_statement(*, is_bounded: bool = False) -> Select[Message]:
    up = ancestors(Message.id == bindparam("id"), is_bounded=is_bounded)
    return select(Message).join(up, up.c.id == Message.id).order_by(up.c.height.desc())


def ancestors(end: ColumnElement[bool], *, is_bounded: bool = False) -> CTE:
    """Builds a recursive query from a message towards the root; if bounded, it stops after `height` messages or at `since`."""
    start = select(Message.id, Message.parent_id, literal(0).label("height")).where(end)
    up = start.cte("up", recursive=True)
    parent = aliased(Message)
    step = select(parent.id, parent.parent_id, up.c.height + 1).where(parent.id == up.c.parent_id)
    bounds = up.c.height + 1 < bindparam("height"), up.c.id != bindparam("since")
    return up.union_all(step.where(*bounds) if is_bounded else step)


def _children_statement(*, are_roots_too: bool = False) -> Select[str, str | None]:
    is_sibling: ColumnElement[bool] = Message.parent_id.in_(bindparam("parents", expanding=True))
    if are_roots_too:
        is_sibling = and_(Message.chat_id == bindparam("chat_id"), or_(is_sibling, Message.parent_id.is_(None)))
    query = select(Message.id, Message.parent_id).where(is_sibling, Message.deleted_at.is_(None))
    return query.order_by(Message.id)


def listed_statement() -> Select[str, str, datetime, datetime | None, str | None, list[str], str]:
    """Selects the columns of `ListedChat` for the viewer: a pin is visible to the chat's owner only."""
    is_own, name = Chat.owner_id == ME, func.coalesce(func.nullif(User.name, ""), User.email)
    sharer = select(name).where(User.id == Chat.owner_id).scalar_subquery()
    values = Chat.id, Chat.title, Chat.changed_at, case((is_own, Chat.pinned_at)), Chat.character_id, Chat.character_ids
    return select(*values, case((is_own, ""), else_=sharer)).order_by(*NEWEST_FIRST)


def _given_statement(*conditions: ColumnElement[bool]) -> Select[str]:
    chats = select(Chat.id).where(projects.given_by_name(ME), Chat.owner_id != ME, Chat.deleted_at.is_(None), KEPT, *conditions)
    return select(chats.order_by(*NEWEST_FIRST).limit(bindparam("limit")).subquery())


def _sidebar_statement(*, has_projects: bool) -> Select[*tuple[Any, ...]]:
    is_shown = Chat.owner_id == ME, Chat.deleted_at.is_(None), Chat.archived_at.is_(None), KEPT
    is_outside = true() if has_projects else or_(Chat.project_id.is_(None), Chat.project_id.not_in(projects.ids_for(ME)))
    newest = select(Chat.id).where(*is_shown, is_outside).order_by(*NEWEST_FIRST).limit(bindparam("limit")).subquery()
    pinned = select(Chat.id).where(*is_shown, Chat.pinned_at.is_not(None)).limit(MOST_PINNED).subquery()
    given = _given_statement(true() if has_projects else ~projects.stands_in(ME))
    theirs = select(Project.id).where(Project.id.in_(projects.ids_for(ME))).exists()
    listed = with_answers(listed_statement()).add_columns(theirs.label("has_projects"))
    return listed.where(Chat.id.in_(union_all(select(newest), select(pinned), given)))


def with_answers(listed: Select[*tuple[Any, ...]]) -> Select[Any]:
    """Adds the lane of each chat with an active answer, and the status of that."""
    its_lane = literal(topic_names.of_chat("")) + Chat.id
    running, status = (
        # Several can stand side by side.
        select(column).where(Generation.lane == its_lane, WHILE_ACTIVE).limit(1).scalar_subquery()
        for column in (Generation.lane, Generation.status)
    )
    return listed.add_columns(running.label("lane"), status.label("status"))


# Compiled once: building the statement costs more than running it.
SIDEBAR, OUTSIDE_PROJECTS = (Prepared(_sidebar_statement(has_projects=has_projects)) for has_projects in (True, False))
SHARED = listed_statement().where(Chat.id.in_(_given_statement()))
CHILDREN, CHILDREN_AND_ROOTS = _children_statement(), _children_statement(are_roots_too=True)
# The recorded prompt is as long as the chat, and callers don't need it.
GENERATIONS = select(Generation).options(defer(Generation.prompt)).order_by(Generation.id)
GENERATIONS = GENERATIONS.where(Generation.message_id.in_(bindparam("ids", expanding=True)))
PATH = _path_statement()
_up = ancestors(Message.id == bindparam("id"))
PATH_IDS = select(_up.c.id).order_by(_up.c.height.desc())
LAST_OF_PATH = _path_statement(is_bounded=True)
LAST_MESSAGES = Prepared(LAST_OF_PATH.with_only_columns(*rows.table(Message).columns))
COMPOSER_COLUMNS = Message.id, Message.parent_id, Message.role, Message.content, Message.is_hidden
COMPOSER_MESSAGES = Prepared(LAST_OF_PATH.with_only_columns(*COMPOSER_COLUMNS))


def first_within(session: Session, ids: Sequence[str], most_chars: int) -> list[str]:
    """Returns the first of these ids whose messages fit the limit, at least one; missing messages count as empty."""
    size = func.length(Message.content) + func.length(Message.html) + func.length(Message.reasoning) + CALL_CHARS
    sizes = {id: length or 0 for id, length in session.execute(select(Message.id, size).where(Message.id.in_(ids)))}
    first_ids, chars = list[str](), 0
    for id in ids:
        chars += sizes.get(id, 0)
        if first_ids and chars > most_chars:
            break
        first_ids.append(id)
    return first_ids
