"""Keyset pagination of chats and messages: each page begins after the last row of the page before."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from sqlalchemy import ColumnElement, Select, String, and_, cast, func, literal, select, text, true, tuple_, union
from sqlalchemy.orm import defer

from webapp.base.db import db
from webapp.base.heavy import bounded
from webapp.base.heavy.turns import by_turns
from webapp.characters.last_chats import LastChat
from webapp.chat.record import projects, queries, seen_chats, tags
from webapp.chat.record.tables import Chat, Message
from webapp.people.accounts.tables import User
from webapp.people.search import SearchQuery
from webapp.workspace.list.narrowing import Narrowing

# Without this limit, two hundred messages can be forty megabytes.
MOST_CHARS = 1_000_000
# To read a thousand messages at once would block the event loop for a twentieth of a second.
AT_ONCE = 100
# Only pages need the HTML, which is many times as long as the text.
WITHOUT_HTML = defer(Message.html, raiseload=True)
Show = Literal["open", "archived", "deleted", "all"]
Whose = Literal["", "mine", "shared"]
# Repeats the condition of the partial index of groups.
IS_GROUP = text("chats.turn_order <> ''")


class MessagePage(NamedTuple):
    """A page of messages, and the cursor of the next page; empty on the last."""

    rows: Sequence[Message]
    next_cursor: str


def chats(
    owner_id: str,
    *,
    show: Show = "open",
    has_pinned: bool = True,
    character_id: str = "",
    project_id: str = "",
    tag: str = "",
    after: str = "",
    limit: int,
) -> Sequence[Chat]:
    """Returns a person's chats except temporary ones, most recently changed first; `all` means open and archived.

    `character_id` selects the chats with this character, alone or in a group, `project_id` those in a project, and `tag` those to
    which the person has given it. The page begins after the chat with the id `after`.
    """
    query = select(Chat).where(Chat.owner_id == owner_id, queries.KEPT)
    query = query.where(_has_part(owner_id, character_id)) if character_id else query
    query = query.where(Chat.project_id == project_id) if project_id else query
    query = query.where(tags.has(owner_id, tag)) if tag else query
    query = query.where(Chat.deleted_at.is_not(None) if show == "deleted" else Chat.deleted_at.is_(None))
    if show in ("open", "archived"):
        query = query.where(Chat.archived_at.is_(None) if show == "open" else Chat.archived_at.is_not(None))
    query = query if has_pinned else query.where(Chat.pinned_at.is_(None))
    last = db.session.get(Chat, after) if after else None
    query = _after(query, last) if last and last.owner_id == owner_id else query
    return db.session.scalars(query.order_by(*queries.NEWEST_FIRST).limit(limit)).all()


def chats_of_project(
    user: User, project_id: str, *, whose: Whose = "", after: str = "", words: str = "", limit: int
) -> Sequence[Chat]:
    """Returns the chats of a project that a person sees, newest first: their own, and those shared with it or with them.

    `mine` are their own alone, `shared` those of others. `words` have to be in their titles.
    """
    last = db.session.get(Chat, after) if after else None
    last = last if last and last.project_id == project_id else None
    # A query each, because each has an index of its own.
    named = SearchQuery(words).within(Chat.title) if words else true()
    own = [Chat.owner_id == user.id] if whose != "shared" else []
    given = [projects.shares_with(user.id), projects.is_given_in(user.id)] if whose != "mine" else []
    ways = [*own, *(and_(way, Chat.owner_id != user.id) for way in given)]
    ids = union(*(select(_newest_of_project(project_id, and_(way, named), last, limit).subquery()) for way in ways))
    return db.session.scalars(select(Chat).where(Chat.id.in_(ids)).order_by(*queries.NEWEST_FIRST).limit(limit)).all()


def _newest_of_project(project_id: str, way: ColumnElement[bool], last: Chat | None, limit: int) -> Select[str]:
    query = select(Chat.id).where(Chat.project_id == project_id, way, queries.KEPT, Chat.deleted_at.is_(None))
    query = _after(query, last) if last else query
    return query.order_by(*queries.NEWEST_FIRST).limit(limit)


def _after(query: Select[Any], last: Chat) -> Select[Any]:
    return query.where(tuple_(Chat.changed_at, Chat.id) < tuple_(literal(last.changed_at, Chat.changed_at.type), last.id))


def narrowed(user: User, narrowing: Narrowing, *, after: str = "", limit: int) -> list[queries.ListedChat]:
    """Returns the chats of this kind, a person's own and those shared with them, archived or not, most recently changed first."""
    # A tag of one's own also finds a chat that is open to the whole team by its link.
    is_seen = seen_chats.can_open(user) if narrowing.is_by_tag else seen_chats.is_listed(user)
    is_one = is_seen, *seen_chats.IN_LISTS, narrowing.for_list()
    values = {"owner": user.id, "owner_id": user.id, **narrowing.values}
    query: Any = queries.listed_statement().where(*is_one)
    last = db.session.scalar(select(Chat).where(Chat.id == after, *is_one), values) if after else None
    query = _after(query, last) if last else query
    return [queries.ListedChat(*row) for row in db.session.execute(query.limit(limit), values)]


