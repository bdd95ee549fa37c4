"""Sharing a collection: grants to people, to groups or to everyone on the team."""

from webapp.base.db import write
from webapp.base.errors import Forbidden, Invalid
from webapp.knowledge.changes import access_lost
from webapp.knowledge.permissions import COLLECTION
from webapp.knowledge.service import existing, refuse_if_of_chat, refuse_unless_owner
from webapp.knowledge.tables import Collection
from webapp.people.accounts.tables import User
from webapp.people.grants import shares as accounts
from webapp.people.grants.shares import Share

WORD, RIGHTS = "collection", ("read", "write")


def shares(collection: Collection, *, after: str = "", limit: int | None = None) -> list[Share]:
    """Returns a collection's grants in the order in which they were made."""
    return accounts.shares(COLLECTION, collection.id, level=collection.level, after=after, limit=limit)


def share(collection: Collection, to: str, to_id: str, right: str, *, by: User, address: str = "") -> None:
    """Grants the collection to `everyone`, to a `user` or to a `group`; replaces their existing grant."""
    refuse_unless_owner(collection, by)
    _check(collection, to, to_id, right, by)
    id = collection.id
    with write() as session:
        existing(session, id)
        changed = accounts.share(session, WORD, COLLECTION, id, right, to=to, to_id=to_id, by=by, address=address)
    access_lost(id, changed)


def unshare(collection: Collection, grant_id: str, *, by: User, address: str = "") -> None:
    """Removes a grant; it has no effect from the next query on."""
    refuse_unless_owner(collection, by)
    id = collection.id
    with write() as session:
        lost = accounts.unshare(session, WORD, COLLECTION, id, grant_id, by=by, address=address)
    access_lost(id, lost)


def _check(collection: Collection, to: str, to_id: str, right: str, by: User) -> None:
    accounts.refuse_guests(WORD, by)
    refuse_if_of_chat(collection)
    if collection.is_memory:
        raise Forbidden("Your conversation memory is yours alone.")
    if right not in RIGHTS:
        raise Invalid("Choose whether they can read or write.", field="right")
    accounts.refuse_unfit(WORD, collection.owner_id, to, to_id)
