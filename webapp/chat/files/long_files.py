"""Long files of a chat become documents of its own collection: they are fed into it, and open pages are told the progress."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from webapp.base import changes, topic_names
from webapp.base.db import db
from webapp.base.heavy.turns import by_turns
from webapp.chat.files import storage
from webapp.chat.files.reference import MARK, long_in
from webapp.chat.files.tables import DOCUMENT, ChatFile, StoredFile
from webapp.chat.record.tables import Chat, Message
from webapp.engine.chores import Chore
from webapp.knowledge.documents import chat_files
from webapp.knowledge.tables import Document


@dataclass(slots=True)
class SentProgress:
    """The last state sent to a chat's pages about one file, and the messages that contain it."""

    chat_id: str
    messages: Sequence[str]
    known: tuple[str, int]


# By document id; only documents that aren't ready.
_progress: dict[str, SentProgress] = {}


def collect(session: Session, chat_id: str, files: Sequence[StoredFile], *, by: str, must: bool = True) -> None:
    """Adds the long files to the chat's own collection, creating it if necessary; visitors' chats have none.

    If there is no room for a file, raises `Invalid` when it `must` be taken; otherwise stores it as a failed document that
    shows the reason.
    """
    long = [file for file in files if file.kind == DOCUMENT]
    chat = session.get(Chat, chat_id) if long else None
    if not chat or not chat.owner_id:
        return
    sent_files = [chat_files.SentFile(file.name, file.hash, file.bytes) for file in long]
    id = chat_files.add_files(session, chat_id, chat.owner_id, sent_files, by=by or chat.owner_id, must=must)
    if id not in chat.collection_ids:
        reads = [id, *chat.collection_ids]
        session.execute(update(Chat).where(Chat.id == chat_id).values(collection_ids=reads))
        set_committed_value(chat, "collection_ids", reads)


def not_indexed(chat: Chat) -> Sequence[Document]:
    """Returns the long files of a chat that aren't indexed for retrieval yet."""
    return chat_files.not_indexed(chat.id) if chat.collection_ids else ()


def documents_in(chat_id: str, content: str) -> dict[str, Document | None]:
    """Returns, by file id, the document made of each long file in a message; only for files that were sent in this chat.

    A file that was not indexed here has no document.
    """
    ids = [reference.id for reference in long_in(content)]
    stored_files = storage.in_chat(chat_id, ids) if ids else {}
    documents = chat_files.among(chat_id, [file.hash for file in stored_files.values()]) if stored_files else {}
    return {id: documents.get(file.hash) for id, file in stored_files.items()}


def work() -> bool:
    """Advances all long files of chats; returns whether some aren't ready yet."""
    files = chat_files.unfinished()
    for file in by_turns(files):
        _notify_of_progress(file)
        if file.state == "arriving":
            with _opened(file.hash) as stream:
                chat_files.arrive(file.id, stream)
    for id in _progress.keys() - {file.id for file in files}:
        _notify(_progress.pop(id))
    return bool(files)


# The feature resumes this chore after a restart; it then finds the unfinished files in the database.
wake = Chore("arriving", work, every_seconds=0.3, most_seconds=5.0).wake


def _notify_of_progress(file: chat_files.UnfinishedFile) -> None:
    progress = file.state, file.done
    if file.id not in _progress:
        _progress[file.id] = SentProgress(file.chat_id, _messages_with(file), progress)
    elif _progress[file.id].known != progress:
        _progress[file.id].known = progress
        _notify(_progress[file.id])


def _notify(progress: SentProgress) -> None:
    for id in progress.messages:
        changes.notify(topic_names.of_chat(progress.chat_id), "message", id)


def _messages_with(file: chat_files.UnfinishedFile) -> Sequence[str]:
    files = select(StoredFile.id).join(ChatFile, ChatFile.file_id == StoredFile.id)
    ids = db.session.scalars(files.where(ChatFile.chat_id == file.chat_id, StoredFile.hash == file.hash)).all()
    has_one = or_(*(Message.content.contains(f"{MARK}{id})") for id in ids))
    query = select(Message.id).where(Message.chat_id == file.chat_id, Message.role == "user", has_one)
    return db.session.scalars(query).all() if ids else ()


@contextmanager
def _opened(hash: str) -> Iterator[IO[bytes] | None]:
    """Opens the file; yields None if it was deleted in the meantime."""
    path = storage.path_of(hash)
    try:
        stream = path.open("rb")
    except FileNotFoundError:
        yield None
        return
    with stream:
        yield stream
