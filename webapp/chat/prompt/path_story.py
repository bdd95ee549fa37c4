"""The story so far of a chat: which one applies, whether the chat has one, and its section in the prompt."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.chat.prompt.leading import includes_history
from webapp.chat.record.tables import Chat, Story
from webapp.settings.service import setting

MOST_CHARS = 20_000
ROLEPLAY = "roleplay"
NAMES = ("id", "message_id", "text", "is_edited", "model", "created_at")
IS_STORY = Story.kind == "story"
BEFORE = "What came before the messages that follow:"


@dataclass(frozen=True, slots=True)
class PathStory:
    """The story that applies to a path, and how many of the path's messages it covers, from the first on.

    `mark` identifies this version of the text, to detect a concurrent change.
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


def of_path(session: Session, chat_id: str, ids: Sequence[str]) -> PathStory | None:
    """Returns the story that covers most of a path, the newest of equals; `ids` are the path's messages from the root on."""
    rows = session.execute(select(Story.message_id, Story.id).where(Story.chat_id == chat_id, IS_STORY)).all()
    if not rows:
        return None
    counts = {id: count for count, id in enumerate(ids, 1)}
    count, id = max((counts.get(message_id, 0), id) for message_id, id in rows)
    story = session.get(Story, id) if count else None
    return PathStory(count=count, **{name: getattr(story, name) for name in NAMES}) if story else None


def by_message(session: Session, ids: Iterable[str]) -> dict[str, str]:
    """Returns the newest story of each of these messages, by message id."""
    query = select(Story.message_id, Story.text).where(Story.message_id.in_(list(ids)), IS_STORY)
    rows = session.execute(query.order_by(Story.id)).all()
    return {row.message_id: row.text for row in rows}


def is_kept(choice: str, kind: str) -> bool:
    """Returns whether a chat with this setting and kind keeps a story."""
    team = str(setting("models.story"))
    return choice == "on" if choice else team == "all" or team == kind == ROLEPLAY


def is_sent(chat: Chat) -> bool:
    """Returns whether prompts of the chat include the story."""
    return is_kept(chat.story, chat.kind) and includes_history(chat)