def last_with_characters(owner_id: str) -> dict[str, LastChat]:
    """Returns the last chat of a person with each character; of a group, with the one that speaks first."""
    newest = func.row_number().over(partition_by=Chat.character_id, order_by=queries.NEWEST_FIRST)
    query = select(Chat.character_id, Chat.id, Chat.changed_at, newest.label("rank"))
    is_open = Chat.owner_id == owner_id, queries.KEPT, Chat.deleted_at.is_(None), Chat.archived_at.is_(None)
    ranked = query.where(*is_open, Chat.character_id.is_not(None)).subquery()
    rows = db.session.execute(select(ranked.c.character_id, ranked.c.id, ranked.c.changed_at).where(ranked.c.rank == 1))
    return {character_id: LastChat(id, at) for character_id, id, at in rows}


def _has_part(owner_id: str, character_id: str) -> ColumnElement[bool]:
    # Two queries, because each has an index of its own.
    alone = select(Chat.id).where(Chat.owner_id == owner_id, Chat.character_id == character_id)
    groups = select(Chat.id).where(Chat.owner_id == owner_id, IS_GROUP)
    in_groups = groups.where(cast(Chat.character_ids, String).contains(f'"{character_id}"', autoescape=True))
    return Chat.id.in_(union(alone, in_groups))


def path(chat: Chat, *, after: str = "", limit: int) -> MessagePage:
    """Returns the messages on the branch that the chat shows, from the root on."""
    ids = queries.ids_to(chat.head_id)
    begin = ids.index(after) + 1 if after in ids else 0
    return _page(ids[begin:], limit)


def tree(chat: Chat, *, after: str = "", limit: int) -> MessagePage:
    """Returns the messages of all branches, oldest first, without deleted ones and everything below them."""
    return _page([id for id in _in_sight(chat.id) if id > after], limit)


def recent(ids: Sequence[str], limit: int) -> tuple[Sequence[Message], bool]:
    """Returns the last of these messages, without their HTML, and whether there are more before them; fewer if they are long."""
    newest_ids, messages, read, chars = ids[-limit:][::-1], list[Message](), 0, 0
    for start in by_turns(range(0, len(newest_ids), AT_ONCE)):
        some = newest_ids[start : start + AT_ONCE]
        page = queries.first_within(db.session(), some, MOST_CHARS - chars)
        rows = queries.in_order(page, WITHOUT_HTML)
        messages, read, chars = messages + rows, read + len(page), chars + sum(len(row.content) for row in rows)
        if page != some or chars >= MOST_CHARS:
            break
    return messages[::-1], read < len(ids)


def _page(ids: Sequence[str], limit: int) -> MessagePage:
    """Returns the first of these messages, fewer if they are long."""
    page = queries.first_within(db.session(), ids[:limit], MOST_CHARS)
    return MessagePage(queries.in_order(page), page[-1] if len(page) < len(ids) else "")


def _in_sight(chat_id: str) -> list[str]:
    query = select(Message.id, Message.parent_id, Message.deleted_at).where(Message.chat_id == chat_id).order_by(Message.id)
    seen: dict[str | None, None] = {None: None}
    [rows] = bounded.read([query])
    for id, parent_id, deleted_at in rows:
        if parent_id in seen and not deleted_at:
            seen[id] = None
    return [id for id in seen if id]
