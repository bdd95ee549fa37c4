"""Files that people upload in runs: each becomes a document in a collection that the run's owner owns."""

from webapp.base.db import db, write
from webapp.base.errors import AppError, Conflict, Invalid
from webapp.engine.engine import the_engine
from webapp.knowledge import queries, service
from webapp.knowledge.documents import service as document_service
from webapp.knowledge.tables import Collection, Document
from webapp.people.accounts.tables import User
from webapp.workflows.definition.slots import Slot, text_of
from webapp.workflows.running import service as run_service
from webapp.workflows.running.interpreter import slot_of
from webapp.workflows.running.record import definition_of, locked_run
from webapp.workflows.running.step_prompt import files_of
from webapp.workflows.state import Event
from webapp.workflows.tables import WorkflowRun

# How long a person waits while a file is read; then the run continues, and the file is found once it has been read.
MOST_SECONDS, POLL_SECONDS = 20.0, 0.05
NONE_WANTED = "No file is requested at the moment."
ABOUT = "Files from a run of the workflow “{}”. Its answers use them. If you delete this collection, they no longer can."


def answer(run: WorkflowRun, sent: document_service.UploadedDocument, *, by: User, seen: int | None = None) -> WorkflowRun:
    """Answers the current question with a file."""
    slot = slot_of(definition_of(run), run.current_state)
    if run.status != "waiting" or not _takes_file(slot):
        raise Conflict(NONE_WANTED)
    id, file = run.id, _stored_document(run, sent, by)
    return _happen(id, Event("answer", _named(file)), seen)


def change(
    run: WorkflowRun, name: str, sent: document_service.UploadedDocument, *, by: User, seen: int | None = None
) -> WorkflowRun:
    """Replaces the file of an earlier answer, and deletes the old one."""
    slot, before = definition_of(run).slots.get(name), run.current_state.slots.get(name)
    if not _takes_file(slot) or not before:
        raise Conflict(NONE_WANTED)
    id, by_id, file = run.id, by.id, _stored_document(run, sent, by)
    value, old_id = _named(file), before["document_id"]
    old = queries.document(by, old_id) if file.id != old_id else None
    if old:
        # Before the change, because it can repeat a step that reads from the file.
        document_service.delete(old, by=by)
    try:
        return _happen(id, Event("change", value, name), seen)
    except AppError:
        person = db.session.get_one(User, by_id)
        if old := queries.document(person, old_id, is_deleted=True):
            document_service.restore(old, by=person)
        raise


def _takes_file(slot: Slot | None) -> bool:
    return slot is not None and slot.type == "file"


def _named(document: Document) -> str:
    return text_of({"document_id": document.id, "name": document.name})


def _happen(id: str, event: Event, seen: int | None) -> WorkflowRun:
    return run_service.apply_event(db.session.get_one(WorkflowRun, id), event, seen=seen, is_file=True)


def _stored_document(run: WorkflowRun, sent: document_service.UploadedDocument, by: User) -> Document:
    """Returns the document once it has been read, or after `MOST_SECONDS`; raises `Invalid` if it can't be read."""
    by_id = by.id
    collection = files_of(run, by) or _collection(run, by)
    id = document_service.add(collection, sent, by=by).document.id
    engine = the_engine()
    until = engine.now() + MOST_SECONDS
    while True:
        # Releases the database connection while waiting.
        db.session.rollback()
        document = db.session.get_one(Document, id, populate_existing=True)
        if document.state not in queries.UNFINISHED or engine.now() >= until:
            break
        engine.pause(POLL_SECONDS)
    if document.state == "failed":
        words = document.error
        document_service.delete(document, by=db.session.get_one(User, by_id))
        raise Invalid(words, field="file")
    return document


def _collection(run: WorkflowRun, by: User) -> Collection:
    title, id = definition_of(run).title, run.id
    new_id = service.create(service.CollectionInput(name=f"{title}: files", about=ABOUT.format(title)), by=by).id
    with write() as session:
        row = locked_run(session, id)
        row.collection_id = row.collection_id or new_id
        collection_id = row.collection_id
    return db.session.get_one(Collection, collection_id)
