"""What a person does with texts beside chats: opening one, saving it as a new version, going back to one, deleting it."""

from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

from pydantic import Field
from sqlalchemy import delete as deletion, exists, select
from sqlalchemy.orm import Session

from webapp.base.database import rows
from webapp.base.db import utc_now, write
from webapp.base.errors import Conflict, Invalid, NotFound
from webapp.base.ids import new_id
from webapp.base.inputs import Input
from webapp.chat import erasing
from webapp.chat.attachments import service as attachment_service
from webapp.chat.attachments.service import MOST_TEXT_CHARS
from webapp.chat.files.tables import BY_CHANGE, BY_HAND, BY_MESSAGE, ChatFile, StoredFile
from webapp.chat.record.announcements import announce_settings
from webapp.chat.record.tables import Chat, Message
from webapp.engine import side_requests
from webapp.knowledge import formats
from webapp.people.accounts import creation_limit
from webapp.people.accounts.tables import User
from webapp.workspace.links.tables import Link
from webapp.workspace.texts import parts, queries
from webapp.workspace.texts.queries import TextVersion
from webapp.workspace.texts.tables import TextChange

# A draft replaces the version that the same person saved before it, unless that or the one before is older than this.
TOGETHER = timedelta(minutes=10)
MOST_VERSIONS, MOST_TEXTS = 100, 50
MOST_NAME = 100
IS_PUBLISHED = exists().where(Link.chat_id == ChatFile.chat_id, Link.file_id == ChatFile.file_id)
TOO_LONG = f"This text is too long: a text beside a chat can have {MOST_TEXT_CHARS:,} characters."
TOO_MANY = f"This chat has {MOST_TEXTS} texts, which is the most. Delete one first."
NO_TEXT = "This message has no text to open."
NAME = "Use a name that ends in .md, .txt, .csv or the ending of another text file."
NEWER = "This text was changed meanwhile, by {}. Nothing of yours is lost: look at the newer version, then save yours again."


class TextInput(Input):
    """A version of a text: what it is to be, and the version that it was made from."""

    text: str = Field(description=f"All of it, up to {MOST_TEXT_CHARS:,} characters.")
    version: int = Field(ge=1, le=10**9, description="The number of the version that was changed.")


class Outdated(Conflict):
    """A change of a version that isn't the newest any longer; has the newer one."""

    code = "newer_version"

    def __init__(self, newer: TextVersion) -> None:
        super().__init__(NEWER.format(newer.by or "somebody"), field="text")
        self.newer = newer

    def details(self) -> dict[str, Any]:
        return {"version": self.newer.number, "text": self.newer.text()}


def open_message(message: Message, key: str, *, by: User) -> str:
    """Makes a part of a message a text beside its chat, and returns its id; the same part again is the same text."""
    openable = parts.openable(message.content, key)
    if not openable or not openable.text.strip():
        raise Invalid(NO_TEXT, field="part")
    return create(message.chat_id, openable.name, openable.text, by=by, again=True)


def opened(message: Message, key: str, *, by: User) -> str:
    """Returns the id of the text that this part of a message was made one already; empty if it wasn't."""
    openable = parts.openable(message.content, key)
    texts = queries.texts_of(message.chat_id, by.id) if openable else []
    return _same(texts, openable.name, _plain(openable.text), by) if openable else ""


def create(chat_id: str, name: str, text: str, *, by: User, again: bool = False) -> str:
    """Makes a new text of a chat, and returns its id; with `again`, that of a text which has been the same already."""
    text, name = checked(text), " ".join(name.split())
    if formats.reader_of(name) != "text" or not formats.kind_of(name) or not 3 <= len(name) <= MOST_NAME:
        raise Invalid(NAME, field="name")
    texts = queries.texts_of(chat_id, by.id)
    if again and (same := _same(texts, name, text, by)):
        return same
    if len(texts) >= MOST_TEXTS:
        raise Conflict(TOO_MANY)
    creation_limit.count(by.id)
    file, text_id = attachment_service.store_text(by.id, name, text), new_id()
    with write() as session:
        rows.locked(session, Chat, chat_id)
        session.get_one(StoredFile, file.id).name = _free(name, queries.names_in(session, chat_id))
        place = ChatFile(chat_id=chat_id, version=1, text_id=text_id, made_by=BY_MESSAGE if again else BY_HAND)
        attachment_service.add_version(session, file, place)
        session.get_one(Chat, chat_id).touch()
    if not texts:
        # The chat's menu leads to its texts from the first on.
        announce_settings(chat_id)
    return text_id


