"""Links by which people without an account read a chat."""

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, Index, String, Text, false
from sqlalchemy.orm import Mapped, mapped_column

from webapp.base.db import Record
from webapp.base.ids import LENGTH


class Link(Record):
    """A link to a chat, to one answer with its question (`is_answer`), to what has a preview in an answer (`block`), or to a
    version of a text (`file_id`).

    Its token is in the table as a hash, by which it is found, and as a ciphertext, from which its maker can copy the address
    again. A snapshot ends at `head_id`: it has the `title` of its time and, as an answer can be continued, the `extent` of each
    answer by its id, as in `fork.Extent`. One that `is_live` and leads to a chat has no `head_id`.
    """

    __tablename__ = "links"

    chat_id: Mapped[str] = mapped_column(ForeignKey("chats.id", ondelete="CASCADE"), index=True)
    # Whose chat it was; it is closed once the chat has another owner.
    owner_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    ciphertext: Mapped[str] = mapped_column(Text)
    head_id: Mapped[str | None] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"), index=True)
    is_answer: Mapped[bool] = mapped_column(default=False, server_default=false())
    # The number, or the file, of what it shows alone. Such a link is a snapshot, with the title of what it shows.
    block: Mapped[int | None]
    file_id: Mapped[str | None] = mapped_column(String(LENGTH))
    is_live: Mapped[bool] = mapped_column(default=False, server_default=false())
    # What it shows besides texts: files, reasoning, calls, names.
    shows: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    title: Mapped[str] = mapped_column(String(200), default="", server_default="")
    extent: Mapped[dict[str, list[int]]] = mapped_column(JSON, default=dict, server_default="{}")
    ends_at: Mapped[datetime | None]
    visits: Mapped[int] = mapped_column(default=0, server_default="0")

    __table_args__ = (Index("ix_links_owner_id_id", "owner_id", "id"),)

    @property
    def is_artifact(self) -> bool:
        return self.block is not None or self.file_id is not None
