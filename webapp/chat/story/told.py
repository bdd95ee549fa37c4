"""The story so far of a chat: which one counts, whether it has one, and how a model is told it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.chat.pack import has_history
from webapp.chat.tables import Chat, Story
from webapp.settings.service import setting

MOST_CHARS = 20_000
ROLEPLAY = "roleplay"
NAMES = ("id", "message_id", "text", "is_edited", "model", "created_at")
BEFORE = "What came before the messages that follow:"


@dataclass(frozen=True, slots=True)
class Told:
    """The story that counts on a path, and how many of its messages it tells, from the first on.

    `mark` is what it is known by to whoever saw it, so that nobody overwrites a newer one.
    """

    id: str
    message_id: str
    text: str
    is_edited: bool
    model: str
    created_at: datetime
    count: int

    @property
    def section(self) -> str:
        return f"{BEFORE}\n\n{self.text}"

    @property
    def mark(self) -> str:
        return sha256(f"{self.id}\0{self.text}".encode("utf-8", "replace")).hexdigest()[:16]


def of_path(session: Session, chat_id: str, ids: Sequence[str]) -> Told | None:
    """The story that tells most of a path, given by the ids of its messages from the root on; of equal ones the newest."""
    rows = session.execute(select(Story.message_id, Story.id).where(Story.chat_id == chat_id)).all()
    if not rows:
        return None
    counts = {id: count for count, id in enumerate(ids, 1)}
    count, id = max((counts.get(message_id, 0), id) for message_id, id in rows)
    story = session.get(Story, id) if count else None
    return Told(count=count, **{name: getattr(story, name) for name in NAMES}) if story else None


def by_message(session: Session, ids: Iterable[str]) -> dict[str, str]:
    """The texts of the stories that lead down to these messages, the newest of each."""
    query = select(Story.message_id, Story.text).where(Story.message_id.in_(list(ids)))
    rows = session.execute(query.order_by(Story.id)).all()
    return {row.message_id: row.text for row in rows}


def is_kept(wish: str, kind: str) -> bool:
    """Whether chats of this kind that say so have one."""
    team = str(setting("models.story"))
    return wish == "on" if wish else team == "all" or team == kind == ROLEPLAY


def is_told(chat: Chat) -> bool:
    """Whether models are told it in a chat."""
    return is_kept(chat.story, chat.kind) and has_history(chat)
