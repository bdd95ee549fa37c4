"""Who may what: `may`, which guards, services and pages ask, and what admins have changed for roles and groups."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from webapp.base import audit
from webapp.base.changes import access_changed
from webapp.base.current import PerApp
from webapp.base.database.recent import Recent
from webapp.base.db import db, write
from webapp.base.errors import Forbidden, Invalid, NotFound
from webapp.base.topic_names import EVERYONE
from webapp.people.accounts.roles import BY_NAME, PERMISSIONS, ROLES, SCOPES, is_allowed
from webapp.people.accounts.tables import Group, Membership, Permission, PersonAuthor, User

NAMES = tuple(row.name for row in PERMISSIONS)
# What an endpoint, or else its blueprint, requires beside its policy: the name of a permission, or "".
REQUIRED = PerApp[Mapping[str, str]]()
# By role or by the id of a group: whether it has a permission.
Changes = Mapping[str, Mapping[str, bool]]


@dataclass(frozen=True)
class Overrides:
    """What admins have changed; anything else is as in `PERMISSIONS`."""

    roles: Changes = field(default_factory=dict)
    groups: Changes = field(default_factory=dict)
    # The groups of those who have been asked about, kept as long as this.
    groups_of: dict[str, Sequence[str]] = field(default_factory=dict)


def may(user: User, name: str) -> bool:
    """Returns whether a person has a right or a permission; all have the one without a name."""
    return not name or is_allowed(name, user.role, by_role=overrides().roles.get(user.role, {}), by_groups=_of_groups(user))


def role_may(role: str, name: str) -> bool:
    """Returns whether a role has a right or a permission, whatever groups say."""
    return is_allowed(name, role, by_role=overrides().roles.get(role, {}), by_groups=())


def is_everyones(name: str) -> bool:
    """Returns whether everyone has a permission, so that no person need be looked up."""
    said = (*overrides().roles.values(), *overrides().groups.values())
    return BY_NAME[name].roles == ROLES and all(of.get(name, True) for of in said)


def may_by_id(user_id: str, name: str) -> bool:
    """Returns the same as `may` for a person who is known by their id."""
    if is_everyones(name):
        return True
    user = db.session.get(User, user_id)
    return user is not None and may(user, name)


def permissions_of(user: User) -> dict[str, bool]:
    return {name: may(user, name) for name in NAMES}


def allowed_scopes(user: User) -> tuple[str, ...]:
    """Returns the scopes that a person's tokens can have."""
    return tuple(name for name, (_, required) in SCOPES.items() if may(user, required))


def required_by(endpoint: str) -> str:
    """Returns the permission that an endpoint requires; empty if it requires none."""
    required = REQUIRED.get()
    return required.get(endpoint, required.get(endpoint.partition(".")[0], ""))


def refuse_without(user: User, name: str) -> None:
    """Raises `Forbidden` unless the person has this permission."""
    if not may(user, name):
        raise Forbidden(f"Your account doesn't have the permission “{BY_NAME[name].title}”. Ask an admin.")


def overrides() -> Overrides:
    return STORED_OVERRIDES.get()


def change(by: PersonAuthor, *, roles: Changes | None = None, groups: Changes | None = None) -> None:
    """Replaces what admins have changed for all roles, for all groups, or for both."""
    _check(roles or {}, ROLES[1:], "role")
    roles = None if roles is None else {role: _otherwise(role, of) for role, of in roles.items()}
    of_admins = overrides().roles.get("admin", {})
    if roles is not None and roles.get("admin", {}) != of_admins and not may(by.actor, "manage admins"):
        raise Forbidden("Only an owner can change what admins can do.", field="roles")
    with write() as session:
        if roles is not None:
            session.execute(delete(Permission).where(Permission.role.is_not(None)))
            _store(session, roles, "role")
        if groups is not None:
            _check(groups, set(session.scalars(select(Group.id))), "group")
            session.execute(delete(Permission).where(Permission.group_id.is_not(None)))
            _store(session, groups, "group_id")
        detail = _told({**(roles or {}), **(groups or {})})
        audit.add(session, "changed permissions", author=by, object_kind="permissions", object_id="", detail=detail)
        STORED_OVERRIDES.read_again_after(session)
    access_changed(EVERYONE)


def change_group(by: PersonAuthor, group_id: str, changes: Mapping[str, bool]) -> None:
    """Replaces what one group says."""
    _check({group_id: changes}, (group_id,), "group")
    with write() as session:
        group = session.get(Group, group_id)
        if group is None:
            raise NotFound("That group no longer exists.")
        session.execute(delete(Permission).where(Permission.group_id == group_id))
        _store(session, {group_id: changes}, "group_id")
        detail = _told({group.name: changes})
        audit.add(session, "changed permissions", author=by, object_kind="group", object_id=group_id, detail=detail)
        STORED_OVERRIDES.read_again_after(session)
    access_changed(EVERYONE)


def _check(changes: Changes, known: Collection[str], what: str) -> None:
    if unknown := [key for key in changes if key not in known]:
        raise Invalid(f"There is no {what} “{unknown[0][:80]}” with permissions to change.", field=f"{what}s")
    if unknown := [name for of in changes.values() for name in of if name not in NAMES]:
        raise Invalid(f"There is no permission “{unknown[0][:80]}”, only: {', '.join(NAMES)}.", field=f"{what}s")


def _otherwise(role: str, of: Mapping[str, bool]) -> dict[str, bool]:
    """Returns those permissions of a role that differ from a new installation's."""
    return {name: is_allowed for name, is_allowed in of.items() if is_allowed != (role in BY_NAME[name].roles)}


def _store(session: Session, changes: Changes, column: str) -> None:
    for key, of in changes.items():
        session.add_all(Permission(**{column: key}, name=name, is_allowed=is_allowed) for name, is_allowed in of.items())


def _told(changes: Changes) -> str:
    """Returns the changes as text for the audit log: `guest: no plans`."""
    said = (f"{who}: {'' if is_allowed else 'no '}{name}" for who, of in changes.items() for name, is_allowed in of.items())
    return "; ".join(said)[:1000]


def _of_groups(user: User) -> Iterator[Mapping[str, bool]]:
    """Yields what the person's groups say; looks for their groups when the first is asked for, if any says something, and
    once a second."""
    now = overrides()
    if now.groups and user.id not in now.groups_of:
        now.groups_of[user.id] = db.session.scalars(select(Membership.group_id).where(Membership.user_id == user.id)).all()
    yield from (now.groups[id] for id in now.groups_of.get(user.id, ()) if id in now.groups)


def _read() -> Overrides:
    roles: dict[str, dict[str, bool]] = {}
    groups: dict[str, dict[str, bool]] = {}
    query = select(Permission.role, Permission.group_id, Permission.name, Permission.is_allowed)
    with db.engine.connect() as connection:
        for role, group, name, is_allowed in connection.execute(query):
            (groups.setdefault(group, {}) if group else roles.setdefault(role or "", {}))[name] = is_allowed
    return Overrides(roles, groups)


STORED_OVERRIDES = Recent(_read, Overrides(), unreadable="permissions_not_readable")
