"""Files sent in chats, and the chats that contain each."""

from sqlalchemy import ForeignKey, Index, String, Text, false, text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.base.db import Base, Record
from webapp.base.ids import LENGTH

# A picture, shown and sent as it is; a text, put into the message; and a document, indexed in the chat's own collection.
IMAGE, TEXT, DOCUMENT = "image", "text", "document"
# What makes a version of a text: a call, a message that it is opened from, a person, or a model that was asked to change a part.
BY_CALL, BY_MESSAGE, BY_HAND, BY_CHANGE = "call", "message", "hand", "change"
UNSENT = text("is_sent = 0")
UNSENT_IN_POSTGRESQL = text("NOT is_sent")


class StoredFile(Record):
    """A picture, the text of a file, or a long file. The content is on disk, under its `hash`."""

    __tablename__ = "files"

    owner_id: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    name: Mapped[str] = mapped_column(String(120))
    kind: Mapped[str] = mapped_column(String(10))
    media_type: Mapped[str] = mapped_column(String(100))
    hash: Mapped[str] = mapped_column(String(64), index=True)
    bytes: Mapped[int]
    width: Mapped[int] = mapped_column(default=0)
    height: Mapped[int] = mapped_column(default=0)
    is_sent: Mapped[bool] = mapped_column(default=False, server_default=false())
    # Of a document that fits into a message: what was read from it. None if the content is the text itself.
    text: Mapped[str | None] = mapped_column(Text, deferred=True)

    __table_args__ = (
        Index("ix_files_unsent", "created_at", sqlite_where=UNSENT, info={"postgresql_where": UNSENT_IN_POSTGRESQL}),
    )


class ChatFile(Base):
    """A file sent in a chat by someone who had access to it, or made by a call there: everyone who sees the chat can open it.

    `version` counts the files of the same name that calls have made in the chat. One that a call of its owner's own tool server
    made is private: only they can open it. The files with the same `text_id` are the versions of a text beside the chat;
    `made_by` says what made each.
    """

    __tablename__ = "chat_files"

    chat_id: Mapped[str] = mapped_column(ForeignKey("chats.id", ondelete="CASCADE"), primary_key=True)
    file_id: Mapped[str] = mapped_column(ForeignKey("files.id", ondelete="CASCADE"), primary_key=True, index=True)
    version: Mapped[int] = mapped_column(default=1, server_default="1")
    is_private: Mapped[bool] = mapped_column(default=False, server_default=false())
    text_id: Mapped[str | None] = mapped_column(String(LENGTH))
    made_by: Mapped[str] = mapped_column(String(10), default="", server_default="")

    __table_args__ = (Index("uq_chat_files_text_id_version", "text_id", "version", unique=True),)
