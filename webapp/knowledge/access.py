"""Looks up collections and documents for pages; what a person has no right to see is reported as not found."""

from webapp.knowledge import queries
from webapp.knowledge.permissions import refuse_unless_owner
from webapp.knowledge.tables import Collection, Document
from webapp.people.accounts.guards import current_user, found


def visible_collection(id: str) -> Collection:
    return found(queries.collection(current_user(), id))


def own_collection(id: str) -> Collection:
    """Returns a collection for an action that only its owner can take."""
    collection = visible_collection(id)
    refuse_unless_owner(collection, current_user())
    return collection


def deleted_collection(id: str) -> Collection:
    return found(queries.collection(current_user(), id, is_deleted=True))


def visible_document(id: str) -> Document:
    return found(queries.document(current_user(), id))


def deleted_document(id: str) -> Document:
    return found(queries.document(current_user(), id, is_deleted=True))
