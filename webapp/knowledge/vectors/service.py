"""Embeds documents in the background: the work is stored, so it survives a restart, and runs a few passages at a time.

Until all passages of a document have a vector, it is found by its words only.
"""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from webapp.base.db import db, utc_now, write
from webapp.base.errors import AppError, Conflict
from webapp.base.heavy import bounded
from webapp.base.heavy.turns import queue_for_turn
from webapp.engine.chores import Chore
from webapp.engine.engine import the_engine
from webapp.knowledge.changes import notify_documents
from webapp.knowledge.kind import COLLECTIONS
from webapp.knowledge.tables import Collection, Document, EmbeddedDocument, Passage, PassageVector, VectorSet
from webapp.knowledge.vectors import embedder, vector_sets
from webapp.knowledge.vectors.vector_sets import CURRENT, FILLING, GONE, lacks
from webapp.models.connections.cache import the_connections
from webapp.people.accounts.tables import User
from webapp.streaming.loops import supervise

log = logging.getLogger("knowledge:embedding")

# How soon documents of another connection begin while one of them hangs.
ROUND_SECONDS = 1.0
# Until a queue that failed through a fault of the database or of ours begins again.
BROKEN_SECONDS = 10.0
READ = ("embedding", "ready", "failed")
CLEARED_AT_ONCE = 200
# After this many failures in a row, or before a longer wait than this, the error is shown to people.
PATIENT, PATIENCE_SECONDS = 3, 30.0
MOST_BACK_OFF_SECONDS, MENDED_AFTER_SECONDS, LONGEST_SECONDS = 300.0, 600.0, 86_400.0
OTHER_LENGTH = "{model} gives vectors of {found} numbers now, and gave {known} before. Embed the collection again to continue."
ALL_ALIKE = "{model} gives the same vector for every text, so nothing can be found by its meaning. Choose another model."
NOTHING_TO_EMBED = "No embedding model is chosen for this collection."


class Job(NamedTuple):
    """A document with passages that have no vector in a set yet."""

    set_id: str
    model: str
    dimensions: int
    collection_id: str
    document_id: str
    edition: int
    person_id: str


def work() -> bool:
    """Runs the embedding jobs that are due, those of each connection in a queue of its own; returns whether any work is left."""
    engine, busy, is_over = the_engine(), set[str](), the_engine().signal()

    def embed_all(models: Sequence[str]) -> None:
        with engine.in_app():
            while not engine.is_closing and (job := _next(models)):
                _embed(job)

    def run(connection: str, models: Sequence[str]) -> None:
        if not supervise(f"embedding by {connection}", partial(embed_all, models), engine.pause, tries=1):
            engine.pause(BROKEN_SECONDS)
        busy.discard(connection)
        is_over.set()

    while not engine.is_closing:
        vector_sets.arrange()
        is_over.clear()
        for connection, models in _due_models().items():
            if connection not in busy:
                busy.add(connection)
                engine.spawn(partial(run, connection, models))
        _mark_ready_without_vectors()
        _clear()
        if not busy:
            break
        db.session.rollback()
        # Others begin while one of them hangs.
        is_over.wait(ROUND_SECONDS)
    return _is_left()


wake = Chore("embedding", work, every_seconds=0.5, most_seconds=60.0).wake


def notice() -> None:
    """Wakes the worker if collections need other vectors, because the team's setting can have changed since."""
    if vector_sets.is_behind():
        wake()


def retry(collection: Collection, *, by: User, everything: bool = False) -> None:
    """Retries failed embedding immediately, for example after an API key was replaced.

    With `everything`, embeds the whole collection again; searches use the current vectors until the new ones are complete.
    """
    COLLECTIONS.refuse_unless_owner(collection, by)
    if not (model := vector_sets.wanted(collection.embedding_model)):
        raise Conflict(NOTHING_TO_EMBED)
    id = collection.id
    with write() as session:
        sets = session.scalars(select(VectorSet).where(VectorSet.collection_id == id, VectorSet.state != GONE)).all()
        for row in sets:
            row.error, row.failures, row.waits_until = "", 0, None
        has_vectors = any(row.state == CURRENT and row.dimensions for row in sets)
        if everything and has_vectors and not any(row.state == FILLING for row in sets):
            session.add(VectorSet(collection_id=id, model=model, state=FILLING))
    notify_documents(id)
    wake()


def _due_models() -> Mapping[str, Sequence[str]]:
    """Returns the models with jobs that are due, by connection."""
    db.session.rollback()
    lacking = exists().where(*_lacks_vectors(), Document.state.in_(READ))
    # As `_next` finds them: a set that waits for a document to be read has no job.
    is_whole = and_(VectorSet.state == FILLING, ~exists().where(*_lacks_vectors()))
    jobs_by_model: defaultdict[str, list[str]] = defaultdict(list)
    for model in bounded.column(_due(VectorSet.model).where(or_(is_whole, lacking)).distinct()):
        jobs_by_model[the_connections().slug_of(model)].append(model)
    return jobs_by_model


