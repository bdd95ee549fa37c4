"""What a person does with a chat as a whole: name it, pin it, put it away, throw it away and bring it back."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from webapp.accounts.tables import Grant
from webapp.chat import asking, sharing, titles
from webapp.chat.tables import Chat, Draft
from webapp.errors import Invalid
from webapp.extensions import utc_now, write
from webapp.generations import service as generations
from webapp.generations.engine import the_engine
from webapp.settings.service import setting
from webapp.streaming.events import Changed

TITLE_CHARS = 200


def rename(chat: Chat, title: str) -> None:
    """Give the chat a name, which nothing but its owner changes from then on."""
    name = " ".join(title.replace("\0", " ").encode("utf-8", "replace").decode().split())
    if not name:
        raise Invalid("Give the chat a name.", field="title")
    if len(name) > TITLE_CHARS:
        raise Invalid(f"That is {len(name) - TITLE_CHARS} characters too long for a name.", field="title")
    titles.cancel(chat.id)
    with write():
        chat.title, chat.title_is_own = name, True
    asking.announce(chat, "chat", chat.id)


def pin(chat: Chat, *, is_pinned: bool) -> None:
    """Keep the chat at the top of every list, or no longer; one that was archived comes back for it."""
    with write():
        chat.pinned_at = utc_now() if is_pinned else None
        chat.archived_at = None if is_pinned else chat.archived_at
    asking.announce(chat, "chat", chat.id)


def archive(chat: Chat, *, is_archived: bool) -> None:
    """Put the chat away without losing it, or take it out again."""
    with write():
        chat.archived_at = utc_now() if is_archived else None
        chat.pinned_at = None if is_archived else chat.pinned_at
    asking.announce(chat, "chat", chat.id)


def trash(chat: Chat) -> None:
    """Throw the chat away; until its time in the trash is over it can be brought back. An answer that runs in it is stopped."""
    titles.cancel(chat.id)
    if running := generations.running_in(asking.lane_of(chat)):
        generations.stop(the_engine(), running)
    with write():
        chat.deleted_at = utc_now()
    asking.announce(chat, "chat", chat.id)
    # Pages that still show it lose their stream at once.
    for person in {chat.owner_id, *sharing.readers(chat.id)}:
        the_engine().topics.append(f"user:{person}", Changed("access", chat.id))
    empty_trash()


def restore(chat: Chat) -> None:
    """Bring back what was thrown away."""
    with write():
        chat.deleted_at = None
    asking.announce(chat, "chat", chat.id)


def erase(chat: Chat) -> None:
    """Delete what lies in the trash for good, without waiting for its time."""
    generations.refuse_if_busy(asking.lane_of(chat))
    id = chat.id
    with write() as session:
        _erase(session, Chat.id == id)


def empty_trash() -> int:
    """Delete for good what has lain in anybody's trash for longer than it is kept; gives how many chats that were."""
    days = int(setting("trash.days"))
    if not days:
        return 0
    with write() as session:
        return _erase(session, Chat.deleted_at < utc_now() - timedelta(days=days))


def _erase(session: Session, which: ColumnElement[bool]) -> int:
    ids: Sequence[str] = session.scalars(select(Chat.id).where(which, Chat.deleted_at.is_not(None))).all()
    for start in range(0, len(ids), 500):
        some = ids[start : start + 500]
        session.execute(delete(Draft).where(Draft.chat_id.in_(some)))
        session.execute(delete(Grant).where(Grant.object_kind == "chat", Grant.object_id.in_(some)))
        session.execute(delete(Chat).where(Chat.id.in_(some)).execution_options(synchronize_session=False))
    return len(ids)
