"""What a person can do with collections: create, change, delete and restore them."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from webapp.base.database import rows
from webapp.base.db import utc_now, write
from webapp.base.errors import Conflict, Forbidden, Invalid
from webapp.knowledge import queries, trash, vector_sets
from webapp.knowledge.changes import notify_people
from webapp.knowledge.tables import Collection
from webapp.people.accounts import creation_limit
from webapp.people.accounts.fields import checked_name, checked_text
from webapp.people.accounts.roles import CLEARANCES
from webapp.people.accounts.tables import User

MOST_OWN = 200
MOST_ABOUT = 2_000
NOT_YOURS = "Only the owner of this collection can do that."
OF_CHAT = "These files belong to a chat. Share or delete the chat, or delete single documents."


@dataclass(frozen=True, slots=True)
class CollectionInput:
    """The input for a collection."""

    name: str
    about: str = ""
    level: int = 0
    embedding_model: str = ""


def create(entered: CollectionInput, *, by: User) -> Collection:
    """Creates a collection that only this person sees."""
    values, owner_id = _checked(entered), by.id
    _refuse_too_many(by)
    with write() as session:
        collection = Collection(owner_id=owner_id, **values)
        session.add(collection)
    notify_people(collection.id, [owner_id])
    return collection


def update(collection: Collection, entered: CollectionInput, *, by: User) -> None:
    """Replaces all details of a collection."""
    refuse_unless_owner(collection, by)
    refuse_if_of_chat(collection)
    values, id = rows.differing(collection, _checked(entered)), collection.id
    with write() as session:
        now = existing(session, id)
        for name, value in values.items():
            setattr(now, name, value)
        now.changed_at = utc_now()
    notify_people(id)


def delete(collection: Collection, *, by: User) -> None:
    """Moves a collection with its documents to the trash: search stops finding it immediately, and it can be restored."""
    refuse_unless_owner(collection, by)
    refuse_if_of_chat(collection)
    with write():
        collection.deleted_at = utc_now()
    notify_people(collection.id)
    trash.empty()


def restore(collection: Collection, *, by: User) -> None:
    """Restores a deleted collection, including its grants."""
    refuse_unless_owner(collection, by)
    with write():
        collection.deleted_at = None
    notify_people(collection.id)


def refuse_unless_owner(collection: Collection, user: User) -> None:
    if collection.owner_id != user.id:
        raise Forbidden(NOT_YOURS)


def refuse_if_of_chat(collection: Collection) -> None:
    """Raises `Forbidden` for a chat's collection: its rights are those of the chat, so it is shared and deleted with that."""
    if collection.chat_id:
        raise Forbidden(OF_CHAT)


def existing(session: Session, id: str) -> Collection:
    """Returns the current row of a collection that was read earlier; raises `Conflict` if it has been deleted since."""
    collection = session.get(Collection, id)
    if collection is None or collection.deleted_at:
        raise Conflict("This collection has just been deleted.")
    return collection


def checked_level(level: int) -> int:
    if level not in CLEARANCES:
        raise Invalid("A level is a number from 0 to 3.", field="level")
    return level


def _checked(entered: CollectionInput) -> dict[str, str | int]:
    about = checked_text(entered.about, "about", most=MOST_ABOUT)
    model = vector_sets.checked_choice(entered.embedding_model)
    return {"name": checked_name(entered.name), "about": about, "level": checked_level(entered.level), "embedding_model": model}


def _refuse_too_many(user: User) -> None:
    own = [each for each in queries.collections(user) if each.owner_id == user.id]
    if len(own) + len(queries.deleted_collections(user)) >= MOST_OWN:
        raise Invalid(f"You already have {MOST_OWN} collections, which is the limit. Delete one first.")
    creation_limit.count(user.id)
