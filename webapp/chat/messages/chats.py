"""Actions on whole chats: create, rename, pin, archive, trash, restore and erase."""

from collections.abc import Iterable, Sequence

from sqlalchemy import and_
from sqlalchemy.orm import Session

from webapp.base import changes
from webapp.base.db import utc_now, write
from webapp.base.errors import Invalid, TooMany
from webapp.base.heavy.turns import give_way
from webapp.base.words import plural
from webapp.chat import erasing
from webapp.chat.messages import titles
from webapp.chat.prompt import remembering
from webapp.chat.record import announcements, queries, sharing
from webapp.chat.record.model_choice import choice_to_ask, new_choice, refuse_unless_open
from webapp.chat.record.tables import Chat, Project
from webapp.engine import generations
from webapp.engine.engine import the_engine
from webapp.engine.metric_events import Limited
from webapp.knowledge.documents import chat_files, memory
from webapp.knowledge.tables import Document
from webapp.models.connections.models import the_models
from webapp.people.accounts import creation_limit
from webapp.people.accounts.tables import User
from webapp.people.audit_retention import forget_old_entries

TITLE_CHARS = 200
VISITORS_AT_ONCE = 20


def rename(chat: Chat, title: str) -> None:
    """Sets the chat's title; from now on only its owner changes it, no generated title does."""
    name = checked_title(title)
    titles.cancel(chat.id)
    with write():
        chat.title, chat.title_is_own = name, True
        chat.touch()
    announcements.announce(chat, "chat", chat.id)


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
            chat.touch()
    announce(chats)


def archive(*chats: Chat, is_archived: bool) -> None:
    """Archives chats, or unarchives them; archiving unpins."""
    with write():
        for chat in chats:
            chat.archived_at = utc_now() if is_archived else None
            chat.pinned_at = None if is_archived else chat.pinned_at
            chat.touch()
    announce(chats)


def trash(*chats: Chat) -> None:
    """Moves chats to the trash and stops their running answers; they can be restored until their time there is over.

    A temporary chat is permanently deleted.
    """
    for chat in chats:
        titles.cancel(chat.id)
        if chat.is_temporary:
            erasing.close_temporary(chat)
        else:
            _throw_away(chat)
        # Lets other greenlets run between two chats.
        give_way()
    erasing.empty_trash()
    forget_old_entries()
    erasing.wake()


def restore(*chats: Chat) -> None:
    """Restores chats from the trash."""
    with write() as session:
        for chat in chats:
            chat.deleted_at = None
            chat.touch()
        chat_files.show(session, [chat.id for chat in chats])
    remembering.wake()
    announce(chats)


def erase(*chats: Chat) -> str:
    """Permanently deletes chats of one person in the trash before their time there is over; returns the id of the receipt."""
    for chat in chats:
        generations.refuse_if_busy(chat.lane)
    ids, owner_id = [chat.id for chat in chats], chats[0].owner_id or ""
    return erasing.erase_with_receipt(Chat.id.in_(ids) & Chat.deleted_at.is_not(None), owner_id, by=owner_id)


def _throw_away(chat: Chat) -> None:
    the_engine().admission.line.stop(chat.lane)
    for running in generations.active_generations(chat.lane):
        generations.stop(running)
    with write() as session:
        hide(session, [chat])
    tell_of_trash([chat])


def hide(session: Session, chats: Sequence[Chat]) -> None:
    """Puts chats into the trash, with what was indexed of them."""
    for chat in chats:
        chat.deleted_at, chat.leaves_at = utc_now(), None
        memory.forget(session, Document.chat_id == chat.id)
    chat_files.hide(session, [chat.id for chat in chats])


def tell_of_trash(chats: Sequence[Chat]) -> None:
    """Removes chats that are in the trash by now from open lists, and closes the pages that still show them."""
    remembering.wake()
    announce(chats)
    for chat in chats:
        for person in sharing.viewers(chat):
            changes.notify_person(person, "access", chat.id)


def announce(chats: Iterable[Chat]) -> None:
    """Shows a change of chats on all open pages and lists."""
    for chat in chats:
        announcements.announce(chat, "chat", chat.id)


def create(owner_id: str, *, title: str = "", model: str = "", reads: Sequence[str] = (), project: Project | None = None) -> Chat:
    """Creates an empty chat; in place of the model, the word of a preset can choose it. `project` is where it is to go."""
    choice = new_choice(owner_id, model, otherwise=the_models().default())
    refuse_unless_open(owner_id, choice.model, choice.preset_id, project)
    creation_limit.count(owner_id)
    with write() as session:
        chat = Chat(owner_id=owner_id, **choice._asdict(), collection_ids=list(reads))
        if title:
            chat.title, chat.title_is_own = checked_title(title), True
        session.add(chat)
    announcements.announce(chat, "chat", chat.id)
    return chat


def starting_model(user: User) -> str:
    """Returns the model for a person's new chats."""
    return the_models().default(user.default_model, user.id)


def choose(chat: Chat, model: str) -> None:
    """Sets the chat's model, or its preset by its word, for future answers."""
    choice = choice_to_ask(chat, model)
    with write():
        chat.model, chat.preset_id = choice
        chat.touch()
    announcements.announce(chat, "chat", chat.id)


def limit_visitors() -> None:
    """Limits the number of concurrent answers of all visitors together."""
    if sum(not live.person for live in the_engine().live.values()) >= VISITORS_AT_ONCE:
        the_engine().emit(Limited("visitors"))
        raise TooMany("Many people are trying the demo right now. Please try again in a minute.", retry_after=60)


def forget_visitors_of_yesterday() -> None:
    """Deletes the chats of visitors that are a day old."""
    erasing.erase(and_(Chat.visitor_hash.is_not(None), Chat.created_at < utc_now() - queries.VISITORS_DAY))


def forget_visitor(visitor_hash: str) -> None:
    """Deletes a visitor's chats at the visitor's request."""
    erasing.erase(and_(Chat.visitor_hash == visitor_hash, Chat.visitor_hash != ""))
