"""Stored files: their rows by person and by chat, and their content on disk, once for each hash."""

import os
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session, aliased

from webapp.base.current import the_config
from webapp.base.db import db, utc_now
from webapp.base.ids import new_id
from webapp.chat.files.reference import MARK, ids_in
from webapp.chat.files.tables import IMAGE, ChatFile, StoredFile
from webapp.chat.record.tables import Chat
from webapp.rendering.pictures import Size

# With more ids than these, all files of the chat are loaded instead.
MOST_NAMED = 200


def put(path: Path, content: bytes) -> None:
    """Writes the file even if it exists: a concurrent deletion doesn't know that it is needed again."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = path.with_name(f"{new_id()}.unfinished")
    try:
        with os.fdopen(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        # On a full disk, the unfinished file would keep it full.
        unfinished.unlink(missing_ok=True)


def remove(hash: str) -> None:
    path_of(hash).unlink(missing_ok=True)


def path_of(hash: str) -> Path:
    return the_config().files_dir / hash[:2] / hash


def file(id: str) -> StoredFile | None:
    return db.session.get(StoredFile, id)


def chats_with(file_id: str) -> Sequence[str]:
    """Returns the ids of the chats whose readers can open a file."""
    return db.session.scalars(select(ChatFile.chat_id).where(ChatFile.file_id == file_id, ChatFile.is_private.is_(False))).all()


def is_open_to(person_id: str | None) -> ColumnElement[bool]:
    """A condition on a chat's file: whether a reader of the chat can open it."""
    return or_(ChatFile.is_private.is_(False), StoredFile.owner_id == person_id)


def in_chat(chat_id: str, ids: Iterable[str]) -> dict[str, StoredFile]:
    """Returns, by id, those of these files that were sent in this chat."""
    query = select(StoredFile).join(ChatFile, ChatFile.file_id == StoredFile.id).where(ChatFile.chat_id == chat_id)
    unique_ids = set(ids)
    # Messages can mention a hundred thousand file ids, most of them invalid.
    if len(unique_ids) <= MOST_NAMED:
        query = query.where(StoredFile.id.in_(unique_ids))
    return {file.id: file for file in db.session.scalars(query) if file.id in unique_ids}


def pictures_in(chat_id: str, content: str) -> dict[str, Size]:
    """Returns, by their addresses, the sizes of the pictures of this chat that a text refers to; usually without a query."""
    if MARK not in content:
        return {}
    ids = list(ids_in([content]))[:MOST_NAMED]
    query = select(StoredFile.id, StoredFile.width, StoredFile.height).join(ChatFile, ChatFile.file_id == StoredFile.id)
    query = query.where(ChatFile.chat_id == chat_id, ChatFile.is_private.is_(False), StoredFile.kind == IMAGE)
    rows = db.session.execute(query.where(StoredFile.id.in_(ids)))
    return {f"/files/{row.id}": Size(row.width, row.height) for row in rows}


class FileVersion(NamedTuple):
    """A file of a chat with its version, and the text whose version it is, if it is one."""

    file: StoredFile
    version: int
    text_id: str | None


def newest_named(session: Session, chat_id: str, name: str) -> FileVersion | None:
    """Returns the last version of a file of the chat."""
    query = select(StoredFile, ChatFile.version, ChatFile.text_id).join(ChatFile, ChatFile.file_id == StoredFile.id)
    query = query.where(ChatFile.chat_id == chat_id, StoredFile.name == name)
    row = session.execute(query.order_by(ChatFile.version.desc(), StoredFile.id.desc()).limit(1)).first()
    return FileVersion(*row) if row else None


def just_uploaded(person_id: str, name: str, hash: str) -> StoredFile | None:
    """Returns the same file if the person uploaded it within the last hour, so that a repeated upload makes no second row."""
    query = select(StoredFile).where(StoredFile.owner_id == person_id, StoredFile.name == name, StoredFile.hash == hash)
    # A file that was sent and is in no chat now will be deleted soon.
    stays = or_(StoredFile.is_sent.is_(False), StoredFile.id.in_(select(ChatFile.file_id)))
    return db.session.scalar(query.where(StoredFile.created_at > utc_now() - timedelta(hours=1), stays).limit(1))


def of_person(person_id: str) -> Sequence[StoredFile]:
    """Returns the files in a person's chats, except temporary chats."""
    referenced = select(ChatFile.file_id).join(Chat, Chat.id == ChatFile.chat_id).where(is_open_to(person_id))
    referenced = referenced.where(Chat.owner_id == person_id, Chat.deleted_at.is_(None), Chat.is_temporary.is_(False))
    return db.session.scalars(select(StoredFile).where(StoredFile.id.in_(referenced)).order_by(StoredFile.id)).all()


def to_send_again(person_id: str, chat_id: str, limit: int) -> list[StoredFile]:
    """Returns the files sent in a chat, then others that the person has sent, newest first; the same content once."""
    there = StoredFile.id.in_(select(ChatFile.file_id).where(ChatFile.chat_id == chat_id, is_open_to(person_id)))
    query = select(StoredFile).where(or_(there, (StoredFile.owner_id == person_id) & StoredFile.is_sent))
    # Of a text beside a chat, the newest version.
    newer = aliased(ChatFile)
    is_newer = (newer.text_id == ChatFile.text_id) & (newer.version > ChatFile.version)
    query = query.where(~select(newer.file_id).join(ChatFile, is_newer).where(ChatFile.file_id == StoredFile.id).exists())
    newest_first = query.order_by(there.desc(), StoredFile.id.desc()).limit(limit)
    files: dict[tuple[str, str], StoredFile] = {}
    for file in db.session.scalars(newest_first):
        files.setdefault((file.name, file.hash), file)
    return list(files.values())


def own(person_id: str, ids: Iterable[str]) -> list[StoredFile]:
    """Returns those of these files that the person owns, in this order."""
    ids = list(ids)
    stored_files = {file.id: file for file in db.session.scalars(_among(ids).where(StoredFile.owner_id == person_id))}
    return [stored_files[id] for id in ids if id in stored_files]


def attachable(chat_id: str, ids: Iterable[str], person_id: str) -> Sequence[StoredFile]:
    """Returns those of these files that a message in the chat can contain: the sender's own, and those sent there before."""
    there = select(ChatFile.file_id).where(ChatFile.chat_id == chat_id, ChatFile.is_private.is_(False))
    is_theirs = StoredFile.owner_id == person_id if person_id else StoredFile.id.in_(there)
    return db.session.scalars(_among(list(ids)).where(or_(is_theirs, StoredFile.id.in_(there)))).all()


def bytes_of(person_id: str) -> int:
    """Returns the total size of a person's own files."""
    query = select(func.coalesce(func.sum(StoredFile.bytes), 0)).where(StoredFile.owner_id == person_id)
    return int(db.session.scalar(query) or 0)


def _among(ids: list[str]) -> Select[StoredFile]:
    return select(StoredFile).where(StoredFile.id.in_(ids))
