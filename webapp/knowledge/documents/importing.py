"""Reads documents in the background, one at a time, by turns of the people who added them.

Each is claimed by a row, read in a child process and stored in small batches.
"""

import json
import logging
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from itertools import count
from tempfile import TemporaryFile
from typing import IO

from sqlalchemy import ColumnElement, delete, func, literal, or_, select
from sqlalchemy.orm import Session

from webapp.base.current import PerApp
from webapp.base.db import db, is_sqlite, utc_now, write
from webapp.base.errors import Unavailable
from webapp.base.heavy import child
from webapp.base.heavy.turns import by_turns, queue_for_turn
from webapp.base.ids import new_id
from webapp.engine.chores import Chore
from webapp.knowledge import formats, queries
from webapp.knowledge.changes import notify_documents, notify_people
from webapp.knowledge.documents.reader import FileAbout, FileRefusal, PassageBatch, ReaderReport
from webapp.knowledge.search import index
from webapp.knowledge.tables import Collection, Document, Passage
from webapp.knowledge.vectors import service as vector_service, vector_sets
from webapp.settings.service import setting

# A claim that is not renewed for this long belongs to a dead process.
CLAIM = timedelta(seconds=30)
# When each person had their last turn to have a document read.
TURNS = PerApp[dict[str, int]](dict)
# A document that kills the server each time it is read is marked as failed after this many attempts.
MOST_ATTEMPTS = 4
LIMITS = child.WorkLimits(memory_bytes=512 * 1024 * 1024, cpu_seconds=60, wall_seconds=300, patience_seconds=1)
EXCEEDED = "Reading this file takes too much time or memory. Try splitting it into several."
BROKEN = "This file couldn't be read because of an error in Millrace. You can try again."
INCOMPLETE = "Parts of this file are missing. Fetch it again if it came from the web, or add it again."
CLEARED_AT_ONCE = 50
MODULE = "webapp.knowledge.documents.reader"
log = logging.getLogger("knowledge")


class ClaimLost(Exception):
    """Raised when the document was deleted, or another worker claimed it."""


def work() -> bool:
    """Reads the document that has waited longest; returns whether more are waiting."""
    if (claimed := _claim()) is None:
        return db.session.scalar(select(Document.id).where(_is_unfinished()).limit(1)) is not None
    id, claim, owner_id = claimed
    try:
        _read(id, claim, owner_id)
    except (ClaimLost, Unavailable) as reason:
        log.info("reading_postponed", extra={"fields": {"document": id, "reason": type(reason).__name__}})
        _release_claim(id, claim)
    except child.Exceeded:
        _fail(id, claim, EXCEEDED)
    except child.ChildCrashed:
        _fail(id, claim, BROKEN)
    return True


wake = Chore("importing", work, every_seconds=0.2, most_seconds=5.0).wake


def _is_unfinished() -> ColumnElement[bool]:
    return Document.state.in_(queries.UNREAD) & Document.deleted_at.is_(None)


def _claim() -> tuple[str, str, str] | None:
    """Claims a document that no one is reading; returns its id, the claim, and the id of whose it is."""
    now, claim = utc_now(), new_id()
    # On SQLite there is one server, which reads one document at a time, so an existing claim is that of a dead process.
    is_free = or_(Document.claimed_until.is_(None), Document.claimed_until < now, literal(is_sqlite()))
    person = func.coalesce(Document.added_by, Collection.owner_id)
    of_whom = select(person, func.min(Document.attempts)).join(Collection, Collection.id == Document.collection_id)
    waiting = db.session.execute(of_whom.where(_is_unfinished(), is_free).group_by(person)).all()
    if not waiting:
        return None
    # The order of the last turns; a restart forgets it.
    turns = TURNS.get()
    following = min(waiting, key=lambda whose: (turns.get(whose[0], 0), whose[1]))[0]
    turns.pop(following, None)
    turns[following] = max(turns.values(), default=0) + 1
    query = select(Document).join(Collection, Collection.id == Document.collection_id)
    query = query.where(_is_unfinished(), is_free, person == following).order_by(Document.attempts, Document.id).limit(1)
    with write() as session:
        document = session.scalar(query.with_for_update(skip_locked=True, of=Document))
        if document is None:
            return None
        document.attempts += 1
        is_hopeless = document.attempts > MOST_ATTEMPTS
        if is_hopeless:
            document.state, document.error = "failed", BROKEN
        else:
            document.state, document.done, document.of = "reading", 0, 0
            document.claim, document.claimed_until = claim, now + CLAIM
        id, collection_id = document.id, document.collection_id
    notify_documents(collection_id)
    return None if is_hopeless else (id, claim, following or "")


