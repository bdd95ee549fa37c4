"""Chats and their messages: a tree with a head."""

from datetime import datetime

from sqlalchemy import Float, ForeignKey, Index, String, Text, false, text
from sqlalchemy.orm import Mapped, mapped_column

from webapp import lanes
from webapp.extensions import Base, utc_now
from webapp.ids import new_id

# What came from elsewhere comes in once: its name is unique where it stands.
NAMED = text("origin <> ''")


def _few(name: str, *columns: str, sqlite: str, postgresql: str = "") -> Index:
    """An index of the few rows of which that is true."""
    return Index(name, *columns, sqlite_where=text(sqlite), postgresql_where=text(postgresql or sqlite))


class Chat(Base):
    """A conversation. It belongs to a person, or to a visitor's cookie, whose hash stands here."""

    __tablename__ = "chats"

    id: Mapped[str] = mapped_column(String(26), primary_key=True, default=new_id)
    owner_id: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    visitor_hash: Mapped[str | None] = mapped_column(String(64), index=True)
    kind: Mapped[str] = mapped_column(String(20), default="chat")
    title: Mapped[str] = mapped_column(String(200), default="")
    title_is_own: Mapped[bool] = mapped_column(default=False, server_default=false())
    model: Mapped[str] = mapped_column(String(200))
    head_id: Mapped[str | None] = mapped_column(
        ForeignKey("messages.id", ondelete="SET NULL", use_alter=True, name="fk_chats_head_id_messages")
    )
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    changed_at: Mapped[datetime] = mapped_column(default=utc_now)
    deleted_at: Mapped[datetime | None]
    pinned_at: Mapped[datetime | None]
    archived_at: Mapped[datetime | None]
    follow_up: Mapped[str] = mapped_column(Text, default="", server_default="")
    is_temporary: Mapped[bool] = mapped_column(default=False, server_default=false())
    origin: Mapped[str] = mapped_column(String(120), default="", server_default="")
    character_id: Mapped[str | None] = mapped_column(ForeignKey("characters.id", ondelete="SET NULL"))
    persona_id: Mapped[str | None] = mapped_column(ForeignKey("personas.id", ondelete="SET NULL"))
    pre_prompt: Mapped[str] = mapped_column(Text, default="", server_default="")
    system_prompt: Mapped[str] = mapped_column(Text, default="", server_default="")
    post_prompt: Mapped[str] = mapped_column(Text, default="", server_default="")
    history_limit: Mapped[int | None]
    temperature: Mapped[float | None] = mapped_column(Float)
    max_tokens: Mapped[int | None]

    __table_args__ = (
        Index("ix_chats_owner_id_changed_at", "owner_id", "changed_at"),
        Index("uq_chats_owner_id_origin", "owner_id", "origin", unique=True, sqlite_where=NAMED, postgresql_where=NAMED),
        # To delete what a chat refers to is to look for the chats that do, for every message of a chat that is erased.
        Index("ix_chats_head_id", "head_id"),
        Index("ix_chats_character_id", "character_id"),
        Index("ix_chats_persona_id", "persona_id"),
        _few("ix_chats_pinned", "owner_id", "pinned_at", sqlite="pinned_at IS NOT NULL"),
        _few("ix_chats_deleted", "deleted_at", sqlite="deleted_at IS NOT NULL"),
        _few("ix_chats_temporary", "created_at", sqlite="is_temporary = 1", postgresql="is_temporary"),
        _few("ix_chats_visitors", "created_at", sqlite="visitor_hash IS NOT NULL"),
    )

    @property
    def lane(self) -> str:
        return lanes.of_chat(self.id)


class Message(Base):
    """One turn. `content` is the raw text and the truth; `html` is its rendering by `html_version`, made once.

    `author_name` is who a file says has written it, where that was not the owner of its chat. An answer that is edited is a
    person's version of one. `head_then` is where the chat's head stood when this was deleted, if below it; `cut_id` what was
    deleted last right below this, when the chat has ended here since.
    """

    __tablename__ = "messages"

    id: Mapped[str] = mapped_column(String(26), primary_key=True, default=new_id)
    chat_id: Mapped[str] = mapped_column(ForeignKey("chats.id", ondelete="CASCADE"), index=True)
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"), index=True)
    role: Mapped[str] = mapped_column(String(10))
    content: Mapped[str] = mapped_column(Text, default="")
    reasoning: Mapped[str] = mapped_column(Text, default="")
    html: Mapped[str] = mapped_column(Text, default="")
    html_version: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    deleted_at: Mapped[datetime | None]
    origin: Mapped[str] = mapped_column(String(120), default="", server_default="")
    author_id: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    author_name: Mapped[str] = mapped_column(String(120), default="", server_default="")
    is_edited: Mapped[bool] = mapped_column(default=False, server_default=false())
    head_then: Mapped[str | None] = mapped_column(String(26))
    cut_id: Mapped[str | None] = mapped_column(String(26))

    __table_args__ = (
        Index("uq_messages_chat_id_origin", "chat_id", "origin", unique=True, sqlite_where=NAMED, postgresql_where=NAMED),
        _few("ix_messages_deleted", "chat_id", sqlite="deleted_at IS NOT NULL"),
        _few("ix_messages_deleted_at", "deleted_at", sqlite="deleted_at IS NOT NULL"),
    )


class Draft(Base):
    """What a person has typed and not sent, in one chat or, with an empty chat, for a new one."""

    __tablename__ = "drafts"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    chat_id: Mapped[str] = mapped_column(String(26), primary_key=True)
    text: Mapped[str] = mapped_column(Text)
    changed_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)


class Feedback(Base):
    """What a person thinks of an answer: a thumb, and why."""

    __tablename__ = "feedback"

    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    is_good: Mapped[bool]
    reason: Mapped[str] = mapped_column(String(500), default="")
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
