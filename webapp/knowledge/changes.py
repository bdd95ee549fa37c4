"""Notifies open pages of changes in a collection."""

from collections.abc import Iterable

from sqlalchemy import or_, select

from webapp.base import topic_names
from webapp.base.changes import access_changed, notify, notify_person
from webapp.base.db import db
from webapp.knowledge.permissions import COLLECTION, PROJECT
from webapp.knowledge.tables import Collection
from webapp.people.things import grants
from webapp.people.things.shares import reached_by

WHAT = "collection"


def notify_documents(collection_id: str) -> None:
    """Notifies the open pages of one collection."""
    notify(topic_names.of_collection(collection_id), "documents", collection_id)


def notify_people(collection_id: str, people: Iterable[str] = ()) -> None:
    """Notifies the lists of these people, or of everyone who sees the collection, and the collection's open pages."""
    for id in people or reached(collection_id):
        notify_person(id, WHAT, collection_id)
    notify_documents(collection_id)


def access_lost(collection_id: str, people: Iterable[str] = ()) -> None:
    """Makes the open pages of people whose rights have changed, and of everyone who sees it, check them again immediately."""
    for id in {*people, *reached(collection_id)}:
        access_changed(id)
        notify_person(id, WHAT, collection_id)
    notify_documents(collection_id)


def reached(collection_id: str) -> set[str]:
    """Returns the collection's owner and the people whom its grants or its project's reach, whatever their clearance.

    `EVERYONE` is among them if the whole team was granted it.
    """
    query = select(Collection.owner_id, Collection.project_id).where(Collection.id == collection_id)
    owner_id, project_id = db.session.execute(query).first() or ("", "")
    given = or_(grants.is_about(COLLECTION, collection_id), grants.is_about(PROJECT, project_id or ""))
    return {owner_id, *reached_by(given)} - {""}
