"""Corrects a message in the middle of a chat, and keeps what follows."""

from webapp.base.db import db, utc_now, write
from webapp.base.errors import AppError
from webapp.chat.attachments import service as files
from webapp.chat.messages import deleted_branches, fork, sending, versions
from webapp.chat.record import queries
from webapp.chat.record.tables import Chat, Message
from webapp.engine import service as generations
from webapp.people.accounts import creation_limit


def correct(message: Message, text: str, *, by: str = "") -> Message:
    """Stores a person's edit as a new version with copies of what follows; no model is called, and nothing is overwritten.

    The messages above another one never change, so those below a new version have to be new. Until all of them are stored, the
    version is hidden like a deleted one: if the server is killed meanwhile, it ends in the trash.
    """
    chat = queries.chat_of(message)
    generations.refuse_if_busy(chat.lane)
    version = _version(chat, message, text, by)
    if version.content == message.content:
        return message
    creation_limit.count(by or sending.person_of(chat))
    seen, chat_id, id = chat.head_id, chat.id, version.id
    path = queries.ids_to(seen or id)
    if message.id not in path:
        path = queries.ids_to(queries.newest_below(message))
    following = path[path.index(message.id) + 1 :]
    with write() as session:
        version.deleted_at = utc_now()
        session.add(version)
        files.attach(session, chat_id, [version.content], by)
    try:
        head = fork.copied(following, chat_id, id) or id
        versions.move_head(chat, head, versions.restored(id), seen=seen)
    except AppError:
        deleted_branches.erase(Message.id == id)
        raise
    return db.session.get_one(Message, id)


def _version(chat: Chat, message: Message, text: str, by: str) -> Message:
    if message.role == "assistant":
        return versions.edited(chat, message, text, by=by)
    person = by or sending.person_of(chat)
    version = sending.question(chat, message.parent_id, sending.input_below(text, chat, message.parent_id, by=person), by=by)
    version.is_hidden = message.is_hidden
    return version
