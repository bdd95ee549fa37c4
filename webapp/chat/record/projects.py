"""Projects: who sees them and the chats that are shared with them, and which project a chat has."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import aliased

from webapp.base.db import db
from webapp.chat.record.tables import Chat, Project
from webapp.people.accounts.tables import Grant, User
from webapp.people.things import grants
from webapp.people.things.seen import MOST_LISTED, Seen
from webapp.people.things.shares import reached_by

KIND = "project"
READ, WRITE = "read", "write"
RIGHTS = (READ, WRITE)
# What each right is in a chat that is shared with the project.
IN_CHATS = {READ: "view", WRITE: "write"}


def sees_project(user: User, *, rights: Sequence[str] = RIGHTS) -> ColumnElement[bool]:
    """Returns the condition that a project is there for a person: their own, or granted to them."""
    return Project.id.in_(ids_for(user.id, rights=rights))


def ids_for(person_id: str | ColumnElement[str], *, rights: Sequence[str] = RIGHTS) -> Select[str]:
    """Returns a query for the ids of the projects in which a person has one of these rights; the person can be a column."""
    project = _project()
    given = select(Grant.object_id).where(Grant.object_kind == KIND, Grant.right.in_(rights), grants.reaches_id(person_id))
    is_theirs = or_(project.owner_id == person_id, project.id.in_(given.correlate_except(Grant)))
    return select(project.id).where(project.deleted_at.is_(None), is_theirs).correlate_except(project)


SEEN_PROJECTS = Seen(kind=KIND, table=Project, by=sees_project, is_own_first=False, beside=Project.icon)


# The same aliases for all queries: SQLAlchemy adapts the columns of a new one each time, which takes milliseconds.
@cache
def _project() -> type[Project]:
    return aliased(Project)


@cache
def _chat() -> type[Chat]:
    return aliased(Chat)


def shares_with(person_id: str | ColumnElement[str], *, rights: Sequence[str] = RIGHTS, chat: Any = Chat) -> ColumnElement[bool]:
    """Returns the condition that a chat is shared with a project in which the person has one of these rights.

    It is shared as long as its owner can write in the project: someone who lost that right in any way shares nothing.
    `chat` is anything that has a chat's columns.
    """
    is_in_theirs = chat.project_id.in_(ids_for(person_id, rights=rights))
    return and_(chat.is_for_project, is_in_theirs, _is_in_its_owners(chat))


def is_given_in(person_id: str | ColumnElement[str]) -> ColumnElement[bool]:
    """Returns the condition that a chat is shared with the person by name, and in a project in which its owner can write."""
    return and_(given_by_name(person_id), _is_in_its_owners(Chat))


def stands_in(person_id: str | ColumnElement[str]) -> ColumnElement[bool]:
    """Returns the condition that a chat is in a project which the person sees, and in which its owner can write."""
    return and_(Chat.project_id.is_not(None), Chat.project_id.in_(ids_for(person_id)), _is_in_its_owners(Chat))


def given_by_name(person_id: str | ColumnElement[str]) -> ColumnElement[bool]:
    """Returns the condition that a chat is shared with a person or a group of theirs: the team's link puts it in no list."""
    return Chat.id.in_(select(Grant.object_id).where(Grant.object_kind == "chat", grants.is_named(person_id)))


def _is_in_its_owners(chat: Any) -> ColumnElement[bool]:
    return chat.project_id.in_(ids_for(chat.owner_id, rights=(WRITE,)))  # type: ignore[no-any-return]


def _shared_chats(user: User) -> Select[str]:
    chat = _chat()
    return select(chat.id).where(shares_with(user.id, chat=chat))


CONTAINING = grants.Containing("chat", _shared_chats)


def projects(user: User, *, rights: Sequence[str] = RIGHTS) -> Sequence[Project]:
    """Returns the projects in which a person has one of these rights, by name."""
    query = select(Project).where(sees_project(user, rights=rights)).order_by(func.lower(Project.name), Project.id)
    return db.session.scalars(query.limit(MOST_LISTED)).all()


def project(user: User, id: str, *, rights: Sequence[str] = RIGHTS) -> Project | None:
    """Returns the project if the person has one of these rights in it."""
    return db.session.scalar(select(Project).where(Project.id == id, sees_project(user, rights=rights)))


def own_named(user_id: str, name: str) -> str | None:
    """Returns the id of the person's own project with this name, the newest of several; without a name there is no query."""
    query = select(Project.id).where(Project.owner_id == user_id, Project.name == name, Project.deleted_at.is_(None))
    return db.session.scalar(query.order_by(Project.id.desc()).limit(1)) if name else None


def seen_among(user: User, ids: Iterable[str | None], *, rights: Sequence[str] = RIGHTS) -> set[str]:
    """Returns those of these projects in which a person has one of these rights; without an id there is no query."""
    known = set(filter(None, ids))
    query = select(Project.id).where(Project.id.in_(known), sees_project(user, rights=rights))
    return set(db.session.scalars(query)) if known else set()


def right_in(project: Project, user: User) -> str:
    """Returns `own`, `write`, `read` or an empty string."""
    if project.owner_id == user.id:
        return "own"
    rights = set(db.session.scalars(select(Grant.right).where(grants.is_about(KIND, project.id), grants.reaches(user))))
    return next((right for right in (WRITE, READ) if right in rights), "") if not project.deleted_at else ""


def rights_by_project(chat: Chat, user: User) -> set[str]:
    """Returns the right that a person has in a chat by being in the project with which it is shared."""
    rights = (WRITE, READ) if chat.is_for_project and chat.project_id else ()
    query = select(Chat.id).where(Chat.id == chat.id)
    return {IN_CHATS[right] for right in rights if db.session.scalar(query.where(shares_with(user.id, rights=(right,))))}


def members(*project_ids: str) -> set[str]:
    """Returns the owners of projects and the people whom they were granted to, with `EVERYONE` for the whole team."""
    owners = select(Project.owner_id).where(Project.id.in_(project_ids))
    return {*db.session.scalars(owners), *reached_by(grants.are_about(KIND, project_ids))}


def project_of(chat: Chat) -> Project | None:
    """Returns the project of a chat, as long as the chat's owner may have chats in it."""
    return projects_of([chat]).get(chat.id)


def projects_of(chats: Iterable[Chat]) -> dict[str, Project]:
    """Returns the projects of several chats by chat id; without a chat in a project there is no query."""
    chats = [chat for chat in chats if chat.project_id and chat.owner_id]
    by_owner: dict[str, dict[str, Project]] = {}
    for owner_id in {chat.owner_id for chat in chats}:
        owner = db.session.get(User, owner_id)
        ids = {chat.project_id for chat in chats if chat.owner_id == owner_id}
        query = select(Project).where(Project.id.in_(ids), sees_project(owner, rights=(WRITE,))) if owner else None
        by_owner[owner_id or ""] = {row.id: row for row in db.session.scalars(query)} if query is not None else {}
    return {
        chat.id: theirs[chat.project_id or ""]
        for chat in chats
        if (chat.project_id or "") in (theirs := by_owner[chat.owner_id or ""])
    }
