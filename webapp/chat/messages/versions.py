"""Versions of messages: switching, editing, correcting, deleting and restoring them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Update, select, update
from sqlalchemy.orm import Session

from webapp.base.db import db, utc_now, write
from webapp.base.errors import AppError, Conflict, Invalid
from webapp.base.ids import new_id
from webapp.chat import erasing
from webapp.chat.attachments import service as attachment_service
from webapp.chat.messages import deleted_branches, fork, renderings, sending
from webapp.chat.prompt import fold_due, path_folds, remembering
from webapp.chat.record import announcements, queries
from webapp.chat.record.model_choice import current_model
from webapp.chat.record.tables import Chat, Message
from webapp.engine import generations, side_requests
from webapp.knowledge.documents import memory
from webapp.knowledge.tables import Document
from webapp.models.connections import contexts
from webapp.models.tokens import estimate
from webapp.people.accounts import creation_limit
from webapp.rendering import markdown
from webapp.rendering.citations import marked_numbers
from webapp.tools.outside import written_by

# Databases limit the number of parameters in one statement.
VALUES_AT_ONCE = 1_000
ELSEWHERE = "This chat has just changed in another tab. Please check and try again."


def hide(message: Message, *, is_hidden: bool = True) -> None:
    """Hides a message from models, or shows it to them again; in the chat it stays where it is."""
    chat, id = queries.chat_of(message), message.id
    if is_hidden == message.is_hidden:
        return
    side_requests.stop(fold_due.lane(chat.id))
    with write() as session:
        session.execute(_changed(id).values(is_hidden=is_hidden))
        if chat.fold_count:
            path_folds.drop(session, chat, down_to=id)
        if is_hidden:
            memory.forget(session, Document.message_id == id)
    remembering.wake()
    announcements.announce(chat, "message", id)


def keep_in_full(message: Message, *, is_kept: bool = True) -> None:
    """Has models always be sent a message word for word, however long the chat becomes, or lets it be folded again."""
    chat, id = queries.chat_of(message), message.id
    if is_kept == message.is_kept:
        return
    side_requests.stop(fold_due.lane(chat.id))
    with write() as session:
        if is_kept and _kept_tokens(session, chat, message) > contexts.length(current_model(chat)) // 2:
            raise Conflict("Messages kept in full would take more than half of what the model can read. Let another be folded.")
        session.execute(_changed(id).values(is_kept=is_kept))
        if chat.fold_count:
            path_folds.drop(session, chat, down_to=id)
    announcements.announce(chat, "message", id)


def _kept_tokens(session: Session, chat: Chat, message: Message) -> int:
    """Returns about how many tokens the messages kept in full have with this one, on the branch that it is on."""
    path = queries.ids_to(chat.head_id)
    path = path if message.id in path else queries.ids_to(message.id)
    kept = session.execute(select(Message.id, Message.content).where(Message.chat_id == chat.id, Message.is_kept))
    return sum(estimate(content) for id, content in kept if id in path) + estimate(message.content)


def show_version(message: Message) -> None:
    """Switches the chat to the branch of this version."""
    chat = queries.chat_of(message)
    generations.refuse_if_busy(chat.lane)
    move_head(chat, queries.newest_below(message))


def rewrite(message: Message, text: str, *, by: str = "") -> Message:
    """Stores a person's edit of an answer as a new version; no model is called, and nothing is overwritten.

    If a version with the same text exists, switches to that one.
    """
    chat = queries.chat_of(message)
    version = edited_answer(chat, message, text, by=by)
    if message.role != "assistant":
        raise Invalid("Only an answer can be edited without being answered again.", field="message")
    generations.refuse_if_busy(chat.lane)
    if there := queries.version_with_text(message, version.content):
        show_version(there)
        return there
    id, seen = chat.id, chat.head_id
    with write() as session:
        session.add(version)
        session.flush()
        _put_head(session, id, seen, version.id, changed_at=utc_now())
    announcements.announce(db.session.get_one(Chat, id), "thread", version.id)
    return version


def edited_answer(chat: Chat, message: Message, text: str, *, by: str = "") -> Message:
    """Builds a person's version of an answer, to be stored."""
    entered = sending.message_input(
        text, chat, role=message.role, cited=renderings.citation_numbers(message), speaker_id=message.speaker_id
    )
    values: dict[str, Any] = {"content": entered.content, "html": entered.html, "html_version": markdown.VERSION}
    # A source whose marks were edited away is none of this text.
    removed = marked_numbers(message.content) - marked_numbers(entered.content)
    sources = [source for source in message.sources if source["number"] not in removed]
    values |= {"author_id": by or None, "sources": sources, "variables": message.variables}
    values |= {"speaker_id": message.speaker_id, "speaker_name": message.speaker_name, "is_hidden": message.is_hidden}
    values |= {"is_kept": message.is_kept}
    values |= {"outside": written_by(by, chat.owner_id, message.outside)}
    return Message(id=new_id(), chat_id=chat.id, parent_id=message.parent_id, role="assistant", is_edited=True, **values)


