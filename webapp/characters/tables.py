"""Tables of characters, which a model plays, personas, which say who a person is, and their pictures."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, Text, false, text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.base.db import Base, Record, utc_now


class Avatar(Record):
    """A small picture; it is visible to those who can see the row it belongs to."""

    __tablename__ = "avatars"

    media_type: Mapped[str] = mapped_column(String(20))
    content: Mapped[bytes] = mapped_column(LargeBinary)


class Profile(Record):
    """A row with a name and a picture. It belongs to a person or, without an owner, to the team; `origin` marks a shipped row."""

    __abstract__ = True

    owner_id: Mapped[str | None]
    name: Mapped[str] = mapped_column(String(120))
    description: Mapped[str] = mapped_column(Text, default="")
    avatar_id: Mapped[str | None] = mapped_column(ForeignKey("avatars.id", ondelete="SET NULL"))
    origin: Mapped[str] = mapped_column(String(120), default="", index=True)
    deleted_at: Mapped[datetime | None]


class Character(Profile):
    """A character that a model plays. `card` is the card it was imported from, or holds fields that have no column."""

    __tablename__ = "characters"

    owner_id: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    system_prompt: Mapped[str] = mapped_column(Text, default="")
    post_history_prompt: Mapped[str] = mapped_column(Text, default="")
    greeting: Mapped[str] = mapped_column(Text, default="")
    tags: Mapped[list[str]] = mapped_column(JSON, default=list)
    # Collections that its chats search as well.
    collection_ids: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    # Up to a megabyte, so it is loaded only on access.
    card: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict, deferred=True)
    changed_at: Mapped[datetime] = mapped_column(default=utc_now)


class CharacterPicture(Record):
    """A background or an expression of a character in its chats; it is visible to those who can see the character or the chat."""

    __tablename__ = "character_pictures"

    character_id: Mapped[str] = mapped_column(ForeignKey("characters.id", ondelete="CASCADE"), index=True)
    purpose: Mapped[str] = mapped_column(String(10))
    # Of an expression, in lower case.
    name: Mapped[str] = mapped_column(String(40), default="", server_default="")
    media_type: Mapped[str] = mapped_column(String(20))
    content: Mapped[bytes] = mapped_column(LargeBinary)


class FavoriteCharacter(Record):
    """A character that a person has put first in their list."""

    __tablename__ = "favorite_characters"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    # For the foreign key: deleting a character searches for its rows.
    character_id: Mapped[str] = mapped_column(ForeignKey("characters.id", ondelete="CASCADE"), index=True)

    __table_args__ = (Index("uq_favorite_characters", "user_id", "character_id", unique=True),)


class Persona(Profile):
    """Who a person is in a chat; its lorebooks apply to all chats with it."""

    __tablename__ = "personas"

    owner_id: Mapped[str | None] = mapped_column("user_id", ForeignKey("users.id", ondelete="CASCADE"), index=True)
    is_default: Mapped[bool] = mapped_column(default=False, server_default=false())
    lorebook_ids: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")

    __table_args__ = (
        Index(
            "uq_personas_default",
            "user_id",
            unique=True,
            sqlite_where=text("is_default"),
            info={"postgresql_where": text("is_default")},
        ),
    )


class CharacterPersona(Base):
    """The persona that a person always has in new chats with a character."""

    __tablename__ = "character_personas"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    # For the foreign keys: deleting a character or a persona searches for its rows.
    character_id: Mapped[str] = mapped_column(ForeignKey("characters.id", ondelete="CASCADE"), primary_key=True, index=True)
    persona_id: Mapped[str] = mapped_column(ForeignKey("personas.id", ondelete="CASCADE"), index=True)
