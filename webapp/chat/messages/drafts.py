"""Drafts: one unsent text per chat and one for a new chat, shown on every device."""

from contextlib import suppress

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from webapp.base.db import NO_PATIENCE, db, utc_now, write
from webapp.base.errors import Conflict, Invalid, Unavailable
from webapp.base.words import number
from webapp.chat.record.tables import Draft
from webapp.settings.service import setting

NEW_CHAT = ""
# The ids of as many collections as a chat can read from, with room for names of models.
MOST_MENTIONS_CHARS = 4_000


def draft_in(user_id: str, chat_id: str = NEW_CHAT) -> str:
    """Returns the saved draft of a chat."""
    draft = db.session.get(Draft, (user_id, chat_id))
    return draft.text if draft else ""


def mentions_in(user_id: str, chat_id: str = NEW_CHAT) -> str:
    """Returns what the saved draft names besides its text, as a query string."""
    draft = db.session.get(Draft, (user_id, chat_id))
    return draft.mentions if draft else ""


def save(user_id: str, text: str, chat_id: str = NEW_CHAT, *, mentions: str | None = None) -> None:
    """Saves a draft, replacing the earlier one; an empty one is deleted. Without `mentions`, those of the earlier one stay."""
    text = truncated(text)
    mentions = mentions_in(user_id, chat_id) if mentions is None else mentions[:MOST_MENTIONS_CHARS]
    if not text.strip() and not mentions:
        return forget(user_id, chat_id)
    try:
        with write() as session:
            draft = Draft(user_id=user_id, chat_id=chat_id, text=text, mentions=mentions, changed_at=utc_now())
            session.merge(draft)
    except IntegrityError as error:
        raise Conflict("You have just changed this draft in another tab.") from error


def truncated(text: str) -> str:
    """Normalizes a text for storage; raises `Invalid` if it is too long."""
    text = text.replace("\r\n", "\n").replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    limit = int(setting("limits.message_chars"))
    if limit and len(text) > limit:
        raise Invalid(f"That is too long to save as a draft. The limit is {number(limit)} characters.", field="message")
    return text


def forget(user_id: str, chat_id: str = NEW_CHAT) -> None:
    """Deletes a draft; gives up immediately if the database is busy, so that sending a message isn't delayed."""
    # Usually there is none, and a query costs less than a write transaction.
    if not db.session.get(Draft, (user_id, chat_id)):
        return
    with suppress(Unavailable, OperationalError), write(patience_seconds=NO_PATIENCE) as session:
        drop(session, user_id, chat_id)


def drop(session: Session, user_id: str, chat_id: str) -> None:
    """Deletes a draft within the caller's transaction."""
    session.execute(delete(Draft).where(Draft.user_id == user_id, Draft.chat_id == chat_id))
