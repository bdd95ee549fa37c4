"""The texts beside chats and their versions, as far as a person can open them."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Row, Select, func, select
from sqlalchemy.orm import Session

from webapp.base.db import db
from webapp.chat.attachments import service as attachment_service
from webapp.chat.files.storage import is_open_to
from webapp.chat.files.tables import ChatFile, StoredFile
from webapp.people.accounts.tables import User
from webapp.workspace.texts.tables import TextChange


@dataclass(frozen=True, slots=True)
class TextVersion:
    """A version of a text; `by` is the name of the person who made it, or for whom it was made."""

    text_id: str
    chat_id: str
    number: int
    made_by: str
    is_private: bool
    file: StoredFile
    by: str

    @property
    def name(self) -> str:
        return self.file.name

    @property
    def at(self) -> datetime:
        return self.file.created_at

    def text(self) -> str:
        return attachment_service.whole_text(self.file)


def chat_of(text_id: str) -> str:
    """Returns the id of the chat of a text; empty if there is no such text."""
    return db.session.scalar(select(ChatFile.chat_id).where(ChatFile.text_id == text_id).limit(1)) or ""


def newest(text_id: str, person_id: str) -> TextVersion | None:
    """Returns the newest version of a text that this person can open."""
    query = _versions(person_id, ChatFile.text_id == text_id).order_by(ChatFile.version.desc()).limit(1)
    row = db.session.execute(query).first()
    return _version(row) if row else None


def newest_number(session: Session, text_id: str) -> int:
    """Returns the number of a text's newest version, as the database has it now; 0 if it was deleted."""
    return session.scalar(select(func.max(ChatFile.version)).where(ChatFile.text_id == text_id)) or 0


def version(text_id: str, number: int, person_id: str) -> TextVersion | None:
    row = db.session.execute(_versions(person_id, (ChatFile.text_id == text_id) & (ChatFile.version == number))).first()
    return _version(row) if row else None


def numbers_of(text_id: str, person_id: str) -> list[int]:
    """Returns the numbers of a text's versions, the first one first; older ones and drafts were dropped."""
    query = select(ChatFile.version).join(StoredFile, StoredFile.id == ChatFile.file_id).order_by(ChatFile.version)
    return list(db.session.scalars(query.where(ChatFile.text_id == text_id, is_open_to(person_id))))


def versions_of(text_id: str, person_id: str) -> list[TextVersion]:
    """Returns the versions of a text, newest first."""
    query = _versions(person_id, ChatFile.text_id == text_id).order_by(ChatFile.version.desc())
    return [_version(row) for row in db.session.execute(query)]


def texts_of(chat_id: str, person_id: str) -> list[TextVersion]:
    """Returns the newest version of each text of a chat, the last one that was changed first."""
    there = select(ChatFile.text_id, func.max(ChatFile.version).label("number")).join(
        StoredFile, StoredFile.id == ChatFile.file_id
    )
    there = there.where(ChatFile.chat_id == chat_id, ChatFile.text_id.is_not(None), is_open_to(person_id))
    last = there.group_by(ChatFile.text_id).subquery()
    is_last = (ChatFile.text_id == last.c.text_id) & (ChatFile.version == last.c.number)
    query = _versions(person_id, ChatFile.chat_id == chat_id).join(last, is_last).order_by(StoredFile.id.desc())
    return [_version(row) for row in db.session.execute(query)]


def change_of(text_id: str) -> TextChange | None:
    return db.session.get(TextChange, text_id, populate_existing=True)


def names_in(session: Session, chat_id: str) -> set[str]:
    """Returns the names of all files of a chat."""
    query = select(StoredFile.name).join(ChatFile, ChatFile.file_id == StoredFile.id).where(ChatFile.chat_id == chat_id)
    return set(session.scalars(query))


def _versions(person_id: str, condition: ColumnElement[bool]) -> Select[ChatFile, StoredFile, str, str]:
    query = select(ChatFile, StoredFile, User.name, User.email).join(StoredFile, StoredFile.id == ChatFile.file_id)
    return query.outerjoin(User, User.id == StoredFile.owner_id).where(condition, is_open_to(person_id))


def _version(row: Row[ChatFile, StoredFile, str, str]) -> TextVersion:
    place, file, name, email = row
    return TextVersion(
        place.text_id or "", place.chat_id, place.version, place.made_by, place.is_private, file, name or email or ""
    )
