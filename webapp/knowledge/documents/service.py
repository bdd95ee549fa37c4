"""What a person can do with documents: add, rename, read again, delete and restore them."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from itertools import count
from typing import IO, Annotated, Any

from pydantic import Field, StringConstraints
from sqlalchemy import CursorResult, select, update
from sqlalchemy.exc import IntegrityError

from webapp.base.db import db, utc_now, write
from webapp.base.errors import Conflict, Forbidden, Invalid, NotFound, TooLarge
from webapp.base.heavy.turns import by_turns, queue_for_turn
from webapp.base.inputs import Input, OneLine, Prose
from webapp.engine.engine import Engine
from webapp.knowledge import formats, queries, trash
from webapp.knowledge.changes import access_lost, notify_people
from webapp.knowledge.documents import importing
from webapp.knowledge.kind import COLLECTIONS
from webapp.knowledge.service import Level
from webapp.knowledge.tables import Collection, Document, DocumentPart
from webapp.knowledge.vectors import service as vector_service
from webapp.people.accounts import creation_limit, queries as account_queries
from webapp.people.accounts.fields import checked_text
from webapp.people.accounts.tables import User
from webapp.settings.service import setting

PART_BYTES = 256 * 1024
MOST_TITLE = 200
TEXT_AT_ONCE = 200
PASTED = "Pasted text.md"
ONLY_READERS = "You can read this collection, but you can't change it."
GONE = "This document has just been deleted."
TWIN = "The same document is already in this collection."
NO_TITLE = f"Enter a title of up to {MOST_TITLE} characters."
Title = Annotated[str, StringConstraints(min_length=1, max_length=MOST_TITLE), OneLine(NO_TITLE, MOST_TITLE, 1)]


class NewDocumentInput(Input):
    """What is entered for a new document: a text, or the URL of one web page; without a title, it gets its file's name."""

    text: str = ""
    url: Annotated[str, Field(max_length=2_000, description="Fetched once, as its robots.txt allows."), Prose] = ""
    title: Annotated[str, StringConstraints(max_length=MOST_TITLE), OneLine(NO_TITLE, MOST_TITLE)] = ""
    level: Level = 0


class DocumentInput(Input):
    """What is entered for a document that is there; without a level, it keeps its own."""

    title: Title
    level: Level | None = None


@dataclass(frozen=True, slots=True)
class UploadedDocument:
    """An uploaded document: its bytes, its file name and, if one was entered, a title."""

    stream: IO[bytes]
    name: str
    title: str = ""
    level: int = 0
    url: str = ""
    etag: str = ""


@dataclass(frozen=True, slots=True)
class Added:
    """The result of adding a document: a new one, or the existing one with the same bytes."""

    document: Document
    is_new: bool


def already_there(added: Iterable[Added]) -> list[str]:
    """Returns the ids of documents that already existed with the same bytes, without duplicates."""
    return list(dict.fromkeys(result.document.id for result in added if not result.is_new))


def pasted(text: str, *, title: str = "", level: int = 0) -> UploadedDocument:
    """Wraps pasted text as a Markdown file."""
    text = checked_text(text, "text", most=most_bytes())
    if not text:
        raise Invalid("Enter some text.", field="text")
    return UploadedDocument(BytesIO(text.encode()), PASTED, title, level)


def add(collection: Collection, sent: UploadedDocument, *, by: User, is_counted: bool = True) -> Added:
    """Adds a document to a collection and starts reading it; if one with the same bytes exists, returns that."""
    return add_all(collection, [sent], by=by, is_counted=is_counted)[0]


def add_all(collection: Collection, sent: Sequence[UploadedDocument], *, by: User, is_counted: bool = True) -> list[Added]:
    """Adds several documents; if one of them is refused, none is added.

    They don't count as new items if they come with something that does, such as a project from a file.
    """
    refuse_unless_writer(collection, by)
    names = [_name(file) for file in sent]
    if unreadable := [f"“{name or 'This file'}”" for name in names if not formats.kind_of(name)]:
        raise Invalid(f"{', '.join(unreadable)} can't be read. These files can: {formats.IN_WORDS}.", field="file")
    rows = [_checked(collection, file, by) for file in sent]
    _refuse_together(collection.id, rows, by, is_counted=is_counted)
    return [_added(row, file.stream, by) for row, file in zip(rows, sent, strict=True)]


def _name(sent: UploadedDocument) -> str:
    """Returns the name of a file, without folders and invisible characters."""
    return "".join(sign for sign in sent.name.replace("\\", "/").rpartition("/")[2] if sign.isprintable())[-MOST_TITLE:].strip()