def _next(models: Sequence[str]) -> Job | None:
    """Returns the next due job of these models; first makes a set that is complete the current one of its collection.

    Each query is one statement that doesn't block the event loop: there can be many sets, because each chat with a long file
    has a collection.
    """
    # Ends the read transaction, so that rows just committed are visible.
    db.session.rollback()
    # A set being filled in which no document lacks vectors any more.
    whole_set = _due(VectorSet.id, VectorSet.collection_id).where(VectorSet.state == FILLING)
    whole_set = whole_set.where(~exists().where(*_lacks_vectors())).limit(1)
    [whole, lacking] = bounded.read([query.where(VectorSet.model.in_(models)) for query in (whole_set, _lacking())])
    if whole:
        set_id, collection_id = whole[0]
        return _switched(set_id, collection_id, models)
    return Job(*lacking[0]) if lacking else None


def _lacking() -> Select[*tuple[Any, ...]]:
    """Selects a document that has been read and lacks vectors in a set, as the columns of a `Job`."""
    job = VectorSet.id, VectorSet.model, VectorSet.dimensions, VectorSet.collection_id, Document.id, Document.edition
    query = _due(*job, func.coalesce(Document.added_by, Collection.owner_id)).join(Document, and_(*_lacks_vectors()))
    query = query.where(Document.state.in_(READ))
    return query.order_by(VectorSet.state, VectorSet.id, Document.state, Document.id).limit(1)


def _due(*columns: Any) -> Select[*tuple[Any, ...]]:
    is_due = or_(VectorSet.waits_until.is_(None), VectorSet.waits_until <= utc_now())
    query = select(*columns).select_from(VectorSet).join(Collection, Collection.id == VectorSet.collection_id)
    return query.where(Collection.deleted_at.is_(None), VectorSet.state != GONE, is_due)


def _lacks_vectors() -> tuple[ColumnElement[bool], ...]:
    return Document.collection_id == VectorSet.collection_id, lacks(VectorSet.id.expression)


def _switched(set_id: str, collection_id: str, models: Sequence[str]) -> Job | None:
    """Makes a filled set the current one, so that searches use it from now on, and returns the next job."""
    with write() as session:
        row = session.get(VectorSet, set_id)
        is_lacking = select(Document.id).where(lacks(set_id), Document.collection_id == collection_id).limit(1)
        if row is None or row.state != FILLING or session.scalar(is_lacking) is not None:
            return None
        before = VectorSet.collection_id == collection_id, VectorSet.state == CURRENT
        session.execute(update(VectorSet).where(*before).values(state=GONE))
        row.state = CURRENT
    notify_documents(collection_id)
    return _next(models)


def _embed(job: Job) -> None:
    """Requests the vectors of some passages and stores them, all or none."""
    rows = db.session.execute(_without_vector(job).limit(embedder.TEXTS_AT_ONCE)).all()
    db.session.rollback()
    if not rows:
        _complete(job)
        return
    texts = [f"{' › '.join(filter(None, (title, heading)))}\n{head}{text}" for _, title, heading, head, text in rows]
    try:
        vectors = _vectors(job, texts)
    except AppError as error:
        _failed(job, error)
    else:
        _store(job, [row for row, *_ in rows], vectors)


