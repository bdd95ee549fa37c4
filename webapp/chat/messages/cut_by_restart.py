"""Answers that a restart interrupted, where the setting is to ask the person whether to continue them."""

from dataclasses import dataclass

from sqlalchemy import update

from webapp.accounts.tables import User
from webapp.chat.tables import Chat, Message
from webapp.db import db, write
from webapp.engine import recovery
from webapp.engine.engine import the_engine
from webapp.engine.tables import Generation
from webapp.settings.service import setting

ASK = "ask"
MOST_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Cut:
    """How many answers wait for a word of their person, and the last of them."""

    count: int
    last_id: str


def cut_of(user: User) -> Cut | None:
    """What is to be asked about; nothing where it is not to be asked, or where nothing waits."""
    ids = _waiting(user) if setting("restart.policy") == ASK else []
    return Cut(len(ids), ids[-1]) if ids else None


def continue_all(user: User, last_id: str) -> None:
    """Continue everything up to the one that was shown last, a few at a time."""
    ids = [id for id in _waiting(user) if id <= last_id]
    leave(user, last_id)
    recovery.continue_later(the_engine(), ids)


def leave(user: User, last_id: str) -> None:
    """Ask about these no more; each still offers Continue in its own chat."""
    id = user.id
    with write() as session:
        session.execute(update(User).where(User.id == id, User.cut_seen_id < last_id).values(cut_seen_id=last_id[:26]))


def _waiting(user: User) -> list[str]:
    found = (
        recovery.cut_by_restart()
        .join(Message, Message.id == Generation.message_id)
        .join(Chat, Chat.id == Message.chat_id)
        .where(Chat.owner_id == user.id, Chat.deleted_at.is_(None), Generation.id > user.cut_seen_id)
    )
    return [generation.id for generation in db.session.scalars(found.limit(MOST_SHOWN))]
