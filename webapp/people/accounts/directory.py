"""Lists accounts by name with keyset pagination, because a team can have thousands, and searches them for pickers."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from webapp.base.db import db
from webapp.base.heavy.turns import by_turns
from webapp.base.languages import gettext as _
from webapp.people.accounts.tables import Group, Membership, User, UserSession

MOST_WORDS = 8
PERSON, GROUP = "user:", "group:"
IS_OPEN = User.disabled_at.is_(None)
NAME_AND_ADDRESS = User.name + " (" + User.email + ")"
PAGE, AT_ONCE = 50, 200
BY_NAME = (func.lower(User.name), User.id)
Seen = tuple[User, datetime | None]


def people_to_pick(text: str, limit: int, *conditions: ColumnElement[bool]) -> list[tuple[str, str]]:
    """Returns ids, with names and addresses as labels."""
    return [(id, f"{name or email} ({email})") for id, name, email in _found_people(text, limit, *conditions)]


def addresses(text: str, limit: int) -> list[tuple[str, str]]:
    """Returns addresses, with names as labels."""
    return [(email, name) for _, name, email in _found_people(text, limit)]


def people_and_groups(text: str, limit: int, *conditions: ColumnElement[bool]) -> list[tuple[str, str]]:
    """Returns groups, their ids prefixed with `group:`, then people, with `user:`."""
    choices = groups_to_pick(text, limit)
    return [
        *choices,
        *((PERSON + id, words) for id, words in people_to_pick(text.removeprefix(PERSON), limit - len(choices), *conditions)),
    ]


def groups_to_pick(text: str, limit: int) -> list[tuple[str, str]]:
    before, _name, after = _("Group: %(name)s").partition("%(name)s")
    is_meant = has(text.removeprefix(GROUP), before + Group.name + after, Group.id)
    rows = db.session.execute(
        select(Group.id, Group.name).where(*is_meant).order_by(func.lower(Group.name), Group.id).limit(limit)
    )
    return [(GROUP + id, f"{before}{name}{after}") for id, name in rows]


def _found_people(text: str, limit: int, *conditions: ColumnElement[bool]) -> list[tuple[str, str, str]]:
    query = select(User.id, User.name, User.email).where(*conditions, *has(text, NAME_AND_ADDRESS, User.id))
    return [
        (id, name, email) for id, name, email in db.session.execute(query.order_by(func.lower(User.name), User.id).limit(limit))
    ]


def has(text: str, words: ColumnElement[str], id: InstrumentedAttribute[str]) -> list[ColumnElement[Any]]:
    """Returns the condition that the column `words` contains every word of the text, or that the text is the id."""
    text_words = text.split()[:MOST_WORDS]
    return [or_(id == text, and_(*(words.icontains(word, autoescape=True) for word in text_words)))] if text_words else []


def people(text: str = "", after: str = "", *, limit: int = PAGE + 1) -> list[Seen]:
    """Returns accounts whose name or address contains the words, each with the last time one of its sessions was seen."""
    users = _page(select(User).where(*has(text, NAME_AND_ADDRESS, User.id)), after, limit)
    seen = _seen_at(user.id for user in users)
    return [(user, seen.get(user.id)) for user in users]


def all_people() -> Iterator[Seen]:
    """Yields all accounts; lets other greenlets run in between."""
    # Wraps the whole sequence, because a single page takes less than a turn.
    return by_turns(_everybody())


def one(id: str) -> Seen | None:
    user = db.session.get(User, id)
    return (user, _seen_at([id]).get(id)) if user else None


def members(group_id: str, after: str) -> Sequence[User]:
    """Returns a page of the members of a group, and one more if there is a next page."""
    query = select(User).join(Membership, Membership.user_id == User.id).where(Membership.group_id == group_id)
    return _page(query, after, PAGE + 1)


def names() -> dict[str, str]:
    """Returns the names of all accounts by id."""
    return {id: name for id, (name, _) in names_and_addresses().items()}


def names_and_addresses() -> dict[str, tuple[str, str]]:
    return {id: (name, email) for id, name, email in db.session.execute(select(User.id, User.name, User.email))}


def _everybody() -> Iterator[Seen]:
    after = ""
    while page := people(after=after, limit=AT_ONCE):
        yield from page
        after = page[-1][0].id


def _page(query: Select[User], after: str, limit: int) -> Sequence[User]:
    if after:
        before = select(*BY_NAME).where(User.id == after).subquery()
        query = query.where(tuple_(*BY_NAME) > tuple_(*(select(before.c[number]).scalar_subquery() for number in range(2))))
    return db.session.scalars(query.order_by(*BY_NAME).limit(limit)).all()


def _seen_at(ids: Any) -> dict[str, datetime]:
    query = select(UserSession.user_id, func.max(UserSession.seen_at)).where(UserSession.user_id.in_(list(ids)))
    return {row[0]: row[1] for row in db.session.execute(query.group_by(UserSession.user_id))}
