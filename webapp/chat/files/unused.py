"""Deletes unused files: those whose messages were permanently deleted, and those that were never sent."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta

from sqlalchemy import ColumnElement, and_, delete, or_, select
from sqlalchemy.orm import Session

from webapp.base.db import db, utc_now, write
from webapp.base.heavy.turns import queue_for_turn
from webapp.chat.files import storage
from webapp.chat.files.reference import MARK, ids_in
from webapp.chat.files.tables import DOCUMENT, ChatFile, StoredFile
from webapp.chat.record.tables import Message
from webapp.knowledge.documents import chat_files

# A draft can keep its files this long.
UNSENT_FOR = timedelta(days=7)
AT_ONCE = 50


def sweep() -> None:
    """Deletes files that are in no chat, a few per transaction."""
    while _sweep_some():
        queue_for_turn()


def has_unsent() -> bool:
    return db.session.scalar(select(StoredFile.id).where(~_is_in_a_chat()).limit(1)) is not None


def referenced_files(session: Session, message_ids: Sequence[str]) -> dict[str, set[str]]:
    """Returns the file ids in these messages by chat id; ids in a text that aren't files of the chat are ignored."""
    query = select(Message.chat_id, Message.content).where(Message.id.in_(message_ids), Message.content.contains(MARK))
    named = defaultdict[str, set[str]](set)
    for chat_id, content in session.execute(query):
        named[chat_id] |= ids_in([content])
    return {chat_id: referenced for chat_id, ids in named.items() if (referenced := ids & _files_of(session, chat_id))}


def remove_unreferenced(session: Session, files: Mapping[str, set[str]]) -> None:
    """Removes these files from their chats unless another message there still contains them."""
    for chat_id, ids in files.items():
        gone = _unnamed(session, chat_id, ids)
        session.execute(delete(ChatFile).where(ChatFile.chat_id == chat_id, ChatFile.file_id.in_(gone)))
        documents = select(StoredFile.hash).where(StoredFile.id.in_(gone), StoredFile.kind == DOCUMENT)
        for hash in session.scalars(documents).all():
            chat_files.mark_file_for_deletion(session, chat_id, hash)


def _files_of(session: Session, chat_id: str) -> set[str]:
    return set(session.scalars(select(ChatFile.file_id).where(ChatFile.chat_id == chat_id)))


def _unnamed(session: Session, chat_id: str, ids: set[str]) -> set[str]:
    """Returns the ids that no message of the chat contains; one pass over the messages checks all ids."""
    left = set(ids)
    query = select(Message.content).where(Message.chat_id == chat_id, Message.content.contains(MARK))
    for content in session.scalars(query.execution_options(yield_per=AT_ONCE)):
        left -= ids_in([content])
    return left


def _sweep_some() -> bool:
    is_over = or_(StoredFile.is_sent, StoredFile.created_at < utc_now() - UNSENT_FOR)
    with write() as session:
        query = select(StoredFile.id, StoredFile.hash).where(and_(is_over, ~_is_in_a_chat())).limit(AT_ONCE)
        rows = session.execute(query).all()
        if not rows:
            return False
        session.execute(delete(StoredFile).where(StoredFile.id.in_([row.id for row in rows])))
        gone = {row.hash for row in rows}
        gone -= set(session.scalars(select(StoredFile.hash).where(StoredFile.hash.in_(gone))))
        for hash in gone:
            storage.remove(hash)
    return True


def _is_in_a_chat() -> ColumnElement[bool]:
    return StoredFile.id.in_(select(ChatFile.file_id))