def _read(id: str, claim: str, owner_id: str) -> None:
    with _own(id, claim) as (_, document):
        name, title, edition, length = document.name, document.title, document.edition + 1, document.bytes
    _clear(id, claim, but=edition - 1)
    about = about_file(name, "" if title == formats.stem(name) else title)
    with _file(id, about) as (file, stored), closing(child.pieces(MODULE, file, LIMITS, owner_id=owner_id)) as piece_iterator:
        store(id, claim, edition, piece_iterator if stored == length else [FileRefusal(refused=INCOMPLETE)])


def about_file(name: str, title: str = "") -> FileAbout:
    """Returns what the reader process needs to know about a file."""
    most = int(setting("knowledge.collection_characters"))
    return FileAbout(name=name, title=title, most=most, wants=index.wants())


def store(id: str, claim: str, edition: int, reports: Iterable[ReaderReport]) -> None:
    """Stores what the reader process reports about a claimed document."""
    number = 0
    for report in by_turns(reports):
        if "refused" in report:
            return _fail(id, claim, report["refused"])
        if "passages" in report:
            _add(id, claim, report, number=number, edition=edition)
            number += len(report["passages"])
        elif "page" in report:
            with _own(id, claim) as (_, document):
                document.done, document.of = report["page"], report["of"]
        else:
            with _own(id, claim) as (_, document):
                document.state, document.title, document.done = "splitting", report["title"], 0
                document.of = document.characters = report["characters"]
    return _finish(id, claim, edition)


@contextmanager
def _own(id: str, claim: str) -> Iterator[tuple[Session, Document]]:
    """Opens a transaction on a claimed document, renews the claim, notifies open pages; raises `ClaimLost` if another has it."""
    with write() as session:
        document = session.get(Document, id)
        if document is None or document.deleted_at or document.claim != claim:
            raise ClaimLost
        document.claimed_until = utc_now() + CLAIM
        collection_id = document.collection_id
        yield session, document
    notify_documents(collection_id)


@contextmanager
def _file(id: str, about: FileAbout) -> Iterator[tuple[IO[bytes], int]]:
    """Yields the stored bytes as a file, after a JSON line for the reader process, and the number of bytes."""
    with TemporaryFile() as file:
        file.write(json.dumps(about).encode() + b"\n")
        length = sum(file.write(content) for content in by_turns(_parts(id)))
        file.flush()
        yield file, length


def _parts(id: str) -> Iterator[bytes]:
    for number in count():
        if not (content := queries.part(id, number)):
            return
        # Releases the database connection: other greenlets can run before the next part is read.
        db.session.rollback()
        yield content


def _add(id: str, claim: str, batch: PassageBatch, *, number: int, edition: int) -> None:
    """Stores a batch of passages; searches find none of them until the document is finished."""
    with _own(id, claim) as (session, document):
        document.done = batch["done"]
        rows = [
            Passage(
                document_id=id,
                edition=edition,
                number=number + index,
                heading=passage["heading"],
                head=passage["head"],
                text=passage["text"],
                overlap=passage["overlap"],
                words=passage["words"],
                page=passage["page"],
            )
            for index, passage in enumerate(batch["passages"])
        ]
        session.add_all(rows)
        session.flush()
        index.put(session.connection(), [row.row for row in rows], batch["passages"])


def _finish(id: str, claim: str, edition: int) -> None:
    """Switches searches from the old passages to the new ones."""
    with _own(id, claim) as (session, document):
        document.edition = edition
        document.passages, document.words = index.size_of(session, id, edition)
        state = "embedding" if vector_sets.awaits(session, document.collection_id) else "ready"
    _clear(id, claim, but=edition)
    _end(id, claim, state)
    vector_service.wake()


def _fail(id: str, claim: str, sentence: str) -> None:
    try:
        with _own(id, claim) as (_, document):
            edition = document.edition
        _clear(id, claim, but=edition)
        _end(id, claim, "failed", sentence)
    except ClaimLost:
        return


def _end(id: str, claim: str, state: str, error: str = "") -> None:
    """Releases the claim, and notifies the lists of everyone who sees the collection."""
    with _own(id, claim) as (_, document):
        document.state, document.error, document.attempts = state, error, 0
        document.claim, document.claimed_until = "", None
        if state == "embedding":
            document.done, document.of = 0, document.passages
        collection_id = document.collection_id
    notify_people(collection_id)


def _clear(id: str, claim: str, *, but: int) -> None:
    """Deletes the passages of all other editions in small batches, because each has to be removed from the full-text index."""
    stale = select(Passage.row).where(Passage.document_id == id, Passage.edition != but).limit(CLEARED_AT_ONCE)
    while rows := db.session.scalars(stale).all():
        with _own(id, claim) as (session, _):
            session.execute(delete(Passage).where(Passage.row.in_(rows)).execution_options(synchronize_session=False))
        queue_for_turn()


def _release_claim(id: str, claim: str) -> None:
    """Releases the claim and queues the document again, without counting this as an attempt."""
    try:
        with _own(id, claim) as (_, document):
            document.state, document.attempts = "waiting", document.attempts - 1
            document.claim, document.claimed_until = "", None
    except ClaimLost:
        return
