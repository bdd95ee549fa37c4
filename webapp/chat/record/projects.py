"""Projects: who sees them and the chats that are shared with them, and which project a chat has."""

from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement, Select, and_, func, or_, select

from webapp.base.db import db
from webapp.chat.record.tables import Chat, Project
from webapp.people.accounts.tables import Grant, User
from webapp.people.grants import grants
from webapp.people.grants.shares import members_of

KIND = "project"
READ, WRITE = "read", "write"
RIGHTS = (READ, WRITE)
# What each right is in a chat that is shared with the project.
IN_CHATS = {READ: "view", WRITE: "write"}
MOST_LISTED = 1_000
grants.OBJECTS[KIND] = (Project.id, Project.owner_id)


def is_seen_by(user: User, *, rights: Sequence[str] = RIGHTS) -> ColumnElement[bool]:
    """Returns the condition that a project is there for a person: their own, or granted to them."""
    given = grants.given_to(user, KIND).where(Grant.right.in_(rights))
    return and_(Project.deleted_at.is_(None), or_(Project.owner_id == user.id, Project.id.in_(given)))


def shares_with(user: User, *, rights: Sequence[str] = RIGHTS) -> ColumnElement[bool]:
    """Returns the condition that a chat is shared with a project in which the person has one of these rights."""
    return and_(Chat.is_for_project, Chat.project_id.in_(select(Project.id).where(is_seen_by(user, rights=rights))))


def _shared_chats(user: User) -> Select[str]:
    return select(Chat.id).where(shares_with(user))


grants.CONTAINED["chat"] = _shared_chats


def projects(user: User) -> Sequence[Project]:
    """Returns the projects that a person can see, by name."""
    query = select(Project).where(is_seen_by(user)).order_by(func.lower(Project.name), Project.id)
    return db.session.scalars(query.limit(MOST_LISTED)).all()


def project(user: User, id: str, *, rights: Sequence[str] = RIGHTS) -> Project | None:
    """Returns the project if the person has one of these rights in it."""
    return db.session.scalar(select(Project).where(Project.id == id, is_seen_by(user, rights=rights)))


def seen_among(user: User, ids: Iterable[str | None]) -> set[str]:
    """Returns those of these projects that a person can see; without an id there is no query."""
    known = set(filter(None, ids))
    query = select(Project.id).where(Project.id.in_(known), is_seen_by(user))
    return set(db.session.scalars(query)) if known else set()


def deleted(user: User) -> Sequence[Project]:
    """Returns the person's projects in the trash, the last deleted first."""
    query = select(Project).where(Project.owner_id == user.id, Project.deleted_at.is_not(None))
    return db.session.scalars(query.order_by(Project.deleted_at.desc(), Project.id)).all()


def right_in(project: Project, user: User) -> str:
    """Returns `own`, `write`, `read` or an empty string."""
    if project.owner_id == user.id:
        return "own"
    rights = set(db.session.scalars(select(Grant.right).where(grants.is_about(KIND, project.id), grants.reaches(user))))
    return next((right for right in (WRITE, READ) if right in rights), "") if not project.deleted_at else ""


def rights_by_project(chat: Chat, user: User) -> set[str]:
    """Returns the right that a person has in a chat by being in the project with which it is shared."""
    project = db.session.get(Project, chat.project_id) if chat.is_for_project and chat.project_id else None
    right = right_in(project, user) if project and not project.deleted_at else ""
    return {IN_CHATS.get(right, "write")} if right else set()


def members(project_id: str) -> set[str]:
    """Returns the owner of a project and the people it was granted to, but for those it was granted to as the whole team."""
    people_ids = set(db.session.scalars(select(Project.owner_id).where(Project.id == project_id)))
    granted = select(Grant.user_id, Grant.group_id).where(grants.is_about(KIND, project_id), ~grants.is_for_team())
    for user_id, group_id in db.session.execute(granted):
        people_ids |= {user_id} if user_id else set(db.session.scalars(members_of(group_id)))
    return people_ids


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
        query = select(Project).where(Project.id.in_(ids), is_seen_by(owner, rights=(WRITE,))) if owner else None
        by_owner[owner_id or ""] = {row.id: row for row in db.session.scalars(query)} if query is not None else {}
    return {
        chat.id: theirs[chat.project_id or ""]
        for chat in chats
        if (chat.project_id or "") in (theirs := by_owner[chat.owner_id or ""])
    }
