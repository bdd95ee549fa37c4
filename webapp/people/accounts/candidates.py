"""Searches people and groups by words of their names and addresses, for pickers; returns no more than a page shows."""

from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from webapp.base.db import db
from webapp.people.accounts.tables import Group, User

MOST_WORDS = 8
PERSON, GROUP = "user:", "group:"
IS_OPEN = User.disabled_at.is_(None)
NAME_AND_ADDRESS = User.name + " (" + User.email + ")"


def people(text: str, limit: int, *conditions: ColumnElement[bool]) -> list[tuple[str, str]]:
    """Returns ids, with names and addresses as labels."""
    return [(id, f"{name or email} ({email})") for id, name, email in _people(text, limit, *conditions)]


def addresses(text: str, limit: int) -> list[tuple[str, str]]:
    """Returns addresses, with names as labels."""
    return [(email, name) for _, name, email in _people(text, limit)]


def people_and_groups(text: str, limit: int, *conditions: ColumnElement[bool]) -> list[tuple[str, str]]:
    """Returns groups, their ids prefixed with `group:`, then people, with `user:`."""
    found = groups(text, limit)
    return [*found, *((PERSON + id, words) for id, words in people(text.removeprefix(PERSON), limit - len(found), *conditions))]


def groups(text: str, limit: int) -> list[tuple[str, str]]:
    is_meant = has(text.removeprefix(GROUP), "Group: " + Group.name, Group.id)
    rows = db.session.execute(
        select(Group.id, Group.name).where(*is_meant).order_by(func.lower(Group.name), Group.id).limit(limit)
    )
    return [(GROUP + id, f"Group: {name}") for id, name in rows]


def _people(text: str, limit: int, *conditions: ColumnElement[bool]) -> list[tuple[str, str, str]]:
    wanted = select(User.id, User.name, User.email).where(*conditions, *has(text, NAME_AND_ADDRESS, User.id))
    return [
        (id, name, email) for id, name, email in db.session.execute(wanted.order_by(func.lower(User.name), User.id).limit(limit))
    ]


def has(text: str, words: ColumnElement[str], id: InstrumentedAttribute[str]) -> list[ColumnElement[Any]]:
    """Returns the condition that the column `words` contains every word of the text, or that the text is the id."""
    wanted = text.split()[:MOST_WORDS]
    return [or_(id == text, and_(*(words.icontains(word, autoescape=True) for word in wanted)))] if wanted else []