def _refuse_together(collection_id: str, rows: Sequence[dict[str, Any]], by: User, *, is_counted: bool) -> None:
    """Raises if one of these documents can't be added."""
    count = length = 0
    for row in {row["hash"]: row for row in rows}.values():
        if twin := _twin(collection_id, row["hash"]):
            _already_there(twin, by)
            continue
        length += row["bytes"]
        refuse_too_much(collection_id, length, others=count)
        if is_counted:
            creation_limit.count(by.id)
        count += 1


def _added(row: dict[str, Any], stream: IO[bytes], by: User) -> Added:
    if twin := _twin(row["collection_id"], row["hash"]):
        return _already_there(twin, by)
    document = _begin(row)
    if document.state != "arriving" or not arrive(document.id, stream):
        return _already_there(document, by)
    notify_people(document.collection_id)
    importing.wake()
    return Added(document, is_new=True)


def change(document: Document, *, by: User, title: str | None = None, level: int | None = None) -> None:
    """Changes a document's title or level; a new title means reading it again, because the title is indexed too."""
    collection = writable_collection(document, by)
    name = document.title if title is None else title
    # A lower level shows the document to more people.
    if level not in (None, document.level):
        COLLECTIONS.refuse_unless_owner(collection, by)
    with write():
        document.level = document.level if level is None else level
        if name != document.title:
            document.title = name
            _read_again(document)
    _notify(document, is_lost=level is not None)


def again(document: Document, *, by: User) -> None:
    """Queues a document to be read again; its current passages stay searchable until then."""
    writable_collection(document, by)
    with write():
        _read_again(document)
    _notify(document)


def delete(document: Document, *, by: User) -> None:
    """Moves a document to the trash: search stops finding it immediately, and it can be restored."""
    writable_collection(document, by)
    with write():
        document.deleted_at = utc_now()
    _notify(document, is_lost=True)
    trash.empty()


def restore(document: Document, *, by: User) -> None:
    """Restores a deleted document."""
    writable_collection(document, by)
    try:
        with write():
            document.deleted_at = None
    except IntegrityError as error:
        raise Conflict(TWIN) from error
    _notify(document)


def text_of(engine: Engine, id: str, person_id: str) -> Iterator[str]:
    """Yields the extracted text in pieces, until the end or until the person may no longer see it."""
    start = 0
    while piece := _text_from(engine, id, person_id, start):
        text, start = piece
        yield text
        # A client that reads as fast as the server writes never blocks, so this loop has to yield to other greenlets itself.
        queue_for_turn()


def _text_from(engine: Engine, id: str, person_id: str, start: int) -> tuple[str, int] | None:
    """Returns some text starting at this passage, and the number of the passage to continue from."""
    with engine.in_app():
        person = account_queries.person(person_id)
        passages = queries.passages(person, id, limit=TEXT_AT_ONCE, start=start) if person else []
        return ("".join(passage.text[passage.overlap :] for passage in passages), passages[-1].number + 1) if passages else None


def refuse_without_original(document: Document) -> None:
    if not document.has_original:
        raise NotFound("This document has no file.")


def original_of(engine: Engine, id: str, person_id: str) -> Iterator[bytes]:
    """Yields the file as it was added, until its end or until the person may no longer see it."""
    for number in count():
        with engine.in_app():
            person = account_queries.person(person_id)
            content = queries.part(id, number) if person and queries.document(person, id) else None
        if content is None:
            return
        yield content
        # As in `text_of`.
        queue_for_turn()


def refuse_unless_writer(collection: Collection, user: User) -> None:
    if not queries.can_write(user, collection):
        raise Forbidden(ONLY_READERS)


def writable_collection(document: Document, by: User) -> Collection:
    """Returns the document's collection; raises `Forbidden` for people who can read the document but not change it."""
    collection = queries.SEEN_COLLECTIONS.one(by, document.collection_id)
    if collection is None:
        raise Conflict(GONE)
    refuse_unless_writer(collection, by)
    return collection


def _read_again(document: Document) -> None:
    document.state, document.error = "waiting", ""
    document.done = document.of = document.attempts = 0
    document.claim, document.claimed_until = "", None


def _notify(document: Document, *, is_lost: bool = False) -> None:
    """Notifies open pages of a change, after which people can have lost access to the document (`is_lost`)."""
    (access_lost if is_lost else notify_people)(document.collection_id)
    importing.wake()
    vector_service.wake()


