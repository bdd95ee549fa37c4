"""Attaches collections to what answers are made with, such as a character or a prompt; people can attach what they may see."""

from collections.abc import Sequence

from sqlalchemy import select

from webapp.base.db import db
from webapp.base.errors import Invalid, NotFound
from webapp.knowledge import queries
from webapp.knowledge.tables import Collection
from webapp.people.accounts.tables import User

MOST_COLLECTIONS = 20


def chosen(wanted: Sequence[str], known: Sequence[str], by: User) -> list[str]:
    """Returns the chosen collections that this person may see; attached ones they can't see stay attached while they exist."""
    seen = {each.id for each in queries.collections_among(by, [*wanted, *known])} if wanted or known else set()
    hidden = _existing([each for each in known if each not in seen])
    if {*wanted} - seen - {*known}:
        raise NotFound("That collection doesn't exist, or you don't have access.", field="collection_ids")
    found = list(dict.fromkeys(each for each in (*wanted, *hidden) if each in seen or each in hidden))
    if len(found) > MOST_COLLECTIONS:
        raise Invalid(f"Choose up to {MOST_COLLECTIONS} collections.", field="collections")
    return found


def _existing(ids: Sequence[str]) -> list[str]:
    there = set(db.session.scalars(select(Collection.id).where(Collection.id.in_(ids)))) if ids else set()
    return [each for each in ids if each in there]
