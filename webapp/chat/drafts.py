"""What a person has typed and not sent: one text per chat and one for a new chat, given back on every device."""

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError

from webapp.chat.tables import Draft
from webapp.counts import number
from webapp.errors import Conflict, Invalid
from webapp.extensions import db, utc_now, write
from webapp.settings.service import setting

NEW_CHAT = ""


def of(user_id: str, chat_id: str = NEW_CHAT) -> str:
    """What was typed there last."""
    draft = db.session.get(Draft, (user_id, chat_id))
    return draft.text if draft else ""


def save(user_id: str, text: str, chat_id: str = NEW_CHAT) -> None:
    """Keep what is typed; the newest counts, and nothing is kept of an empty text."""
    text = text.replace("\r\n", "\n").replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    limit = int(setting("limits.message_chars"))
    if limit and len(text) > limit:
        raise Invalid(f"That is too long to be kept: {number(limit)} characters fit into one message.", field="message")
    if not text.strip():
        return forget(user_id, chat_id)
    try:
        with write() as session:
            session.merge(Draft(user_id=user_id, chat_id=chat_id, text=text, changed_at=utc_now()))
    except IntegrityError as error:
        raise Conflict("Another page of yours has saved what it holds in this very moment.") from error


def forget(user_id: str, chat_id: str = NEW_CHAT) -> None:
    """Nothing is waiting to be sent there any more."""
    # Most often there is nothing, and a transaction that writes costs more than to look.
    if not of(user_id, chat_id):
        return
    with write() as session:
        session.execute(delete(Draft).where(Draft.user_id == user_id, Draft.chat_id == chat_id))
