"""What a person can do with collections: create, change, delete, restore, share and attach them."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field, StringConstraints
from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.base.database import rows
from webapp.base.db import db, utc_now, write
from webapp.base.errors import Conflict, Forbidden, Invalid, NotFound
from webapp.base.inputs import Input, Name, OneLine, Prose, Refusal
from webapp.knowledge import queries, trash
from webapp.knowledge.changes import access_lost, notify_people
from webapp.knowledge.permissions import COLLECTION, refuse_unless_owner
from webapp.knowledge.tables import Collection
from webapp.knowledge.vectors import vector_sets
from webapp.people.accounts import creation_limit
from webapp.people.accounts.roles import CLEARANCES
from webapp.people.accounts.tables import User
from webapp.people.grants.shares import Sharing

MOST_OWN = 200
OF_CHAT = "These files belong to a chat. Share or delete the chat, or delete single documents."
OF_PROJECT = "These files belong to a project. Share or delete the project, or delete single documents."
MOST_COLLECTIONS = 20
TOO_MANY = f"Choose up to {MOST_COLLECTIONS} collections."


Level = Annotated[
    int,
    Field(ge=CLEARANCES[0], le=CLEARANCES[-1], description="Who was granted it also needs at least this clearance."),
    Refusal("A level is a number from 0 to 3."),
]

EmbeddingModel = Annotated[
    str,
    Field(
        max_length=200,
        description="The model that embeds it, so that it is found by meaning: empty for the team's, `none` for words only.",
    ),
    OneLine("That isn't the name of a model.", 200),
]


class CollectionInput(Input):
    """What is entered for a collection."""

    name: Name
    about: Annotated[str, StringConstraints(max_length=2_000), Prose] = ""
    level: Level = 0
    embedding_model: EmbeddingModel = ""


def create(entered: CollectionInput, *, by: User) -> Collection:
    """Creates a collection that only this person sees."""
    vector_sets.refuse_unknown_choice(entered.embedding_model)
    owner_id = by.id
    _refuse_too_many(owner_id)
    creation_limit.count(owner_id)
    with write() as session:
        collection = Collection(owner_id=owner_id, **dict(entered))
        session.add(collection)
    notify_people(collection.id, [owner_id])
    return collection


def update(collection: Collection, entered: CollectionInput, *, by: User) -> None:
    """Replaces all details of a collection."""
    refuse_unless_owner(collection, by)
    refuse_if_of_chat(collection)
    vector_sets.refuse_unknown_choice(entered.embedding_model)
    values, id = rows.differing(collection, dict(entered)), collection.id
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
    access_lost(collection.id)
    trash.empty()


def restore(collection: Collection, *, by: User) -> None:
    """Restores a deleted collection, including its grants."""
    refuse_unless_owner(collection, by)
    _refuse_too_many(by.id)
    with write():
        collection.deleted_at = None
    notify_people(collection.id)


def refuse_if_of_chat(collection: Collection) -> None:
    """Raises `Forbidden` for the collection of a chat or project, with whose rights it is shared and deleted."""
    if collection.chat_id or collection.project_id:
        raise Forbidden(OF_CHAT if collection.chat_id else OF_PROJECT)


def existing(session: Session, id: str) -> Collection:
    """Returns the current row of a collection that was read earlier; raises `Conflict` if it has been deleted since."""
    collection = session.get(Collection, id)
    if collection is None or collection.deleted_at:
        raise Conflict("This collection has just been deleted.")
    return collection


def _refuse_too_many(owner_id: str) -> None:
    if queries.count_of(owner_id) >= MOST_OWN:
        raise Invalid(f"You already have {MOST_OWN} collections, which is the limit. Delete one first.")


def attachable(chosen_ids: Sequence[str], current_ids: Sequence[str], by: User) -> list[str]:
    """Returns the chosen collections that this person may see; attached ones they can't see stay attached while they exist."""
    seen = (
        {collection.id for collection in queries.collections_among(by, [*chosen_ids, *current_ids])}
        if chosen_ids or current_ids
        else set()
    )
    unseen = [id for id in current_ids if id not in seen]
    hidden = set(db.session.scalars(select(Collection.id).where(Collection.id.in_(unseen)))) if unseen else set()
    if {*chosen_ids} - seen - {*current_ids}:
        raise NotFound("That collection doesn't exist, or you don't have access.", field="collection_ids")
    ids = list(dict.fromkeys(id for id in (*chosen_ids, *unseen) if id in seen or id in hidden))
    if len(ids) > MOST_COLLECTIONS:
        raise Invalid(TOO_MANY, field="collections")
    return ids


def _refuse_private(collection: Collection) -> None:
    refuse_if_of_chat(collection)
    if collection.is_memory:
        raise Forbidden("Your conversation memory is yours alone.")


SHARING = Sharing(
    kind=COLLECTION,
    word="collection",
    refuse=refuse_unless_owner,
    rights={"read": "can read", "write": "can read and write"},
    refuse_private=_refuse_private,
    level=lambda collection: collection.level,
    announce=access_lost,
)
