"""Operations on groups, which give several people the same rights."""

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp.base import audit
from webapp.base.db import write
from webapp.base.errors import Conflict, Invalid, NotFound
from webapp.base.heavy.turns import by_turns
from webapp.people.accounts import queries
from webapp.people.accounts.directory import people_to_pick
from webapp.people.accounts.fields import checked_name
from webapp.people.accounts.permissions import STORED_OVERRIDES
from webapp.people.accounts.tables import Group, Membership, User
from webapp.people.members import chat_days
from webapp.people.members.service import existing
from webapp.people.things.grants import rights_changed
from webapp.settings.losses import refuse_unconfirmed

TAKEN = "A group with that name already exists."


def create(name: str, *, author: audit.AuditAuthor) -> Group:
    """Creates an empty group."""
    group = Group(name=checked_name(name))
    with write() as session:
        _check_name(group.name)
        session.add(group)
        _flush(session)
        _note(session, "created a group", group, author=author)
    return group


def rename(group: Group, name: str, *, author: audit.AuditAuthor) -> None:
    """Renames a group; its members stay."""
    name, group_id = checked_name(name), group.id
    with write() as session:
        group = _existing(session, group_id)
        _check_name(name, but=group_id)
        _note(session, "renamed a group", group, author=author, detail=f"{group.name} to {name}")
        group.name = name
        _flush(session)


def keep_chats(group: Group, days: int | None, *, author: audit.AuditAuthor, confirmed: int | None = None) -> None:
    """Sets how many days chats of its members are kept: 0 for ever, None as the team's.

    Raises `Unconfirmed` if chats would go and their number wasn't confirmed.
    """
    group_id = group.id
    if days is not None and not 0 <= days <= chat_days.MOST_DAYS:
        raise Invalid(f"Enter a number of days from 0 to {chat_days.MOST_DAYS:,}, or leave it empty.", field="days")
    refuse_unconfirmed([chat_days.group_loss(group_id, days)], {chat_days.SETTING: confirmed})
    with write() as session:
        group = _existing(session, group_id)
        if group.chat_days == days:
            return
        group.chat_days = days
        words = "as the team" if days is None else f"{days} days" if days else "forever"
        _note(session, "changed how long chats are kept", group, author=author, detail=f"{group.name}: {words}")


def delete_group(group: Group, *, author: audit.AuditAuthor) -> None:
    """Deletes a group; its members keep their accounts, but lose the rights that it gave them."""
    group_id = group.id
    with write() as session:
        _note(session, "deleted a group", _existing(session, group_id), author=author)
        inside = session.scalars(select(Membership.user_id).where(Membership.group_id == group_id)).all()
        session.execute(delete(Group).where(Group.id == group_id))
        STORED_OVERRIDES.read_again_after(session)
    for person_id in by_turns(inside):
        rights_changed(person_id)


def candidates(group_id: str, text: str, limit: int) -> list[tuple[str, str]]:
    """Searches the people who are not in the group yet."""
    inside = select(Membership.user_id).where(Membership.group_id == group_id)
    return people_to_pick(text, limit, User.id.not_in(inside))


def put_in(group: Group, person_id: str, *, author: audit.AuditAuthor) -> None:
    """Adds a person to a group; does nothing if they are already a member."""
    group_id = group.id
    if not person_id:
        raise Invalid("Choose who to add.", field="person")
    with write() as session:
        group, person = _existing(session, group_id), existing(session, person_id)
        if session.get(Membership, (group_id, person_id)):
            return
        session.add(Membership(group_id=group_id, user_id=person_id))
        _flush(session, "They are already in this group.")
        _note(session, "added to a group", group, author=author, detail=f"{person.email} into {group.name}")
        STORED_OVERRIDES.read_again_after(session)
    rights_changed(person_id)


def take_out(group: Group, person_id: str, *, author: audit.AuditAuthor) -> None:
    """Removes a person from a group."""
    group_id = group.id
    with write() as session:
        group, person = _existing(session, group_id), session.get(User, person_id)
        is_theirs = Membership.group_id == group_id, Membership.user_id == person_id
        if person and session.scalar(delete(Membership).where(*is_theirs).returning(Membership.user_id)):
            detail = f"{person.email} from {group.name}"
            _note(session, "removed from a group", group, author=author, detail=detail)
            STORED_OVERRIDES.read_again_after(session)
    rights_changed(person_id)


def _existing(session: Session, group_id: str) -> Group:
    group = session.get(Group, group_id)
    if group is None:
        raise NotFound("That group no longer exists.")
    return group


def _check_name(name: str, but: str = "") -> None:
    if (group := queries.group_by_name(name)) and group.id != but:
        raise Conflict(TAKEN, field="name")


def _flush(session: Session, taken: str = TAKEN) -> None:
    try:
        session.flush()
    except IntegrityError as error:
        raise Conflict(taken, field="name") from error


def _note(session: Session, action: str, group: Group, *, author: audit.AuditAuthor, detail: str = "") -> None:
    audit.add(session, action, author=author, object_kind="group", object_id=group.id, detail=detail or group.name)