def delete(message: Message) -> int:
    """Hides a message and everything below it until it is restored or erased; returns how many went with it."""
    chat = queries.chat_of(message)
    generations.refuse_if_busy(chat.lane)
    siblings = [id for id in queries.siblings_of([message]).get(message.id, []) if id != message.id]
    if not siblings and not message.parent_id:
        raise Invalid("This is the first message. Delete the whole chat instead.")
    is_shown, after = queries.is_shown(chat, message), deleted_branches.count_below(message)
    head = chat.head_id or ""
    if is_shown:
        head = queries.newest_below(db.session.get_one(Message, siblings[-1])) if siblings else message.parent_id or ""
    then = {"deleted_at": utc_now(), "head_then": chat.head_id if is_shown else None}
    changes = [_changed(message.id).where(Message.deleted_at.is_(None)).values(**then)]
    if head == message.parent_id:
        changes.append(update(Message).where(Message.id == head).values(cut_id=message.id))
    move_head(chat, head, *changes, forgets=deleted_branches.ids_with_descendants(message))
    erasing.wake()
    remembering.wake()
    return after


def restore(message: Message) -> None:
    """Restores a deleted message and shows its branch as before; does nothing if another tab has already restored it."""
    chat, head_then = queries.chat_of(message), message.head_then
    generations.refuse_if_busy(chat.lane)
    if message.parent_id and queries.deleted_among([message.parent_id]):
        raise Conflict("An earlier message was deleted too. Restore that one from the trash first.")
    if message.deleted_at:
        head = head_then if head_then and deleted_branches.contains(message, head_then) else queries.newest_below(message)
        move_head(chat, head, restoring_update(message.id))
        remembering.wake()


def erase(message: Message) -> None:
    """Permanently deletes a deleted message and everything that went with it."""
    deleted_branches.erase(Message.id == message.id)


def restoring_update(id: str) -> Update:
    """Returns the change that restores a deleted message."""
    return _changed(id).values(deleted_at=None)


def _changed(id: str) -> Update:
    return update(Message).where(Message.id == id)


def move_head(chat: Chat, to: str, *changes: Update, forgets: Sequence[str] = (), seen: str | None = None) -> None:
    """Moves the head and, in the same transaction, hides messages (also from memory) or restores them.

    `seen` is the head that the move begins from, if it was read some time ago.
    """
    id, seen, lane = chat.id, seen or chat.head_id, chat.lane
    with write() as session:
        _put_head(session, id, seen, to)
        # Starting an answer takes the same lock.
        generations.refuse_if_busy(lane)
        for start in range(0, len(forgets), VALUES_AT_ONCE):
            memory.forget(session, Document.message_id.in_(forgets[start : start + VALUES_AT_ONCE]))
        for change in changes:
            if not session.execute(change.returning(Message.id)).first():
                raise Conflict(ELSEWHERE)
        if queries.deleted_among([to]):
            raise Conflict(ELSEWHERE)
    announcements.announce(db.session.get_one(Chat, id), "thread", to)


def _put_head(session: Session, chat_id: str, seen: str | None, to: str, **values: datetime) -> None:
    # Compare-and-set: another tab can have moved the head since it was read.
    is_as_seen = (Chat.id == chat_id, Chat.head_id == seen)
    if not session.execute(update(Chat).where(*is_as_seen).values(head_id=to, **values).returning(Chat.id)).first():
        raise Conflict(ELSEWHERE)


def correct(message: Message, text: str, *, by: str = "") -> Message:
    """Stores a person's edit as a new version with copies of what follows; no model is called, and nothing is overwritten.

    The messages above another one never change, so those below a new version have to be new. Until all of them are stored, the
    version is hidden like a deleted one: if the server is killed meanwhile, it ends in the trash.
    """
    chat = queries.chat_of(message)
    generations.refuse_if_busy(chat.lane)
    version = _corrected(chat, message, text, by)
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
        attachment_service.attach(session, chat_id, [version.content], by)
    try:
        head = fork.copied_messages(following, chat_id, id) or id
        move_head(chat, head, restoring_update(id), seen=seen)
    except AppError:
        deleted_branches.erase(Message.id == id)
        raise
    return db.session.get_one(Message, id)


def _corrected(chat: Chat, message: Message, text: str, by: str) -> Message:
    if message.role == "assistant":
        return edited_answer(chat, message, text, by=by)
    person = by or sending.person_of(chat)
    version = sending.new_question(
        chat, message.parent_id, sending.message_input_below(text, chat, message.parent_id, by=person), by=by, edits=message
    )
    version.is_hidden, version.is_kept = message.is_hidden, message.is_kept
    return version
