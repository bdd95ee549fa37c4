"""Actions on whole chats: rename, pin, archive, trash, restore and erase."""

from collections.abc import Iterable

from webapp.base import changes
from webapp.base.db import utc_now, write
from webapp.base.errors import Invalid
from webapp.base.heavy.turns import give_way
from webapp.base.words import plural
from webapp.chat.erasing import erasing, sweeping, temporary
from webapp.chat.messages import sending, titles
from webapp.chat.prompt import remembering
from webapp.chat.record import sharing
from webapp.chat.record.tables import Chat
from webapp.engine import service as generations
from webapp.engine.engine import the_engine
from webapp.knowledge.documents import chat_files, memory
from webapp.knowledge.tables import Document
from webapp.people.audit_retention import forget_old_entries

TITLE_CHARS = 200


def rename(chat: Chat, title: str) -> None:
    """Sets the chat's title; from now on only its owner changes it, no generated title does."""
    name = checked_title(title)
    titles.cancel(chat.id)
    with write():
        chat.title, chat.title_is_own = name, True
    sending.announce(chat, "chat", chat.id)


def checked_title(title: str) -> str:
    """Cleans up a title; raises `Invalid` if it is empty or too long."""
    name = " ".join(title.replace("\0", " ").encode("utf-8", "replace").decode().split())
    if not name:
        raise Invalid("Enter a title for the chat.", field="title")
    if len(name) > TITLE_CHARS:
        raise Invalid(f"That is {plural(len(name) - TITLE_CHARS, 'character')} too long for a title.", field="title")
    return name


def pin(*chats: Chat, is_pinned: bool) -> None:
    """Pins chats to the top of every list, or unpins them; pinning unarchives."""
    with write():
        for chat in chats:
            chat.pinned_at = utc_now() if is_pinned else None
            chat.archived_at = None if is_pinned else chat.archived_at
    _announce(chats)


def archive(*chats: Chat, is_archived: bool) -> None:
    """Archives chats, or unarchives them; archiving unpins."""
    with write():
        for chat in chats:
            chat.archived_at = utc_now() if is_archived else None
            chat.pinned_at = None if is_archived else chat.pinned_at
    _announce(chats)


def trash(*chats: Chat) -> None:
    """Moves chats to the trash and stops their running answers; they can be restored until their time there is over.

    A temporary chat is permanently deleted.
    """
    for chat in chats:
        titles.cancel(chat.id)
        if chat.is_temporary:
            temporary.close(chat)
        else:
            _throw_away(chat)
        # Lets other greenlets run between two chats.
        give_way()
    erasing.empty_trash()
    forget_old_entries()
    sweeping.wake()


def restore(*chats: Chat) -> None:
    """Restores chats from the trash."""
    with write() as session:
        for chat in chats:
            chat.deleted_at = None
        chat_files.show(session, [chat.id for chat in chats])
    remembering.wake()
    _announce(chats)


def erase(*chats: Chat) -> None:
    """Permanently deletes chats in the trash before their time there is over."""
    for chat in chats:
        generations.refuse_if_busy(chat.lane)
    ids = [chat.id for chat in chats]
    erasing.erase(Chat.id.in_(ids) & Chat.deleted_at.is_not(None))


def _throw_away(chat: Chat) -> None:
    the_engine().line.stop(chat.lane)
    if running := generations.running_in(chat.lane):
        generations.stop(running)
    with write() as session:
        chat.deleted_at = utc_now()
        memory.forget(session, Document.chat_id == chat.id)
        chat_files.hide(session, [chat.id])
    remembering.wake()
    _announce([chat])
    # Closes the streams of pages that still show the chat.
    for person in {chat.owner_id or "", *sharing.readers(chat.id)}:
        changes.notify_person(person, "access", chat.id)


def _announce(chats: Iterable[Chat]) -> None:
    for chat in chats:
        sending.announce(chat, "chat", chat.id)
