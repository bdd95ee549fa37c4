"""Grants access to things and lists who has it: the same for all kinds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from webapp.base import audit
from webapp.base.db import db
from webapp.base.errors import Forbidden, Invalid, NotFound
from webapp.base.heavy.turns import by_turns
from webapp.base.topic_names import EVERYONE
from webapp.people.accounts import directory
from webapp.people.accounts.permissions import may
from webapp.people.accounts.tables import Grant, Group, Membership, PersonAuthor, User
from webapp.people.things import grants

TO = ("everyone", "user", "group")


@dataclass(frozen=True, slots=True)
class Share:
    """A person, a group or everyone who was granted an object; everyone has no name.

    A person without the clearance for the object's level (`is_cleared`) cannot see it yet.
    """

    grant_id: str
    to: str
    to_id: str
    name: str
    right: str
    is_cleared: bool = True


def shares(kind: str, id: str, *, level: int = 0, after: str = "", limit: int | None = None) -> list[Share]:
    """Returns who was granted an object, in the order of the grants."""
    query = select(Grant.id, Grant.right, User.id, User.name, User.email, User.clearance, Group.id, Group.name)
    query = query.select_from(Grant).outerjoin(User, User.id == Grant.user_id).outerjoin(Group, Group.id == Grant.group_id)
    query = query.where(grants.is_about(kind, id), Grant.id > after).order_by(Grant.id)
    return [_share(level, *row) for row in by_turns(db.session.execute(query.limit(limit)).all())]


def count(kind: str, id: str) -> int:
    """Returns the number of grants of an object."""
    return db.session.scalar(select(func.count(Grant.id)).where(grants.is_about(kind, id))) or 0


def candidates(owner_id: str | None, text: str, limit: int) -> Sequence[tuple[str, str]]:
    """Searches the people and groups that the owner can grant an object to; returns `user:ID` or `group:ID` with names."""
    return directory.people_and_groups(text, limit, User.id != owner_id, directory.IS_OPEN)


def refuse_guests(word: str, by: User) -> None:
    """Raises Forbidden for a user who must not see other people; `word` names the object to share."""
    if not may(by, "see people"):
        raise Forbidden(f"Guests can't share {word}s.")


def refuse_unfit(word: str, owner_id: str | None, to: str, to_id: str) -> None:
    """Raises Invalid for a recipient that an object can't be granted to."""
    if to not in TO or bool(to_id) == (to == "everyone"):
        raise Invalid("Choose who to share it with.", field="whom")
    if to_id == owner_id:
        raise Invalid(f"This {word} already belongs to them.", field="whom")


def give(
    session: Session, kind: str, id: str, right: str, *, to: str, to_id: str, word: str, author: PersonAuthor
) -> Sequence[str]:
    """Grants an object, replacing an earlier grant, and returns the ids of the people whose rights change, or `EVERYONE`.

    As `revoke` and `open_to_team`, it notes that in the audit log; `word` names the object there.
    """
    user_id, group_id = _ids(to, to_id)
    if user_id and session.get(User, user_id) is None:
        raise Invalid("That account no longer exists.", field="whom")
    if group_id and session.get(Group, group_id) is None:
        raise Invalid("That group no longer exists.", field="whom")
    grants.give(session, kind, id, right, by=author.actor.id, user_id=user_id, group_id=group_id)
    note(session, is_shared=True, word=word, kind=kind, id=id, whom=_recipient(session, user_id, group_id), author=author)
    return _reached(session, user_id, group_id)


def revoke(session: Session, kind: str, id: str, grant_id: str, *, word: str, author: PersonAuthor) -> Sequence[str]:
    """Revokes a grant, and returns the ids of the people whose rights change, or `EVERYONE`."""
    grant = session.get(Grant, grant_id)
    if grant is None or (grant.object_kind, grant.object_id) != (kind, id):
        raise NotFound("Access was already removed.")
    lost = _reached(session, grant.user_id, grant.group_id)
    whom = _recipient(session, grant.user_id, grant.group_id)
    note(session, is_shared=False, word=word, kind=kind, id=id, whom=whom, author=author)
    session.delete(grant)
    return lost


def open_to_team(session: Session, kind: str, id: str, *, is_open: bool, word: str, author: PersonAuthor) -> bool:
    """Grants the whole team the right to see the object, or revokes it; returns whether they had it and lose it."""
    is_changed = grants.open_to_team(session, kind, id, by=author.actor.id, is_open=is_open)
    if is_changed:
        note(session, is_shared=is_open, word=word, kind=kind, id=id, whom="everyone", author=author)
    return is_changed and not is_open


def note(session: Session, *, is_shared: bool, word: str, kind: str, id: str, whom: str, author: PersonAuthor) -> None:
    """Adds an entry to the audit log, without the object's name: readers of the log may not be allowed to see it."""
    action = f"{'shared' if is_shared else 'stopped sharing'} a {word}"
    audit.add(session, action, author=author, object_kind=kind, object_id=id, detail=f"with {whom}")


def reached_by(condition: ColumnElement[bool]) -> set[str]:
    """Returns the ids of the people whom the grants with this condition reach, and `EVERYONE` for one to the whole team."""
    granted = select(Grant.user_id, Grant.group_id).where(condition).distinct()
    return {id for user_id, group_id in db.session.execute(granted) for id in _reached(db.session(), user_id, group_id)}


def _ids(to: str, to_id: str) -> tuple[str | None, str | None]:
    """Returns the ids of the person and of the group that a recipient is; neither for everyone."""
    return to_id if to == "user" else None, to_id if to == "group" else None


def _recipient(session: Session, user_id: str | None, group_id: str | None) -> str:
    if user_id:
        return session.get_one(User, user_id).email
    return f"the group {session.get_one(Group, group_id).name}" if group_id else "everyone"


def _reached(session: Session, user_id: str | None, group_id: str | None) -> Sequence[str]:
    if group_id:
        return session.scalars(select(Membership.user_id).where(Membership.group_id == group_id)).all()
    return [user_id or EVERYONE]


def _share(level: int, grant_id: str, right: str, *granted: Any) -> Share:
    user_id, name, email, clearance, group_id, group_name = granted
    if user_id:
        return Share(grant_id, "user", user_id, name or email, right, clearance >= level)
    return Share(grant_id, "group" if group_id else "everyone", group_id or "", group_name or "", right)
