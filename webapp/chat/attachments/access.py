"""Access to a file: its owner, and everyone who can see a chat in which it was sent."""

from webapp.base.db import db
from webapp.chat.files import storage
from webapp.chat.files.tables import StoredFile
from webapp.chat.record.access import right_in
from webapp.chat.record.tables import Chat
from webapp.people.accounts.guards import found, user_or_none


def visible_file(id: str) -> StoredFile:
    file, me = storage.file(id), user_or_none()
    if file and me and (file.owner_id == me.id or any(map(_is_open, storage.chats_with(id)))):
        return file
    return found(None)


def _is_open(chat_id: str) -> bool:
    chat = db.session.get(Chat, chat_id)
    return chat is not None and not chat.deleted_at and bool(right_in(chat, user_or_none()))