def _vectors(job: Job, texts: Sequence[str]) -> list[bytes]:
    """Returns the vectors of these texts and, for a new set, those of the `UNLIKE` texts that measure the model's baseline."""
    vectors = embedder.vectors_of(
        embedder.EmbeddingRequest(job.model, (*texts, *(() if job.dimensions else embedder.UNLIKE)), job.person_id)
    )
    lengths = {len(vector) // 4 for vector in vectors}
    if len(lengths) != 1 or job.dimensions not in (0, *lengths):
        words = OTHER_LENGTH.format(model=job.model, found=max(lengths), known=job.dimensions or min(lengths))
        raise embedder.NoVectors(words, is_passing=False)
    if not job.dimensions and embedder.alikeness(vectors[len(texts) :]) > embedder.MOST_ALIKE:
        raise embedder.NoVectors(ALL_ALIKE.format(model=job.model), is_passing=False)
    return vectors


def _without_vector(job: Job) -> Select[int, str, str, str, str]:
    has_one = exists().where(PassageVector.passage_row == Passage.row, PassageVector.set_id == job.set_id)
    columns = Passage.row, Document.title, Passage.heading, Passage.head, Passage.text
    query = select(*columns).join(Document, Document.id == Passage.document_id)
    query = query.where(Passage.document_id == job.document_id, Passage.edition == job.edition, ~has_one)
    return query.order_by(Passage.number)


def _store(job: Job, rows: Sequence[int], vectors: Sequence[bytes]) -> None:
    with write() as session:
        row = _living(session, job)
        if row is None:
            return
        if not row.dimensions:
            row.dimensions, row.baseline = len(vectors[0]) // 4, embedder.alikeness(vectors[len(rows) :])
        row.error, row.failures, row.waits_until = "", 0, None
        there = set(session.scalars(select(Passage.row).where(Passage.row.in_(rows))))
        fresh = [(passage_row, vector) for passage_row, vector in zip(rows, vectors, strict=False) if passage_row in there]
        session.add_all(PassageVector(passage_row=passage_row, set_id=job.set_id, vector=vector) for passage_row, vector in fresh)
        session.flush()
        _count(session, job)
    notify_documents(job.collection_id)


def _count(session: Session, job: Job) -> None:
    document = session.get(Document, job.document_id)
    if document is None or document.state != "embedding" or document.edition != job.edition:
        return
    query = select(func.count()).select_from(PassageVector).join(Passage, Passage.row == PassageVector.passage_row)
    here = Passage.document_id == job.document_id, Passage.edition == job.edition, PassageVector.set_id == job.set_id
    document.done, document.of = session.scalar(query.where(*here)) or 0, document.passages


def _complete(job: Job) -> None:
    """Marks a document as embedded, so that searches by meaning find it."""
    with write() as session:
        document = session.get(Document, job.document_id)
        if _living(session, job) is None or document is None or document.edition != job.edition:
            return
        session.merge(EmbeddedDocument(document_id=job.document_id, set_id=job.set_id, edition=job.edition))
        if document.state == "embedding":
            document.state, document.done, document.of = "ready", document.passages, document.passages
    notify_documents(job.collection_id)


def _living(session: Session, job: Job) -> VectorSet | None:
    row = session.get(VectorSet, job.set_id)
    return row if row and row.state != GONE else None


def _failed(job: Job, error: AppError) -> None:
    """Schedules a retry with back-off; the error is shown to people unless it is expected to pass soon."""
    if the_engine().is_closing:
        return
    is_passing = isinstance(error, embedder.NoVectors) and error.is_passing
    with write() as session:
        row = _living(session, job)
        if row is None:
            return
        row.failures += 1
        least = min(MOST_BACK_OFF_SECONDS, 2.0**row.failures) if is_passing else MENDED_AFTER_SECONDS
        seconds = min(LONGEST_SECONDS, max(least, error.retry_after))
        row.waits_until = utc_now() + timedelta(seconds=seconds)
        if is_passing:
            _pause_connection(session, row, seconds)
        is_shown = not is_passing or row.failures >= PATIENT or seconds > PATIENCE_SECONDS
        row.error = error.message[:300] if is_shown else ""
    log.info("embedding_waits", extra={"fields": {"collection": job.collection_id, "reason": error.code, "seconds": seconds}})
    notify_documents(job.collection_id)


def _pause_connection(session: Session, vector_set: VectorSet, seconds: float) -> None:
    """Makes all sets of a connection wait that failed for one of them, as its server would hang for each."""
    connection, until = the_connections().slug_of(vector_set.model), utc_now() + timedelta(seconds=seconds)
    others = session.scalars(select(VectorSet.model).where(VectorSet.state != GONE).distinct()).all()
    same = VectorSet.model.in_([model for model in others if the_connections().slug_of(model) == connection])
    waits_less = or_(VectorSet.waits_until.is_(None), VectorSet.waits_until < until)
    session.execute(update(VectorSet).where(same, waits_less, VectorSet.id != vector_set.id).values(waits_until=until))


def _mark_ready_without_vectors() -> None:
    """Marks documents that get no vectors for now as ready; they are found by their words."""
    waiting = db.session.execute(select(Document.id, Document.collection_id).where(Document.state == "embedding")).all()
    ready_by_collection = {id: not vector_sets.awaits(db.session(), id) for id in {collection_id for _, collection_id in waiting}}
    ids = [id for id, collection_id in waiting if ready_by_collection[collection_id]]
    if not ids:
        return
    with write() as session:
        session.execute(update(Document).where(Document.id.in_(ids), Document.state == "embedding").values(state="ready"))
    for collection_id in (id for id, is_left in ready_by_collection.items() if is_left):
        notify_documents(collection_id)


def _clear() -> None:
    """Deletes the vectors of discarded sets in small batches."""
    while (id := db.session.scalar(select(VectorSet.id).where(VectorSet.state == GONE).limit(1))) is not None:
        some = select(PassageVector.passage_row).where(PassageVector.set_id == id).limit(CLEARED_AT_ONCE)
        with write() as session:
            rows = session.scalars(some).all()
            vectors = delete(PassageVector).where(PassageVector.set_id == id, PassageVector.passage_row.in_(rows))
            empty = delete(VectorSet).where(VectorSet.id == id)
            session.execute((vectors if rows else empty).execution_options(synchronize_session=False))
        queue_for_turn()


def _is_left() -> bool:
    """Returns whether any set lacks vectors, including sets that are waiting to retry."""
    living = select(VectorSet.id).join(Collection).where(Collection.deleted_at.is_(None), VectorSet.state != GONE)
    lacking = exists().where(lacks(VectorSet.id.expression), Document.collection_id == VectorSet.collection_id)
    return db.session.scalar(living.where(or_(VectorSet.state == FILLING, lacking)).limit(1)) is not None
