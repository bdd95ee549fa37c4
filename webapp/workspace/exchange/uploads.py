"""Archives that are sent in pieces: begun, continued after a break, cancelled, and removed when no more pieces come."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field, StringConstraints
from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from webapp.base.db import db, utc_now, write
from webapp.base.errors import Conflict, Invalid, NotFound, TooLarge
from webapp.base.inputs import Input, OneLine
from webapp.chat.attachments import service as attachment_service
from webapp.chat.imports import MOST_ARCHIVE_BYTES, PIECE_BYTES
from webapp.engine.chores import Chore
from webapp.people.accounts import creation_limit
from webapp.people.accounts.tables import User
from webapp.people.members.service import Departure
from webapp.workspace.exchange import arrivals
from webapp.workspace.exchange.tables import CANCELLED, READING, UPLOADING, ChatImport

KEPT = timedelta(days=1)
OTHER = "Your import of %s isn't finished. Cancel it before you begin another."
GONE = "This import doesn't exist, or it isn't yours."


class UploadInput(Input):
    """The file that is going to be sent. `mark` tells it from another of the same name and size, such as when it was changed."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=255), OneLine("That isn't the name of a file.", 255, 1)]
    size: Annotated[int, Field(ge=1)]
    mark: Annotated[
        str,
        StringConstraints(pattern=r"^[0-9A-Za-z_-]{0,40}$"),
        Field(description="Tells the file from another of the same name and size."),
    ] = ""


def of_person(person_id: str) -> ChatImport | None:
    return db.session.scalar(select(ChatImport).where(ChatImport.owner_id == person_id))


def own(person_id: str, id: str) -> ChatImport:
    """Returns the person's import with this id; raises `NotFound` for any other."""
    row = of_person(person_id)
    if row is None or row.id != id:
        raise NotFound(GONE)
    return row


def begin(user: User, upload: UploadInput) -> ChatImport:
    """Begins an upload, or returns the one of the same file that isn't complete, to be continued where it stopped."""
    row = of_person(user.id)
    if row and row.is_open:
        if row.state == UPLOADING and (row.name, row.bytes, row.mark) == (upload.name, upload.size, upload.mark):
            return _continued(row)
        raise Conflict(OTHER % row.name, field="file")
    if upload.size > MOST_ARCHIVE_BYTES:
        raise TooLarge.file(MOST_ARCHIVE_BYTES)
    attachment_service.refuse_without_room(user.id, upload.size)
    creation_limit.count(user.id)
    try:
        with write() as session:
            is_over = ChatImport.state.not_in((UPLOADING, READING))
            session.execute(delete(ChatImport).where(ChatImport.owner_id == user.id, is_over))
            row = ChatImport(owner_id=user.id, name=upload.name, bytes=upload.size, mark=upload.mark)
            session.add(row)
    except IntegrityError as error:
        # Begun in another tab at the same time.
        raise Conflict(OTHER % upload.name, field="file") from error
    arrivals.notify(user.id)
    wake_sweep()
    return row


def _continued(row: ChatImport) -> ChatImport:
    """Returns an upload from where its file ends: where only the database was restored from a backup, that is gone."""
    if (length := arrivals.length(row.id)) < row.stored:
        with write() as session:
            session.execute(update(ChatImport).where(ChatImport.id == row.id).values(stored=length))
        return own(row.owner_id, row.id)
    return row


def add_piece(person_id: str, id: str, at: int, content: bytes) -> ChatImport:
    """Stores a piece if it is the next one; the row says how much there is, where the sender continues."""
    row = own(person_id, id)
    if row.state != UPLOADING or at != row.stored:
        return row
    if not content or len(content) > PIECE_BYTES or at + len(content) > row.bytes:
        raise Invalid(f"A piece has up to {PIECE_BYTES // 1024 // 1024} MB, and all together the size of the file.")
    whole = row.bytes
    db.session.rollback()
    arrivals.put(id, at, content)
    stored = at + len(content)
    with write() as session:
        is_next = (ChatImport.id == id) & (ChatImport.state == UPLOADING) & (ChatImport.stored == at)
        state = READING if stored == whole else UPLOADING
        session.execute(update(ChatImport).where(is_next).values(stored=stored, state=state, touched_at=utc_now()))
    arrivals.notify(person_id)
    if state == READING:
        _read()
    return own(person_id, id)


def end(person_id: str, id: str) -> None:
    """Cancels an import, of which what has been read stays; removes one that is over, or that was never complete."""
    state = own(person_id, id).state
    with write() as session:
        row = ChatImport.id == id
        if state == READING:
            session.execute(update(ChatImport).where(row, ChatImport.state == READING).values(state=CANCELLED))
        else:
            session.execute(delete(ChatImport).where(row))
    arrivals.remove(id)
    arrivals.notify(person_id)


def sweep() -> bool:
    """Removes uploads that no piece has come to for a day, and files of imports that are over; returns whether any are left."""
    with write() as session:
        session.execute(delete(ChatImport).where(ChatImport.state == UPLOADING, ChatImport.touched_at < utc_now() - KEPT))
    there = arrivals.ids()
    needed = set(db.session.scalars(select(ChatImport.id).where(ChatImport.state.in_((UPLOADING, READING)))))
    for id in there - needed:
        arrivals.remove(id)
    return bool(needed)


wake_sweep = Chore("uploads", sweep, every_seconds=900.0, most_seconds=60.0).wake


def resume() -> None:
    """Continues what was not finished when the server stopped."""
    if db.session.scalar(select(ChatImport.id).where(ChatImport.state == READING).limit(1)):
        _read()
    wake_sweep()


def _stop(person_id: str) -> None:
    if row := of_person(person_id):
        with write() as session:
            session.execute(delete(ChatImport).where(ChatImport.id == row.id))
        arrivals.remove(row.id)


DEPARTURE = Departure(stop=_stop)


def _read() -> None:
    # Imported with the first file: with its parsers it takes half a megabyte.
    from webapp.workspace.exchange import reading

    reading.wake()
