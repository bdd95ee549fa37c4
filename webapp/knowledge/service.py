"""What a person can do with collections: create, change, delete and attach them."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field, StringConstraints

from webapp.base.database import rows
from webapp.base.db import utc_now, write
from webapp.base.errors import Invalid
from webapp.base.inputs import Input, Name, OneLine, Prose, Refusal
from webapp.knowledge import queries
from webapp.knowledge.changes import notify_people
from webapp.knowledge.kind import COLLECTIONS, refuse_if_of_chat
from webapp.knowledge.tables import Collection
from webapp.knowledge.vectors import vector_sets
from webapp.people.accounts.roles import CLEARANCES
from webapp.people.accounts.tables import User

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
    COLLECTIONS.count_new(owner_id)
    with write() as session:
        collection = Collection(owner_id=owner_id, **dict(entered))
        session.add(collection)
    notify_people(collection.id, [owner_id])
    return collection


def change(collection: Collection, entered: CollectionInput, *, by: User) -> None:
    """Replaces all details of a collection."""
    COLLECTIONS.refuse_unless_owner(collection, by)
    refuse_if_of_chat(collection)
    vector_sets.refuse_unknown_choice(entered.embedding_model)
    values, id = rows.differing(collection, dict(entered)), collection.id
    with write() as session:
        now = COLLECTIONS.existing(session, id)
        for name, value in values.items():
            setattr(now, name, value)
        now.changed_at = utc_now()
    notify_people(id)


def attachable(chosen_ids: Sequence[str], current_ids: Sequence[str], by: User) -> list[str]:
    """Returns the chosen collections that this person may see; attached ones they can't see stay attached while they exist."""
    seen = (
        {collection.id for collection in queries.collections_among(by, [*chosen_ids, *current_ids])}
        if chosen_ids or current_ids
        else set()
    )
    ids = COLLECTIONS.attached(chosen_ids, current_ids, seen, field="collection_ids")
    if len(ids) > MOST_COLLECTIONS:
        raise Invalid(TOO_MANY, field="collections")
    return ids
