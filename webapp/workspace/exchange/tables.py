"""Imports of archives that are sent in pieces."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from webapp.base.db import Record, utc_now

# The states of an import: it arrives, is read, and has ended in one of the other ways.
UPLOADING, READING, DONE, FAILED, CANCELLED = "uploading", "reading", "done", "failed", "cancelled"


class ChatImport(Record):
    """A person's import: the file as it arrives, then how far it has been read. A person has one, which the next replaces.

    `mark` tells the file from another of the same name and size. `read` counts the chats that are over, of `total`; `result` is
    the `ChatImportResult` so far. `touched_at` is when a piece came, or when reading began again.
    """

    __tablename__ = "chat_imports"

    owner_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), unique=True)
    name: Mapped[str] = mapped_column(String(255))
    mark: Mapped[str] = mapped_column(String(40))
    bytes: Mapped[int]
    stored: Mapped[int] = mapped_column(default=0)
    state: Mapped[str] = mapped_column(String(10), default=UPLOADING)
    total: Mapped[int] = mapped_column(default=0)
    read: Mapped[int] = mapped_column(default=0)
    attempts: Mapped[int] = mapped_column(default=0)
    result: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    touched_at: Mapped[datetime] = mapped_column(default=utc_now)

    @property
    def is_open(self) -> bool:
        return self.state in (UPLOADING, READING)
