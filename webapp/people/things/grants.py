"""Grants: rights to single objects of any kind, for a person, a group or the team."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

from sqlalchemy import ColumnElement, Select, and_, delete, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from webapp.base.changes import access_changed
from webapp.people.accounts.roles import TEAM
from webapp.people.accounts.tables import Grant, Membership, User
from webapp.web.feature import brought


@dataclass(frozen=True)
class Containing:
    """A kind that is also granted with what contains it: `ids` returns a query for those that reach a person that way."""

    kind: str
    ids: Callable[[User], Select[str]]


@dataclass(frozen=True)
class Dependents:
    """Who sees something because a person may share it: `of` returns their ids, by the id of that person."""

    of: Callable[[str], Iterable[str]]


def dependents(person_id: str) -> set[str]:
    """Returns the ids of the people who see something because this person may share it."""
    return {id for source in brought(Dependents) for id in source.of(person_id)}


def rights_changed(person_id: str) -> None:
    """Makes open pages check again what each may see after a change of a person's role or groups, also of who depends on it."""
    access_changed(*{person_id, *dependents(person_id)})


def is_about(kind: str, id: str | ColumnElement[str]) -> ColumnElement[bool]:
    return and_(Grant.object_kind == kind, Grant.object_id == id)


def are_about(kind: str, ids: Iterable[str] | Select[str]) -> ColumnElement[bool]:
    return and_(Grant.object_kind == kind, Grant.object_id.in_(ids))


def is_for_team() -> ColumnElement[bool]:
    """Returns the condition that a grant is for the whole team."""
    return and_(Grant.user_id.is_(None), Grant.group_id.is_(None))


def reaches(user: User) -> ColumnElement[bool]:
    """Returns the condition that a grant applies to this person: directly, through a group, or as a member of the team."""
    return or_(is_named(user.id), is_for_team()) if user.role in TEAM else is_named(user.id)


def reaches_id(user_id: str | ColumnElement[str]) -> ColumnElement[bool]:
    """Returns the same condition where the person is known by an id only, which can be a column."""
    person = _person()
    is_in_team = select(person.id).where(person.id == user_id, person.role.in_(TEAM)).correlate_except(person)
    return or_(is_named(user_id), and_(is_for_team(), is_in_team.exists()))


@cache
def _person() -> type[User]:
    """Returns the same alias for all queries: SQLAlchemy adapts the columns of a new one each time, which takes milliseconds."""
    return aliased(User)


def is_named(user_id: str | ColumnElement[str]) -> ColumnElement[bool]:
    """Returns the condition that a grant names this person or one of their groups."""
    groups = select(Membership.group_id).where(Membership.user_id == user_id).correlate_except(Membership)
    return or_(Grant.user_id == user_id, Grant.group_id.in_(groups))


def given_to(user: User, kind: str) -> Select[str]:
    """Returns a query for the ids of the objects granted to this person in any way."""
    return select(Grant.object_id).where(Grant.object_kind == kind, reaches(user))


def is_given(id: InstrumentedAttribute[str | None], user: User, kind: str) -> ColumnElement[bool]:
    """Returns the condition that this object was granted to the person, itself or with what contains it."""
    with_others = (id.in_(containing.ids(user)) for containing in brought(Containing) if containing.kind == kind)
    return or_(id.in_(given_to(user, kind)), *with_others)


def give(session: Session, kind: str, id: str, right: str, *, by: str | None, user_id: str | None, group_id: str | None) -> None:
    """Grants a right to a person, a group or, with neither, the whole team; updates an existing grant, which keeps its id."""
    conditions = Grant.user_id.is_not_distinct_from(user_id), Grant.group_id.is_not_distinct_from(group_id)
    grants = session.scalars(select(Grant).where(is_about(kind, id), *conditions).order_by(Grant.id).with_for_update()).all()
    for duplicate in grants[1:]:
        session.delete(duplicate)
    grant = grants[0] if grants else Grant(object_kind=kind, object_id=id, user_id=user_id, group_id=group_id)
    grant.right, grant.created_by = right, by
    session.add(grant)


def open_to_team(session: Session, kind: str, id: str, *, by: str, is_open: bool) -> bool:
    """Grants the whole team the right to see the object, or revokes it; returns whether that changes anything."""
    before = session.scalars(delete(Grant).where(is_about(kind, id), is_for_team()).returning(Grant.id)).all()
    if is_open:
        session.add(Grant(object_kind=kind, object_id=id, right="view", created_by=by))
    return bool(before) != is_open


def forget(session: Session, kind: str, ids: Iterable[str] | Select[str]) -> None:
    """Deletes all grants of deleted objects."""
    session.execute(delete(Grant).where(are_about(kind, ids)).execution_options(synchronize_session=False))
