"""Who may see a collection: grants to people, to groups or to everyone on the team."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from webapp.accounts import candidates as accounts
from webapp.accounts import grants
from webapp.accounts.roles import may
from webapp.accounts.tables import Grant, Group, User
from webapp.db import db, write
from webapp.errors import Forbidden, Invalid, NotFound
from webapp.heavy.turns import by_turns
from webapp.knowledge.permitted import COLLECTION
from webapp.knowledge.service import existing, refuse_if_of_chat, refuse_unless_owner
from webapp.knowledge.tables import Collection
from webapp.knowledge.telling import access_lost, members_of

RIGHTS = ("read", "write")
TO = ("everyone", "user", "group")


@dataclass(frozen=True, slots=True)
class Share:
    """Somebody who was granted a collection; everyone has no name. Who is not `cleared` for its level sees nothing yet."""

    grant_id: str
    to: str
    to_id: str
    name: str
    right: str
    is_cleared: bool = True


def shares(collection: Collection, *, after: str = "", limit: int | None = None) -> list[Share]:
    """To whom the collection was granted, in the order in which that was done."""
    query = select(Grant.id, Grant.right, User.id, User.name, User.email, User.clearance, Group.id, Group.name)
    query = query.select_from(Grant).outerjoin(User, User.id == Grant.user_id).outerjoin(Group, Group.id == Grant.group_id)
    query = query.where(grants.is_about(COLLECTION, collection.id), Grant.id > after).order_by(Grant.id)
    return [_share(collection, *row) for row in by_turns(db.session.execute(query.limit(limit)).all())]


def count(collection: Collection) -> int:
    """To how many it was granted."""
    return db.session.scalar(select(func.count(Grant.id)).where(grants.is_about(COLLECTION, collection.id))) or 0


def candidates(collection: Collection, text: str, limit: int) -> Sequence[tuple[str, str]]:
    """To whom it can be granted, as `user:ID` or `group:ID`, with their names."""
    return accounts.people_and_groups(text, limit, User.id != collection.owner_id, accounts.IS_OPEN)


def share(collection: Collection, to: str, to_id: str, right: str, *, by: User) -> None:
    """Grant it to `everyone`, to a `user` or to a `group`, instead of what they had."""
    refuse_unless_owner(collection, by)
    _check(collection, to, to_id, right, by)
    id, giver_id = collection.id, by.id
    user_id, group_id = (to_id if to == each else None for each in ("user", "group"))
    with write() as session:
        existing(session, id)
        _check_there(session, user_id, group_id)
        grants.give(session, COLLECTION, id, right, by=giver_id, user_id=user_id, group_id=group_id)
        changed = _people(session, user_id, group_id)
    access_lost(id, changed)


def unshare(collection: Collection, grant_id: str, *, by: User) -> None:
    """Take a grant away: from the next query on, nothing is found by it."""
    refuse_unless_owner(collection, by)
    id = collection.id
    with write() as session:
        grant = session.get(Grant, grant_id)
        if grant is None or (grant.object_kind, grant.object_id) != (COLLECTION, id):
            raise NotFound("Access was already removed.")
        lost = _people(session, grant.user_id, grant.group_id)
        session.delete(grant)
    access_lost(id, lost)


def _check(collection: Collection, to: str, to_id: str, right: str, by: User) -> None:
    if not may(by.role, "see people"):
        raise Forbidden("Guests can't share collections.")
    refuse_if_of_chat(collection)
    if collection.is_memory:
        raise Forbidden("Your conversation memory is yours alone.")
    if right not in RIGHTS:
        raise Invalid("Choose whether they can read or write.", field="right")
    if to not in TO or bool(to_id) == (to == "everyone"):
        raise Invalid("Choose who to share it with.", field="whom")
    if to_id == collection.owner_id:
        raise Invalid("This collection already belongs to them.", field="whom")


def _check_there(session: Session, user_id: str | None, group_id: str | None) -> None:
    if user_id and session.get(User, user_id) is None:
        raise Invalid("That account no longer exists.", field="whom")
    if group_id and session.get(Group, group_id) is None:
        raise Invalid("That group no longer exists.", field="whom")


def _people(session: Session, user_id: str | None, group_id: str | None) -> Sequence[str]:
    return [user_id] if user_id else session.scalars(members_of(group_id)).all()


def _share(collection: Collection, grant_id: str, right: str, *granted: Any) -> Share:
    user_id, name, email, clearance, group_id, group_name = granted
    if user_id:
        return Share(grant_id, "user", user_id, name or email, right, clearance >= collection.level)
    return Share(grant_id, "group" if group_id else "everyone", group_id or "", group_name or "", right)
