"""Who may see what: the one predicate that lists, pages, the API and every search ask."""

from sqlalchemy import ColumnElement, and_, exists, or_

from webapp.accounts import grants
from webapp.accounts.tables import Grant, User
from webapp.knowledge.tables import Collection, Document, EmbeddedDocument, Passage

COLLECTION, DOCUMENT, CHAT = "collection", "document", "chat"
grants.OBJECTS[COLLECTION] = (Collection.id, Collection.owner_id)
grants.OBJECTS[DOCUMENT] = (Document.id, Document.owner_id)


def sees_collection(user: User, *, right: tuple[str, ...] = ("read", "write")) -> ColumnElement[bool]:
    """Whether the person may see a collection: their own, or one that was granted to them and is not above their clearance.

    Whoever was granted a chat reads the collection of its files, which nobody is granted by itself; those of their own chats
    are their own.
    """
    given = grants.given_to(user, COLLECTION).where(Grant.right.in_(right))
    ways = [Collection.owner_id == user.id, and_(Collection.level <= user.clearance, Collection.id.in_(given))]
    return or_(*ways, Collection.chat_id.in_(grants.given_to(user, CHAT))) if "read" in right else or_(*ways)


def sees_document(user: User) -> ColumnElement[bool]:
    """Whether the person may see a document of a joined collection.

    Beside the right to the collection it takes clearance for the document's own level and, where the document was granted to
    somebody by name, one of these grants.
    """
    own = exists().where(grants.is_about(DOCUMENT, Document.id.expression))
    fitting = exists().where(grants.is_about(DOCUMENT, Document.id.expression), grants.reaches(user))
    is_open = and_(Document.level <= user.clearance, or_(~own, fitting))
    return and_(sees_collection(user), or_(Collection.owner_id == user.id, is_open))


def is_there() -> ColumnElement[bool]:
    """Whether neither a document nor its joined collection was deleted, and all of it has arrived."""
    return and_(Document.deleted_at.is_(None), Collection.deleted_at.is_(None), Document.state != "arriving")


def finds_passage(user: User) -> ColumnElement[bool]:
    """Whether a passage is the person's to find, by the document and the collection that are joined to it."""
    return and_(sees_document(user), is_there(), Passage.edition == Document.edition)


def finds_vectors(user: User) -> ColumnElement[bool]:
    """The same of all passages of a document at once, where those are that were embedded."""
    return and_(sees_document(user), is_there(), EmbeddedDocument.edition == Document.edition)