def _checked(collection: Collection, sent: UploadedDocument, by: User) -> dict[str, Any]:
    name = _name(sent)
    if sent.level and collection.owner_id != by.id and sent.level > by.clearance:
        raise Invalid("You can't add a document above your own clearance.", field="level")
    title = (sent.title or formats.stem(name))[:MOST_TITLE]
    row: dict[str, Any] = {"collection_id": collection.id, "added_by": by.id, "title": title, "name": name}
    row |= {"level": sent.level, "url": sent.url, "etag": sent.etag}
    digest, length = measured(sent.stream, f"“{name}”")
    return row | {"hash": digest, "bytes": length, "characters": length}


def measured(stream: IO[bytes], what: str = "This file") -> tuple[str, int]:
    """Returns the hash and the number of bytes; raises if the file, called `what`, is empty or too large."""
    digest, length, most = hashlib.sha256(), 0, most_bytes()
    for chunk in by_turns(chunks(stream)):
        digest.update(chunk)
        length += len(chunk)
        if length > most:
            raise TooLarge.file(most)
    if not length:
        raise Invalid(f"{what} is empty.", field="file")
    return digest.hexdigest(), length


def most_bytes() -> int:
    """Returns the maximum size of a file."""
    return (int(setting("knowledge.file_megabytes")) or 1_000) * 1024 * 1024


def chunks(stream: IO[bytes]) -> Iterator[bytes]:
    """Returns the chunks in which a file is stored."""
    stream.seek(0)
    return iter(lambda: stream.read(PART_BYTES), b"")


def _twin(collection_id: str, digest: str) -> Document | None:
    query = select(Document).where(Document.collection_id == collection_id, Document.hash == digest)
    document = db.session.scalar(query.where(Document.deleted_at.is_(None)))
    return document if document and document.state != "arriving" else None


def _already_there(twin: Document, by: User) -> Added:
    """Returns the existing document; a person who may not see it learns only that a document with these bytes exists."""
    if not queries.document(by, twin.id):
        raise Conflict(TWIN)
    return Added(twin, is_new=False)


def _begin(row: dict[str, Any]) -> Document:
    """Inserts a row that stays hidden until all bytes are stored; reuses one left unfinished by a server that was killed."""
    query = select(Document).where(Document.collection_id == row["collection_id"], Document.hash == row["hash"])
    query = query.where(Document.deleted_at.is_(None))
    try:
        with write() as session:
            COLLECTIONS.existing(session, row["collection_id"])
            document = session.scalar(query) or Document(state="arriving")
            if document.state == "arriving":
                for name, value in row.items():
                    setattr(document, name, value)
                session.add(document)
    except IntegrityError:
        # Another request has just inserted a document with the same bytes.
        document = db.session.scalars(query).one()
    return document


def arrive(document_id: str, stream: IO[bytes]) -> bool:
    """Stores the bytes of a document whose row exists, and queues it to be read.

    Returns whether this call completed it, as two uploads of the same bytes can run at the same time.
    """
    _store(document_id, stream)
    whole = update(Document).where(Document.id == document_id, Document.state == "arriving").values(state="waiting")
    with write() as session:
        arrived = session.execute(whole)
        return isinstance(arrived, CursorResult) and bool(arrived.rowcount)


def _store(document_id: str, stream: IO[bytes]) -> None:
    for number, chunk in enumerate(by_turns(chunks(stream))):
        # Another upload of the same bytes can have stored this chunk first.
        with suppress(IntegrityError), write() as session:
            session.merge(DocumentPart(document_id=document_id, number=number, content=chunk))


def refuse_too_much(collection_id: str, length: int, *, others: int = 0) -> None:
    """Raises `Invalid` if a document of this length would exceed a limit of the collection or of its owner.

    `others` documents are added before it; then `length` is that of all together.
    """
    documents, characters = queries.size_of(collection_id=collection_id)
    _, all_characters = queries.size_of(owner_id=db.session.get_one(Collection, collection_id).owner_id)
    most = int(setting("knowledge.collection_documents"))
    if most and documents >= most:
        raise Invalid(f"This collection already has {most:,} documents, the limit. Deleted ones count until they expire.")
    if most and documents + others >= most:
        raise Invalid(f"This collection has room for {most - documents:,} more. The limit is {most:,} documents.", field="file")
    for name, used, whose in (
        ("knowledge.collection_characters", characters, "This collection"),
        ("knowledge.person_characters", all_characters, "This collection's owner"),
    ):
        limit = int(setting(name))
        if limit and used + length > limit:
            raise Invalid(f"{whose} has no room for this: the limit is {limit:,} characters.", field="file")
