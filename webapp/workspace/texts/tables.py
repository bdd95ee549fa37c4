"""The change of a part of a text beside a chat that a model was asked for, until a person accepts or dismisses it."""

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.base import topic_names
from webapp.base.db import Base, utc_now
from webapp.base.ids import LENGTH

# A model is writing it; it can be accepted; it ended before it was complete.
RUNNING, READY, ENDED = "running", "ready", "ended"


class TextChange(Base):
    """A change of the characters from `start` to `end` of a version of a text; `written` is what the model has written for them.

    A text has at most one. `note` says why it has ended.
    """

    __tablename__ = "text_changes"

    text_id: Mapped[str] = mapped_column(String(LENGTH), primary_key=True)
    chat_id: Mapped[str] = mapped_column(ForeignKey("chats.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    version: Mapped[int]
    start: Mapped[int]
    end: Mapped[int]
    wish: Mapped[str] = mapped_column(Text)
    written: Mapped[str] = mapped_column(Text, default="", server_default="")
    state: Mapped[str] = mapped_column(String(10), default=RUNNING)
    note: Mapped[str] = mapped_column(Text, default="", server_default="")
    by_id: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    generation_id: Mapped[str | None] = mapped_column(ForeignKey("generations.id", ondelete="SET NULL"), index=True)

    @property
    def lane(self) -> str:
        return topic_names.of_text(self.text_id)
