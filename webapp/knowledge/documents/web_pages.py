"""Documents from a URL: adding one and fetching it again."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp.base.db import db, write
from webapp.base.errors import Conflict, Unavailable
from webapp.base.heavy import child
from webapp.base.heavy.turns import by_turns
from webapp.base.ids import new_id
from webapp.knowledge import queries
from webapp.knowledge.documents import service
from webapp.knowledge.documents.fetching import MOST_BYTES, FetchedPage, fetch
from webapp.knowledge.tables import Collection, Document, DocumentPart
from webapp.models.upstream.addresses import Trust
from webapp.people.accounts import creation_limit
from webapp.people.accounts.queries import person
from webapp.people.accounts.tables import User

MODULE = "webapp.knowledge.documents.text_extraction"
INTERRUPTED = "Fetching this document was interrupted. Press Fetch again."
ELSEWHERE = "Someone else has just changed this document. Please try again."


def add(collection: Collection, url: str, *, by: User, title: str = "", level: int = 0) -> service.Added:
    """Fetches a web page and adds it to a collection."""
    service.refuse_unless_writer(collection, by)
    creation_limit.count(by.id)
    fetched = _fetched(url, "", by)
    assert fetched
    sent = service.UploadedDocument(BytesIO(fetched.content), fetched.name, title, level, url=fetched.url, etag=fetched.etag)
    return service.add(collection, sent, by=by)


def again(document: Document, *, by: User) -> bool:
    """Reads a document again and returns True; one from a URL is fetched first, and returns False if its text is unchanged."""
    if not document.url:
        service.again(document, by=by)
        return True
    service.writable_collection(document, by)
    creation_limit.count(by.id)
    had_failed = document.state == "failed"
    # Its address was not entered by the person who reads it again.
    entered_by = person(document.added_by) if document.added_by else None
    fetched = _fetched(document.url, "" if had_failed else document.etag, entered_by)
    if fetched is None or (not had_failed and _is_same(document, fetched)):
        return False
    _replace(document, fetched)
    service.again(document, by=by)
    return True


def _fetched(url: str, etag: str, entered_by: User | None) -> FetchedPage | None:
    # As elsewhere, URLs that an admin enters can lead to this machine or its network.
    trust: Trust = "operator" if entered_by and entered_by.is_admin else "public"
    # Releases the database connection while waiting for another server.
    db.session.rollback()
    return fetch(url, etag=etag, trust=trust, most_bytes=min(MOST_BYTES, service.most_bytes()))


def _is_same(document: Document, fetched: FetchedPage) -> bool:
    """Returns whether the extracted text is unchanged: the bytes of a page often change without a visible difference."""
    before = "".join(passage.text[passage.overlap :] for passage in queries.passages_of(document))
    return bool(before) and before.strip() == _text(fetched, most=len(before) + 1_000)


def _text(fetched: FetchedPage, *, most: int) -> str:
    """Returns the text extracted from a page; empty if it can't be read or is longer than `most`."""
    about = f'{{"name": "x.{fetched.name.rpartition(".")[2]}", "most": {most}}}\n'.encode()
    db.session.rollback()
    try:
        with child.short(MODULE, BytesIO(fetched.content), head=about) as pieces:
            return "".join(piece.get("text", "") for piece in pieces).strip()
    except (child.Exceeded, child.ChildCrashed, Unavailable):
        return ""


def _replace(document: Document, fetched: FetchedPage) -> None:
    """Replaces the stored content, one chunk per transaction; a worker that is reading the old one loses its claim.

    If this is interrupted, the document is left as failed, so that reading it again fetches all of it.
    """
    digest, length = service.measured(BytesIO(fetched.content))
    service.refuse_too_much(document.collection_id, length - document.bytes)
    id, claim = document.id, new_id()
    try:
        with write() as session:
            now = session.get_one(Document, id)
            now.hash, now.bytes, now.etag, now.claim = digest, length, "", claim
            now.state, now.error = "failed", INTERRUPTED
    except IntegrityError as error:
        raise Conflict(service.TWIN) from error
    count = 0
    for count, content in enumerate(by_turns(service.chunks(BytesIO(fetched.content))), 1):
        with _own(id, claim) as (session, _):
            session.merge(DocumentPart(document_id=id, number=count - 1, content=content))
    with _own(id, claim) as (session, now):
        session.execute(delete(DocumentPart).where(DocumentPart.document_id == id, DocumentPart.number >= count))
        now.etag = fetched.etag


@contextmanager
def _own(id: str, claim: str) -> Iterator[tuple[Session, Document]]:
    with write() as session:
        now = session.get(Document, id)
        if now is None or now.claim != claim:
            raise Conflict(ELSEWHERE)
        yield session, now
