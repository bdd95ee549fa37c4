"""How much room documents take, by person and by collection, for the page of health."""

from sqlalchemy import exists, func, select

from webapp.accounts import grants
from webapp.accounts.tables import User
from webapp.db import db
from webapp.health import facts
from webapp.health.fact import Fact, size
from webapp.health.facts import Chapter
from webapp.knowledge.permitted import COLLECTION
from webapp.knowledge.tables import Collection, Document
from webapp.words import plural

LISTED = 5
BYTES = func.coalesce(func.sum(Document.bytes), 0)


def chapter() -> Chapter:
    """What is in the trash counts. A collection that nobody was granted is not named: its name is its owner's."""
    total, count = db.session.execute(select(BYTES, func.count(Document.id))).one()
    whole = Fact("Documents", f"{size(total)} in {plural(count, 'document')}.")
    return Chapter("Knowledge", [whole, *_by_person(), *_by_collection()] if count else [whole])


def _by_person() -> list[Fact]:
    query = select(User.email, BYTES, func.count(Document.id)).select_from(Document)
    query = query.join(Collection, Collection.id == Document.collection_id).join(User, User.id == Collection.owner_id)
    rows = db.session.execute(query.group_by(User.id, User.email).order_by(BYTES.desc(), User.id).limit(LISTED))
    return [Fact(f"Of {email}", f"{size(total)} in {plural(count, 'document')}.") for email, total, count in rows]


def _by_collection() -> list[Fact]:
    is_shared = exists().where(grants.is_about(COLLECTION, Collection.id.expression)).correlate(Collection)
    names = Collection.name, User.email, is_shared
    query = select(*names, BYTES, func.count(Document.id)).select_from(Document)
    query = query.join(Collection, Collection.id == Document.collection_id).join(User, User.id == Collection.owner_id)
    query = query.group_by(Collection.id, Collection.name, User.email).order_by(BYTES.desc(), Collection.id).limit(LISTED)
    return [
        Fact(name if shared else f"A private collection of {email}", f"{size(total)} in {plural(count, 'document')}.")
        for name, email, shared, total, count in db.session.execute(query)
    ]


facts.MORE.append(chapter)
