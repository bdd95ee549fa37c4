"""Who may see what: the access conditions used by lists, pages, the API and every search in documents.

The database applies them: `search/ranking.py` and `search/semantic_search.py` add `finds_passage` and `finds_vectors` to every
query that selects hits. Grants to a person, a group or the team are resolved in `webapp/people/things/grants.py`.
"""

from sqlalchemy import ColumnElement, and_, exists, or_

from webapp.knowledge.tables import Collection, Document, EmbeddedDocument, Passage
from webapp.people.accounts.tables import Grant, User
from webapp.people.things import grants

COLLECTION, DOCUMENT, CHAT, PROJECT = "collection", "document", "chat", "project"


def sees_collection(user: User, *, right: tuple[str, ...] = ("read", "write")) -> ColumnElement[bool]:
    """Returns the condition for seeing a collection: owning it, or having a grant and enough clearance.

    A grant for a chat includes reading the collection of its files, which has no grants itself, and one for a project the same
    right to that of its files; the owner of a chat or of a project owns that collection too.
    """
    query = grants.given_to(user, COLLECTION).where(Grant.right.in_(right))
    of_projects = Collection.project_id.in_(grants.given_to(user, PROJECT).where(Grant.right.in_(right)))
    ways = [Collection.owner_id == user.id, and_(Collection.level <= user.clearance, Collection.id.in_(query)), of_projects]
    return or_(*ways, grants.is_given(Collection.chat_id, user, CHAT)) if "read" in right else or_(*ways)


def sees_document(user: User) -> ColumnElement[bool]:
    """Returns the condition for seeing a document of a joined collection.

    Besides the right to the collection, it requires clearance for the document's level and, if the document itself was granted
    to anyone, one of those grants.
    """
    own = exists().where(grants.is_about(DOCUMENT, Document.id.expression))
    fitting = exists().where(grants.is_about(DOCUMENT, Document.id.expression), grants.reaches(user))
    is_open = and_(Document.level <= user.clearance, or_(~own, fitting))
    return and_(sees_collection(user), or_(Collection.owner_id == user.id, is_open))


def is_available() -> ColumnElement[bool]:
    """Returns the condition that a document and its joined collection are not deleted, and that all of its bytes are stored."""
    return and_(Document.deleted_at.is_(None), Collection.deleted_at.is_(None), Document.state != "arriving")


def finds_passage(user: User) -> ColumnElement[bool]:
    """Returns the condition for finding a passage, with its document and collection joined."""
    return and_(sees_document(user), is_available(), Passage.edition == Document.edition)


def finds_vectors(user: User) -> ColumnElement[bool]:
    """Returns the condition for finding all passages of a document by their vectors: its current edition was embedded."""
    return and_(sees_document(user), is_available(), EmbeddedDocument.edition == Document.edition)
