"""The vector sets a collection has and the one it needs, which depends on the model its owner or the team has chosen."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from sqlalchemy import ColumnElement, Select, and_, exists, func, select
from sqlalchemy.orm import Session

from webapp.base.db import db, write
from webapp.base.errors import Invalid
from webapp.base.heavy.turns import by_turns
from webapp.knowledge.tables import Collection, Document, EmbeddedDocument, VectorSet
from webapp.models.connections.providers import providers
from webapp.settings.kinds import Value
from webapp.settings.service import setting

NONE = "none"
CURRENT, FILLING, GONE = "current", "filling", "gone"
SETTING = "knowledge.embedding_model"


def wanted(choice: str) -> str:
    """Returns the model for a collection's choice; empty for no vectors."""
    return "" if choice == NONE else choice or str(setting(SETTING))


def refuse_unknown_choice(model: str) -> None:
    """Raises `Invalid` unless a collection can use it: a model, empty for the team's, or `none`."""
    if model in ("", NONE, str(setting(SETTING))):
        return
    allowed = setting("models.allowed")
    if allowed and model not in allowed:
        raise Invalid(f"{model[:80]} isn't one of the models that are allowed here.", field="embedding_model")
    providers().embedder(model)


def refuse_unknown(value: Value) -> None:
    """Raises `Invalid` if no connection can offer this model for the team."""
    if value:
        providers().embedder(str(value))


def sets_of(collection_id: str) -> Sequence[VectorSet]:
    """Returns the collection's vector sets, except discarded ones; the one that is searched comes first."""
    there = select(VectorSet).where(VectorSet.collection_id == collection_id, VectorSet.state != GONE)
    return db.session.scalars(there.order_by(VectorSet.state, VectorSet.id)).all()


def is_behind() -> bool:
    """Returns whether any collection's sets differ from what its chosen model requires."""
    return any(dropped or state for _, _, dropped, state in _changes())


def arrange() -> None:
    """Creates the vector sets that are needed and discards the others; the vectors of discarded ones are deleted later."""
    for collection_id, model, dropped, state in by_turns(_changes()):
        if dropped or state:
            _arrange(collection_id, model)


def _arrange(collection_id: str, model: str) -> None:
    """Does the same as `arrange` for one collection, from its current rows: changing the team's model affects all of them."""
    there = VectorSet.collection_id == collection_id, VectorSet.state != GONE
    with write() as session:
        dropped, state = decided(model, session.scalars(select(VectorSet).where(*there).order_by(VectorSet.id)).all())
        for row in dropped:
            row.state = GONE
        session.flush()
        if state and session.scalar(select(Collection.id).where(Collection.id == collection_id)):
            session.add(VectorSet(collection_id=collection_id, model=model, state=state))


def decided(model: str, sets: Sequence[VectorSet]) -> tuple[Sequence[VectorSet], str]:
    """Returns the sets to discard, and the state of a set to create, or an empty string.

    The current set stays searchable until one of another model is complete.
    """
    if not model:
        return sets, ""
    vector_sets = [row for row in sets if row.state == CURRENT or row.model == model]
    dropped = [row for row in sets if row not in vector_sets]
    if any(row.model == model for row in vector_sets):
        return dropped, ""
    return dropped, FILLING if vector_sets else CURRENT


def lacks(set_id: str | ColumnElement[str]) -> ColumnElement[bool]:
    """Returns the condition that a document has passages that are not all in a vector set."""
    there = EmbeddedDocument.document_id == Document.id, EmbeddedDocument.edition == Document.edition
    # The document and the set come from the enclosing query, so only `EmbeddedDocument` belongs to the subquery.
    is_whole = exists().where(*there, EmbeddedDocument.set_id == set_id).correlate_except(EmbeddedDocument)
    return and_(Document.deleted_at.is_(None), Document.passages > 0, ~is_whole)


def progress(row: VectorSet) -> tuple[int, int]:
    """Returns the number of documents in a set, and the number its collection has."""
    live = select(func.count()).where(
        Document.collection_id == row.collection_id, Document.deleted_at.is_(None), Document.passages > 0
    )
    whole = db.session.scalar(live) or 0
    return whole - (db.session.scalar(live.where(lacks(row.id))) or 0), whole


def awaits(session: Session, collection_id: str) -> bool:
    """Returns whether documents that were just read will get vectors soon."""
    choice = session.scalar(select(Collection.embedding_model).where(Collection.id == collection_id))
    has_failed = exists().where(VectorSet.collection_id == collection_id, VectorSet.state != GONE, VectorSet.error != "")
    return bool(wanted(choice or "")) and not session.scalar(select(has_failed))


def _changes() -> list[tuple[str, str, Sequence[VectorSet], str]]:
    sets = _all_sets()
    rows = db.session.execute(_collections()).all()
    return [(id, model, *decided(model, sets.get(id, []))) for id, choice in rows if (model := wanted(choice)) or id in sets]


def _collections() -> Select[str, str]:
    """Selects the collections with documents, as others need no vectors, and their choices of a model."""
    # Deleted documents need no vectors either; and the condition lets the query use the partial index of live documents,
    # without which it would scan them all.
    is_there = Document.collection_id == Collection.id, Document.deleted_at.is_(None)
    has_documents = exists().where(*is_there, Document.passages > 0)
    return select(Collection.id, Collection.embedding_model).where(Collection.deleted_at.is_(None), has_documents)


def _all_sets() -> Mapping[str, list[VectorSet]]:
    sets_by_collection: defaultdict[str, list[VectorSet]] = defaultdict(list)
    for row in db.session.scalars(select(VectorSet).where(VectorSet.state != GONE).order_by(VectorSet.id)):
        sets_by_collection[row.collection_id].append(row)
    return sets_by_collection
