"""The files of a chat as calls make and read them, and as pages show those that a call has made."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Select, select

from webapp.base.db import db
from webapp.base.errors import NotFound
from webapp.base.words import size
from webapp.chat.attachments import service
from webapp.chat.files import attachments
from webapp.chat.files.storage import is_open_to
from webapp.chat.files.tables import DOCUMENT, IMAGE, TEXT, ChatFile, StoredFile
from webapp.chat.record.tables import Chat, Message
from webapp.knowledge import formats
from webapp.people.accounts.tables import User
from webapp.tools.files import NOT_HERE, FileText, KeptFile, NewFile
from webapp.tools.results import hidden_results
from webapp.tools.tables import Call

MOST_NAMES, MOST_BYTES, MOST_MESSAGES = 100, 4_000_000, 20


class AttachedText(NamedTuple):
    """A file that a message has as text, and who wrote the message."""

    name: str
    text: str
    message_id: str
    author_id: str


@dataclass(frozen=True, slots=True)
class CallFiles:
    """The files of one chat, for the calls of an answer to this person."""

    chat_id: str
    person_id: str

    def keep(self, file: NewFile, *, is_private: bool = False) -> KeptFile:
        row, version = service.add_made(self.person_id, self.chat_id, file.name, file.content, is_private=is_private)
        return KeptFile(row.id, row.name, version)

    def names(self) -> Sequence[str]:
        query = self._texts().order_by(StoredFile.id.desc()).limit(MOST_NAMES)
        stored = (file.name for file in db.session.scalars(query) if _has_text(file))
        return list(dict.fromkeys((*(file.name for file in self._attached()), *stored)))

    def read(self, name: str) -> FileText:
        query = self._texts().where(StoredFile.name == name).order_by(ChatFile.version.desc(), StoredFile.id.desc())
        file = db.session.scalar(query.limit(1))
        attached = next((text for text in self._attached() if text.name == name), None)
        if attached and not (file and file.id > attached.message_id):
            return FileText(attached.text, () if attached.author_id == self.person_id else (f"“{name}”",))
        if not file or not _has_text(file):
            raise NotFound(NOT_HERE)
        return FileText(service.whole_text(file), tuple(self._outside(file)))

    def _attached(self) -> Iterator[AttachedText]:
        """Yields the texts that are part of messages, as short files are, newest first."""
        query = select(Message.id, Message.content, Message.author_id, Chat.owner_id).join(Chat, Chat.id == Message.chat_id)
        query = query.where(Message.chat_id == self.chat_id, Message.role == "user", Message.deleted_at.is_(None))
        with_texts = query.where(Message.content.contains("```")).order_by(Message.id.desc()).limit(MOST_MESSAGES)
        for row in db.session.execute(with_texts):
            for file in reversed(attachments.parted(row.content)[1]):
                if file.text:
                    yield AttachedText(file.name, file.text, row.id, row.author_id or row.owner_id or "")

    def _outside(self, file: StoredFile) -> Iterator[str]:
        """Yields where a file comes from if that is another person, or an answer that had read outside text."""
        if file.owner_id != self.person_id:
            yield f"“{file.name}”"
        calls = select(Call).join(Message, Message.id == Call.message_id)
        in_chat = calls.where(Message.chat_id == self.chat_id, Message.call_count > 0).order_by(Call.round, Call.number)
        outside = defaultdict[str, list[str]](list)
        for call in db.session.scalars(in_chat):
            outside[call.message_id] += call.outside
            yield from outside[call.message_id] if file.id in call.file_ids else ()

    def _texts(self) -> Select[StoredFile]:
        query = select(StoredFile).join(ChatFile, ChatFile.file_id == StoredFile.id)
        return query.where(ChatFile.chat_id == self.chat_id, is_open_to(self.person_id), StoredFile.kind.in_((TEXT, DOCUMENT)))


def _has_text(file: StoredFile) -> bool:
    """Returns whether a file is text, or is stored with its text; a long one if it can be read in one piece."""
    return file.kind == TEXT or (formats.reader_of(file.name) == "text" and file.bytes <= MOST_BYTES)


@dataclass(frozen=True, slots=True)
class ShownFile:
    """A file that a call has made; `words` are its name and version, `text_id` the text whose version it is, if it is one."""

    id: str
    words: str
    size: str
    is_picture: bool
    width: int
    height: int
    text_id: str = ""

    @property
    def url(self) -> str:
        return f"/files/{self.id}"


def files_made(messages: Iterable[Message], reader: User | None) -> dict[str, list[ShownFile]]:
    """Returns, by message id, the files that this reader sees of those messages' calls; without a query if none has calls."""
    ids = [message.id for message in messages if message.call_count]
    in_order = select(Call).where(Call.message_id.in_(ids)).order_by(Call.round, Call.number)
    calls = db.session.scalars(in_order).all() if ids else ()
    hidden = hidden_results(reader, calls)
    files, by_message = files_by_id(calls), defaultdict[str, list[ShownFile]](list)
    for call in calls:
        by_message[call.message_id] += (files[id] for id in call.file_ids if id in files and call.id not in hidden)
    return by_message


def files_by_id(calls: Iterable[Call]) -> dict[str, ShownFile]:
    """Returns the files that these calls have made in their chats; without a query if there are none."""
    making = [call for call in calls if call.file_ids]
    if not making:
        return {}
    columns = StoredFile.id, StoredFile.name, StoredFile.kind, StoredFile.bytes, StoredFile.width, StoredFile.height
    file_ids = {id for call in making for id in call.file_ids}
    chats = select(Message.chat_id).where(Message.id.in_({call.message_id for call in making}))
    query = select(*columns, ChatFile.version, ChatFile.text_id).join(ChatFile, ChatFile.file_id == StoredFile.id)
    return {
        row.id: ShownFile(
            row.id,
            KeptFile(row.id, row.name, row.version).said,
            size(row.bytes),
            row.kind == IMAGE,
            row.width,
            row.height,
            row.text_id or "",
        )
        for row in db.session.execute(query.where(StoredFile.id.in_(file_ids), ChatFile.chat_id.in_(chats)))
    }