def save(
    now: TextVersion,
    entered: TextInput,
    *,
    by: User,
    how: str = BY_HAND,
    draft_since: int | None = None,
    also: Callable[[Session], None] = lambda _: None,
) -> TextVersion:
    """Stores a text as the next version after the one it was made from; raises `Outdated` if there is a newer one.

    The same text again changes nothing. A draft, as it is saved while a person types in an editor that was opened at the version
    `draft_since`, replaces the one before it. `also` happens in the same transaction.
    """
    text, text_id, chat_id = checked(entered.text), now.text_id, now.chat_id
    if text == now.text():
        return now
    if now.number != entered.version:
        raise Outdated(now)
    file = attachment_service.store_text(by.id, now.name, text)
    with write() as session:
        rows.locked(session, Chat, chat_id)
        row = session.get_one(StoredFile, file.id)
        if is_newest := queries.newest_number(session, text_id) == now.number:
            _drop_some(session, text_id, "" if draft_since is None else by.id, since=draft_since or 0)
            place = ChatFile(chat_id=chat_id, version=now.number + 1, is_private=now.is_private, text_id=text_id, made_by=how)
            attachment_service.add_version(session, row, place)
            session.get_one(Chat, chat_id).touch()
            also(session)
        # In no chat, it is deleted soon.
        row.is_sent = True
    erasing.wake()
    newest = queries.newest(text_id, by.id)
    if not newest:
        raise NotFound("This text was deleted.")
    if not is_newest:
        raise Outdated(newest)
    return newest


def take_back(now: TextVersion, version: int, *, since: int, by: User) -> None:
    """Removes the drafts that an editor has saved, up to this version, since it was opened at another; at 0, there was no text.

    If a newer version was saved elsewhere meanwhile, everything stays.
    """
    text_id = now.text_id
    with write() as session:
        rows.locked(session, Chat, now.chat_id)
        if queries.newest_number(session, text_id) != version or version <= since:
            return
        base = select(TextChange.version).where(TextChange.text_id == text_id)
        drafts = select(ChatFile).join(StoredFile, StoredFile.id == ChatFile.file_id)
        drafts = drafts.where(ChatFile.text_id == text_id, ChatFile.version > since, ChatFile.made_by == BY_HAND)
        for draft in session.scalars(drafts.where(StoredFile.owner_id == by.id, ~IS_PUBLISHED, ChatFile.version.not_in(base))):
            session.delete(draft)
        session.flush()
        if not since and queries.newest_number(session, text_id) == 1:
            session.execute(deletion(ChatFile).where(ChatFile.text_id == text_id))
    erasing.wake()


def restore(now: TextVersion, number: int, *, by: User) -> TextVersion:
    """Makes an earlier version of a text its newest one, too."""
    earlier = queries.version(now.text_id, number, by.id)
    if not earlier:
        raise NotFound("This text has no such version.")
    return save(now, TextInput(text=earlier.text(), version=now.number), by=by)


def delete(text_id: str) -> None:
    """Deletes a text with all its versions, for good; a change that is being written is stopped."""
    if change := queries.change_of(text_id):
        side_requests.stop(change.lane)
    with write() as session:
        session.execute(deletion(TextChange).where(TextChange.text_id == text_id))
        session.execute(deletion(ChatFile).where(ChatFile.text_id == text_id))
    erasing.wake()


def is_same(typed: str, text: str) -> bool:
    """Returns whether what was typed is this text, as it would be stored."""
    return _plain(typed) == text


def checked(text: str) -> str:
    """Returns a text as it is stored; raises `Invalid` if it is too long or empty."""
    text = _plain(text)
    if len(text) > MOST_TEXT_CHARS:
        raise Invalid(TOO_LONG, field="text")
    if not text.strip():
        raise Invalid("A text can't be empty. To remove it, delete it.", field="text")
    return text


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "").encode("utf-8", "replace").decode()


def _drop_some(session: Session, text_id: str, drafter_id: str, *, since: int) -> None:
    """Removes the versions beyond the limit, and the newest if a draft of the same person, who has just saved it, replaces it.

    One with a link stays, and what the editor was opened with.
    """
    query = select(ChatFile, StoredFile.owner_id, StoredFile.created_at, IS_PUBLISHED.label("is_published"))
    query = query.join(StoredFile, StoredFile.id == ChatFile.file_id).where(ChatFile.text_id == text_id)
    query = query.order_by(ChatFile.version.desc())
    versions = session.execute(query).all()
    base = session.scalar(select(TextChange.version).where(TextChange.text_id == text_id))
    earliest = utc_now() - TOGETHER
    for row, before in pairwise(versions[:2]):
        is_own = row.ChatFile.made_by == BY_HAND and row.owner_id == drafter_id and row.ChatFile.version not in (base, since)
        if is_own and not row.is_published and min(row.created_at, before.created_at) > earliest:
            session.delete(row.ChatFile)
    for row in versions[MOST_VERSIONS:]:
        # What calls have made is a file of their message, too.
        if row.ChatFile.made_by in (BY_HAND, BY_CHANGE) and not row.is_published:
            session.delete(row.ChatFile)


def _same(texts: list[TextVersion], name: str, text: str, by: User) -> str:
    """Returns the id of the text that was opened with these words and has the ending of this name."""
    for newest in texts:
        if formats.ending(newest.name) == formats.ending(name):
            first = queries.versions_of(newest.text_id, by.id)[-1]
            if first.made_by == BY_MESSAGE and first.text() == text:
                return newest.text_id
    return ""


def _free(name: str, taken: set[str]) -> str:
    """Returns a name that no file of the chat has yet."""
    stem, _, ending = name.rpartition(".")
    candidates = (name, *(f"{stem} {number}.{ending}" for number in range(2, len(taken) + 3)))
    return next(candidate for candidate in candidates if candidate not in taken)
