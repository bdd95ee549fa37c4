"""Notifies open pages of changes in a collection."""

from collections.abc import Iterable

from sqlalchemy import select

from webapp.base import topic_names
from webapp.base.changes import access_changed, notify, notify_person
from webapp.base.db import db
from webapp.knowledge.permissions import COLLECTION
from webapp.knowledge.tables import Collection
from webapp.people.accounts.tables import Grant
from webapp.people.grants.shares import members_of

WHAT = "collection"


def notify_documents(collection_id: str) -> None:
    """Notifies the open pages of one collection."""
    notify(topic_names.of_collection(collection_id), "documents", collection_id)


def notify_people(collection_id: str, people: Iterable[str] = ()) -> None:
    """Notifies the lists of these people, or of everyone who sees the collection, and the collection's open pages."""
    for id in people or reached(collection_id):
        notify_person(id, WHAT, collection_id)
    notify_documents(collection_id)


def access_lost(collection_id: str, people: Iterable[str]) -> None:
    """Makes the open pages of people whose rights have changed check them again immediately."""
    for id in people:
        access_changed(id)
        notify_person(id, WHAT, collection_id)
    notify_documents(collection_id)


def reached(collection_id: str) -> set[str]:
    """Returns the collection's owner and the people its grants reach, whatever their clearance."""
    owner = select(Collection.owner_id).where(Collection.id == collection_id)
    granted = select(Grant.user_id, Grant.group_id).where(Grant.object_kind == COLLECTION, Grant.object_id == collection_id)
    people_ids = set(db.session.scalars(owner))
    for user_id, group_id in db.session.execute(granted):
        people_ids |= {user_id} if user_id else set(db.session.scalars(members_of(group_id)))
    return people_ids
