"""The table of people's lorebooks."""

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, String, false
from sqlalchemy.orm import Mapped, mapped_column

from webapp.base.db import Record, utc_now
from webapp.base.untrusted_json import JsonObject


class Lorebook(Record):
    """A person's lorebook; `book` has the format of cards, and keeps everything that other programs wrote into it."""

    __tablename__ = "lorebooks"

    owner_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(120))
    # Used in every chat that its owner has with a character.
    is_always: Mapped[bool] = mapped_column(default=False, server_default=false())
    entry_count: Mapped[int] = mapped_column(default=0, server_default="0")
    # Up to a few megabytes, so it is loaded only on access.
    book: Mapped[JsonObject] = mapped_column(JSON, default=dict, deferred=True)
    changed_at: Mapped[datetime] = mapped_column(default=utc_now)
    deleted_at: Mapped[datetime | None] = mapped_column(index=True)
